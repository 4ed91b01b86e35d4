"""The node tells each transition once, in the right order, also when its engine makes it wait."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec
import pytest

from hubbub.channels import about
from hubbub.engine.memory import Memory
from hubbub.engine.seam import Cached, Engine, Transition
from hubbub.errors import STORE_UNAVAILABLE, USER_TERMINATED, Refusal
from hubbub.hub.connection import Wire
from hubbub.hub.hub import Hub
from hubbub.messages import (
    CacheMissed,
    Counted,
    Envelope,
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    Occupied,
    Reply,
    Vacated,
    WentOffline,
    WentOnline,
)
from hubbub.node import counts
from hubbub.node.counts import MANY, Counts
from hubbub.node.node import Node
from recording import Recording


class Hesitant(Memory):
    """An engine that answers after a while, as one on a network does, and each time after another."""

    def __init__(self, seed: int = 7) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def publish(self, envelope: Envelope) -> None:
        await self._wait()

    async def subscribe(self, app_id: str, channel: str) -> None:
        await self._wait()

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        await self._wait()

    async def enter(
        self, app_id: str, channel: str, *, occupies: bool, member: Member | None, limit: int
    ) -> Transition:
        await self._wait()
        return await super().enter(app_id, channel, occupies=occupies, member=member, limit=limit)

    async def leave(self, app_id: str, channel: str, *, vacates: bool, user_id: str | None) -> Transition:
        await self._wait()
        return await super().leave(app_id, channel, vacates=vacates, user_id=user_id)

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        await self._wait()
        return await super().members(app_id, channel)

    # What is asked may be out of date when the answer comes.

    async def count_elsewhere(self, app_id: str, channel: str) -> int:
        await self._wait()
        return await super().count_elsewhere(app_id, channel)

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        await self._wait()
        answer = await super().occupied(app_id, channels)
        await self._wait()
        return answer

    async def remember(self, app_id: str, event: Event, seconds: int) -> None:
        await self._wait()
        await super().remember(app_id, event, seconds)
        await self._wait()

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        await self._wait()
        answer = await super().recall(app_id, channel)
        await self._wait()
        return answer

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        await self._wait()
        return await super().miss(app_id, channel, seconds)

    async def _wait(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


class Notary:
    """Writes everything down, which takes a while. `seen` is what the node had told by then."""

    def __init__(self, facts: list[Fact]) -> None:
        self._facts = facts
        self._dice = random.Random(3)
        self.written: list[tuple[Fact, str]] = []
        self.told_before: list[Fact] = []

    def concerns(self, app_id: str) -> bool:
        return app_id == "1"

    async def record(self, app_id: str, *facts: Fact, socket_id: str = "") -> None:
        assert app_id == "1"
        for fact in facts:
            self.written.append((fact, socket_id))
            if fact in self._facts:
                self.told_before.append(fact)
        for _ in range(self._dice.randrange(3)):
            await asyncio.sleep(0)

    @property
    def facts(self) -> list[Fact]:
        return [fact for fact, _ in self.written]


class Watched:
    """A node whose facts are noted, and written down before."""

    def __init__(self, engine: Engine) -> None:
        self.facts: list[Fact] = []
        self.notary = Notary(self.facts)
        hub = Hub(asyncio.get_running_loop().call_soon)
        self.node = Node(hub, engine, [lambda _, fact: self.facts.append(fact)], self.notary)

    async def join(self, client: Recording, channel: str = "presence-x", user: str = "ann", limit: int = 100) -> None:
        await self.node.join("1", channel, client, Member(user), limit)

    async def leave(self, client: Recording, channel: str = "presence-x", user: str = "ann") -> None:
        await self.node.leave("1", channel, client, user)


@pytest.fixture(params=[Memory, Hesitant])
async def watched(request: pytest.FixtureRequest) -> AsyncIterator[Watched]:
    watched = Watched(request.param())
    await watched.node.start()
    yield watched
    await watched.node.stop()


async def test_the_joiner_is_told_first_and_hears_nothing_of_itself(watched: Watched) -> None:
    ann, bob = Recording(), Recording()
    await watched.join(ann)
    await watched.join(bob, user="bob")
    watched.node.hub.flush()
    assert ann.heard == ["Subscribed", "MemberAdded"]
    assert bob.heard == ["Subscribed"]


async def test_a_user_with_two_connections_comes_once_and_goes_once(watched: Watched) -> None:
    one, two = Recording(), Recording()
    await watched.join(one)
    await watched.join(two)
    await watched.leave(one)
    await watched.leave(two)
    assert watched.facts == [
        Occupied("presence-x"),
        MemberAdded("presence-x", Member("ann")),
        MemberRemoved("presence-x", Member("ann")),
        Vacated("presence-x"),
    ]


async def test_a_refused_join_leaves_nothing_behind(watched: Watched) -> None:
    await watched.join(Recording(), limit=1)
    refused = Recording()
    with pytest.raises(Refusal):
        await watched.join(refused, user="bob", limit=1)
    channel = watched.node.hub.channel("1", "presence-x")
    assert channel is not None
    assert refused not in channel
    assert refused.writes == []
    assert await watched.node.users("1", "presence-x") == ["ann"]


async def test_events_are_told_to_observers_and_subscribers(watched: Watched) -> None:
    client = Recording()
    await watched.node.join("1", "room", client, None, 0)
    await watched.node.publish("1", Event("room", "said", "hello"))
    watched.node.hub.flush()
    assert client.heard == ["Subscribed", "hello"]
    assert watched.facts == [Occupied("room"), Event("room", "said", "hello")]


async def test_members_and_others_share_a_channel(watched: Watched) -> None:
    """A member of an ordinary channel comes and goes while one who is no member stays, and the other way round."""
    plain, ann = Recording(), Recording()
    await watched.join(ann, channel="room")
    await watched.node.join("1", "room", plain, None, 0)
    await watched.leave(ann, channel="room")
    assert await watched.node.is_occupied("1", "room")
    await watched.join(ann, channel="room")
    await watched.node.leave("1", "room", plain, None)
    await watched.leave(ann, channel="room")
    assert not await watched.node.is_occupied("1", "room")
    came, gone = MemberAdded("room", Member("ann")), MemberRemoved("room", Member("ann"))
    assert watched.facts == [Occupied("room"), came, gone, came, gone, Vacated("room")]


async def test_a_welcome_replaces_the_word_of_the_wire_and_tells_the_members(watched: Watched) -> None:
    told: list[dict[str, Member]] = []
    ann, bob = Recording(), Recording()
    await watched.node.join("1", "room", ann, Member("ann"), 9, welcome=told.append)
    await watched.node.join("1", "room", bob, None, 0, welcome=told.append)
    assert told == [{"ann": Member("ann")}, {"ann": Member("ann")}]
    assert ann.writes == bob.writes == []


async def test_joins_and_leaves_at_once_end_with_the_truth(watched: Watched) -> None:
    """Clients of four users come and go at once; every fact alternates, and all is empty in the end."""
    dice = random.Random(11)

    async def live(user: str) -> None:
        client = Recording()
        for _ in range(dice.randrange(1, 5)):
            await watched.join(client, user=user)
            await asyncio.sleep(0)
            await watched.leave(client, user=user)

    await asyncio.gather(*(live(f"user-{number % 4}") for number in range(40)))
    present: set[str] = set()
    is_occupied = False
    for fact in watched.facts:
        match fact:
            case Occupied():
                assert not is_occupied
                is_occupied = True
            case Vacated():
                assert is_occupied
                is_occupied = False
            case MemberAdded(_, member):
                assert member.user_id not in present
                present.add(member.user_id)
            case MemberRemoved(_, member):
                present.remove(member.user_id)
    assert not present
    assert not is_occupied
    assert watched.node.hub.channel("1", "presence-x") is None
    assert await watched.node.channels("1") == []


async def test_counts_are_those_of_subscriptions_and_of_users(watched: Watched) -> None:
    for user in ("ann", "ann", "bob"):
        await watched.join(Recording(), user=user)
    assert await watched.node.subscription_count("1", "presence-x") == 3
    assert await watched.node.user_counts("1", ["presence-x"]) == [2]
    assert await watched.node.users("1", "presence-x") == ["ann", "bob"]
    assert await watched.node.is_occupied("1", "presence-x")


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Member("ann").user_id = "bob"  # type: ignore[misc]
    assert msgspec.json.encode(Member("ann")) == b'{"user_id":"ann","info":null,"online_at":0,"ref":""}'


async def test_a_channel_settles_however_much_it_is_told_afterwards() -> None:
    hub = Hub(asyncio.get_running_loop().call_soon, slice_size=2)
    node = Node(hub, Memory())
    for _ in range(10):
        await node.join("1", "room", Recording(), None, 0)
    await node.publish("1", Event("room", "said", "before"))

    async def go_on() -> None:
        while True:
            await node.publish("1", Event("room", "said", "later"))
            await asyncio.sleep(0)

    talk = asyncio.create_task(go_on())
    await asyncio.wait_for(node.settle("1", "room"), 10)
    talk.cancel()
    await node.settle("1", "elsewhere")


# Counts


class Ear(Recording):
    """A connection that notes the messages themselves."""

    def __init__(self) -> None:
        self.messages: list[Fact | Reply] = []
        super().__init__(Wire("ear", self._note))

    def _note(self, message: Fact | Reply) -> bytes:
        self.messages.append(message)
        return b"."


async def test_numbers_are_told_to_all_at_each_change(watched: Watched) -> None:
    ears = [Ear(), Ear(), Ear()]
    for ear in ears:
        await watched.node.join("1", "room", ear, None, 0, is_counted=True)
        watched.node.hub.flush()
    await watched.node.leave("1", "room", ears[0], None, is_counted=True)
    watched.node.hub.flush()
    told = [[message.count for message in ear.messages if isinstance(message, Counted)] for ear in ears]
    assert told == [[1, 2, 3], [2, 3, 2], [3, 2]]
    assert [fact for fact in watched.facts if isinstance(fact, Counted)] == [
        Counted("room", count) for count in (1, 2, 3, 2)
    ]


async def test_the_number_told_last_is_the_right_one(watched: Watched) -> None:
    """However many come and go at once."""
    dice, ear = random.Random(5), Ear()
    await watched.node.join("1", "room", ear, None, 0, is_counted=True)
    stayed = 0

    async def live() -> None:
        nonlocal stayed
        client = Recording()
        for _ in range(dice.randrange(1, 4)):
            await watched.node.join("1", "room", client, None, 0, is_counted=True)
            await asyncio.sleep(0)
            await watched.node.leave("1", "room", client, None, is_counted=True)
        if dice.random() < 0.5:
            await watched.node.join("1", "room", client, None, 0, is_counted=True)
            stayed += 1

    await asyncio.gather(*(live() for _ in range(40)))
    watched.node.hub.flush()
    numbers = [message.count for message in ear.messages if isinstance(message, Counted)]
    assert await watched.node.subscription_count("1", "room") == stayed + 1
    assert numbers[-1] == stayed + 1
    assert numbers == [fact.count for fact in watched.notary.facts if isinstance(fact, Counted)]


@pytest.mark.parametrize("channel", ["presence-x", "presence-cache-x", "#server-to-user-ann"])
async def test_some_channels_are_not_counted(watched: Watched, channel: str) -> None:
    client = Recording()
    await watched.node.join("1", channel, client, None, 0, is_counted=True)
    await watched.node.leave("1", channel, client, None, is_counted=True)
    assert not [fact for fact in watched.facts if isinstance(fact, Counted)]


class Teller:
    """Says how many there are, and notes what was told; both may take a while."""

    def __init__(self, *, waits: bool) -> None:
        self.count = 0
        self.told: list[int] = []
        self._is_told = asyncio.Condition()
        self._waits = waits
        self._dice = random.Random(9)

    async def number(self, app_id: str, channel: str) -> int:
        assert (app_id, channel) == ("1", "room")
        count = self.count
        await self._wait()
        return count

    async def tell(self, app_id: str, channel: str, count: int) -> None:
        await self._wait()
        self.told.append(count)
        async with self._is_told:
            self._is_told.notify_all()

    async def until(self, is_so: Callable[[list[int]], bool]) -> None:
        """Wait until what was told is so."""
        async with asyncio.timeout(15), self._is_told:
            await self._is_told.wait_for(lambda: is_so(self.told))

    async def _wait(self) -> None:
        for _ in range(self._dice.randrange(4) if self._waits else 0):
            await asyncio.sleep(0)


@pytest.mark.parametrize("waits", [False, True])
async def test_many_are_told_once_in_a_period(waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.3)
    teller = Teller(waits=waits)
    numbers = Counts(teller.number, teller.tell)

    async def change(count: int) -> None:
        teller.count = count
        await numbers.changed("1", "room")

    began = asyncio.get_running_loop().time()
    for count in range(MANY - 1, MANY + 2):
        await change(count)
    assert teller.told == [MANY - 1, MANY, MANY + 1]
    await asyncio.gather(*(change(count) for count in range(MANY + 2, MANY + 50)))
    if asyncio.get_running_loop().time() - began < 0.3:
        assert teller.told == [MANY - 1, MANY, MANY + 1]
    await teller.until(lambda told: told[-1] == MANY + 49)
    assert asyncio.get_running_loop().time() - began >= 0.3
    # Many become few, which is told in its turn; few are told at once, when the period is over.
    await change(3)
    await teller.until(lambda told: told[-1] == 3)
    await change(2)
    assert teller.told[-1] == 2
    await change(0)
    assert teller.told[-1] == 2, "nobody is there to be told"
    numbers.stop()


async def test_many_who_come_at_once_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.5)
    teller = Teller(waits=True)
    numbers = Counts(teller.number, teller.tell)
    teller.count = MANY + 1
    await asyncio.gather(*(numbers.changed("1", "room") for _ in range(50)))
    assert len(teller.told) == 1
    await teller.until(lambda told: len(told) > 1)
    await asyncio.sleep(0.7)
    assert teller.told == [MANY + 1, MANY + 1]
    numbers.stop()


async def test_no_number_is_told_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.05)
    teller = Teller(waits=False)
    numbers = Counts(teller.number, teller.tell)
    teller.count = MANY + 1
    await numbers.changed("1", "room")
    await numbers.changed("1", "room")
    numbers.stop()
    await asyncio.sleep(0.2)
    assert len(teller.told) == 1


# Cache channels


async def test_who_joins_gets_what_is_kept_after_the_welcome(watched: Watched) -> None:
    early, late = Ear(), Ear()
    await watched.node.join("1", "cache-x", early, None, 0)
    event = Event("cache-x", "n", "kept")
    await watched.node.publish("1", event, keep=60)
    await watched.node.join("1", "cache-x", late, None, 0)
    watched.node.hub.flush()
    assert [type(message).__name__ for message in early.messages] == ["Subscribed", "CacheMissed", "Event"]
    assert late.messages[1:] == [event]
    assert watched.notary.facts == [Occupied("cache-x"), CacheMissed("cache-x")]


async def test_only_an_applications_events_in_cache_channels_are_kept(watched: Watched) -> None:
    for channel in ("room", "presence-x"):
        await watched.node.publish("1", Event(channel, "n", "x"), keep=60)
        assert await watched.node.recall("1", channel) is None
    await watched.node.publish("1", Event("cache-x", "n", "x"))
    await watched.node.relay("1", Event("private-cache-x", "client-n", "x"), "1.1")
    assert await watched.node.recall("1", "cache-x") is None
    assert await watched.node.recall("1", "private-cache-x") is None


async def test_many_who_find_nothing_are_all_told_but_written_down_once(watched: Watched) -> None:
    ears = [Ear() for _ in range(20)]
    await asyncio.gather(*(watched.node.join("1", "cache-x", ear, None, 0) for ear in ears))
    for ear in ears:
        assert [type(message).__name__ for message in ear.messages] == ["Subscribed", "CacheMissed"]
    assert watched.notary.facts.count(CacheMissed("cache-x")) == 1


@pytest.mark.parametrize("seed", range(5))
async def test_who_joins_while_it_is_published_gets_each_event_once_and_in_order(seed: int) -> None:
    """As the kept one, then as the new ones after it, whatever the engine takes its time for."""
    dice = random.Random(seed)
    watched = Watched(Hesitant(seed))
    ears: list[Ear] = []

    async def listen() -> None:
        ear = Ear()
        ears.append(ear)
        for _ in range(dice.randrange(20)):
            await asyncio.sleep(0)
        await watched.node.join("1", "cache-x", ear, None, 0)

    async def speak() -> None:
        for number in range(50):
            await watched.node.publish("1", Event("cache-x", "n", str(number)), keep=60)

    await asyncio.gather(speak(), *(listen() for _ in range(50)))
    watched.node.hub.flush()
    for ear in ears:
        heard = [int(message.data) for message in ear.messages if isinstance(message, Event)]
        first = 0 if isinstance(ear.messages[1], CacheMissed) else heard[0]
        assert heard == list(range(first, 50))


# Users who are signed in


async def test_the_first_of_a_users_connections_is_told_and_the_last(watched: Watched) -> None:
    ear, online = Ear(), watched.node.online
    await online.watch("1", ["ann"], ear, lambda _: None)
    one, two = Recording(), Recording()
    for connection in (one, two):
        await online.sign_in("1", "ann", connection)
    for connection in (one, two):
        await online.sign_out("1", "ann", connection)
    watched.node.hub.flush()
    assert ear.messages == [WentOnline(about("ann"), "ann"), WentOffline(about("ann"), "ann")]
    await online.unwatch("1", ["ann"], ear)
    await online.sign_in("1", "ann", one)
    watched.node.hub.flush()
    assert len(ear.messages) == 2
    assert await watched.node.channels("1") == []
    assert watched.facts == watched.notary.facts == [], "who is online is nobody's but the watchers'"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", [Memory, Hesitant])
async def test_who_watches_ends_with_the_truth(kind: type[Memory], seed: int) -> None:
    """Connections of four users come and go while others begin and end to watch them."""
    engine = Memory() if kind is Memory else Hesitant(seed)
    watched, dice = Watched(engine), random.Random(seed)
    online, users = watched.node.online, [f"user-{number}" for number in range(4)]
    stay = {user: dice.random() < 0.5 for user in users}
    views: list[dict[str, bool]] = []

    async def live(user: str) -> None:
        for _ in range(5):
            connection = Recording()
            await online.sign_in("1", user, connection)
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            await online.sign_out("1", user, connection)
        if stay[user]:
            await online.sign_in("1", user, Recording())

    async def look() -> None:
        view: dict[str, bool] = {}

        def note(message: Fact | Reply) -> bytes:
            # At the time when it is written, as a client sees it.
            assert isinstance(message, WentOnline | WentOffline)
            return f"{message.user_id} {isinstance(message, WentOnline)}\n".encode()

        connection = Recording(Wire("view", note))
        told: list[bool] = []

        def tell(states: list[bool]) -> None:
            told.extend(states)
            lines = (f"{user} {state}\n" for user, state in zip(users, states, strict=True))
            connection.write("".join(lines).encode())

        for _ in range(dice.randrange(10)):
            await asyncio.sleep(0)
        await online.watch("1", users, connection, tell)
        if dice.random() < 0.3:
            await online.unwatch("1", users, connection)
            return
        views.append(view)
        ends.append((connection, view))

    ends: list[tuple[Recording, dict[str, bool]]] = []
    await asyncio.gather(*(live(user) for user in users for _ in range(2)), *(look() for _ in range(20)))
    watched.node.hub.flush()
    assert ends
    for connection, view in ends:
        for line in connection.heard:
            user, state = line.split()
            view[user] = state == "True"
        assert view == stay
    assert await engine.occupied("1", list(map(about, users))) == list(stay.values())


async def test_all_of_a_users_connections_are_closed_and_no_other(watched: Watched) -> None:
    ann, tab, bob = Recording(), Recording(), Recording()
    for user, connection in (("ann", ann), ("ann", tab), ("bob", bob)):
        await watched.node.online.sign_in("1", user, connection)
    await watched.node.online.sign_in("2", "ann", other := Recording())
    await watched.node.online.terminate("1", "ann")
    for connection in (ann, tab):
        assert [refusal.reason for refusal in connection.refusals] == [USER_TERMINATED]
        assert connection.heard == ["Refused"]
    for connection in (bob, other):
        assert connection.refusals == []
    await watched.node.online.sign_out("1", "ann", ann)
    await watched.node.online.terminate("1", "ann")
    assert (len(ann.refusals), len(tab.refusals)) == (1, 2)


# Writing down


async def test_everything_is_written_down_before_it_counts(watched: Watched) -> None:
    ann, bob = Recording(), Recording()
    await watched.join(ann)
    await watched.join(bob, user="bob")
    await watched.node.relay("1", Event("presence-x", "client-n", "x", "ann"), "1.1")
    await watched.node.publish("1", Event("presence-x", "n", "x"))
    await watched.leave(ann)
    await watched.leave(bob, user="bob")
    assert watched.notary.written == [
        (Occupied("presence-x"), ""),
        (MemberAdded("presence-x", Member("ann")), ""),
        (MemberAdded("presence-x", Member("bob")), ""),
        (Event("presence-x", "client-n", "x", "ann"), "1.1"),
        (MemberRemoved("presence-x", Member("ann")), ""),
        (MemberRemoved("presence-x", Member("bob")), ""),
        (Vacated("presence-x"), ""),
    ]
    assert watched.notary.told_before == []


async def test_nothing_is_heard_of_a_clients_event_that_is_being_written_down() -> None:
    class Slow(Notary):
        def __init__(self) -> None:
            super().__init__([])
            self.is_written = asyncio.Event()

        async def record(self, app_id: str, *facts: Fact, socket_id: str = "") -> None:
            if any(isinstance(fact, Event) for fact in facts):
                await self.is_written.wait()

    notary, listener = Slow(), Recording()
    node = Node(Hub(asyncio.get_running_loop().call_soon), Memory(), recorder=notary)
    await node.join("1", "private-x", listener, None, 0)
    saying = asyncio.ensure_future(node.relay("1", Event("private-x", "client-n", "said"), "1.1"))
    for _ in range(5):
        await asyncio.sleep(0)
    node.hub.flush()
    assert listener.heard == ["Subscribed"]
    notary.is_written.set()
    await saying
    node.hub.flush()
    assert listener.heard == ["Subscribed", "said"]


async def test_applications_it_does_not_concern_are_not_written_down(watched: Watched) -> None:
    client = Recording()
    await watched.node.join("2", "room", client, None, 0)
    await watched.node.leave("2", "room", client, None)
    assert watched.notary.written == []
    assert watched.facts == [Occupied("room"), Vacated("room")]


# While the cluster cannot be reached


class Failing(Memory):
    """An engine that refuses the calls of a name."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.fails = True
        for name in names:
            setattr(self, name, self._maybe(getattr(self, name)))

    def _maybe(self, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def failing(*arguments: object, **named: object) -> object:
            if self.fails:
                raise STORE_UNAVAILABLE()
            return await call(*arguments, **named)

        return failing


@pytest.mark.parametrize("name", ["subscribe", "enter", "members", "recall"])
async def test_a_join_that_fails_leaves_nothing_behind(name: str) -> None:
    engine = Failing(name)
    watched, client = Watched(engine), Recording()
    with pytest.raises(Refusal):
        await watched.join(client, channel="presence-cache-x")
    engine.fails = False
    assert client.writes == []
    assert watched.node.hub.channel("1", "presence-cache-x") is None
    assert await watched.node.users("1", "presence-cache-x") == []
    assert not await watched.node.is_occupied("1", "presence-cache-x")
    assert watched.facts == []
    await watched.join(client, channel="presence-cache-x")
    assert client.heard == ["Subscribed", "CacheMissed"]


@pytest.mark.parametrize("name", ["count_elsewhere", "publish", "miss"])
async def test_what_stands_already_is_not_refused(name: str) -> None:
    engine = Failing(name)
    watched, client = Watched(engine), Recording()
    await watched.node.join("1", "cache-x", client, None, 0, is_counted=True)
    assert client.heard[0] == "Subscribed"
    channel = watched.node.hub.channel("1", "cache-x")
    assert channel is not None
    assert client in channel
    await watched.node.leave("1", "cache-x", client, None, is_counted=True)
    assert watched.node.hub.channel("1", "cache-x") is None
    assert not await watched.node.is_occupied("1", "cache-x")


@pytest.mark.parametrize("name", ["subscribe", "occupied"])
async def test_a_watch_that_fails_watches_nobody(name: str) -> None:
    engine = Failing(name)
    watched, ear = Watched(engine), Ear()
    online = watched.node.online
    with pytest.raises(Refusal):
        await online.watch("1", ["ann", "bob"], ear, lambda _: None)
    engine.fails = False
    await online.sign_in("1", "ann", Recording())
    watched.node.hub.flush()
    assert ear.messages == []
    await online.watch("1", ["ann", "bob"], ear, lambda states: ear.messages.append(Counted("", sum(states))))
    assert ear.messages == [Counted("", 1)]


@pytest.mark.parametrize("name", ["subscribe", "enter"])
async def test_a_sign_in_that_fails_signs_nobody_in(name: str) -> None:
    engine = Failing(name)
    watched, connection = Watched(engine), Recording()
    with pytest.raises(Refusal):
        await watched.node.online.sign_in("1", "ann", connection)
    engine.fails = False
    await watched.node.online.terminate("1", "ann")
    assert connection.refusals == []
    assert await engine.occupied("1", [about("ann")]) == [False]
    await watched.node.online.sign_in("1", "ann", connection)
    await watched.node.online.sign_out("1", "ann", connection)
