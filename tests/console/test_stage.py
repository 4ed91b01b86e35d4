"""What the parts of the live log promise by themselves."""

import asyncio

import pytest

from hubbub.console.stage import MOST_KEPT, MOST_QUEUED, Stage, merged
from hubbub.messages import Event, MemberAdded, Occupied
from hubbub.messages import Member as Person
from hubbub.taps.sights import Kind, Sight
from hubbub.taps.taps import Taps, duration
from hubbub.taps.watch import ROOM, URGENT_ROOM, Glimpse, Watch

EVENT = Event("room", "name", "{}")


def glimpse(count: int = 1, at: int = 0) -> Glimpse:
    return Glimpse({Kind.API_MESSAGE: count}, [Sight(at, Kind.API_MESSAGE)])


def test_a_watch_counts_everything_and_keeps_what_there_is_room_for() -> None:
    watch = Watch()
    for _ in range(ROOM + 50):
        watch.published(EVENT)
    for _ in range(URGENT_ROOM + 50):
        if watch.admits(Kind.CLIENT_ERROR):
            watch.keep(Sight(0, Kind.CLIENT_ERROR))
    taken = watch.take()
    assert taken is not None
    assert taken.counts == {Kind.API_MESSAGE: ROOM + 50, Kind.CLIENT_ERROR: URGENT_ROOM + 50}
    assert sum(one.kind is Kind.API_MESSAGE for one in taken.sights) == ROOM
    assert sum(one.kind is Kind.CLIENT_ERROR for one in taken.sights) == URGENT_ROOM
    assert watch.take() is None
    watch.relayed(EVENT, "1.1")
    assert watch.take() == Glimpse({Kind.CLIENT_EVENT: 1}, taken_sights(watch, EVENT))


def taken_sights(watch: Watch, event: Event) -> list[Sight]:
    watch.relayed(event, "1.1")
    again = watch.take()
    assert again is not None
    return again.sights


def test_a_share_of_the_room_is_at_least_one_of_each_kind() -> None:
    watch = Watch()
    watch.share(1000, 0.001)
    watch.take()
    for _ in range(5):
        watch.published(EVENT)
    taken = watch.take()
    assert taken is not None
    assert len(taken.sights) == 1
    assert taken.counts == {Kind.API_MESSAGE: 5}


def test_what_comes_at_once_may_use_a_seconds_room_and_then_less() -> None:
    watch = Watch()
    watch.share(1, 0.25)
    shown = []
    for _ in range(3):
        for _ in range(ROOM):
            watch.published(EVENT)
        taken = watch.take()
        assert taken is not None
        shown.append(len(taken.sights))
    assert shown == [ROOM, ROOM // 4, ROOM // 4]


def test_payloads_are_cut_and_their_size_is_told() -> None:
    watch = Watch()
    watch.published(Event("room", "name", "ä" * 1000))
    taken = watch.take()
    assert taken is not None
    assert taken.sights[0].data == "ä" * 400
    assert taken.sights[0].size == 2000


def test_what_happens_where_nobody_looks_is_not_kept() -> None:
    taps = Taps()
    taps.told("1", Occupied("room"))
    taps.watched["1"] = Watch()
    taps.told("2", Occupied("room"))
    assert taps.watched["1"].take() is None
    taps.told("1", MemberAdded("presence-room", Person("ann")))
    taken = taps.watched["1"].take()
    assert taken is not None
    assert [(one.kind, one.event, one.user_id) for one in taken.sights] == [(Kind.PRESENCE, "member_added", "ann")]


def test_several_nodes_are_put_together_in_the_order_of_time() -> None:
    shown = merged([glimpse(10, at=2), glimpse(1, at=1), Glimpse({Kind.VACATED: 3}, [])])
    assert [one.at for one in shown.sights] == [1, 2]
    assert shown.counts == {Kind.API_MESSAGE: 11, Kind.VACATED: 3}
    assert shown.left_out == {Kind.API_MESSAGE: 9, Kind.VACATED: 3}


async def test_a_viewer_who_reads_slowly_misses_the_earliest_and_is_told() -> None:
    stage = Stage("name", 0)
    slow, _ = stage.enter("")
    for _ in range(MOST_QUEUED + 5):
        stage.add(glimpse())
        stage.show()
    assert len(slow.queue) == MOST_QUEUED
    assert slow.missed == 5
    assert slow.queue[-1].data.startswith(b"id: name-%d\n" % (MOST_QUEUED + 5))


async def test_who_comes_back_gets_what_is_kept_and_hears_whether_that_is_all() -> None:
    stage = Stage("name", 0)
    for _ in range(MOST_KEPT + 10):
        stage.add(glimpse())
        stage.show()
    for last, count, is_whole in (
        (f"name-{MOST_KEPT + 8}", 2, True),
        ("name-10", MOST_KEPT, True),
        ("name-9", MOST_KEPT, False),
        ("another-3", 0, False),
        ("nonsense", 0, False),
        ("", 0, True),
    ):
        viewer, whole = stage.enter(last)
        assert (len(viewer.queue), whole) == (count, is_whole), last
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3700, "1 h 1 min"), (200_000, "2 days 7 h")]
)
def test_times_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
