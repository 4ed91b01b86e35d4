"""What was not taken is sent again, the same to the byte, until the window ends."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from databases import Execute
from hubbub.messages import Event, Occupied
from hubbub.signing import sign
from hubbub.store import Store
from hubbub.webhooks.seam import Hooked
from hubbub.webhooks.webhooks import Webhooks
from logged import logged
from sockets.client import eventually
from webhooks.conftest import APP, PAIR, Open, Receive, hooked, settings, to
from webhooks.receiver import Receiver, hang, text


async def attempts(execute: Execute) -> list[tuple[int | None, str, str]]:
    """Give status, problem and answer of every attempt."""
    rows = await execute("SELECT status, problem, answer FROM webhook_attempts ORDER BY id")
    return [tuple(row) for row in rows]


async def states(execute: Execute) -> list[str]:
    return [row.state for row in await execute("SELECT state FROM webhook_deliveries ORDER BY id")]


async def expect_states(execute: Execute, *expected: str) -> None:
    async def are_so() -> bool:
        return await states(execute) == list(expected)

    await eventually(are_so, f"deliveries should become {expected}, are {await states(execute)}")


async def test_a_failed_request_is_repeated_to_the_byte(
    open_webhooks: Open, receiver: Receiver, execute: Execute
) -> None:
    receiver.answers.extend([500, 404, text("HTTP/1.1 503 Later\r\nContent-Length: 5\r\n\r\nlater")])
    webhooks = await open_webhooks(to(receiver))
    await webhooks.record(APP, Occupied("room"))
    found = [await receiver.next() for _ in range(4)]
    assert len({(one.body, one.headers) for one in found}) == 1
    assert found[0].is_signed_by(PAIR.key, PAIR.secret)
    assert 0.8 < found[1].at - found[0].at < found[3].at - found[0].at
    await expect_states(execute, "delivered")
    assert await attempts(execute) == [(500, "", "ok"), (404, "", "ok"), (503, "", "later"), (200, "", "ok")]
    assert (webhooks.tally.delivered, webhooks.tally.failed_attempts, webhooks.tally.failed) == (1, 3, 0)


async def test_after_its_window_a_request_has_failed_and_the_next_of_its_channel_goes(
    open_webhooks: Open, receiver: Receiver, execute: Execute, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.always = 500
    webhooks = await open_webhooks(to(receiver), webhook_window=4, webhook_timeout=1)
    await webhooks.record(APP, Event("private-a", "client-a", "first"))
    tries = [await receiver.next()]
    await webhooks.record(APP, Event("private-a", "client-a", "second"))
    while not webhooks.counts()["failed"]:
        await asyncio.sleep(0.02)
        tries += receiver.rest()
    receiver.always = 200
    first, *others = [one for one in tries if one.body == tries[0].body]
    ages = [one.at - one.time_ms / 1000 for one in others]
    assert all(age > 0.8 for age in ages)
    assert ages[-1] > 2.8, "the last try comes just inside the window"
    assert len(ages) <= 3
    second = next((one for one in tries if one.body != first.body), None) or await receiver.next()
    assert [event["data"] for event in second.events] == ["second"]
    assert second.time_ms > first.time_ms + 2800
    await expect_states(execute, "failed", "delivered")
    assert webhooks.counts()["failed"] == 1
    what = "webhook=0 app_id=1 delivery=1 reason=status 500"
    assert f"A delivery has failed: see `hubbub webhook show` {what}" in logged(caplog)


async def test_deliveries_of_before_a_restart_go_on_unchanged(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    receiver.answers.append(500)
    webhooks = await started(store, hooked(to(receiver)))
    await webhooks.record(APP, Event("private-a", "client-a", "1"))
    first = await receiver.next()
    await webhooks.record(APP, Event("private-a", "client-a", "2"))
    await webhooks.stop()
    assert await states(execute) == ["pending"]
    webhooks = await started(store, hooked(to(receiver)))
    assert (await receiver.next()).body == first.body
    assert [event["data"] for event in await receiver.events(1)] == ["2"]
    await webhooks.stop()


async def test_a_request_that_was_broken_off_by_a_stop_is_repeated(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    receiver.answers.append(hang)
    webhooks = await started(store, hooked(to(receiver)))
    await webhooks.record(APP, Occupied("room"))
    first = await receiver.next()
    await webhooks.stop()
    webhooks = await started(store, hooked(to(receiver)))
    assert (await receiver.next()).body == first.body
    await expect_states(execute, "delivered")
    await webhooks.stop()


async def test_a_delivery_whose_window_passed_while_nobody_ran_is_renewed_in_its_place(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    receiver.always = 500
    webhooks = await started(store, hooked(to(receiver)))
    await webhooks.record(APP, Event("private-a", "client-a", '1 ☃ ,"\0'))
    first = await receiver.next()
    await webhooks.record(APP, Event("private-a", "client-a", "2"))  # only now: before, both might go in one
    await webhooks.stop()
    await age(execute, 400)
    other, before = type(PAIR)("other-key", "other-secret"), time.time_ns() // 1_000_000
    receiver.rest()
    webhooks = await started(store, hooked(to(receiver), pair=other))
    again = await receiver.next()
    assert again.events == first.events
    assert before <= again.time_ms <= time.time() * 1000
    assert again.is_signed_by("other-key", "other-secret")
    [kept] = await execute("SELECT time_ms, body, key, signature FROM webhook_deliveries")
    signature = again.header("X-Pusher-Signature")
    assert tuple(kept) == (again.time_ms, again.body.decode(), "other-key", signature), "kept before it is sent"
    # It has its whole window again, in which it is repeated to the byte; what its channel has waits for it.
    receiver.always = 200
    assert (await receiver.next()).body == again.body
    assert [event["data"] for event in await receiver.events(1)] == ["2"]
    await expect_states(execute, "delivered", "delivered")
    await webhooks.stop()


async def test_only_what_is_late_is_renewed_and_only_at_a_start(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    receiver.always = 500
    webhooks = await started(store, hooked(to(receiver)))
    for channel in ("a", "b"):
        await webhooks.record(APP, Occupied(channel))
        await receiver.next()
    await webhooks.stop()
    await execute("UPDATE webhook_deliveries SET state = 'failed' WHERE id = 1")
    await age(execute, 200)
    [failed, pending] = await execute("SELECT time_ms, body FROM webhook_deliveries ORDER BY id")
    receiver.rest()
    webhooks = await started(store, hooked(to(receiver)))
    assert (await receiver.next()).body == pending.body.encode()
    await webhooks.refresh(APP)
    assert await execute("SELECT time_ms, body FROM webhook_deliveries ORDER BY id") == [failed, pending]
    await webhooks.stop()


async def test_who_has_a_new_key_signs_new_requests_with_it_and_old_ones_stay(store: Store, receive: Receive) -> None:
    receiver = await receive()
    receiver.answers.append(500)
    webhooks = await started(store, hooked(to(receiver)))
    await webhooks.record(APP, Event("private-a", "client-a", "1"))
    await receiver.next()
    await webhooks.stop()
    other = type(PAIR)("other-key", "other-secret")
    webhooks = await started(store, hooked(to(receiver), pair=other))
    await webhooks.record(APP, Event("private-a", "client-a", "2"))
    old, new = await receiver.next(), await receiver.next()
    assert old.is_signed_by(PAIR.key, PAIR.secret)
    assert new.is_signed_by("other-key", "other-secret")
    await webhooks.stop()


async def test_what_is_older_than_the_retention_is_forgotten(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    webhooks = await started(store, hooked(to(receiver)))
    await webhooks.record(APP, Occupied("room"))
    await receiver.next()
    await expect_states(execute, "delivered")
    await webhooks.stop()
    long_ago = datetime.now(UTC) - timedelta(days=8)
    await store.outbox.prune(long_ago)
    assert await states(execute) == ["delivered"]
    webhooks = await started(store, hooked(to(receiver)), webhook_retention=0.001)
    await expect_states(execute)
    assert await attempts(execute) == []
    await webhooks.stop()


async def test_an_attempt_says_when_and_how_long(open_webhooks: Open, receiver: Receiver, execute: Execute) -> None:
    webhooks = await open_webhooks(to(receiver))
    before = time.time()
    await webhooks.record(APP, Occupied("room"))
    await receiver.next()
    await expect_states(execute, "delivered")
    (row,) = await execute("SELECT duration_ms, delivery_id FROM webhook_attempts")
    assert 0 <= row.duration_ms <= (time.time() - before) * 1000


async def age(execute: Execute, seconds: float) -> None:
    """Let all deliveries have been made so much earlier."""
    for row in await execute("SELECT id, time_ms, body, key FROM webhook_deliveries"):
        time_ms = row.time_ms - round(seconds * 1000)
        body = row.body.replace(str(row.time_ms), str(time_ms), 1)
        await execute(
            "UPDATE webhook_deliveries SET time_ms = :time_ms, body = :body, signature = :signature WHERE id = :id",
            time_ms=time_ms,
            body=body,
            signature=sign(PAIR.secret, body),
            id=row.id,
        )


async def started(store: Store, declared: Hooked, **values: object) -> Webhooks:
    """Give webhooks that the test stops itself."""
    webhooks = Webhooks(store.outbox, settings(**values), declared)
    await webhooks.start()
    return webhooks
