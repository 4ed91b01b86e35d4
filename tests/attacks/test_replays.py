"""What was overheard, sent again."""

import json
import time
from collections.abc import Iterator

import pytest

from rest.driver import Keys, Line, raw, target
from running import Running
from sockets.client import Dial, sign


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


async def test_what_was_sent_may_be_sent_again_as_it_is_and_not_otherwise(server: Running) -> None:
    """Pusher knows no numbers used once: for ten minutes a signed request is good, as it is and nowhere else."""
    keys, body = Keys.of(server), b'{"name":"n","channel":"c","data":"d"}'
    path = f"/apps/{keys.app_id}/events"
    signed = target(keys, "POST", path, body)
    async with Line(server) as line:
        assert (await line.ask(raw("POST", signed, body))).status == 200
        assert (await line.ask(raw("POST", signed, body))).status == 200
        otherwise = [
            raw("POST", signed, body.replace(b'"c"', b'"b"')),
            raw("POST", signed.replace("/events", "/batch_events"), body),
            raw("GET", signed.replace("/events", "/channels")),
            raw("POST", f"{signed}&channel=b", body),
            raw("POST", signed.replace("auth_version=1.0", "auth_version=1.0&auth_version=1.0"), body),
            raw("POST", target(keys, "POST", path, body, at=time.time() - 601), body),
            raw("POST", target(keys, "POST", path, body, at=time.time() + 601), body),
        ]
        for request in otherwise:
            assert (await line.ask(request)).status in (400, 401), request


@pytest.mark.parametrize(("channel", "data"), [("private-x", None), ("presence-x", '{"user_id":"1"}')])
async def test_what_opens_a_channel_opens_it_for_one_socket(
    server: Running, connect: Dial, channel: str, data: str | None
) -> None:
    victim, thief = await connect(server), await connect(server)
    auth = victim.sign(channel, data)
    await thief.ask(channel, data, auth)
    assert (await thief.receive())["event"] == "pusher:error"
    await victim.close()
    later = await connect(server)
    await later.ask(channel, data, auth)
    assert (await later.receive())["event"] == "pusher:error"


async def test_who_signed_in_on_one_socket_is_nobody_on_another(server: Running, connect: Dial) -> None:
    victim, thief = await connect(server), await connect(server)
    user = json.dumps({"id": "victim"})
    auth = sign(server, f"{victim.socket_id}::user::{user}")
    await victim.claim(user, auth)
    await victim.expect("pusher:signin_success")
    await thief.claim(user, auth)
    assert (await thief.receive())["event"] == "pusher:error"
    # Nor is the one kind of proof good as the other.
    await thief.ask("private-x", None, sign(server, f"{thief.socket_id}::user::{user}"))
    assert "pusher:error" in {(await thief.receive())["event"] for _ in range(2)}
