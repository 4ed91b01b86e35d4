"""Phoenix Channels over requests that wait, as phoenix.js makes them where no WebSocket gets through."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from seeded import Seeded
from sockets.client import LIMIT
from sockets.conftest import Publish
from sockets.phoenix.client import V1, V2, direct, lobby, path_of
from sockets.phoenix.conftest import Visit

both = pytest.mark.parametrize("vsn", [V1, V2])
WINDOW = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    """Give a server whose polls wait long enough for that to be seen."""
    with Seeded(poll_window=WINDOW, poll_timeout=3, max_backlog_bytes=100_000) as running:
        yield running


@pytest.fixture(scope="module")
def jwt(server: Seeded) -> str:
    return server.jwt()


class Poller:
    """A client that polls."""

    def __init__(self, server: Seeded, jwt: str, uid: str, vsn: str = V2) -> None:
        self.server = server
        self.vsn = vsn
        self.query = {"app_key": server.key, "guardian_token": jwt, "unique_identifier": uid, "vsn": vsn}
        self.token: str | None = None

    async def request(self, method: str, body: bytes | None = None, kind: str = "application/json") -> dict[str, Any]:
        """Make one request; what counts is in the body of the answer."""
        query = self.query if self.token is None else {**self.query, "token": self.token}
        answer = await asyncio.to_thread(
            requests.request,
            method,
            f"{self.server.url}/socket/longpoll",
            params=query,
            data=body,
            headers={"Content-Type": kind},
            timeout=LIMIT,
        )
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        told = answer.json()
        assert isinstance(told, dict)
        return told

    async def open(self) -> "Poller":
        """Come in."""
        told = await self.request("GET")
        assert told["status"] == 410, told
        self.token = str(told["token"])
        return self

    async def poll(self) -> list[list[Any]]:
        """Wait for messages, in the shape of V2; none when the window has passed."""
        told = await self.request("GET")
        assert told["status"] in (200, 204), told
        assert (told["status"] == 204) == (told["messages"] == [])
        assert told["token"] == self.token
        if self.vsn == V2:
            return [json.loads(message) for message in told["messages"]]
        names = ("topic", "event", "payload")
        return [[None, message["ref"], *(message[name] for name in names)] for message in told["messages"]]

    async def is_over(self) -> bool:
        """Poll, and tell whether the server knows nothing of this client."""
        return bool((await self.request("GET"))["status"] == 500)

    async def send(self, topic: str, event: str, payload: object = None, ref: str = "1", join_ref: str = "1") -> None:
        """Post one message."""
        payload = {} if payload is None else payload
        message: object = [join_ref, ref, topic, event, payload]
        if self.vsn == V1:
            message = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        assert await self.request("POST", json.dumps(message).encode()) == {"status": 200}

    async def join(self, topic: str) -> dict[str, Any]:
        """Join, and give who is there."""
        await self.send(topic, "phx_join")
        reply, state = await self.poll()
        assert reply[1:] == ["1", topic, "phx_reply", {"status": "ok", "response": {}}]
        assert state[1:4] == [None, topic, "presence_state"]
        return dict(state[4])


async def test_a_poll_waits_for_something_to_say(server: Seeded, jwt: str, name: str) -> None:
    """Or phoenix.js, which polls again at once, would ask thousands of times a second."""
    poller = await Poller(server, jwt, "ann").open()
    began = time.monotonic()
    assert await poller.poll() == []
    assert time.monotonic() - began >= WINDOW * 0.9
    await poller.join(lobby(server, name))
    began = time.monotonic()
    assert await poller.poll() == []
    assert time.monotonic() - began >= WINDOW * 0.9


async def test_a_poll_ends_when_there_is_something_to_say(
    server: Seeded, jwt: str, publish: Publish, name: str
) -> None:
    poller = await Poller(server, jwt, "ann").open()
    await poller.join(lobby(server, name))
    began = time.monotonic()
    polling = asyncio.create_task(poller.poll())
    await asyncio.sleep(0.2)
    assert not polling.done()
    publish(server, name, "told", '{"a":1}')
    assert await polling == [[None, None, lobby(server, name), "told", {"a": 1}]]
    assert time.monotonic() - began < WINDOW * 0.9


@both
async def test_clients_of_both_transports_meet(server: Seeded, jwt: str, visit: Visit, name: str, vsn: str) -> None:
    topic = lobby(server, name)
    poller, bob = await Poller(server, jwt, "ann", vsn).open(), await visit(server, "bob")
    assert list(await poller.join(topic)) == ["ann"]
    assert list(await bob.join(topic)) == ["ann", "bob"]
    [diff] = await poller.poll()
    assert (diff[3], list(diff[4]["joins"])) == ("presence_diff", ["bob"])
    await bob.send(topic, "hello", {"a": 1})
    [hello] = await poller.poll()
    assert hello == [None, None, topic, "hello", {"a": 1}]
    assert {(await bob.receive()).event for _ in range(2)} == {"phx_reply", "hello"}
    await poller.send(topic, "hello", {"b": 2}, ref="2")
    assert await bob.expect(topic, "hello") == {"b": 2}
    heard = [message[3] for message in await poller.poll()]
    assert sorted(heard) in (["hello", "phx_reply"], ["phx_reply"])
    await poller.send("phoenix", "heartbeat", ref="3")
    assert "3" in [message[1] for message in await poller.poll()]


async def test_several_messages_may_come_in_one_request(server: Seeded, jwt: str, name: str) -> None:
    poller, topic = await Poller(server, jwt, "ann").open(), lobby(server, name)
    lines = [["1", "1", topic, "phx_join", {}], ["1", "2", topic, "hello", {}], [None, "3", "phoenix", "heartbeat", {}]]
    body = "\n".join(map(json.dumps, lines)).encode()
    assert await poller.request("POST", body, "application/x-ndjson") == {"status": 200}
    refs: list[str] = []
    while "3" not in refs:
        refs += [message[1] for message in await poller.poll() if message[3] == "phx_reply"]
    assert refs == ["1", "2", "3"]


async def test_bytes_come_in_base64(server: Seeded, jwt: str, visit: Visit, name: str) -> None:
    poller, bob, topic = await Poller(server, jwt, "ann").open(), await visit(server, "bob"), lobby(server, name)
    await bob.join(topic)
    await poller.join(topic)
    await bob.expect_diff(topic, joins=["ann"])
    texts = [text.encode() for text in ("1", "2", topic, "blob")]
    frame = bytes([0, *map(len, texts)]) + b"".join(texts) + b"\0\xff"
    assert await poller.request("POST", base64.b64encode(frame)) == {"status": 200}
    assert await bob.receive_bytes() == (topic, "blob", b"\0\xff")
    blobs: list[Any] = []
    while not blobs:
        blobs = [message[4] for message in await poller.poll() if message[3] == "blob"]
    assert blobs == [{"data": base64.b64encode(b"\0\xff").decode()}]


async def test_of_two_polls_at_once_the_later_gets_the_messages(
    server: Seeded, jwt: str, publish: Publish, name: str
) -> None:
    poller = await Poller(server, jwt, "ann").open()
    await poller.join(lobby(server, name))
    earlier = asyncio.create_task(poller.poll())
    await asyncio.sleep(0.2)
    later = asyncio.create_task(poller.poll())
    assert await earlier == []
    await asyncio.sleep(0.2)
    assert not later.done()
    publish(server, name, "told", "{}")
    assert [message[3] for message in await later] == ["told"]


async def test_a_poll_that_is_broken_off_takes_no_message_with_it(
    server: Seeded, jwt: str, publish: Publish, name: str
) -> None:
    poller = await Poller(server, jwt, "ann").open()
    await poller.join(lobby(server, name))
    path = path_of(server, guardian_token=jwt, unique_identifier="ann", token=poller.token)
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(
            f"GET {path.replace('/websocket', '/longpoll')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        await asyncio.sleep(0.3)
    await asyncio.sleep(0.3)
    publish(server, name, "told", "{}")
    assert [message[3] for message in await poller.poll()] == ["told"]


async def test_one_who_polls_no_more_has_left(server: Seeded, jwt: str, visit: Visit, name: str) -> None:
    poller, bob, topic = await Poller(server, jwt, "ann").open(), await visit(server, "bob"), lobby(server, name)
    await poller.join(topic)
    await bob.join(topic)
    await bob.expect_diff(topic, leaves=["ann"])
    assert await poller.is_over()
    assert await poller.request("POST", b"[]") == {"status": 410}


async def test_one_who_polls_too_seldom_for_all_there_is_to_say_is_given_up(
    server: Seeded, jwt: str, visit: Visit, publish: Publish, name: str
) -> None:
    poller, bob, topic = await Poller(server, jwt, "ann").open(), await visit(server, "bob"), lobby(server, name)
    await bob.join(topic)
    await poller.join(topic)
    await bob.expect_diff(topic, joins=["ann"])
    for _ in range(12):
        publish(server, name, "told", "x" * 10_000)
    while (said := await bob.receive()).event == "told":
        pass
    assert list(said.payload["leaves"]) == ["ann"]
    assert await poller.is_over()


@pytest.mark.parametrize("body", [b"", b"x", b"[", b"{}", b"[]", b"AAAA", b"null"])
async def test_a_malformed_message_ends_its_client(server: Seeded, jwt: str, body: bytes) -> None:
    poller = await Poller(server, jwt, "ann").open()
    await poller.request("POST", body)
    assert await poller.is_over()
    assert "Traceback" not in server.log, server.log


@pytest.mark.parametrize(("body", "status"), [(b"\xff", 400), (b"x" * 70_000, 413)])
async def test_a_body_that_cannot_be_read_is_told(server: Seeded, jwt: str, body: bytes, status: int) -> None:
    poller = await Poller(server, jwt, "ann").open()
    assert (await poller.request("POST", body))["status"] == status


async def test_who_may_not_come_in_is_told_so_in_the_answer(server: Seeded, jwt: str) -> None:
    for wrong in ({"guardian_token": "x"}, {"app_key": "x"}, {"unique_identifier": "a b"}, {"vsn": "3.0.0"}):
        poller = Poller(server, jwt, "ann")
        poller.query |= wrong
        assert (await poller.request("GET"))["status"] == 403
    poller = Poller(server, jwt, "ann")
    poller.token = "nobody's"
    assert await poller.is_over()


async def test_another_users_topic_is_as_closed_as_on_a_websocket(server: Seeded, jwt: str) -> None:
    poller = await Poller(server, jwt, "ann").open()
    await poller.send(direct(server, "bob"), "phx_join")
    [[_, _, _, event, payload]] = await poller.poll()
    assert (event, payload["status"]) == ("phx_reply", "error")
    assert list(await poller.join(direct(server, "ann"))) == ["ann"]


async def test_one_whose_token_ends_is_ended(server: Seeded) -> None:
    token = json.loads(server.command("token", "create", "--user", "admin@example.com", "--json"))["token"]
    answer = await asyncio.to_thread(requests.post, f"{server.url}/api/session", {"token": token}, timeout=LIMIT)
    poller = await Poller(server, answer.json()["jwt"], "ann").open()
    polling = asyncio.create_task(poller.is_over())
    await asyncio.to_thread(server.command, "token", "invalidate", token)
    assert await polling or await poller.is_over()
    again = Poller(server, answer.json()["jwt"], "ann")
    assert (await again.request("GET"))["status"] == 403
