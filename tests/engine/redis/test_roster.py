"""What a node makes of what it hears of a channel: late, twice, not at all, before it has looked."""

import asyncio

import pytest

from hubbub.engine.redis import parcels
from hubbub.engine.redis.roster import Roster, Snapshot
from hubbub.engine.seam import Cached
from hubbub.messages import Envelope, Event, Fact, Member, MemberAdded, MemberRemoved, WentOffline, WentOnline

ANN, BOB, CID = Member("ann"), Member("bob"), Member("cid")
CHANNEL = "presence-x"


class Told:
    """A roster, and what it has told."""

    def __init__(self, channel: str = CHANNEL) -> None:
        self.envelopes: list[Envelope] = []
        self.roster = Roster("1", "1.0", channel, "topic", self.envelopes.append)

    def look(self, number: int, *members: Member, occupied: bool = False, in_doubt: bool = False) -> None:
        self.roster.look()
        self.see(number, *members, occupied=occupied, in_doubt=in_doubt)

    def see(self, number: int, *members: Member, occupied: bool = False, in_doubt: bool = False) -> None:
        snapshot = Snapshot(number, occupied, {member.user_id: member for member in members}, None)
        self.roster.catch_up(snapshot, in_doubt=in_doubt)
        self.roster.is_new = False

    @property
    def facts(self) -> list[Fact]:
        return [envelope.fact for envelope in self.envelopes]

    @property
    def users(self) -> str:
        return " ".join(self.roster.members)


def message(kind: int, number: int, before: int, told: bytes = b"") -> bytes:
    return b"%c%016d%016d%b" % (kind, number, before, told)


def added(number: int, before: int, member: Member) -> bytes:
    return message(parcels.ADDED, number, before, parcels.pack_member(member))


def removed(number: int, before: int, member: Member) -> bytes:
    return message(parcels.REMOVED, number, before, parcels.pack_member(member))


@pytest.fixture
def told() -> Told:
    told = Told()
    told.look(10, ANN, occupied=True)
    return told


def test_what_is_seen_at_first_is_not_told(told: Told) -> None:
    assert told.users == "ann"
    assert told.facts == []


def test_what_is_heard_late_or_twice_is_not_told_again(told: Told) -> None:
    assert told.roster.hear(added(9, 0, CID))
    assert told.roster.hear(added(12, 10, BOB))
    assert told.roster.hear(added(12, 10, BOB))
    assert told.users == "ann bob"
    assert told.facts == [MemberAdded(CHANNEL, BOB)]


def test_numbers_of_other_channels_between_are_no_gap(told: Told) -> None:
    """They count what is told in a bucket of channels, and this one was told nothing since 3."""
    assert told.roster.hear(added(400, 3, BOB))
    assert told.roster.hear(removed(999, 400, ANN))
    assert told.users == "bob"


def test_what_was_missed_is_learnt_and_told(told: Told) -> None:
    assert not told.roster.hear(added(15, 12, CID))
    assert told.roster.is_behind
    assert told.users == "ann", "shown as it was told"
    told.look(15, BOB, CID, occupied=True)
    assert told.facts == [MemberRemoved(CHANNEL, ANN), MemberAdded(CHANNEL, BOB), MemberAdded(CHANNEL, CID)]
    assert told.roster.hear(removed(16, 15, BOB))
    assert told.users == "cid"


def test_a_channel_that_was_left_by_all_unheard_is_noticed_when_somebody_comes(told: Told) -> None:
    assert not told.roster.hear(added(20, 0, BOB))
    told.look(20, BOB, occupied=True)
    assert told.facts == [MemberRemoved(CHANNEL, ANN), MemberAdded(CHANNEL, BOB)]


def test_a_channel_that_all_have_left_begins_anew(told: Told) -> None:
    assert told.roster.hear(removed(11, 10, ANN))
    assert told.roster.hear(added(20, 0, BOB))
    assert told.users == "bob"


def test_what_is_heard_while_looking_counts_if_it_came_after() -> None:
    told = Told()
    told.roster.look()
    told.roster.hear(added(10, 0, ANN))
    told.roster.hear(added(11, 10, BOB))
    told.roster.hear(removed(12, 11, ANN))
    told.see(11, ANN, BOB, occupied=True)
    assert told.users == "bob"


def test_a_snapshot_that_lacks_what_was_missed_while_looking_is_not_the_last(told: Told) -> None:
    told.roster.fall_behind()
    told.roster.look()
    told.roster.hear(added(15, 13, BOB))
    told.see(11, ANN, occupied=True)
    assert told.roster.is_behind


def test_who_may_yet_enter_again_is_shown_until_that_is_certain(told: Told) -> None:
    told.roster.hear(added(11, 10, BOB))
    told.roster.fall_behind()
    told.look(5, in_doubt=True)
    assert told.users == "ann bob"
    assert told.roster.has_doubts
    told.roster.fall_behind()
    told.look(6, CID, occupied=True, in_doubt=True)
    assert told.roster.hear(added(7, 6, BOB))
    assert told.users == "ann cid bob", "bob has come after cid now"
    told.roster.fall_behind()
    told.look(8, CID, BOB, occupied=True)
    assert told.users == "cid bob"
    assert not told.roster.has_doubts
    assert told.facts[1:] == [MemberAdded(CHANNEL, CID), MemberRemoved(CHANNEL, ANN)]


def test_who_was_doubted_and_is_gone_is_told_once(told: Told) -> None:
    told.roster.fall_behind()
    told.look(5, in_doubt=True)
    assert told.roster.hear(message(parcels.FORGOTTEN, 6, 5))
    assert told.roster.hear(removed(7, 6, ANN))
    assert told.facts == [MemberRemoved(CHANNEL, ANN)]
    assert not told.roster.has_doubts


def test_a_user_who_is_another_than_before_has_gone_and_come(told: Told) -> None:
    again = Member("ann", ref="again")
    told.roster.fall_behind()
    told.look(20, again, occupied=True)
    assert told.facts == [MemberRemoved(CHANNEL, ANN), MemberAdded(CHANNEL, again)]


def test_whether_a_user_is_online_is_told_when_it_changes() -> None:
    told = Told("#about-ann")
    online, offline = WentOnline("#about-ann", "ann"), WentOffline("#about-ann", "ann")
    told.look(1)
    assert told.roster.hear(message(parcels.TURNED, 2, 0, parcels.pack(online)))
    told.roster.fall_behind()
    told.look(3, in_doubt=True)
    assert told.facts == [online], "who knows"
    assert told.roster.has_doubts
    told.roster.fall_behind()
    told.look(3)
    assert told.facts == [online, offline]
    told.roster.fall_behind()
    told.look(4, occupied=True)
    assert told.facts == [online, offline, online]


def test_a_kept_event_that_was_missed_is_told_and_one_that_is_known_is_not() -> None:
    told = Told("cache-x")
    news = Event("cache-x", "n", "1")
    told.look(1)
    assert told.roster.hear(message(parcels.KEPT, 2, 0, parcels.pack_kept(news, None, 60)))
    for number in (2, 5):
        told.roster.fall_behind()
        told.roster.look()
        told.roster.catch_up(Snapshot(5, is_occupied=True, members={}, kept=(number, news, "1.1", 9.5)), in_doubt=False)
    assert told.envelopes == [Envelope("1", news), Envelope("1", news, "1.1")]
    assert told.roster.kept == Cached(news, 10)
    assert told.roster.hear(message(parcels.FORGOTTEN, 6, 5))
    assert told.roster.kept is None


def test_a_kept_event_that_was_not_heard_is_told_once_by_who_kept_it() -> None:
    told = Told("cache-x")
    told.look(10, occupied=True)
    event, later = Event("cache-x", "n", "unheard"), Event("cache-x", "n", "later")
    told.roster.keep_alone(11, event, None, 60)
    told.roster.hear(message(parcels.KEPT, 11, 10, parcels.pack_kept(event, None, 60)))
    told.roster.hear(message(parcels.KEPT, 12, 11, parcels.pack_kept(later, None, 60)))
    told.roster.keep_alone(11, event, None, 60)
    assert told.facts == [event, later]
    assert told.roster.kept == Cached(later, 60)


async def test_who_waits_for_a_number_goes_on_when_it_is_heard_or_never_will_be(told: Told) -> None:
    assert await told.roster.reached(10)
    heard = asyncio.ensure_future(told.roster.reached(12))
    later = asyncio.ensure_future(told.roster.reached(13))
    await asyncio.sleep(0)
    told.roster.hear(added(12, 10, BOB))
    assert await heard
    told.roster.fall_behind()
    behind = asyncio.ensure_future(told.roster.reached(5))
    await asyncio.sleep(0)
    assert not behind.done()
    told.look(13, ANN, BOB, occupied=True)
    assert await behind
    assert await later
    never = asyncio.ensure_future(told.roster.reached(99))
    await asyncio.sleep(0)
    told.roster.give_up()
    assert not await never
