"""Endpoints that hang, redirect, flood, lie, or are somewhere they should not be."""

import asyncio
import shutil
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from databases import Execute
from hubbub.messages import Event, Occupied
from hubbub.store import Store
from hubbub.webhooks.seam import Endpoint
from hubbub.webhooks.webhooks import Webhooks
from logged import logged
from sockets.client import eventually
from webhooks.conftest import ALL, APP, Open, Receive, hooked, settings, to
from webhooks.receiver import Freak, Receiver, hang, hang_up, headers_without_end, megabytes, slowly, text
from webhooks.test_retrying import attempts, expect_states

SHORT = {"webhook_timeout": 0.5, "webhook_window": 1}
"""One try, and a last one half a second later."""

COOKIE = "HTTP/1.1 500 No\r\nSet-Cookie: id=1; Path=/\r\nContent-Length: 0\r\n\r\n"

INTO_PRIVATE = "its name leads into a network that is not public; see HUBBUB_WEBHOOK_PRIVATE"


@pytest.fixture
def empty_url(tmp_path: Path, migrated_file: Path) -> str:
    """Give a database; of which kind makes no difference here."""
    shutil.copyfile(migrated_file, tmp_path / "hubbub.db")
    return f"sqlite:///{tmp_path}/hubbub.db"


def redirect(status: int, url: str) -> Freak:
    return text(f"HTTP/1.1 {status} Elsewhere\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_failures_and_not_followed(
    open_webhooks: Open, receive: Receive, execute: Execute, status: int
) -> None:
    elsewhere = await receive()
    here = await receive(always=redirect(status, elsewhere.url))
    webhooks = await open_webhooks(to(here), **SHORT)
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    assert await attempts(execute) == [(status, "redirects are not followed", "")] * 2
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (hang, "no answer within 0.5 s"),
        (slowly(0.1), "no answer within 0.5 s"),
        (hang_up, "it hung up before an answer"),
        (text("SSH-2.0-OpenSSH_9.6\r\n"), "its answer is no HTTP"),
        (text("HTTP/1.1 two hundred\r\n\r\n"), "its answer is no HTTP"),
        (
            text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"),
            "its answer is no HTTP",
        ),
        (headers_without_end, "its answer is no HTTP"),
    ],
    ids=["hangs", "drips", "hangs up", "SSH", "no status", "two lengths", "endless head"],
)
async def test_what_is_no_answer_is_a_failure_that_says_why(
    open_webhooks: Open, receive: Receive, execute: Execute, answer: Freak, problem: str
) -> None:
    webhooks = await open_webhooks(to(await receive(always=answer)), **SHORT)
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    assert set(await attempts(execute)) == {(None, problem, "")}


async def test_of_a_long_answer_only_the_beginning_is_read(
    open_webhooks: Open, receive: Receive, execute: Execute
) -> None:
    receiver = await receive(always=megabytes)
    webhooks = await open_webhooks(to(receiver))
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "delivered")
    assert await attempts(execute) == [(200, "", "0123456789abcdef" * 32)]
    await webhooks.record(APP, Occupied("room-2"))
    await expect_states(execute, "delivered", "delivered")
    assert receiver.connections == 2


async def test_an_answer_whose_body_never_ends_is_an_answer(
    open_webhooks: Open, receive: Receive, execute: Execute
) -> None:
    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthanks")
        await reader.read()

    webhooks = await open_webhooks(to(await receive(always=begin)))
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "delivered")
    assert await attempts(execute) == [(200, "", "thanks")]


async def test_an_answer_is_kept_as_text_that_harms_nobody(
    open_webhooks: Open, receive: Receive, execute: Execute
) -> None:
    body = "a\0b\x1b[31mred\u202e\r\nnext\udcff"
    said = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body.encode(errors="surrogateescape")

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    webhooks = await open_webhooks(to(await receive(always=say)))
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "delivered")
    assert await attempts(execute) == [(200, "", "a\ufffdb\ufffd[31mred\ufffd next\ufffd")]


async def test_a_zipped_answer_is_not_unzipped(open_webhooks: Open, receive: Receive, execute: Execute) -> None:
    answer = text("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nbombs")
    webhooks = await open_webhooks(to(await receive(always=answer)))
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "delivered")
    assert await attempts(execute) == [(200, "", "bombs")]


async def test_an_endpoint_that_refuses_connections_is_tried_again(
    open_webhooks: Open, receive: Receive, execute: Execute
) -> None:
    async with Receiver() as gone:
        endpoint, port = to(gone), gone.port
    webhooks = await open_webhooks(endpoint)
    await webhooks.record(APP, Occupied("room"))
    await expect_attempts(execute, 1)
    back = await receive(port=port)
    await back.next()
    await expect_states(execute, "delivered")
    assert (await attempts(execute))[0] == (None, "no connection: Connection refused", "")


async def test_open_connections_are_used_again_and_cookies_are_not_kept(open_webhooks: Open, receive: Receive) -> None:
    receiver = await receive()

    async def with_cookie(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(COOKIE.encode())

    receiver.answers.append(with_cookie)
    webhooks = await open_webhooks(to(receiver))
    await webhooks.record(APP, Occupied("room"))
    first, second = await receiver.next(), await receiver.next()
    assert first.headers == second.headers
    assert receiver.connections == 1


async def test_headers_that_cannot_be_sent_are_a_failure(
    open_webhooks: Open, receiver: Receiver, execute: Execute
) -> None:
    endpoint = to(receiver, headers={"X-Split": "a\r\nX-Evil: b"})
    webhooks = await open_webhooks(endpoint, **SHORT)
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    assert await attempts(execute) == [(None, "its URL or one of its headers cannot be used", "")] * 2
    assert receiver.requests == []


async def test_headers_that_say_how_a_request_is_sent_cannot_be_chosen(open_webhooks: Open, receive: Receive) -> None:
    receiver = await receive()
    chosen = {"Host": "evil", "content-length": "0", "Transfer-Encoding": "chunked", "CONTENT-TYPE": "text/plain"}
    webhooks = await open_webhooks(to(receiver, headers={**chosen, "user-agent": "mine"}))
    await webhooks.record(APP, Occupied("room"))
    received = await receiver.next()
    names = {name.lower(): value for name, value in received.headers}
    assert names["host"] == f"127.0.0.1:{receiver.port}"
    assert names["user-agent"] == "mine"
    assert names["content-type"] == "application/json"
    assert "transfer-encoding" not in names


@pytest.mark.needs("openssl")
async def test_an_endpoint_whose_certificate_nobody_knows_is_refused(
    open_webhooks: Open, execute: Execute, certificate: tuple[Path, Path]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    webhooks = await open_webhooks(Endpoint(0, f"https://127.0.0.1:{port}/", ALL), **SHORT)
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    problems = {problem for _, problem, _ in await attempts(execute)}
    assert len(problems) == 1
    assert problems.pop().startswith("its certificate is not valid: ")
    server.close()


# The host's own network


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "127.0.0.1.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "１２７.0.0.1",
    ],
)
async def test_nothing_is_sent_to_the_hosts_own_network(
    store: Store, receiver: Receiver, execute: Execute, host: str
) -> None:
    endpoint = Endpoint(0, f"http://{host}:{receiver.port}/hook?secret=1", ALL)
    webhooks = await guarded(store, endpoint)
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    assert receiver.connections == 0
    problems = {(status, problem) for status, problem, _ in await attempts(execute)}
    assert problems <= {
        (None, "refused: its address is not public; see HUBBUB_WEBHOOK_PRIVATE"),
        (None, f"refused: {INTO_PRIVATE}"),
        (None, "its URL or one of its headers cannot be used"),
    }
    await webhooks.stop()


async def test_a_name_that_leads_into_the_hosts_own_network_is_refused(
    store: Store, receiver: Receiver, execute: Execute
) -> None:
    asked = []

    async def look_up(name: str) -> Sequence[str]:
        asked.append(name)
        return ["10.0.0.1", "127.0.0.1", "::1"]

    endpoint = Endpoint(0, f"http://rebinding.example:{receiver.port}/hook", ALL)
    webhooks = await guarded(store, endpoint, look_up)
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    assert receiver.connections == 0
    assert await attempts(execute) == [(None, f"refused: {INTO_PRIVATE}", "")] * 2
    assert set(asked) == {"rebinding.example"}
    await webhooks.stop()


async def test_a_name_is_asked_once_for_a_connection_and_its_private_addresses_are_left_out(
    store: Store, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name server that changes its mind: a second look at the name would find the loopback.
    answers = [["203.0.113.7", "8.8.8.8", "127.0.0.1"], ["127.0.0.1"]]
    connected: list[str] = []

    async def look_up(_: str) -> Sequence[str]:
        return answers.pop(0)

    loop = asyncio.get_running_loop()
    loop_connects = loop.sock_connect

    async def connect(sock: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "127.0.0.1" and address[1] != 80:
            return await loop_connects(sock, address)  # that is the database
        connected.append(address[0])
        raise OSError(111, "Connection refused")

    webhooks = await guarded(store, Endpoint(0, "http://example.com/hook", ALL), look_up)
    monkeypatch.setattr(loop, "sock_connect", connect)  # nothing may leave this machine
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    assert connected == ["8.8.8.8"]
    assert [problem for _, problem, _ in await attempts(execute)] == [
        "no connection: Connection refused",
        f"refused: {INTO_PRIVATE}",
    ]
    await webhooks.stop()


async def test_a_name_without_an_address_is_a_failure(store: Store, execute: Execute) -> None:
    async def look_up(_: str) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    webhooks = await guarded(store, Endpoint(0, "https://nowhere.example/hook", ALL), look_up)
    await webhooks.record(APP, Occupied("room"))
    await expect_states(execute, "failed")
    assert await attempts(execute) == [(None, "its name has no address", "")] * 2
    await webhooks.stop()


async def test_neither_urls_nor_headers_nor_bodies_are_logged(
    open_webhooks: Open, receive: Receive, execute: Execute, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    receiver = await receive(always=500)
    endpoint = Endpoint(0, f"{receiver.url}?token=query-secret", ALL, headers={"Authorization": "header-secret"})
    webhooks = await open_webhooks(endpoint, **SHORT)
    await webhooks.record(APP, Event("private-a", "client-a", "body-secret"))
    await expect_states(execute, "failed")
    ours = "".join(logged(caplog))
    assert "webhook=0 app_id=1" in ours
    for secret in ("query-secret", "header-secret", "body-secret", "hook-secret"):
        assert secret not in ours


async def guarded(store: Store, endpoint: Endpoint, look_up: object = None) -> Webhooks:
    """Give webhooks that keep out of private networks, and that the test stops itself."""
    webhooks = Webhooks(
        store.outbox,
        settings(webhook_private=False, **SHORT),
        hooked(endpoint),
        look_up=look_up,  # type: ignore[arg-type]
    )
    await webhooks.start()
    return webhooks


async def expect_attempts(execute: Execute, count: int) -> None:
    async def are_there() -> bool:
        return len(await attempts(execute)) >= count

    await eventually(are_there, f"there should be {count} attempts")
