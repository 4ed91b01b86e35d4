"""Whatever clients do in whatever order, each sees who is in its topics, and hears what is said there, once."""

import asyncio
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from sockets.client import eventually
from sockets.phoenix.client import V1, V2, PhoenixSocket, knock
from sockets.phoenix.hall import Hall, hall

TOPICS = ("lobby:key", "lobby:key:general", "lobby:key:other", "lobby:key:presence-room")
CHANNELS = dict(zip(TOPICS, ("general", "general", "other", "presence-room"), strict=True))
UIDS = ("ann", "ann", "bob", "bob", "cat")
PLACES = len(UIDS)
MOST_MEMBERS = 2


class Step(NamedTuple):
    """What the socket of one place does."""

    place: int
    deed: str
    topic: str


steps = st.lists(
    st.builds(
        Step,
        st.integers(0, PLACES - 1),
        st.sampled_from(["join", "join", "leave", "push", "close", "stale leave"]),
        st.sampled_from(TOPICS),
    ),
    max_size=30,
)


class Visitor:
    """A socket, and what it has heard so far."""

    def __init__(self, socket: PhoenixSocket, uid: str) -> None:
        self.socket = socket
        self.uid = uid
        self.seen: dict[str, set[str]] = {}
        """Who is in each topic that it has joined, as it was told."""
        self.heard: list[tuple[str, str]] = []
        """Topic and content of each message."""

    async def catch_up(self) -> None:
        """Hear everything that is on its way."""
        last = await self.socket.send("phoenix", "heartbeat")
        while (said := await self.socket.receive()).ref != last or said.topic != "phoenix":
            match said.event:
                case "presence_state":
                    self.seen[said.topic] = set(said.payload)
                case "presence_diff":
                    joins, leaves = set(said.payload["joins"]), set(said.payload["leaves"])
                    assert not joins & self.seen[said.topic], "came twice"
                    assert leaves <= self.seen[said.topic], "left twice"
                    self.seen[said.topic] = (self.seen[said.topic] - leaves) | joins
                case "phx_close":
                    del self.seen[said.topic]
                case "hello":
                    self.heard.append((said.topic, said.payload["n"]))
                case _:
                    assert said.event == "phx_reply"


class Room:
    """All the sockets, in a hall."""

    def __init__(self, place: Hall) -> None:
        self.place = place
        self.visitors: list[Visitor] = []

    async def open(self) -> None:
        """Let everybody in."""
        self.visitors = [await self.come(number) for number in range(PLACES)]

    async def come(self, number: int) -> Visitor:
        """Open the socket of a place."""
        uid, vsn = UIDS[number], V1 if number % 2 else V2
        return Visitor(await knock(self.place, guardian_token="jwt-1", unique_identifier=uid, vsn=vsn), uid)

    async def close(self, number: int) -> None:
        """Close it, and wait until the server knows."""
        await self.visitors[number].socket.close()
        while len(self.place.state.connections) >= PLACES:  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def do(self, step: Step, content: str) -> None:
        """Do it, and let everybody hear what comes of it."""
        socket = self.visitors[step.place].socket
        for one in self.visitors:
            one.heard = []
        match step.deed:
            case "join":
                await socket.ask(step.topic)
            case "leave":
                await socket.send(step.topic, "phx_leave")
            case "stale leave" if socket.is_v2:
                await socket.send(step.topic, "phx_leave", join_ref="never")
            case "push":
                await socket.send(step.topic, "hello", {"n": content})
            case "close":
                await self.close(step.place)
                self.visitors[step.place] = await self.come(step.place)
        await self.visitors[step.place].catch_up()
        for one in self.visitors:
            await one.catch_up()

    async def look(self, step: Step, content: str) -> None:
        """Everybody has heard what they should have, once, and knows who is there."""
        channel = CHANNELS[step.topic]
        members = set(await self.place.node.members("1", channel))
        is_said = step.deed == "push" and step.topic in self.visitors[step.place].seen
        for one in self.visitors:
            listens_by = [topic for topic in one.seen if CHANNELS[topic] == channel]
            assert sorted(one.heard) == sorted((topic, content) for topic in listens_by if is_said)
            for topic in listens_by:
                assert one.seen[topic] == members, (one.uid, topic)
        present = {one.uid for one in self.visitors if any(CHANNELS[topic] == channel for topic in one.seen)}
        assert members <= present
        assert len(members) <= MOST_MEMBERS


async def begin(deeds: list[Step]) -> None:
    async with hall(close_timeout=1) as place:
        place.put(
            "1",
            "key",
            max_presence_members=MOST_MEMBERS,
            max_topic_members=MOST_MEMBERS,
            client_events_per_second=1000,
        )
        room = Room(place)
        await room.open()
        for turn, step in enumerate(deeds):
            await room.do(step, f"{turn}")
            await room.look(step, f"{turn}")
        for one in room.visitors:
            await one.socket.close()
        await eventually(place.is_empty, "something is left of somebody")


@settings(max_examples=60, deadline=None)
@given(steps)
def test_everyone_sees_who_is_there_and_hears_what_is_said(deeds: list[Step]) -> None:
    asyncio.run(begin(deeds))
