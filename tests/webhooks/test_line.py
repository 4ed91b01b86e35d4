"""The events in line for one endpoint: order, and channels that are held."""

from hypothesis import given
from hypothesis import strategies as st

from hubbub.webhooks.line import Line, joined, retimed
from hubbub.webhooks.seam import Waiting


def waiting(number: int, channel: str, text: str = "{}") -> Waiting:
    return Waiting(number, "1", 1, channel, text)


def ids(events: list[Waiting]) -> list[int]:
    return [event.id for event in events]


def test_a_request_takes_what_there_is_by_id() -> None:
    line = Line()
    line.add([waiting(1, "a"), waiting(2, "b"), waiting(3, "a")])
    assert ids(line.take(10, 100)) == [1, 2, 3]
    assert len(line) == 0


def test_a_channel_that_is_held_waits_and_others_do_not() -> None:
    line = Line()
    line.add([waiting(1, "a"), waiting(2, "a"), waiting(3, "b")])
    assert ids(line.take(1, 100)) == [1]
    assert ids(line.take(10, 100)) == [3]
    line.add([waiting(4, "c")])
    assert ids(line.take(10, 100)) == [4]
    line.free(["a"])
    assert ids(line.take(10, 100)) == [2]


def test_what_is_too_long_together_is_cut_but_one_always_goes() -> None:
    line = Line()
    line.add([waiting(1, "a", "x" * 50), waiting(2, "a", "x" * 60), waiting(3, "b", "x" * 500), waiting(4, "c")])
    assert ids(line.take(10, 110)) == [1, 2]
    assert ids(line.take(10, 110)) == [3]
    assert ids(line.take(10, 110)) == [4]
    assert line.characters == 0


def test_who_is_sent_home_may_come_again() -> None:
    line = Line()
    line.add([waiting(1, "a"), waiting(2, "b")])
    line.take(1, 100)
    line.clear()
    assert (len(line), line.last_id) == (0, 0)
    line.add([waiting(1, "a"), waiting(2, "b")])
    assert ids(line.take(10, 100)) == [2]
    line.free(["a", "b"])
    assert ids(line.take(10, 100)) == [1]


@given(
    st.lists(st.sampled_from("abcd"), max_size=60),
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.integers(0, 4)), max_size=60),
)
def test_each_channel_keeps_its_order_and_nothing_is_lost(
    channels: list[str], steps: list[tuple[int, int, int]]
) -> None:
    events = [waiting(number, channel) for number, channel in enumerate(channels, 1)]
    line = Line()
    held: list[set[str]] = []
    gone: list[Waiting] = []
    added = 0
    for most, free, more in [*steps, *([(5, 0, 60)] * 200)]:
        line.add(events[added : added + more])
        added = min(added + more, len(events))
        taken = line.take(most, 1000)
        now = {event.channel for event in taken}
        assert ids(taken) == sorted(ids(taken))
        assert not any(now & channels_held for channels_held in held), "a held channel went on"
        gone += taken
        if taken:
            held.append(now)
        if held and free < len(held):
            line.free(held.pop(free))
    assert sorted(ids(gone)) == ids(events)
    for channel in set(channels):
        of_channel = [event.id for event in gone if event.channel == channel]
        assert of_channel == sorted(of_channel)


@given(st.integers(0, 2**53), st.integers(0, 2**53), st.lists(st.text().map(lambda text: f'{{"data":"{text}"}}')))
def test_another_time_leaves_the_events_as_they_are(before: int, after: int, events: list[str]) -> None:
    assert retimed(after, joined(before, events)) == joined(after, events)
