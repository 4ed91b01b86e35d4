"""Who left, and when that is looked at."""

from hubbub.webhooks.departures import Departures
from hubbub.webhooks.seam import Standing

ROOM = Standing("1", "presence-room")
ADA = Standing("1", "presence-room", "ada")
OTHER = Standing("2", "room")


def due(departures: Departures, now: float, most: int = 100) -> list[tuple[Standing, int]]:
    return [(one.stay, one.version) for one in departures.due(now, most)]


def test_who_left_first_is_looked_at_first_and_not_before_its_time() -> None:
    departures = Departures()
    for number, stay in enumerate((ADA, ROOM, OTHER)):
        departures.left(stay, number, 13)
    assert departures.next_at() == 13
    assert due(departures, 12.9) == []
    assert due(departures, 13, 2) == [(ADA, 0), (ROOM, 1)]
    assert due(departures, 13, 2) == [(OTHER, 2)]
    assert departures.next_at() is None


def test_only_the_last_word_on_somebody_counts() -> None:
    departures = Departures()
    departures.left(ROOM, 1, 13)
    departures.left(ROOM, 2, 14)
    assert due(departures, 13) == []
    departures.back(ROOM)
    assert ROOM not in departures
    assert due(departures, 14) == []
    departures.back(ROOM)


def test_who_is_back_or_leaves_again_while_it_is_looked_at_is_not_gone() -> None:
    departures = Departures()
    departures.left(ROOM, 1, 13)
    departures.left(ADA, 2, 13)
    departures.left(OTHER, 3, 13)
    room, ada, other = departures.due(13, 100)
    departures.back(ROOM)
    departures.left(ADA, 4, 16)
    assert [departures.close(one) for one in (room, ada, other)] == [False, False, True]
    assert OTHER not in departures
    assert due(departures, 16) == [(ADA, 4)]


def test_what_cannot_be_told_now_is_looked_at_again() -> None:
    departures = Departures()
    departures.left(ROOM, 1, 13)
    departures.left(ADA, 2, 13)
    for one in departures.due(13, 100):
        departures.again(one, 20)
    departures.back(ADA)
    assert due(departures, 20) == [(ROOM, 1)]


def test_an_application_is_forgotten_alone_and_in_the_end_all() -> None:
    departures = Departures()
    for stay in (ROOM, ADA, OTHER):
        departures.left(stay, 1, 13)
    departures.forget("1")
    assert due(departures, 13) == [(OTHER, 1)]
    departures.left(ROOM, 1, 13)
    departures.clear()
    assert due(departures, 13) == []
    assert ROOM not in departures
