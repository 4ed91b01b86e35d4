"""A server on either database, and what clients see of it while PostgreSQL is stopped and when it is started again."""

import asyncio
import json
import re

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from conftest import Start
from postgres import Cluster
from rest.driver import LIMIT, Keys, Line, listening, raw, request
from running import Running

NOBODY = Keys("1", "nobody", "x")
UNDECLARED = {"app_id": None, "app_key": None, "app_secret": None}


def create(server: Running, name: str) -> Keys:
    """Create an application in the server's database, from another process."""
    made = json.loads(server.command("app", "create", name, "--json"))
    return Keys(made["id"], made["key_pairs"][0]["key"], made["key_pairs"][0]["secret"])


def publish(keys: Keys, data: str) -> bytes:
    body = json.dumps({"name": "n", "channel": "c", "data": data}).encode()
    return request(keys, "POST", "/events", body)


async def closing(server: Running, key: str) -> tuple[int, str]:
    """Connect with a key that is refused, and give the code and the text of the close."""
    async with (
        asyncio.timeout(LIMIT),
        connect(f"ws://{server.host}:{server.port}/app/{key}?protocol=7", proxy=None) as socket,
    ):
        assert "pusher:error" in str(await socket.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def test_what_was_seeded_can_be_used(start_server: Start, empty_url: str) -> None:
    server = start_server(database_url=empty_url, migrate=True, **UNDECLARED)
    seeded = dict(line.split(maxsplit=1) for line in server.command("seed").splitlines())
    server.app_id, server.key, server.secret = seeded["Id:"], seeded["Key:"], seeded["Secret:"]
    async with listening(server, "c") as listener, Line(server) as line:
        assert (await line.ask(publish(Keys.of(server), "from the database"))).body == b"{}"
        assert await listener.event() == ("c", "n", "from the database")
        assert (await line.ask(publish(NOBODY, "d"))).status == 401
    assert "nothing was changed" in server.command("seed")


@pytest.mark.needs("postgresql programs")
async def test_while_the_database_is_away_only_those_who_need_it_are_told_to_come_back(start_server: Start) -> None:
    away = "The server is cut off from what it needs at the moment, try again later"
    with Cluster() as cluster:
        server = start_server(database_url=cluster.url, migrate=True, **UNDECLARED)
        keys, other = create(server, "Known"), create(server, "Not asked for yet")
        server.app_id, server.key, server.secret = keys
        async with listening(server, "c") as listener, Line(server) as line:
            assert (await line.ask(publish(keys, "before"))).body == b"{}"
            for _ in range(2):
                cluster.stop()
                assert (await line.ask(publish(keys, "meanwhile"))).body == b"{}"
                for _ in range(2):
                    assert (await line.ask(publish(NOBODY, "d"))).refusal == (503, away)
                    assert await closing(server, "nobody") == (4100, away)
                assert (await line.ask(raw("GET", "/health"))).status == 200
                cluster.start()
                assert (await line.ask(publish(NOBODY, "d"))).status == 401
                assert (await closing(server, "nobody"))[0] == 4001
            assert (await line.ask(publish(other, "after"))).body == b"{}"
            assert [(await listener.event())[2] for _ in range(3)] == ["before", "meanwhile", "meanwhile"]
        async with asyncio.timeout(LIMIT):
            while server.log.count("The database is back") < 2:  # noqa: ASYNC110 - another thread reads it
                await asyncio.sleep(0.05)
        said = re.findall(r'"hubbub.store","event":"The database is (\w+)', server.log)
        assert said == ["away", "back"] * 2, server.log


@pytest.mark.needs("postgresql programs")
def test_a_server_whose_database_is_away_does_not_start_and_tells_no_password(start_server: Start) -> None:
    with Cluster() as cluster:
        cluster.stop()
        with pytest.raises(AssertionError, match="the server ended with status 1") as ended:
            start_server(database_url=cluster.url)
    assert "The database is away" in str(ended.value)
    assert cluster.password not in str(ended.value)
