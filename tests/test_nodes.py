"""What nodes of one cluster tell each other besides what clients hear: that the accounts have changed, who may chat."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from engine.redis.redisserver import Server
from running import Running
from seeded import ORGANIZATION, Seeded
from sockets.client import LIMIT, dial
from sockets.phoenix.client import V2, PhoenixSocket

BLIND = """
from functools import partial
from unittest.mock import patch
from hubbub import server
from hubbub.changes import Changes
from hubbub.cli import main
with patch.object(server, "Changes", partial(Changes, interval=3600)):
    main()
"""
"""A server that looks into the journal of changes only when it is told to."""

pytestmark = pytest.mark.needs("redis")


class Blind(Running):
    """A node of that kind."""

    program = ("-c", BLIND)


class BlindSeeded(Seeded):
    """One that has made the first data."""

    program = ("-c", BLIND)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Seeded, Running]]:
    """Give two nodes of a cluster; the first knows who its admin is."""
    with Server() as redis:
        url = f"sqlite:///{tmp_path / 'hubbub.db'}"
        with (
            BlindSeeded(database_url=url, engine_url=redis.url, demo=True) as first,
            Blind(
                database_url=url, engine_url=redis.url, demo=True, app_id=None, app_key=None, app_secret=None
            ) as second,
        ):
            second.app_id, second.key, second.secret = first.app_id, first.key, first.secret
            yield first, second


async def ask(request: urllib.request.Request | str) -> Any:
    def call() -> Any:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return json.load(answer)

    return await asyncio.to_thread(call)


async def test_a_change_by_one_node_is_felt_at_the_others_without_their_looking(nodes: tuple[Seeded, Running]) -> None:
    first, second = nodes
    here, there = await (await dial(first)).welcome(), await (await dial(second)).welcome()
    change = urllib.request.Request(
        f"{first.url}/api/organizations/{ORGANIZATION}/applications/{first.app_id}",
        json.dumps({"settings": {"enabled": False}}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {await asyncio.to_thread(first.jwt)}"},
        method="PATCH",
    )
    await ask(change)
    for socket in (here, there):
        assert (await socket.receive())["event"] == "pusher:error"
        await socket.expect_close(4003)


async def test_who_was_let_into_the_chat_by_one_node_may_come_to_another(nodes: tuple[Seeded, Running]) -> None:
    first, second = nodes
    given = await ask(f"{first.url}/demo/session?uid=jane")
    query = urlencode({"app_key": given["app_key"], "guardian_token": given["jwt"], "vsn": V2})
    async with connect(f"ws://{second.host}:{second.port}/socket/websocket?{query}") as connection:
        socket = PhoenixSocket(connection, given["app_key"], V2)
        await socket.ask(f"lobby:{given['app_key']}")
        said = await socket.receive()
        assert (said.event, said.payload["status"]) == ("phx_reply", "ok")
    for wrong in ("", ".", "jane.9999999999.", given["jwt"] + "0", "\ud800.1.x".encode("utf-8", "surrogatepass")):
        query = urlencode({"app_key": given["app_key"], "guardian_token": wrong, "vsn": V2})
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{second.host}:{second.port}/socket/websocket?{query}")
        assert refused.value.response.status_code in {400, 403}
