"""The parts that neither wait nor ask the world: histograms, stamps, frames, sequences, and how a case is dealt out."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from hubbub.bench import frames, stamp
from hubbub.bench.histogram import Histogram, ceiling, floor
from hubbub.bench.plan import Case, Part, Plan, Sizes, plans
from hubbub.bench.request import Signer
from hubbub.bench.score import Inbox, Score
from hubbub.bench.target import Application, Target

durations = some.integers(min_value=0, max_value=2**60)


def counted(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


# Histograms


@given(durations)
def test_a_bucket_holds_what_it_counts_and_is_narrow(duration: int) -> None:
    [index] = counted([duration]).counts
    assert floor(index) <= duration <= ceiling(index)
    assert (ceiling(index) - floor(index)) * 64 <= duration


@given(some.lists(durations, min_size=1), some.floats(min_value=0.01, max_value=1))
def test_a_quantile_is_right_to_the_width_of_a_bucket(values: list[int], share: float) -> None:
    exact = next(value for number, value in enumerate(sorted(values), start=1) if number >= share * len(values))
    assert 0 <= (counted(values).quantile(share) - exact) * 64 <= exact


@given(some.lists(durations), some.lists(durations))
def test_two_histograms_merged_are_one_of_both(some_values: list[int], others: list[int]) -> None:
    merged, whole = counted(some_values), counted(some_values + others)
    merged.merge(counted(others))
    assert (merged.counts, merged.longest, merged.total) == (whole.counts, whole.longest, whole.total)


def test_what_came_before_it_was_due_took_no_time() -> None:
    assert counted([-5]).quantile(1) == 0


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) == 0


# Stamps


@given(
    some.booleans(),
    some.integers(0, 2**20 - 1),
    some.integers(0, 2**32 - 1),
    some.integers(0, 2**63),
    some.integers(stamp.SIZE, 300),
)
def test_a_stamp_is_read_as_it_was_written(is_measured: bool, source: int, number: int, due: int, size: int) -> None:
    text = stamp.payload(is_measured=is_measured, source=source, number=number, due=due, size=size).encode()
    assert len(text) == size
    assert text.startswith(stamp.MARK)
    assert stamp.read(text[len(stamp.MARK) : stamp.SIZE]) == (is_measured, source, number, due)


# Frames


@given(some.binary(max_size=70_000))
def test_a_masked_frame_is_what_rfc_6455_says(content: bytes) -> None:
    reader = StreamReader()
    reader.feed_data(frames.masked(frames.TEXT, content))
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    frame: Frame = done.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, content)


@given(some.binary(max_size=70_000), some.binary(max_size=20), some.binary(max_size=20))
def test_the_content_of_a_server_s_frame_is_found(content: bytes, before: bytes, after: bytes) -> None:
    whole = Frame(Opcode.TEXT, content).serialize(mask=False)
    found = frames.span(before + whole + after, len(before))
    assert found is not None
    assert (before + whole + after)[slice(*found)] == content


@pytest.mark.parametrize("size", [0, 200, 70_000])
def test_a_head_that_is_not_all_there_is_waited_for(size: int) -> None:
    whole = Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)
    head = len(whole) - size
    assert [frames.span(whole[:some], 0) for some in range(head)] == [None] * head
    assert frames.span(whole[:head], 0) == (head, head + size)


def test_a_masked_frame_of_a_server_is_unreadable() -> None:
    with pytest.raises(frames.Unreadable):
        frames.span(frames.masked(frames.TEXT, b"hello"), 0)


# Scores


def scored(*numbers: int, source: int = 1) -> Score:
    score, inbox = Score(), Inbox()
    for number in numbers:
        text = stamp.payload(is_measured=True, source=source, number=number, due=0, size=stamp.SIZE)
        score.count(inbox, text.encode()[2:], 5)
    return score


@pytest.mark.parametrize(
    ("numbers", "received", "duplicates", "disordered"),
    [
        ([1, 2, 3], 3, 0, 0),
        ([1, 2, 2, 3, 1], 3, 2, 0),
        ([1, 3, 2, 4], 4, 0, 1),
        ([1, 4, 2, 2, 3], 4, 1, 2),
        ([3], 1, 0, 0),
        ([1, 5, 6], 3, 0, 0),
    ],
)
def test_what_comes_twice_or_late_is_told_from_what_is_new(
    numbers: list[int], received: int, duplicates: int, disordered: int
) -> None:
    score = scored(*numbers)
    assert (score.received, score.duplicates, score.disordered) == (received, duplicates, disordered)
    assert score.latency.total == received


def test_data_of_somebody_else_does_not_count() -> None:
    score = Score()
    score.count(Inbox(), b"this is no stamp at all, though", 5)
    assert score.received == 0


def test_what_is_not_measured_counts_but_has_no_latency() -> None:
    score = Score()
    text = stamp.payload(is_measured=False, source=1, number=1, due=0, size=stamp.SIZE)
    score.count(Inbox(), text.encode()[2:], 5)
    assert (score.received, score.latency.total) == (1, 0)


# Plans


def plan(connections: int, channels: int, publishers: int = 0) -> Plan:
    return Plan(case=Case.FAN_OUT, run="x", connections=connections, channels=channels, publishers=publishers)


@given(some.integers(1, 200), some.integers(1, 50), some.integers(1, 5))
def test_each_connection_is_dealt_to_one_process(connections: int, channels: int, parts: int) -> None:
    whole = plan(connections, channels)
    seats = [seat for number in range(parts) for seat in whole.seats(Part(number, parts))]
    assert sorted(seats) == [(number, number % channels) for number in range(connections)]


@given(some.integers(1, 50), some.integers(1, 5), some.integers(1, 4))
def test_each_process_has_subscribers_of_each_channel_that_has_enough(channels: int, parts: int, each: int) -> None:
    whole = plan(channels * parts * each, channels)
    for number in range(parts):
        taken = [channel for _, channel in whole.seats(Part(number, parts))]
        assert sorted(taken) == sorted(list(range(channels)) * each)


@given(some.integers(0, 50), some.integers(1, 5))
def test_each_publisher_is_dealt_to_one_process(publishers: int, parts: int) -> None:
    whole = plan(1, 1, publishers)
    dealt = [source for number in range(parts) for source in whole.sources(Part(number, parts))]
    assert sorted(dealt) == list(range(publishers))
    assert sum(Part(number, parts).share(publishers) for number in range(parts)) == publishers


def test_client_events_are_between_two_in_each_channel() -> None:
    [talking] = plans([Case.CLIENT_EVENTS], Sizes(connections=31, channels=7), "x")
    assert (talking.connections, talking.channels) == (30, 15)
    assert talking.channel(3).startswith("private-")


def test_there_are_no_more_channels_than_subscribers() -> None:
    [fan_out] = plans([Case.FAN_OUT], Sizes(connections=3, channels=7), "x")
    assert fan_out.channels == 3


def test_presence_channels_are_not_filled_beyond_what_servers_allow() -> None:
    [connect] = plans([Case.CONNECT], Sizes(connections=10_000), "x")
    assert connect.connections / connect.channels <= 100


def test_batches_of_one_are_no_case_of_their_own() -> None:
    assert [plan.batch for plan in plans([Case.PUBLISH], Sizes(), "x")] == [1, 10]
    assert [plan.batch for plan in plans([Case.PUBLISH], Sizes(batch=1), "x")] == [1]


# What is told of a target


def test_the_secret_of_an_application_is_not_shown() -> None:
    target = Target(host="::1", port=80, app=Application("1", "key", "hunter2"))
    assert "hunter2" not in repr(target)
    assert target.redact("it is hunter2") == "it is ****"
    assert target.socket_url == "ws://[::1]:80"
    assert b"Host: [::1]:80\r\n" in Signer(target).trigger("a", "b", 0)
