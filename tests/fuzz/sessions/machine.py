"""A Hypothesis machine: one node of real parts on the memory engine, and the model of it, doing the same.

After each deed, or several in one turn of the loop, every client has heard exactly what the model says, in its order,
and hub, engine, presence, online users, counts, webhooks and the signed API know what the model knows. When all have
gone, nothing is left of them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fuzz.sessions.clock import Clockwork
from fuzz.sessions.ends import End, Heard, Streams
from fuzz.sessions.house import APP, GRACE, SECRET, Chronicle, House, Land, turned_away
from fuzz.sessions.model import Client, World
from hubbub.accounts.domain import Grant
from hubbub.channels import about
from hubbub.engine.memory import Memory
from hubbub.protocols import phoenix
from hubbub.signing import channel_text, sign, user_text

CHANNELS: Final = (
    "room", "general", "private-room", "presence-room", "presence-hall", "cache-room", "private-encrypted-room",
    "#server-to-user-ann", "#server-to-user-bob",
)  # fmt: skip
USERS: Final = ("ann", "bob", "cat")
MOST_CLIENTS: Final = 7
STEP: Final = GRACE + 0.017
"""Seconds that pass after each deed: who has gone is gone for good then, as webhooks see it."""

AUTHORIZATION: Final = 30.0

Deed = Callable[[], Awaitable[object]]

channels = st.sampled_from(("room", "private-room", "presence-room", *CHANNELS))
users = st.sampled_from(USERS)
clients = st.integers(0, MOST_CLIENTS - 1)
contents = st.sampled_from(["x", "", '{"a":1}', '"text"', "[1]", "é🎉", "x" * 300]) | st.text(max_size=5)
payloads = st.sampled_from([{}, {"a": [1, None]}])
names = st.sampled_from(["client-a", "client-b", "message", "phx_reply", "presence_diff"])


class Machine(RuleBasedStateMachine):
    """What is done, to both."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = Clockwork()
        self.world = World()
        self.world.settings["authorization_timeout"] = AUTHORIZATION
        self.land = Land()
        self.house: House
        self.ends: dict[Client, End] = {}
        self.gone = 0
        """How many have left for good since it was looked last."""
        self.hurried: list[Deed] = []
        self.hurry = 0
        self.refs = 0
        self.grant: Grant

    # How it is done

    @initialize(has_webhooks=st.booleans(), is_counted=st.booleans())
    def open(self, has_webhooks: bool, is_counted: bool) -> None:
        """Begin, with somebody who is told everything before it counts, or with nobody."""
        self.world.settings["subscription_counts"] = is_counted

        async def begin() -> None:
            chronicle = Chronicle() if has_webhooks else None
            self.house = House(self.land, Memory(self.loop.time), chronicle)
            self.put()
            await self.house.start()

        self.world.now = self.loop.now
        self.loop.run_until_complete(begin())
        self.crowd()

    def put(self) -> None:
        """Have the settings be as the model has them."""
        self.land.put(self.world.keys, **self.world.settings)

    def do(self, deed: Deed) -> None:
        """Do something from which nobody leaves: at once, or in one turn with what follows."""
        self.hurried.append(deed)
        if self.hurry and self.house.chronicle is None:
            self.hurry -= 1
        else:
            self.finish()

    def part(self, deed: Deed) -> None:
        """Do something by which somebody may leave, after a `finish`: who leaves is owed nothing more."""
        self.hurried = [deed]
        self.finish()

    def finish(self) -> None:
        """Let everything come to rest, and look."""
        deeds, self.hurried, self.hurry = self.hurried, [], 0
        self.loop.run_until_complete(self._finish(deeds))

    async def _finish(self, deeds: list[Deed]) -> None:
        for deed in deeds:
            await deed()
        await self.house.rest_all()
        self._expire(STEP)
        await self.house.rest_all()
        self.check_streams()
        await self.check_state()

    def _expire(self, seconds: float) -> None:
        self.loop.now += seconds
        self.world.now = self.loop.now
        late = [one for one in self.world.clients if not one.is_authorized and one.deadline <= self.loop.now]
        for client in sorted(late, key=lambda one: one.deadline):
            self.closed(client)

    def one_of(self, number: int, *, is_phoenix: bool) -> Client | None:
        """Choose a client of a kind."""
        some = [client for client in self.world.clients if client.is_phoenix is is_phoenix]
        return some[number % len(some)] if some else None

    def closed(self, client: Client) -> None:
        """The server has closed it, or will by what is being done."""
        self.gone += 1
        if client.is_phoenix:
            del client.hears
            client.hears = Streams()
        self.world.went(client)

    def ref(self) -> str:
        self.refs += 1
        return str(self.refs)

    def say(self, client: Client, event: str, data: object = None, **more: object) -> Deed:
        """Give the deed of a Pusher client that sends a frame."""
        frame = {"event": event, **({} if data is None else {"data": data}), **more}

        async def send() -> None:
            self.ends[client].say(json.dumps(frame))

        return send

    def tell(self, client: Client, topic: str, event: str, payload: object, ref: str, join_ref: str | None) -> Deed:
        """Give the deed of a Phoenix client that sends a message."""
        if client.is_v2:
            message = json.dumps([join_ref, ref, topic, event, payload])
        else:
            message = json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref})

        async def send() -> None:
            self.ends[client].say(message)

        return send

    # Coming and going

    @precondition(lambda self: len(self.world.clients) < MOST_CLIENTS)
    @rule(key=st.sampled_from(["key", "key", "old", "none"]))
    def connect(self, key: str) -> None:
        world = self.world
        client = Client(key)
        limit_counts = not world.settings["authorized_connections"]
        may_come = key in world.keys and world.settings["enabled"] and (world.has_room or not limit_counts)
        if may_come:
            client.deadline = self.loop.now + AUTHORIZATION
            world.came(client)

        async def come() -> None:
            end = await self.house.pusher(key)
            if may_come:
                self.ends[client] = end
            else:
                assert end.refusal is not None
                assert end.heard() == {"replies": [("error",)]}

        self.do(come)

    @precondition(lambda self: len(self.world.clients) < MOST_CLIENTS)
    @rule(
        key=st.sampled_from(["key", "key", "old"]),
        uid=users,
        jwt=st.sampled_from(["jwt-1", "jwt-2", "jwt-2", "jwt-3"]),
        is_v2=st.booleans(),
    )
    def knock(self, key: str, uid: str, jwt: str, is_v2: bool) -> None:
        world = self.world
        client = Client(key, uid, jwt, is_v2=is_v2)
        may_come = key in world.keys and world.settings["enabled"] and world.has_room and jwt in world.jwts
        self.finish()
        if may_come:
            world.came(client)

        async def come() -> None:
            end = await turned_away(self.house.phoenix(key, uid, jwt, "2.0.0" if is_v2 else "1.0.0"))
            assert isinstance(end, End) is may_come
            if isinstance(end, End):
                self.ends[client] = end

        self.do(come)

    @precondition(lambda self: len(self.world.clients) < 3 and self.world.settings["enabled"])
    @rule()
    def crowd(self) -> None:
        """Several come, of either kind."""
        for uid in ("ann", "bob"):
            self.connect("key")
            self.knock("key", uid, "jwt-1", is_v2=uid == "ann")
        self.connect("old")

    @rule(channel=channels, count=st.integers(2, MOST_CLIENTS), is_long=st.booleans())
    def gather(self, channel: str, count: int, is_long: bool) -> None:
        """Several of those who are there come together in a channel."""
        for number in range(count):
            user = USERS[number % 2]
            if self.one_of(number, is_phoenix=False) is not None:
                self.sign_in(number, user, ["ann", "bob"], True)
                self.subscribe(number, channel, "right", user)
            self.join(number, channel, is_long)

    @precondition(lambda self: self.world.clients)
    @rule(number=clients, politely=st.booleans())
    def close(self, number: int, politely: bool) -> None:
        self.finish()
        if self.world.clients:
            client = self.world.clients[number % len(self.world.clients)]

            async def leave() -> None:
                self.ends[client].part(politely=politely)

            self.closed(client)
            self.part(leave)

    # Pusher's commands

    @rule(number=clients, channel=channels, how=st.sampled_from(["right", "right", "right", "old", "wrong", "none"]),
          user=users | st.none())  # fmt: skip
    def subscribe(self, number: int, channel: str, how: str, user: str | None) -> None:
        world = self.world
        client = self.one_of(number, is_phoenix=False)
        if client is None:
            return
        session = self.ends[client].session if client in self.ends else None
        if session is None:
            self.finish()  # its socket id is not known before
            session = self.ends[client].session
            if client not in world.clients:
                return
        assert session is not None
        is_presence = channel.startswith("presence-")
        needs_auth = channel.startswith(("private-", "presence-"))
        told = json.dumps({"user_id": user, "user_info": {"name": user}}) if is_presence and user else None
        proof = sign(SECRET if how != "wrong" else "other", channel_text(session.socket_id, channel, told))
        auth = "" if how == "none" else f"{'old' if how == 'old' else 'key'}:{proof}"
        data = {"channel": channel, "auth": auth} | ({"channel_data": told} if told else {})
        member = (user or client.user) if is_presence else None
        is_right = how == "right" or (how == "old" and "old" in world.keys)
        deed = self.say(client, "pusher:subscribe", data)
        if channel in client.subscriptions:
            client.hears.add("replies", "error")
            self.do(deed)
            return
        may = len(client.subscriptions) < world.settings["max_subscriptions"]
        if needs_auth:
            may = may and is_right and (member is not None or not is_presence)
            if may and not world.authorized(client):
                self.finish()
                self.closed(client)
                self.part(deed)
                return
        elif channel.startswith("#"):
            may = may and client.user is not None and channel == f"#server-to-user-{client.user}"
        if not may or not world.joined(client, channel, channel, member):
            client.hears.add("replies", "error")
            client.hears.add("replies", "refused", channel)
        self.do(deed)

    @rule(number=clients, channel=channels)
    def unsubscribe(self, number: int, channel: str) -> None:
        self.finish()
        client = self.one_of(number, is_phoenix=False)
        if client is None:
            return
        if channel in client.subscriptions:
            self.world.left(client, channel)
        else:
            client.hears.add("replies", "error")
        self.part(self.say(client, "pusher:unsubscribe", {"channel": channel}))

    @rule(number=clients, channel=channels, name=names, data=contents)
    def send(self, number: int, channel: str, name: str, data: str) -> None:
        world = self.world
        client = self.one_of(number, is_phoenix=False)
        if client is None:
            return
        if (
            not name.startswith("client-")
            or not world.settings["client_events"]
            or not channel.startswith(("private-room", "presence-"))
            or channel not in client.subscriptions
            or len(data.encode()) > world.settings["max_event_bytes"]
        ):
            client.hears.add("replies", "error")
        else:
            world.client_events.append((channel, name))
            world.said(channel, name, data, client.subscriptions[channel], to_all_but=client)
        self.do(self.say(client, name, data, channel=channel))

    @rule(number=clients, user=users, watchlist=st.lists(users, max_size=3, unique=True), is_right=st.booleans())
    def sign_in(self, number: int, user: str, watchlist: list[str], is_right: bool) -> None:
        self.finish()
        world = self.world
        client = self.one_of(number, is_phoenix=False)
        if client is None:
            return
        session = self.ends[client].session
        assert session is not None
        told = json.dumps({"id": user, "watchlist": watchlist})
        proof = sign(SECRET if is_right else "other", user_text(session.socket_id, told))
        if not is_right or (client.user is not None and client.user != user):
            client.hears.add("replies", "error")
        elif not world.authorized(client):
            self.closed(client)
        else:
            world.signed_in(client, user, tuple(watchlist))
        self.part(self.say(client, "pusher:signin", {"auth": f"key:{proof}", "user_data": told}))

    @rule(number=clients, text=st.sampled_from(["", "{", "[]", "null", '{"event":1}', '{"event":"pusher:nothing"}',
          '{"event":"x"}', '{"event":"pusher:subscribe","data":[]}', "\ud800"]) | st.binary(max_size=4))  # fmt: skip
    def babble(self, number: int, text: str | bytes) -> None:
        """A Pusher client says what means nothing."""
        client = self.one_of(number, is_phoenix=False)
        if client is None:
            return
        client.hears.add("replies", "error")

        async def send() -> None:
            self.ends[client].say(text)

        self.do(send)

    @rule(number=clients)
    def ping(self, number: int) -> None:
        client = self.one_of(number, is_phoenix=False)
        if client is not None:
            client.hears.add("replies", "pong")
            self.do(self.say(client, "pusher:ping", {}))

    # Phoenix's messages

    @rule(number=clients, channel=channels, is_long=st.booleans())
    def join(self, number: int, channel: str, is_long: bool) -> None:
        self.finish()
        world = self.world
        client = self.one_of(number, is_phoenix=True)
        if client is None:
            return
        topic, ref = phoenix.topic_of(channel, client.key, is_long=is_long), self.ref()
        if channel.startswith("#") and channel != f"#server-to-user-{client.uid}":
            client.hears.add("replies", "error", ref)
        else:
            if topic in client.seats:
                world.left(client, topic)
            is_over = len(client.seats) >= world.settings["max_subscriptions"]
            if is_over or not world.joined(client, channel, topic, client.uid, ref):
                client.hears.add("replies", "error", ref)
        self.part(self.tell(client, topic, "phx_join", {}, ref, ref))

    @rule(number=clients, channel=channels, is_long=st.booleans(), is_stale=st.booleans())
    def leave(self, number: int, channel: str, is_long: bool, is_stale: bool) -> None:
        self.finish()
        client = self.one_of(number, is_phoenix=True)
        if client is None:
            return
        topic, ref = phoenix.topic_of(channel, client.key, is_long=is_long), self.ref()
        seat = client.seats.get(topic)
        join_ref = None if seat is None or not client.is_v2 else "never" if is_stale else seat.ref
        if seat is None:
            client.hears.add("replies", "ok", ref)
        elif join_ref != "never":
            self.world.left(client, topic)
            client.hears.add("replies", "ok", ref)
        self.part(self.tell(client, topic, "phx_leave", {}, ref, join_ref))

    @rule(number=clients, channel=channels, is_long=st.booleans(), name=names,
          payload=st.sampled_from([{}, {"a": [1, None]}, [], "x", None]))  # fmt: skip
    def push(self, number: int, channel: str, is_long: bool, name: str, payload: object) -> None:
        client = self.one_of(number, is_phoenix=True)
        if client is None:
            return
        topic, ref = phoenix.topic_of(channel, client.key, is_long=is_long), self.ref()
        if (
            topic not in client.seats
            or "encrypted" in channel
            or name in ("phx_reply", "presence_diff")
            or not isinstance(payload, dict)
            or len(json.dumps(payload)) > self.world.settings["max_event_bytes"]
        ):
            client.hears.add("replies", "error", ref)
        else:
            user = client.uid if channel.startswith("presence-") else None
            self.world.client_events.append((channel, name))
            self.world.said(channel, name, json.dumps(payload), user)
            client.hears.add("replies", "ok", ref)
        self.do(self.tell(client, topic, name, payload, ref, None))

    @rule(number=clients, channel=channels, uid=users, data=contents)
    def direct(self, number: int, channel: str, uid: str, data: str) -> None:
        """A Phoenix client speaks to one user."""
        client = self.one_of(number, is_phoenix=True)
        if client is None:
            return
        topic, ref = phoenix.topic_of(channel, client.key), self.ref()
        told = json.dumps({"x": data, "from_uid": client.uid}, separators=(",", ":"))  # escaped, as it is sent
        is_right = topic in client.seats and len(told.encode()) <= self.world.settings["max_event_bytes"]
        if is_right:
            self.world.said(f"#server-to-user-{uid}", "whisper", told)
        client.hears.add("replies", "ok" if is_right else "error", ref)
        payload = {"uid": uid, "event": "whisper", "payload": {"x": data, "from_uid": "another"}}
        self.do(self.tell(client, topic, "direct", payload, ref, None))

    @rule(number=clients, said=st.sampled_from(["{", "[]", '["1"]', "", b"", b"\x00\xff"]))
    def gabble(self, number: int, said: str | bytes) -> None:
        """A Phoenix client says what means nothing, and is given up."""
        self.finish()
        client = self.one_of(number, is_phoenix=True)
        if client is None:
            return
        self.closed(client)

        async def send() -> None:
            self.ends[client].say(said)

        self.part(send)

    # Of those who are somewhere

    def place(self, number: int) -> tuple[Client, str] | None:
        """Choose a client and a channel that it is in."""
        places = [(client, channel) for client in self.world.clients for channel, _, _ in client.listens()]
        return places[number % len(places)] if places else None

    @rule(number=st.integers(0, 40), data=contents, payload=payloads, is_long=st.booleans())
    def speak(self, number: int, data: str, payload: object, is_long: bool) -> None:
        """Somebody speaks where it is."""
        if (place := self.place(number)) is not None:
            client, channel = place
            some = [one for one in self.world.clients if one.is_phoenix is client.is_phoenix]
            if client.is_phoenix:
                self.push(some.index(client), channel, is_long, "client-a", payload)
            else:
                self.send(some.index(client), channel, "client-a", data)

    @rule(number=st.integers(0, 40), is_long=st.booleans())
    def quit(self, number: int, is_long: bool) -> None:
        """Somebody leaves where it is."""
        self.finish()
        if (place := self.place(number)) is not None:
            client, channel = place
            some = [one for one in self.world.clients if one.is_phoenix is client.is_phoenix]
            if client.is_phoenix:
                self.leave(some.index(client), channel, is_long, is_stale=False)
            else:
                self.unsubscribe(some.index(client), channel)

    # The application's server

    @rule(data=contents, but=clients)
    def proclaim(self, data: str, but: int) -> None:
        """An event for up to three channels in which somebody is."""
        occupied = sorted(self.world.occupied())
        self.publish(occupied[but : but + 3] or occupied[:3] or ["room"], "message", data, but)

    @rule(where=st.lists(channels, min_size=1, max_size=3, unique=True), name=names, data=contents, but=clients)
    def publish(self, where: list[str], name: str, data: str, but: int) -> None:
        world = self.world
        client = self.one_of(but, is_phoenix=False) if but < 3 else None
        end = self.ends.get(client) if client is not None else None
        if end is None:
            client = None
        exclude = {} if end is None or end.session is None else {"socket_id": end.session.socket_id}
        is_on = world.settings["enabled"] and len(data.encode()) <= world.settings["max_event_bytes"]
        for channel in where if is_on else ():
            world.keep(channel, name, data)
            world.said(channel, name, data, to_all_but=client)

        async def ask() -> None:
            body = {"name": name, "channels": where, "data": data, **exclude}
            status, _ = await self.house.ask("POST", "/events", body)
            assert (status == 200) is is_on

        self.do(ask)

    @rule(events=st.lists(st.tuples(channels, contents), min_size=1, max_size=4))
    def publish_batch(self, events: list[tuple[str, str]]) -> None:
        is_on = self.world.settings["enabled"]
        limit = self.world.settings["max_event_bytes"]
        is_right = is_on and all(len(data.encode()) <= limit for _, data in events)
        for channel, data in events if is_right else ():
            self.world.keep(channel, "n", data)
            self.world.said(channel, "n", data)

        async def ask() -> None:
            batch = [{"name": "n", "channel": channel, "data": data} for channel, data in events]
            status, _ = await self.house.ask("POST", "/batch_events", {"batch": batch})
            assert (status == 200) is is_right

        self.do(ask)

    @rule(user=users)
    def terminate(self, user: str) -> None:
        self.finish()
        is_on = self.world.settings["enabled"]
        for client in [client for client in self.world.clients if client.user == user] if is_on else ():
            self.closed(client)

        async def ask() -> None:
            status, _ = await self.house.ask("POST", f"/users/{user}/terminate_connections", {})
            assert (status == 200) is is_on

        self.part(ask)

    @rule(count=st.integers(1, 6))
    def hasten(self, count: int) -> None:
        """Let what comes next happen in one turn of the loop."""
        self.hurry = count

    # What operators do

    @rule(
        change=st.sampled_from(
            [
                ("client_events", True), ("client_events", False), ("subscription_counts", True),
                ("subscription_counts", False), ("watchlists", True), ("watchlists", False), ("max_watchlist", 1),
                ("max_watchlist", 3), ("max_presence_members", 1), ("max_presence_members", 2),
                ("max_topic_members", 0), ("max_topic_members", 1), ("max_subscriptions", 2),
                ("max_subscriptions", 100), ("max_event_bytes", 2), ("max_event_bytes", 1000),
                ("max_connections", 3), ("max_connections", 0), ("authorized_connections", True),
                ("authorized_connections", False),
            ]
        )
    )  # fmt: skip
    def change(self, change: tuple[str, object]) -> None:
        self.finish()
        name, value = change
        world = self.world
        world.settings[name] = value
        for client in world.clients:
            client.is_authorized |= not world.settings["authorized_connections"]
            world.follow(client)
        self.review()

    @rule(change=st.sampled_from([("client_events", True), ("max_subscriptions", 100), ("max_connections", 0)]))
    def allow(self, change: tuple[str, object]) -> None:
        self.change(change)

    @rule(is_on=st.sampled_from([False, True, True, True]))
    def switch(self, is_on: bool) -> None:
        """The application is disabled, or enabled again."""
        if self.world.settings["enabled"] == is_on:
            return
        self.finish()
        self.world.settings["enabled"] = is_on
        for client in [] if is_on else list(self.world.clients):
            self.closed(client)
        self.review()

    @rule(is_there=st.booleans())
    def turn_key(self, is_there: bool) -> None:
        """The second key is revoked, or there again."""
        self.finish()
        world = self.world
        world.keys = ["key", "old"] if is_there else ["key"]
        for client in [client for client in world.clients if client.key not in world.keys]:
            self.closed(client)
        self.review()

    @rule(is_there=st.booleans())
    def revoke(self, is_there: bool) -> None:
        """What the second token stands for holds, or does not."""
        self.finish()
        world, grants = self.world, self.land.book.grants
        if is_there != ("jwt-2" in world.jwts):
            if is_there:
                world.jwts.add("jwt-2")
                grants["jwt-2"] = self.grant
            else:
                world.jwts.discard("jwt-2")
                self.grant = grants.pop("jwt-2")
                for client in [client for client in world.clients if client.jwt == "jwt-2"]:
                    self.closed(client)

            async def review() -> None:
                await self.house.doors.review_user(2)

            self.part(review)

    def review(self) -> None:
        self.put()

        async def review() -> None:
            await self.house.doors.review_application(APP)

        self.part(review)

    @rule(seconds=st.sampled_from([1.0, 10.0, 31.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.finish()
        self._expire(seconds)
        self.finish()

    # What must be so

    def check_streams(self) -> None:
        """Everybody has heard what the model says, and nothing else; who was closed knows that."""
        for client, end in list(self.ends.items()):
            heard = end.heard()
            if client not in self.world.clients:
                assert end.is_shut, "it should have been closed"
                del self.ends[client]
                continue
            assert not end.is_shut, f"it was closed: {end.refusal}"
            if self.gone > 1 and self.house.chronicle is not None:
                # Each number waits until webhooks have noted the one before: others may have left by then.
                assert are_later(heard, client.hears)
                assert without_numbers(heard) == without_numbers(client.hears)
            else:
                assert heard == client.hears
            client.hears = Streams()
        self.gone = 0

    async def check_state(self) -> None:
        """All that is known is what the model knows."""
        world, house = self.world, self.house
        node, hub = house.node, house.node.hub
        here = hub._locals.get(APP)
        local = here.channels if here is not None else {}
        watched = {about(user) for client in world.clients for user in client.watched}
        occupied = world.occupied()
        assert set(local) == occupied | watched
        for channel in occupied:
            assert len(local[channel]) == world.count(channel) == await node.subscription_count(APP, channel)
            assert local[channel].users == world.members.get(channel, {})
            assert local[channel].is_at_rest
            assert list(house.engine.present(APP, channel)) == list(world.members.get(channel, {}))
        online = world.online()
        assert isinstance(house.engine, Memory)
        assert set(house.engine._channels.get(APP, {})) == occupied | set(map(about, online))
        assert {user: len(ends) for (_, user), ends in node.online._connections.items()} == online
        assert house.doors.open_sessions == hub.connection_count(APP) == len(world.clients)
        assert house.doors.counted(APP) == world.counted
        assert not house.doors.endings
        self.check_webhooks()
        await self.check_api()

    def check_webhooks(self) -> None:
        """What endpoints were told adds up to who is there: each comes and goes by turns."""
        chronicle, world = self.house.chronicle, self.world
        if chronicle is None:
            return
        there: set[tuple[str, str]] = set()
        said = []
        for event in chronicle.events:
            place = (event["channel"], event.get("user_id", ""))
            match event["name"]:
                case "channel_occupied" | "member_added":
                    assert place not in there, "came twice"
                    there.add(place)
                case "channel_vacated" | "member_removed":
                    assert place in there, "left twice"
                    there.discard(place)
                case "client_event":
                    said.append((event["channel"], event["event"]))
        occupied = {(channel, "") for channel in world.occupied() if not channel.startswith("#")}
        members = {
            (channel, user)
            for channel, present in world.members.items()
            if channel.startswith("presence-")
            for user in present
        }
        assert there == occupied | members
        assert said == [one for one in world.client_events if not one[0].startswith("#")]

    async def check_api(self) -> None:
        world, house = self.world, self.house
        if not world.settings["enabled"]:
            assert (await house.ask("GET", "/channels"))[0] == 403
            return
        status, told = await house.ask("GET", "/channels", info="user_count", filter_by_prefix="presence-")
        assert status == 200
        assert told["channels"] == {
            channel: {"user_count": len(world.members.get(channel, ()))}
            for channel in world.occupied()
            if channel.startswith("presence-")
        }
        status, told = await house.ask("GET", "/channels/cache-room", info="cache")
        ends, _, data = world.kept.get("cache-room", (0.0, "", ""))
        assert status == 200
        assert (told["cache"] or {"data": None})["data"] == (data if ends > self.loop.now else None)
        assert told["occupied"] == ("cache-room" in world.occupied())

    def teardown(self) -> None:
        """All go, and nothing is left."""
        try:
            if hasattr(self, "house"):
                self.finish()
                for client in list(self.world.clients):
                    self.close(self.world.clients.index(client), politely=False)
                assert self.house.left() == {}
                self.loop.run_until_complete(self._stop())
        finally:
            self.loop.close()

    async def _stop(self) -> None:
        await self.house.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}


def are_later(heard: Streams, foretold: Streams) -> bool:
    """Tell whether as many numbers of subscriptions were heard as were foretold, each as it was then or is later."""
    for stream in {*heard, *foretold}:
        told, said = ([one[1] for one in some.get(stream, ()) if one[0] == "count"] for some in (heard, foretold))
        if len(told) != len(said):
            return False
        if any(count not in said[place:] for place, count in enumerate(told)):
            return False
    return True


def without_numbers(heard: Streams) -> dict[str, list[Heard]]:
    """Give what was heard but for numbers of subscriptions."""
    return {stream: [one for one in some if one[0] != "count"] for stream, some in heard.items()}
