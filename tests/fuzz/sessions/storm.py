"""A Hypothesis machine: several clients at one or more nodes do many things at once, and it all adds up afterwards.

What each hears while others come and go is not foretold, as in `machine`: it is held that who was there all the time
hears each event once, others at most once, and strangers none; that all hear them in one order; that members, counts
and users online, added up as they were told, are those who are there; that every node knows the same; and that nothing
is left in the end.
"""

import asyncio
import itertools
import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fuzz.sessions.ear import MARK, Ear
from fuzz.sessions.house import APP, SECRET, House, Land
from hubbub.channels import about
from hubbub.protocols import phoenix
from hubbub.signing import channel_text, sign, user_text

CHANNELS: Final = ("room", "presence-room", "presence-hall", "private-room")
USERS: Final = ("ann", "bob", "cat")
MOST_GUESTS: Final = 8
VERBS: Final = ("come", "come", "come", "go", "go", "say", "publish", "publish", "sign in", "drop", "arrive")


class Step(NamedTuple):
    """What one guest does where, and for how many turns of the loop nothing is done after it."""

    guest: int
    verb: str
    channel: str
    user: str
    turns: int


steps = st.lists(
    st.builds(
        Step,
        st.integers(0, MOST_GUESTS - 1),
        st.sampled_from(VERBS),
        st.sampled_from(CHANNELS),
        st.sampled_from(USERS),
        st.sampled_from([0, 0, 0, 1, 2, 5]),
    ),
    min_size=3,
    max_size=25,
)


class Guest:
    """A client, and where it means to be: what it has asked for in the end. `uid` is a Phoenix client's."""

    def __init__(self, house: House, ear: Ear, uid: str | None) -> None:
        self.house = house
        self.ear = ear
        self.uid = uid
        self.places: dict[str, str | None] = {}
        """Channels it is in, and as which member."""
        self.user: str | None = None
        self.moved: set[str] = set()
        """Channels it has come to or gone from in this storm."""

    def stream(self, channel: str) -> str:
        return channel if self.uid is None else phoenix.topic_of(channel, "key")

    def say(self, event: str, data: object, channel: str) -> None:
        """Send something, in the words of its protocol."""
        if self.uid is None:
            said: object = {"event": event, "data": data}
            if not event.startswith("pusher:"):
                said = {"event": event, "data": data, "channel": channel}
        else:
            ref = "1" if event in ("phx_join", "phx_leave") else "2"
            said = ["1", ref, self.stream(channel), event, data]
        self.ear.end.say(json.dumps(said))


class Storm(RuleBasedStateMachine):
    """What is done; where, a subclass says by `build`, `settle` and `close`."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = self.new_loop()
        self.land = Land()
        self.houses: list[House] = []
        self.guests: list[Guest] = []
        self.numbers = itertools.count()
        self.said: dict[str, tuple[str, Guest | None, bool]] = {}
        """Of what was said in this storm: where, by whom, and whether it must have come to all."""
        self.is_counted = False
        self.has_faults = False

    def new_loop(self) -> asyncio.AbstractEventLoop:
        raise NotImplementedError

    async def build(self) -> None:
        """Begin the nodes."""
        raise NotImplementedError

    async def settle(self) -> None:
        """Come back when all is well; raises what is not."""
        raise NotImplementedError

    async def demolish(self) -> None:
        """End the nodes, and look whether something is left."""
        raise NotImplementedError

    # What is done

    @initialize(is_counted=st.booleans())
    def begin(self, is_counted: bool) -> None:
        self.is_counted = is_counted
        self.land.put(["key"], client_events=True, watchlists=True, subscription_counts=is_counted)
        self.run(self._begin())

    async def _begin(self) -> None:
        await self.build()
        for number in range(5):
            await self.arrive(number, USERS[number % 3])

    def run(self, work: Any) -> None:
        self.loop.run_until_complete(work)

    @rule(done=steps)
    def storm(self, done: list[Step]) -> None:
        self.run(self._storm(done))

    @rule(channel=st.sampled_from(CHANNELS), done=steps)
    def crowd(self, channel: str, done: list[Step]) -> None:
        """A storm in one channel."""
        self.run(self._storm([step._replace(channel=channel) for step in done]))

    @rule(verb=st.sampled_from(VERBS), channel=st.sampled_from(CHANNELS), user=st.sampled_from(USERS), done=steps)
    def rush(self, verb: str, channel: str, user: str, done: list[Step]) -> None:
        """All do the same at once, and a few do something else before and after."""
        everyone = [Step(number, verb, channel, user, 0) for number in range(MOST_GUESTS)]
        self.run(self._storm([*done[:3], *everyone, *done[3:]]))

    @precondition(lambda self: len(self.guests) < 3)
    @rule()
    def refill(self) -> None:
        for number in range(4):
            self.run(self.arrive(number, USERS[number % 3]))

    async def _storm(self, done: Iterable[Step]) -> None:
        self.said = {}
        for guest in self.guests:
            guest.moved = set()
        asked = []
        for step in done:
            if step.verb == "arrive":
                if len(self.guests) < MOST_GUESTS:
                    await self.arrive(step.guest, step.user)
            elif step.verb == "publish":
                asked.append(asyncio.ensure_future(self._publish(step)))
            elif self.guests:
                self._do(self.guests[step.guest % len(self.guests)], step)
            for _ in range(step.turns):
                await asyncio.sleep(0)
        await asyncio.gather(*asked)
        await self.settle()
        self.said = {}

    async def arrive(self, number: int, user: str) -> None:
        house = self.houses[number % len(self.houses)]
        if number % 2:
            end, uid = await house.phoenix("key", user, "jwt-1", "2.0.0"), user
        else:
            end, uid = await house.pusher("key"), None
        guest = Guest(house, Ear(end), uid)
        guest.moved = set(CHANNELS)
        self.guests.append(guest)

    async def _publish(self, step: Step) -> None:
        house, content = self.houses[step.guest % len(self.houses)], f"p{next(self.numbers)}"
        self.said[content] = (step.channel, None, False)
        status, _ = await house.ask("POST", "/events", {"name": "n", "channel": step.channel, "data": content})
        assert status == 200 or (self.has_faults and status == 503), status
        self.said[content] = (step.channel, None, status == 200)

    def _do(self, guest: Guest, step: Step) -> None:
        channel, session = step.channel, guest.ear.end.session
        assert session is not None
        match step.verb:
            case "come" if channel not in guest.places or guest.uid is not None:
                guest.moved.add(channel)
                guest.places[channel] = guest.uid
                if guest.uid is not None:
                    guest.say("phx_join", {}, channel)
                else:
                    self._subscribe(guest, channel, step.user, session.socket_id)
            case "go" if channel in guest.places:
                guest.moved.add(channel)
                del guest.places[channel]
                if guest.uid is not None:
                    guest.say("phx_leave", {}, channel)
                else:
                    guest.say("pusher:unsubscribe", {"channel": channel}, channel)
            case "say" if channel in guest.places and channel != "room":
                content = f"c{next(self.numbers)}"
                # What is said before one's own join is done is for nobody yet.
                self.said[content] = (channel, guest, channel not in guest.moved and not self.has_faults)
                guest.say("client-n", {"data": content} if guest.uid is not None else content, channel)
            case "sign in" if guest.uid is None and guest.user is None:
                guest.user = step.user
                told = json.dumps({"id": step.user, "watchlist": ["ann", "bob"]})
                auth = f"key:{sign(SECRET, user_text(session.socket_id, told))}"
                guest.say("pusher:signin", {"auth": auth, "user_data": told}, "")
            case "drop":
                self.guests.remove(guest)
                if session.is_busy:
                    self._unsay(guest)
                guest.ear.end.part(politely=bool(step.turns))

    def _unsay(self, guest: Guest) -> None:
        """Be sure of nothing that a guest has said: who goes is obeyed no more, and it may wait behind its commands."""
        self.said |= {
            content: (channel, guest, False) for content, (channel, sender, _) in self.said.items() if sender is guest
        }

    @staticmethod
    def _subscribe(guest: Guest, channel: str, user: str, socket_id: str) -> None:
        told = None
        if channel.startswith("presence-"):
            guest.places[channel] = user
            told = json.dumps({"user_id": user})
        data = {"channel": channel, "auth": f"key:{sign(SECRET, channel_text(socket_id, channel, told))}"}
        guest.say("pusher:subscribe", data | ({"channel_data": told} if told else {}), channel)

    # What must be so

    def members(self, channel: str) -> set[str]:
        """Who is there. Elsewhere than in presence channels only Phoenix clients are members."""
        return {user for guest in self.guests if (user := guest.places.get(channel)) is not None}

    def count(self, channel: str) -> int:
        return sum(channel in guest.places for guest in self.guests)

    async def mark(self) -> None:
        """Have something said by every node in every channel, behind all that was said."""
        name = f"m{next(self.numbers)}"
        self.marks = {(channel, f"{name} {number}") for channel in CHANNELS for number in range(len(self.houses))}
        for channel, text in sorted(self.marks):
            house = self.houses[int(text.rpartition(" ")[2])]
            status, _ = await house.ask("POST", "/events", {"name": MARK, "channel": channel, "data": text})
            assert status == 200, status

    def check_heard(self) -> None:
        """Each has heard all that it must, and knows who is there."""
        online = {guest.user for guest in self.guests if guest.user is not None}
        for guest in self.guests:
            ear = guest.ear
            ear.listen()
            assert not ear.end.is_shut, f"it was closed: {ear.end.refusal}"
            for channel in guest.places:
                stream = guest.stream(channel)
                for place, mark in self.marks:
                    assert place != channel or (stream, mark) in ear.marks, "a mark has not come yet"
                if channel.startswith("presence-") or guest.uid is not None:
                    assert ear.members[stream] == self.members(channel), (stream, guest.uid)
                if self.is_counted and guest.uid is None and not channel.startswith("presence-"):
                    assert ear.counts[stream] == self.count(channel), stream
            if guest.user is not None:
                for user in ("ann", "bob"):
                    assert ear.online[user] is (user in online), user

    def check_events(self) -> None:
        """Nobody has heard what was not for it, nor anything twice; who was there all the time has heard everything."""
        orders = []
        for guest in self.guests:
            for channel in CHANNELS:
                heard = guest.ear.events.pop(guest.stream(channel), [])
                assert len(set(heard)) == len(heard), "heard twice"
                for content in heard:
                    assert self.said[content][0] == channel
                    assert self.said[content][1] is not guest or guest.uid is not None
                assert channel in guest.places or channel in guest.moved or not heard
                orders.append([content for content in heard if content[0] == "p"])
                if channel in guest.places and channel not in guest.moved:
                    missing = {
                        content
                        for content, (place, sender, is_sure) in self.said.items()
                        if place == channel and is_sure and (sender is not guest or guest.uid is not None)
                    }.difference(heard)
                    assert not missing or self.has_faults, missing
        for one, other in itertools.combinations(orders, 2):
            both = set(one).intersection(other)
            assert [content for content in one if content in both] == [content for content in other if content in both]

    async def check_nodes(self) -> None:
        """Every node knows the same, and it is so."""
        occupied = {channel for channel in CHANNELS if self.count(channel)}
        for house in self.houses:
            node, here = house.node, [guest for guest in self.guests if guest.house is house]
            assert house.doors.open_sessions == node.hub.connection_count(APP) == len(here)
            assert set(await node.channels(APP)) == occupied
            for channel in CHANNELS:
                assert await node.subscription_count(APP, channel) == self.count(channel)
                assert set(await node.members(APP, channel)) == self.members(channel)
                assert node.count(APP, channel) == sum(channel in guest.places for guest in here)
                if node.count(APP, channel):
                    assert set(house.engine.present(APP, channel)) == self.members(channel)
            users = sorted({guest.user for guest in here if guest.user is not None})
            assert sorted(user for _, user in node.online._connections) == users
            watched = {about(user) for guest in here if guest.user is not None for user in ("ann", "bob")}
            local = node.hub._locals.get(APP)
            assert set(local.channels if local is not None else ()) == watched | {
                channel for guest in here for channel in guest.places
            }

    def teardown(self) -> None:
        """All go, and nothing is left."""
        try:
            if self.houses:
                self.run(self._end())
        finally:
            self.loop.close()

    async def _end(self) -> None:
        while self.guests:
            self.guests.pop().ear.end.part(politely=False)
        await self.settle()
        await self.demolish()
