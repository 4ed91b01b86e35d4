"""Pusher's own libraries take our webhooks, the last try included."""

import asyncio
import base64
import json
import subprocess
import time
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from conftest import CLIENTS
from databases import Execute
from hubbub.messages import Event, Member, MemberAdded, Occupied
from hubbub.store import Store
from webhooks.conftest import APP, PAIR, Open, hooked, to
from webhooks.receiver import Received, Receiver
from webhooks.test_retrying import age, expect_states, started

STRANGE = 'é"\\\N{GRINNING FACE}\0 </script>'


def python_takes(received: Received, secret: str = PAIR.secret) -> bool:
    """Ask the library for Python at this moment, for it looks at the time."""
    pusher = Pusher("1", PAIR.key, secret)
    key, signature = received.header("X-Pusher-Key"), received.header("X-Pusher-Signature")
    taken = pusher.validate_webhook(key, signature, received.body.decode())
    return taken is not None and taken == json.loads(received.body)


def node_takes(*many: Received, secret: str = PAIR.secret) -> list[bool]:
    """Ask the library for Node."""
    lines = [
        json.dumps(
            {
                "key": PAIR.key,
                "secret": secret,
                "headers": {name.lower(): value for name, value in one.headers},
                "body": base64.b64encode(one.body).decode(),
            }
        )
        for one in many
    ]
    script = [str(Path(__file__).parent / "validate.cjs"), str(CLIENTS / "package.json")]
    told = subprocess.run(
        ["node", *script], input="\n".join(lines), capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in told.stdout.splitlines()]


async def told(open_webhooks: Open, receiver: Receiver) -> list[Received]:
    webhooks = await open_webhooks(to(receiver), is_batched=False)
    await webhooks.record(
        APP,
        Occupied("presence-a"),
        MemberAdded("presence-a", Member(STRANGE)),
        Event("presence-a", "client-a", STRANGE, STRANGE),
        socket_id="1.2",
    )
    return [await receiver.next() for _ in range(3)]


async def test_the_library_for_python_takes_webhooks(open_webhooks: Open, receiver: Receiver) -> None:
    for received in await told(open_webhooks, receiver):
        assert python_takes(received)
        assert not python_takes(received, secret="another")


@pytest.mark.needs("node")
async def test_the_library_for_node_takes_webhooks(open_webhooks: Open, receiver: Receiver) -> None:
    found = await told(open_webhooks, receiver)
    assert node_takes(*found) == [True] * 3
    assert node_takes(*found, secret="another") == [False] * 3


@pytest.mark.needs("node")
async def test_both_take_the_last_try_of_a_short_window(open_webhooks: Open, receiver: Receiver) -> None:
    receiver.always = 500
    webhooks = await open_webhooks(to(receiver), webhook_window=4, webhook_timeout=1)
    await webhooks.record(APP, Event("private-a", "client-a", STRANGE))
    found = []
    while not webhooks.counts()["failed"]:
        await asyncio.sleep(0.02)
        for received in receiver.rest():
            assert python_takes(received)
            found.append(received)
    assert node_takes(*found) == [True] * len(found)
    assert len({(one.body, one.headers) for one in found}) == 1
    age = found[-1].at - found[-1].time_ms / 1000
    assert age > 2.8, "the last try should begin as long before the window's end as an answer may take"


@pytest.mark.needs("node")
async def test_both_take_the_last_try_of_the_window_that_is_the_default(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    receiver.answers.extend([500, 500])
    webhooks = await started(store, hooked(to(receiver)))
    await webhooks.record(APP, Event("private-a", "client-a", STRANGE))
    await receiver.next()
    await webhooks.stop()
    # Older by what brings it near to its last try: that comes 290 s after its making, by the server's own clock.
    [row] = await execute("SELECT time_ms FROM webhook_deliveries")
    await age(execute, 284 - (time.time() - row.time_ms / 1000))
    webhooks = await started(store, hooked(to(receiver)))
    found = [await receiver.next()]
    assert python_takes(found[0])
    found.append(await receiver.next())
    assert python_takes(found[1])
    assert node_takes(*found) == [True, True]
    assert found[0].body == found[1].body
    assert found[1].at - found[1].time_ms / 1000 > 289
    await expect_states(execute, "delivered")
    await webhooks.stop()


@pytest.mark.needs("node")
async def test_both_take_what_was_pending_during_a_long_outage_of_ours(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    receiver.answers.append(500)
    webhooks = await started(store, hooked(to(receiver)))
    await webhooks.record(APP, Event("private-a", "client-a", STRANGE))
    first = await receiver.next()
    await webhooks.stop()
    await age(execute, 3600)
    webhooks = await started(store, hooked(to(receiver)))
    received = await receiver.next()
    assert python_takes(received)
    assert node_takes(received) == [True]
    assert received.events == first.events
    await expect_states(execute, "delivered")
    await webhooks.stop()
