"""What is refused is counted by reason, and shown to who has the token."""

import asyncio
import json
import re
import urllib.error
import urllib.request

import pusher  # type: ignore[import-untyped]
import pytest
import websockets
from pusher.errors import PusherError  # type: ignore[import-untyped]

from hubbub import reference
from hubbub.errors import name_of
from hubbub.settings import AppSettings
from running import Running

TOKEN = "a-token-for-metrics"
SILENT = {"watchlists", "cache_ttl", "webhook_batches", "subscription_error_frames", "leaves_per_second",
          "max_topic_members"}  # fmt: skip


def metrics(server: Running, token: str | None = TOKEN) -> str:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/metrics", headers=headers)) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        return str(answer.read().decode())


def refused(text: str, app_id: str, reason: str) -> float:
    found = re.search(rf'^hubbub_refusals_total\{{app="{app_id}",reason="{reason}"\}} (\S+)$', text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


async def ask(url: str, *messages: object) -> None:
    """Send messages to a Pusher socket, and come back when they have been obeyed, or the socket is closed."""
    async with websockets.connect(url) as socket:
        try:
            for message in (*messages, {"event": "pusher:ping", "data": {}}):
                await socket.send(json.dumps(message))
            while json.loads(await asyncio.wait_for(socket.recv(), 15))["event"] != "pusher:pong":
                pass
        except websockets.ConnectionClosed:
            pass


def test_each_setting_of_an_application_has_an_error_and_a_metric_or_refuses_nothing() -> None:
    assert set(AppSettings.model_fields) == reference.REFUSALS.keys() | SILENT
    assert not reference.REFUSALS.keys() & SILENT


def test_the_metrics_of_the_page_of_settings_count() -> None:
    with Running(
        metrics_token=TOKEN, app_client_events=False, app_max_event_bytes=10, app_events_per_second=2
    ) as server:
        before = metrics(server)
        assert refused(before, server.app_id, "client_event_off") == 0
        said = {"event": "client-x", "channel": "private-a", "data": {}}
        url = f"{server.socket_url}?protocol=7"
        asyncio.run(ask(url, said, said, {"event": "pusher:subscribe", "data": {"channel": "x" * 300}}))
        asyncio.run(ask(url.replace(server.key, "unknown")))
        api = pusher.Pusher(server.app_id, server.key, server.secret, host=server.host, port=server.port, ssl=False)
        for data in ("x" * 11, "1", "2", "3"):
            try:
                api.trigger("a", "n", data)
            except PusherError:
                continue
        after = metrics(server)
    app = server.app_id
    assert refused(after, app, "client_event_off") == 2
    assert refused(after, app, name_of(reference.REFUSALS["max_channel_name_length"])) == 1
    assert refused(after, "", "unknown_key") == 1
    assert refused(after, app, "data_too_large") == 1
    assert refused(after, app, "event_rate") == 1
    assert server.secret not in after


def test_metrics_are_for_who_has_the_token() -> None:
    with Running(metrics_token=TOKEN) as server:
        for token in (None, "", "another-token", TOKEN + "x"):
            with pytest.raises(urllib.error.HTTPError) as refusal:
                metrics(server, token)
            assert refusal.value.code == 401
            refusal.value.close()


def test_without_a_token_there_are_no_metrics() -> None:
    with Running() as server:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            metrics(server, "None")
        assert refusal.value.code == 404
        refusal.value.close()
