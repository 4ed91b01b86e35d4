"""Who is there, as endpoints were told: by examples, and against a model."""

from hypothesis import given
from hypothesis import strategies as st

from hubbub.webhooks.seam import Standing
from hubbub.webhooks.stays import Stays

ROOM = Standing("1", "presence-room")
ADA = Standing("1", "presence-room", "ada")
BOB = Standing("1", "presence-room", "bob")
OTHER = Standing("2", "room")


def test_who_comes_is_told_once() -> None:
    stays = Stays(3)
    assert stays.came(ROOM)
    assert not stays.came(ROOM)


def test_who_leaves_is_over_after_the_grace_and_not_before() -> None:
    stays = Stays(3)
    stays.came(ROOM)
    assert not stays.left(ROOM, 10)
    assert stays.next_over() == 13
    assert stays.over(12.9) == []
    assert stays.over(13) == [ROOM]
    assert stays.next_over() is None
    assert stays.came(ROOM)


def test_who_is_back_within_the_grace_never_left() -> None:
    stays = Stays(3)
    stays.came(ROOM)
    stays.left(ROOM, 10)
    assert not stays.came(ROOM)
    assert stays.over(13) == []
    stays.left(ROOM, 20)
    assert stays.over(22) == []
    assert stays.over(23) == [ROOM]


def test_to_leave_twice_does_not_prolong_the_grace() -> None:
    stays = Stays(3)
    stays.came(ROOM)
    stays.left(ROOM, 10)
    assert not stays.left(ROOM, 11)
    assert stays.over(13) == [ROOM]
    assert stays.over(14) == []


def test_who_was_there_before_anybody_wanted_to_know_is_over_all_the_same() -> None:
    stays = Stays(3)
    assert stays.left(ROOM, 10)
    assert stays.over(13) == [ROOM]


def test_who_came_untold_leaves_untold() -> None:
    stays = Stays(3)
    assert stays.came(ROOM)
    stays.untold(ROOM)
    assert not stays.left(ROOM, 10)
    assert stays.over(20) == []
    assert stays.came(ROOM)


def test_after_a_start_members_are_over_before_their_channel() -> None:
    stays = Stays(3)
    stays.returning([ROOM, OTHER, ADA, BOB], 30)
    assert not stays.came(BOB)
    assert stays.over(29) == []
    assert stays.over(30) == [ADA, ROOM, OTHER]
    assert BOB in stays


def test_once_frozen_nobody_leaves() -> None:
    stays = Stays(3)
    stays.came(ROOM)
    stays.came(ADA)
    stays.left(ADA, 10)
    stays.freeze()
    assert not stays.left(ROOM, 11)
    assert stays.next_over() is None
    assert stays.over(100) == []
    assert not stays.came(ADA)


def test_an_application_is_forgotten_alone() -> None:
    stays = Stays(3)
    for stay in (ROOM, ADA, OTHER):
        stays.came(stay)
        stays.left(stay, 10)
    assert stays.forget("1") == [ROOM, ADA]
    assert stays.over(13) == [OTHER]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=40))
def test_what_is_told_begins_and_ends_by_turns(steps: list[tuple[bool, float]]) -> None:
    stays = Stays(3)
    now, is_there, left_at = 0.0, False, 0.0
    told: list[str] = []
    for _, pause in steps:
        before, now = now, now + pause
        while (at := stays.next_over()) is not None and at <= now:
            over = stays.over(at)
            told += ["over"] * len(over)
            if over:
                # Nobody is over who is there, nor before the grace has passed.
                assert not is_there
                assert at >= left_at + 3
        assert before <= now
        if is_there:
            assert not stays.left(ROOM, now)
            left_at = now
        elif stays.came(ROOM):
            told.append("begun")
        is_there = not is_there
    if is_there:
        stays.left(ROOM, now)
    told += ["over"] * len(stays.over(now + 100))
    assert told == ["begun", "over"] * (len(told) // 2)
