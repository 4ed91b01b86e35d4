"""What changes, or goes away, while it is being looked up whether a client may come in, or stay."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import uvloop
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus

from hubbub.errors import OVER_CAPACITY, STORE_UNAVAILABLE
from sockets.client import LIMIT, client_frame, eventually
from sockets.phoenix.client import PhoenixSocket, knock, lobby, message, path_of, refusal
from sockets.phoenix.hall import Hall, hall

TOPIC = "lobby:key"

Three = tuple[PhoenixSocket, PhoenixSocket, PhoenixSocket]


@pytest.fixture
async def place(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Hall]:
    """Give the hall, in which in the end nothing is left of anybody, and no fault was logged."""
    async with hall(close_timeout=1) as place:
        yield place
        place.book.gate.open()
        place.shelf.gate.open()
        for socket in place.sockets:
            socket.shutdown()
        await eventually(place.is_empty, "something is left of somebody")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def come(place: Hall, number: int = 1, uid: str = "ann") -> "asyncio.Task[PhoenixSocket]":
    """Knock as one of the users, and do not wait for the answer."""
    return asyncio.create_task(knock(place, guardian_token=f"jwt-{number}", unique_identifier=uid))


async def inside(place: Hall, number: int = 1, uid: str = "ann") -> PhoenixSocket:
    """Come in, and join the general topic."""
    socket = await come(place, number, uid)
    await socket.join(TOPIC)
    return socket


# Coming in


async def test_one_who_is_in_the_book_comes_in(place: Hall) -> None:
    socket = await inside(place)
    assert place.doors.open_sessions == 1
    await socket.close()


async def test_one_who_waits_comes_in_when_it_is_known(place: Hall) -> None:
    for gate in (place.shelf.gate, place.book.gate):
        gate.shut()
        coming = come(place)
        await gate.arrival()
        assert place.doors.open_sessions == 0
        gate.open()
        socket = await coming
        await socket.join(TOPIC)
        await socket.close()
        await place.doors.review_application("1")


async def test_a_token_is_looked_up_once_until_something_changes(place: Hall) -> None:
    for _ in range(3):
        await (await come(place)).close()
    assert place.book.asked == 1
    await place.doors.review_user(2)
    await (await come(place)).close()
    assert place.book.asked == 2
    del place.book.grants["jwt-1"]
    await place.doors.review_user(1)
    with pytest.raises(InvalidStatus):
        await come(place)


async def test_what_is_said_while_it_is_looked_up_is_obeyed_in_its_order(place: Hall) -> None:
    place.book.gate.shut()
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(request(place) + message(TOPIC, "phx_join"))
    await place.book.gate.arrival()
    for number in range(50):
        writer.write(message("phoenix", "heartbeat", ref=f"h{number}"))
        await asyncio.sleep(0.001)
    half = message("phoenix", "heartbeat", ref="last")
    writer.write(half[:7])
    await asyncio.sleep(0.05)
    place.book.gate.open()
    await asyncio.sleep(0.05)
    writer.write(half[7:])
    heard = (await asyncio.wait_for(reader.readuntil(b'"last","phoenix","phx_reply"'), LIMIT)).decode(errors="replace")
    marks = [
        heard.index(mark) for mark in ("101", '"1","1","lobby:key","phx_reply"', "presence_state", '"h0"', '"h49"')
    ]
    assert marks == sorted(marks)
    writer.close()


def request(place: Hall, number: int = 1) -> bytes:
    lines = [
        f"GET {path_of(place, guardian_token=f'jwt-{number}', unique_identifier='ann')} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


ENDINGS = pytest.mark.parametrize("ending", ["close", "cut", "say more and close", "say more and cut"])


async def go(place: Hall, ending: str) -> None:
    """Knock, and be gone while it is looked up whether one may come in."""
    for gate in (place.book.gate, place.shelf.gate):
        gate.shut()
        _, writer = await asyncio.open_connection(place.host, place.port)
        writer.write(request(place))
        await gate.arrival()
        if "say more" in ending:
            writer.write(message(TOPIC, "phx_join") + client_frame(b"\x03\xe8", 8))
            await asyncio.sleep(0.01)
        if "cut" in ending:
            writer.transport.abort()
        else:
            writer.close()
        await asyncio.sleep(0.02)
        gate.open()
        await eventually(place.is_empty, "something is left")
        place.apps.forget("1")


@ENDINGS
async def test_one_who_goes_while_it_is_looked_up_leaves_nothing(place: Hall, ending: str) -> None:
    await go(place, ending)


@ENDINGS
def test_on_the_servers_own_loop_neither(caplog: pytest.LogCaptureFixture, ending: str) -> None:
    """uvloop has its own ideas of a connection that ends while nobody reads it."""

    async def come_and_go() -> None:
        async with hall(close_timeout=1) as place:
            await go(place, ending)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(come_and_go())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("is_welcome", [True, False])
async def test_a_server_that_stops_while_it_is_looked_up_lets_nobody_in(place: Hall, is_welcome: bool) -> None:
    place.book.gate.shut()
    coming = come(place, 1 if is_welcome else 9)
    await place.book.gate.arrival()
    for socket in place.sockets:
        socket.shutdown()
    with pytest.raises((InvalidMessage, ConnectionClosedError, EOFError)):
        await coming
    assert place.state.connections == set()
    place.book.gate.open()
    await asyncio.sleep(0.05)
    assert await place.is_empty()


async def test_one_whose_word_ends_while_it_is_looked_up_is_refused(place: Hall) -> None:
    place.book.gate.shut()
    coming, other = come(place), come(place, 2, "bob")
    await place.book.gate.arrival()
    await place.book.gate.arrival()
    del place.book.grants["jwt-1"]
    await place.doors.review_user(1)
    place.book.gate.open()
    with pytest.raises(Exception, match="403"):
        await coming
    await (await other).close()
    assert place.book.asked == 4  # each was looked up again


async def test_one_whose_application_ends_while_it_is_looked_up_is_refused(place: Hall) -> None:
    for gate in (place.shelf.gate, place.book.gate):
        gate.shut()
        coming = come(place)
        await gate.arrival()
        app = place.shelf.apps.pop("1")
        await place.doors.review_application("1")
        gate.open()
        with pytest.raises(Exception, match="403"):
            await coming
        place.shelf.apps["1"] = app


async def test_settings_that_change_while_it_is_looked_up_are_those_one_comes_in_by(place: Hall) -> None:
    place.book.gate.shut()
    coming = come(place)
    await place.book.gate.arrival()
    place.put("1", "key", max_subscriptions=1)
    await place.doors.review_application("1")
    place.book.gate.open()
    socket = await coming
    await socket.join(TOPIC)
    await socket.is_refused(lobby(place, "more"), "at its limit of 1 subscriptions")
    await socket.close()


async def test_a_key_that_ends_while_it_is_looked_up_opens_nothing(place: Hall) -> None:
    place.put("1", "key", "newer")
    place.book.gate.shut()
    coming = come(place)
    newer = asyncio.create_task(knock(place, app_key="newer", guardian_token="jwt-1", unique_identifier="ann"))
    await place.book.gate.arrival()
    await place.book.gate.arrival()
    place.put("1", "newer")
    await place.doors.review_application("1")
    place.book.gate.open()
    with pytest.raises(Exception, match="403"):
        await coming
    await (await newer).close()


@pytest.mark.parametrize("limit", ["of the application", "of the server"])
async def test_of_those_who_wait_for_one_place_one_gets_it(place: Hall, limit: str) -> None:
    if limit == "of the server":
        place.doors.capacity = 1
    else:
        place.put("1", "key", max_connections=1)
    place.book.gate.shut()
    coming = [come(place, 1, f"user-{number}") for number in range(5)]
    for _ in coming:
        await place.book.gate.arrival()
    place.book.gate.open()
    outcomes = await asyncio.gather(*coming, return_exceptions=True)
    [socket] = [one for one in outcomes if isinstance(one, PhoenixSocket)]
    assert len({type(one) for one in outcomes}) == 2
    await socket.close()


async def test_a_store_that_is_away_is_no_fault_of_the_clients(place: Hall) -> None:
    place.book.failure = STORE_UNAVAILABLE()
    assert (await refusal(place, guardian_token="jwt-1", unique_identifier="ann"))[0] == 503
    place.book.failure, place.shelf.failure = None, OVER_CAPACITY()
    place.apps.forget("1")
    assert (await refusal(place, guardian_token="jwt-1", unique_identifier="ann"))[0] == 503
    place.shelf.failure = None
    await (await inside(place)).close()


async def test_a_fault_of_ours_is_logged_and_told_as_such(place: Hall, caplog: pytest.LogCaptureFixture) -> None:
    place.book.failure = ZeroDivisionError("a secret")
    answer = await refusal(place, guardian_token="jwt-1", unique_identifier="ann")
    assert answer == (500, "Internal server error")
    assert "ZeroDivisionError: a secret" in caplog.text
    caplog.clear()
    place.book.failure = None
    await (await inside(place)).close()


# Staying


@pytest.fixture
async def three(place: Hall) -> AsyncIterator[Three]:
    """Give three who are in: two of the first user's, one of the second's."""
    sockets = [await inside(place, 1, "ann"), await inside(place, 1, "ann"), await inside(place, 2, "bob")]
    for one in sockets[:2]:
        await one.expect_diff(TOPIC, joins=["bob"])
    yield sockets[0], sockets[1], sockets[2]
    for one in sockets:
        await one.close()


async def test_all_sockets_of_a_user_whose_word_has_ended_are_closed(place: Hall, three: Three) -> None:
    first, second, other = three
    await place.doors.review_user(1)
    for one in (first, second, other):
        await one.expect_nothing()
    del place.book.grants["jwt-1"]
    await place.doors.review_user(2)
    await first.expect_nothing()
    await place.doors.review_user(1)
    await first.expect_close(4009)
    await second.expect_close(4009)
    await other.expect_diff(TOPIC, leaves=["ann"])
    await other.expect_nothing()


async def test_a_review_that_fails_half_way_may_be_done_again(place: Hall, three: Three) -> None:
    first, second, other = three
    del place.book.grants["jwt-1"]
    place.book.failure = STORE_UNAVAILABLE()
    with pytest.raises(Exception, match="cut off"):
        await place.doors.review_user(1)
    await first.expect_nothing()
    place.book.failure = None
    await place.doors.review_user(1)
    await first.expect_close(4009)
    await second.expect_close(4009)
    await other.expect_diff(TOPIC, leaves=["ann"])


async def test_one_who_goes_while_being_looked_at_again_is_no_harm(place: Hall, three: Three) -> None:
    first, second, other = three
    place.book.gate.shut()
    reviewing = asyncio.create_task(place.doors.review_application("1"))
    await place.book.gate.arrival()
    first.cut()
    await second.close()
    await other.expect_diff(TOPIC, leaves=["ann"])
    place.book.grants.clear()
    place.book.gate.open()
    await reviewing
    await place.doors.review_application("1")
    await other.expect_close(4009)


async def test_one_who_comes_during_a_review_is_looked_at_by_the_new_rules(place: Hall, three: Three) -> None:
    """The second user's word ends while a review of the first's waits."""
    first, second, other = three
    place.book.gate.shut()
    reviewing = asyncio.create_task(place.doors.review_user(1))
    await place.book.gate.arrival()
    coming = come(place, 2, "bob")
    await place.book.gate.arrival()
    del place.book.grants["jwt-2"]
    ending = asyncio.create_task(place.doors.review_user(2))
    await place.book.gate.arrival()
    place.book.gate.open()
    await asyncio.gather(reviewing, ending)
    with pytest.raises(Exception, match="403"):
        await coming
    await other.expect_close(4009)
    for one in (first, second):
        await one.expect_diff(TOPIC, leaves=["bob"])


async def test_sockets_are_looked_at_by_their_own_keys_and_grants(place: Hall) -> None:
    place.put("1", "key", "newer")
    place.book.grants["jwt-3"] = replace(place.book.grants["jwt-1"], token_id=3)
    old, new, third = [
        await knock(place, app_key=key, guardian_token=f"jwt-{number}", unique_identifier="ann")
        for key, number in (("key", 1), ("newer", 1), ("newer", 3))
    ]
    del place.book.grants["jwt-3"]
    await place.doors.review_user(1)
    await third.expect_close(4009)
    place.put("1", "newer")
    await place.doors.review_application("1")
    await old.expect_close(4001)
    await new.expect_nothing()
    place.put("1", "newer", enabled=False)
    await place.doors.review_application("1")
    await new.expect_close(4003)


async def test_a_flood_of_reviews_lets_clients_in_between(place: Hall) -> None:
    coming = come(place)
    for _ in range(200):
        await place.doors.review_user(2)
        await asyncio.sleep(0)
    await (await coming).close()
