"""What one address may have and do, counted in bounded memory."""

import asyncio

import pytest

from hubbub.errors import ADDRESS_CONNECTIONS, ADDRESS_OPENINGS, ADDRESS_REQUESTS, Refusal
from hubbub.settings import ConfigurationError
from hubbub.transports import addresses
from hubbub.transports.addresses import Addresses, Bucket, Crowd


class Clock:
    """A time that passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Peer(asyncio.BaseTransport):
    """A connection."""


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
def test_so_many_are_used_at_once_and_as_many_in_each_second(limit: int) -> None:
    clock = Clock()
    bucket = Bucket(limit, clock)
    assert [bucket.use("a") for _ in range(limit + 1)] == [True] * limit + [False]
    assert bucket.use("b")
    for _ in range(3):
        clock.now += 1 / limit
        assert [bucket.use("a"), bucket.use("a")] == [True, False]
    clock.now += 1
    assert [bucket.use("a") for _ in range(limit + 1)] == [True] * limit + [False]


def test_addresses_are_forgotten_when_they_have_all_their_uses_again() -> None:
    clock = Clock()
    bucket = Bucket(1, clock)
    for number in range(5000):
        bucket.use(str(number))
        clock.now += 0.001
    assert bucket.size <= 2001
    assert not bucket.use("4999")


def test_no_more_addresses_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MOST_BUCKETS", 100)
    bucket = Bucket(1, Clock())
    for number in range(1000):
        bucket.use(str(number))
        assert bucket.size <= 100


def test_a_crowd_is_empty_when_all_have_left() -> None:
    crowd = Crowd(10)
    assert [crowd.enter(number, "a") for number in range(3)] == [1, 2, 3]
    assert crowd.enter(3, "b") == 1
    assert crowd.count_of(1) == 3
    assert crowd.count_of(9) == 0
    for number in (0, 1, 2, 3, 3, 9):
        crowd.leave(number)
    assert len(crowd) == 0
    assert crowd.enter(1, "a") == 1


def test_of_ipv6_the_network_counts() -> None:
    limited = Addresses(openings=1)
    limited.check_opening(Peer(), "2001:db8:1:2::1")
    for same in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2::1%eth0"):
        with pytest.raises(Refusal) as refusal:
            limited.check_opening(Peer(), same)
        assert refusal.value.reason is ADDRESS_OPENINGS
    for other in ("2001:db8:1:3::1", "203.0.113.9", "203.0.113.10", "no address: at all"):
        limited.check_opening(Peer(), other)


def test_who_is_exempt_or_unknown_has_no_limits() -> None:
    limited = Addresses(most=1, openings=1, requests=1, exempt="10.0.0.0/8, 2001:db8::/32")
    for host in ("10.1.2.3", "2001:db8::1", ""):
        for _ in range(3):
            peer = Peer()
            assert limited.arrive(peer, host)
            limited.check_opening(peer, host)
            limited.check_request(peer, host)
            limited.check_session(object(), host)
    assert len(limited.connections) == len(limited.sessions) == 0


def test_connections_of_an_address_are_refused_beyond_the_limit_and_cut_far_beyond() -> None:
    limited = Addresses(most=2)
    peers = [Peer() for _ in range(5)]
    assert [limited.arrive(peer, "a") for peer in peers] == [True, True, True, True, False]
    for peer in peers[2:]:
        limited.leave(peer)
    assert limited.arrive(peers[0], "a"), "it is counted once"
    limited.check_opening(peers[0], "a")
    one_more = Peer()
    limited.arrive(one_more, "a")
    for check in (limited.check_opening, limited.check_request):
        with pytest.raises(Refusal) as refusal:
            check(one_more, "a")
        assert refusal.value.reason is ADDRESS_CONNECTIONS
        assert refusal.value.facts == {"limit": 2, "seconds": 1}
    limited.leave(one_more)
    limited.leave(one_more)
    limited.check_opening(peers[1], "a")


def test_a_session_that_is_refused_is_not_counted() -> None:
    limited = Addresses(most=2, openings=4)
    for session in "ab":
        limited.check_session(session, "x")
    for session, reason in (("c", ADDRESS_CONNECTIONS), ("d", ADDRESS_CONNECTIONS), ("e", ADDRESS_OPENINGS)):
        with pytest.raises(Refusal) as refusal:
            limited.check_session(session, "x")
        assert refusal.value.reason is reason
        assert len(limited.sessions) == 2
    limited.check_session("f", "y")
    for session in "abf":
        limited.end(session)
    assert len(limited.sessions) == 0


def test_requests_are_counted_by_address() -> None:
    limited = Addresses(requests=2)
    peer = Peer()
    for host in ("a", "b"):
        limited.check_request(peer, host)
        limited.check_request(peer, host)
        with pytest.raises(Refusal) as refusal:
            limited.check_request(peer, host)
        assert refusal.value.reason is ADDRESS_REQUESTS


def test_without_limits_nothing_is_asked() -> None:
    unlimited = Addresses()
    assert (unlimited.counts_open, unlimited.counts_openings, unlimited.counts_requests) == (False, False, False)


def test_nonsense_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="HUBBUB_UNLIMITED_ADDRESSES"):
        Addresses(exempt="office")
