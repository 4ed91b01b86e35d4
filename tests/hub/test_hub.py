"""The hub delivers in order, once, to those who are there, and in turns."""

from collections import deque
from collections.abc import Callable
from types import ModuleType
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.errors import Refusal
from hubbub.hub import channel as channel_module
from hubbub.hub.connection import Wire
from hubbub.hub.hub import Hub
from hubbub.messages import Event, Fact, Reply
from native.twins import twins
from recording import Recording


class Turns:
    """A loop that is turned by hand."""

    def __init__(self) -> None:
        self.calls: deque[Callable[[], None]] = deque()

    def __call__(self, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def turn(self) -> bool:
        """Make the calls that wait now; tell whether there were any."""
        calls = [self.calls.popleft() for _ in range(len(self.calls))]
        for call in calls:
            call()
        return bool(calls)

    def run(self) -> None:
        while self.turn():
            pass


def say(hub: Hub, text: str, channel: str = "room", exclude: Recording | None = None) -> None:
    hub.deliver("1", Event(channel, "said", text), exclude)


def audience(hub: Hub, count: int, channel: str = "room") -> list[Recording]:
    clients = [Recording() for _ in range(count)]
    for client in clients:
        hub.add("1", channel, client)
    return clients


def test_what_a_channel_receives_in_one_turn_is_written_once() -> None:
    turns = Turns()
    hub = Hub(turns)
    (client,) = audience(hub, 1)
    for text in "abc":
        say(hub, text)
    turns.run()
    assert client.writes == [b"a\nb\nc\n"]


def test_nothing_is_written_before_the_turn_is_over() -> None:
    turns = Turns()
    hub = Hub(turns)
    (client,) = audience(hub, 1)
    say(hub, "a")
    assert client.writes == []


def test_the_excluded_connection_misses_only_what_excludes_it() -> None:
    turns = Turns()
    hub = Hub(turns)
    one, two = audience(hub, 2)
    say(hub, "a")
    say(hub, "b", exclude=one)
    say(hub, "c", exclude=two)
    turns.run()
    assert (one.heard, two.heard) == (["a", "c"], ["a", "b"])


def test_what_comes_while_a_large_channel_is_written_to_makes_one_write() -> None:
    turns = Turns()
    hub = Hub(turns, slice_size=2)
    clients = audience(hub, 6)
    for text in "abcdef":
        say(hub, text)
        turns.turn()
    turns.run()
    assert all(client.heard == list("abcdef") for client in clients)
    assert max(len(client.writes) for client in clients) < 4


def test_a_turn_serves_all_small_channels_and_a_slice_of_a_large_one() -> None:
    turns = Turns()
    hub = Hub(turns, slice_size=2)
    large = audience(hub, 10, "large")
    small = [client for number in range(9) for client in audience(hub, 1, f"small-{number}")]
    for _ in range(5):
        say(hub, "nobody is there", "empty")
        say(hub, "x", "large")
    for number in range(9):
        say(hub, "x", f"small-{number}")
    turns.turn()
    assert [len(client.writes) for client in large] == [1, 1] + [0] * 8
    assert sum(len(client.writes) for client in small) == 8, (
        "ten channels were ready: ten writes, two of them the large one's"
    )
    turns.run()
    assert all(client.heard == ["x"] * 5 for client in large)
    assert all(client.heard == ["x"] for client in small)


def test_a_connection_hears_nothing_from_before_it_joined() -> None:
    turns = Turns()
    hub = Hub(turns)
    audience(hub, 1)
    say(hub, "before")
    (late,) = audience(hub, 1)
    say(hub, "after")
    turns.run()
    assert late.heard == ["after"]


def test_a_connection_that_has_left_hears_not_even_what_was_on_its_way() -> None:
    turns = Turns()
    hub = Hub(turns, slice_size=1)
    clients = audience(hub, 3)
    say(hub, "a")
    turns.turn()
    hub.remove("1", "room", clients[2])
    turns.run()
    assert [client.heard for client in clients] == [["a"], ["a"], []]


def test_what_one_of_two_said_is_heard_before_the_other_leaves_and_not_after() -> None:
    turns = Turns()
    hub = Hub(turns)
    speaker, listener = audience(hub, 2)
    say(hub, "to you", exclude=speaker)
    hub.remove("1", "room", listener)
    assert listener.heard == ["to you"]
    hub.add("1", "room", listener)
    turns.run()
    assert listener.heard == ["to you"]


def test_a_connection_that_left_and_came_back_in_the_middle_of_a_fanout_hears_what_follows() -> None:
    turns = Turns()
    hub = Hub(turns, slice_size=1)
    clients = audience(hub, 3)
    say(hub, "a")
    turns.turn()
    hub.remove("1", "room", clients[2])
    hub.add("1", "room", clients[2])
    say(hub, "b")
    turns.run()
    assert clients[2].heard == ["b"]


def test_a_large_channel_does_not_hold_up_a_small_one() -> None:
    turns = Turns()
    hub = Hub(turns, slice_size=10)
    large = audience(hub, 100, "large")
    (small,) = audience(hub, 1, "small")
    say(hub, "a", "large")
    say(hub, "b", "small")
    turns.turn()
    turns.turn()
    assert small.heard == ["b"]
    assert sum(len(client.writes) for client in large) < 20
    turns.run()
    assert all(client.heard == ["a"] for client in large)


def test_flush_writes_everything_at_once() -> None:
    hub = Hub(Turns(), slice_size=1)
    clients = audience(hub, 5)
    say(hub, "a")
    hub.flush()
    assert [client.heard for client in clients] == [["a"]] * 5


class Broken(Recording):
    """Breaks the promise that writing does not raise."""

    @property
    def write(self) -> Callable[[bytes], object]:
        def fail(_data: bytes) -> None:
            raise RuntimeError("broken")

        return fail


def test_a_connection_that_cannot_be_written_to_is_closed_and_silences_nobody() -> None:
    turns = Turns()
    hub = Hub(turns, slice_size=2)
    before, broken, after = Recording(), Broken(), Recording()
    for client in (before, broken, after):
        hub.add("1", "room", client)
    say(hub, "a")
    turns.run()
    say(hub, "b")
    turns.run()
    assert before.heard == after.heard == ["a", "b"]
    assert [str(refusal.__cause__) for refusal in broken.refusals] == ["broken", "broken"]


def test_a_fault_amid_whispers_does_not_hold_up_what_waits() -> None:
    class Hopeless(Broken):
        def close(self, refusal: Refusal) -> None:
            raise RuntimeError("hopeless")

    turns = Turns()
    hub = Hub(turns)
    (listener,) = audience(hub, 1, "other")
    sender = Recording()
    for client in (sender, Hopeless()):
        hub.add("1", "room", client)
    say(hub, "a", "other")
    say(hub, "b", exclude=sender)
    with pytest.raises(RuntimeError, match="hopeless"):
        turns.turn()
    turns.run()
    assert listener.heard == ["a"]


def test_a_message_is_packed_once_for_each_wire_however_many_listen() -> None:
    packed: list[Fact | Reply] = []

    def pack(message: Fact | Reply) -> bytes:
        packed.append(message)
        return b""

    turns = Turns()
    hub = Hub(turns)
    for wire in [Wire("one", pack), Wire("two", pack)] * 10:
        hub.add("1", "room", Recording(wire))
    say(hub, "a")
    turns.run()
    assert packed == [Event("room", "said", "a")] * 2


def test_applications_do_not_hear_each_other() -> None:
    turns = Turns()
    hub = Hub(turns)
    stranger = Recording()
    hub.add("2", "room", stranger)
    audience(hub, 1)
    say(hub, "a")
    turns.run()
    assert stranger.writes == []


def test_a_channel_goes_with_its_last_subscriber() -> None:
    hub = Hub(Turns())
    (client,) = audience(hub, 1)
    hub.remove("1", "room", client)
    assert hub.channel("1", "room") is None


def test_a_socket_is_found_by_its_id_while_it_is_open() -> None:
    hub, client = Hub(Turns()), Recording()
    hub.open("1", "1.1", client)
    assert hub.connection("1", "1.1") is client
    assert hub.connection("2", "1.1") is None
    hub.close("1", "1.1")
    assert (hub.connection("1", "1.1"), hub.connection_count("1")) == (None, 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 1), st.integers(-1, 4)),
        st.tuples(st.just("join"), st.integers(0, 1), st.integers(0, 4)),
        st.tuples(st.just("leave"), st.integers(0, 1), st.integers(0, 4)),
        st.tuples(st.just("turn"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@twins
@given(STEPS, st.integers(1, 4))
@settings(max_examples=400, deadline=None)
def test_any_sequence_reaches_each_subscriber_in_order_and_once(
    native: ModuleType, steps: list[tuple[str, int, int]], size: int
) -> None:
    """Whoever stays until the end has heard exactly what was said while it was there, minus its exclusions.

    Whoever leaves has heard a beginning of that, per stay.
    """
    turns = Turns()
    with patch.object(channel_module, "Whispers", native.Whispers):
        hub = Hub(turns, size)
    clients = [Recording() for _ in range(5)]
    due: dict[tuple[int, int], list[str]] = {}
    ended: list[tuple[int, list[str]]] = []
    for number, (step, room, who) in enumerate(steps):
        channel, here = f"room-{room}", (room, who)
        match step:
            case "say":
                exclude = clients[who] if who >= 0 else None
                say(hub, f"{room}:{number}", channel, exclude)
                for (at, listener), lines in due.items():
                    if at == room and listener != who:
                        lines.append(f"{room}:{number}")
            case "join" if here not in due:
                hub.add("1", channel, clients[who])
                due[here] = []
            case "leave" if here in due:
                hub.remove("1", channel, clients[who])
                ended.append((who, due.pop(here)))
            case "turn":
                turns.turn()
    turns.run()
    for (_, who), lines in due.items():
        assert [line for line in clients[who].heard if line in lines] == lines, "all of the last stay, in order"
    for number, client in enumerate(clients):
        stays = [*((at, lines) for (_, at), lines in due.items()), *ended]
        allowed = {line for at, lines in stays if at == number for line in lines}
        assert set(client.heard) <= allowed, "nothing that was not for it"
        assert len(client.heard) == len(set(client.heard)), "nothing twice"
