"""Who gets in, and how those who do not are told (pusher-protocol, "URL and handshake", "Close codes")."""

import asyncio
import http.client
import json
import re
from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from running import Running
from sockets.client import LIMIT, Dial, RawSocket, accept_of, command, eventually, request

Start = Callable[..., Running]

SWIFT = "pusher-channels-protocol-7"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Give a server that lets nobody go by giving up on them: each close has to be done by both sides."""
    with Running(close_timeout=3 * LIMIT) as running:
        yield running


async def test_the_first_frame_is_the_welcome_with_its_data_as_text(server: Running, dial: Dial) -> None:
    frame = await (await dial(server)).receive()
    assert frame.keys() == {"event", "data"}
    assert frame["event"] == "pusher:connection_established"
    welcome = json.loads(frame["data"])
    assert re.fullmatch(r"\d+\.\d+", welcome.pop("socket_id"))
    assert welcome == {"activity_timeout": 120}


async def test_the_activity_timeout_is_a_setting(start_server: Start, dial: Dial) -> None:
    socket = await dial(start_server(activity_timeout=30))
    assert (await socket.expect("pusher:connection_established"))["activity_timeout"] == 30


async def test_socket_ids_are_unique(server: Running, connect: Dial) -> None:
    seen: set[str] = set()
    for _ in range(10):
        seen.update(socket.socket_id for socket in await asyncio.gather(*(connect(server) for _ in range(100))))
    assert len(seen) == 1000


@pytest.mark.parametrize(
    "query",
    [
        "?protocol=7&client=js&version=8.6.0&flash=false",
        "?protocol=6",
        "?client=java-client&protocol=5",
        "?protocol=4",
        "",
        "?",
        "?client=js",
        "?protocol=7&unknown=%00%ff&&=&x",
        "?" + "&".join(f"a{number}=1" for number in range(200)),
    ],
)
async def test_these_clients_are_welcome(server: Running, connect: Dial, query: str) -> None:
    assert await (await connect(server, f"/app/{server.key}{query}")).subscribe("room") == {}


@pytest.mark.parametrize("version", ["1", "2", "3", "8", "99", "0", "007007", "9" * 100])
async def test_other_versions_are_told_which_there_are(server: Running, dial: Dial, version: str) -> None:
    socket = await dial(server, f"/app/{server.key}?protocol={version}")
    await socket.expect_end(4007, f"Unsupported protocol version: {version[:32]}, this server speaks 4 to 7")


@pytest.mark.parametrize("version", ["abc", "7.0", "-7", "٧", "0x7"])
async def test_what_is_no_number_is_no_version(server: Running, dial: Dial, version: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in version.encode())
    socket = await dial(server, f"/app/{server.key}?protocol={escaped}")
    await socket.expect_end(4006, f"Invalid version string format: '{version}'")


async def test_an_empty_version_is_missing(server: Running, dial: Dial) -> None:
    await (await dial(server, f"/app/{server.key}?protocol=")).expect_end(4008, "No protocol version supplied")


@pytest.mark.parametrize("version", [4, 5, 6, 7])
async def test_an_unknown_key_is_told_in_a_frame_and_in_the_close(server: Running, dial: Dial, version: int) -> None:
    text = "App key nobody not in this cluster. Did you forget to specify the cluster?"
    await (await dial(server, f"/app/nobody?protocol={version}")).expect_end(4001, text)


async def test_a_close_reason_is_cut_between_characters_to_what_a_frame_holds(server: Running, dial: Dial) -> None:
    socket = await dial(server, "/app/" + "%F0%9F%8E%89" * 60)
    message = (await socket.expect("pusher:error"))["message"]
    assert message == f"App key {'🎉' * 60} not in this cluster. Did you forget to specify the cluster?"
    assert await socket.expect_close(4001) == f"App key {'🎉' * 28}"


async def test_two_hundred_who_ask_for_the_same_unknown_key_are_all_answered(server: Running, dial: Dial) -> None:
    for socket in await asyncio.gather(*(dial(server, "/app/none-of-these") for _ in range(200))):
        await socket.expect("pusher:error")
        await socket.expect_close(4001)


@pytest.mark.parametrize("path", ["//app/{}", "/app/", "/app/{}/", "/app/{}/x", "/nope/{}", "/app", "/", "/app/?{}"])
async def test_a_bad_path_is_told_after_the_upgrade(server: Running, dial: Dial, path: str) -> None:
    await (await dial(server, path.format(server.key))).expect_end(4005, "Path not found")


async def test_a_key_may_be_percent_encoded(server: Running, connect: Dial) -> None:
    assert "-" in server.key
    assert await (await connect(server, f"/app/{server.key.replace('-', '%2D')}?protocol=7")).subscribe("room") == {}


async def test_a_disabled_application_lets_nobody_in(start_server: Start, dial: Dial) -> None:
    await (await dial(start_server(app_enabled=False))).expect_end(4003, "Application disabled")


async def test_an_application_may_insist_on_tls(start_server: Start, dial: Dial, connect: Dial) -> None:
    server = start_server(app_force_tls=True)
    text = "Application only accepts TLS connections, reconnect using wss://"
    await (await dial(server)).expect_end(4000, text)
    for said in ("http", "", "ws, https"):
        await (await dial(server, headers={"X-Forwarded-Proto": said})).expect_end(4000, text)
    for said in ("https", "wss", "HTTPS", "https, http"):
        await connect(server, headers={"X-Forwarded-Proto": said})


async def test_only_a_trusted_proxy_is_believed(start_server: Start, dial: Dial) -> None:
    server = start_server(app_force_tls=True, trusted_proxies="10.0.0.0/8")
    socket = await dial(server, headers={"X-Forwarded-Proto": "https"})
    await socket.expect_end(4000, "Application only accepts TLS connections, reconnect using wss://")


@pytest.mark.parametrize(
    ("setting", "code", "text"),
    [
        ("app_max_connections", 4004, "Application is over its connection quota of 2"),
        ("max_connections", 4100, "Over capacity, try again later"),
    ],
)
async def test_the_place_of_one_who_leaves_is_free(
    start_server: Start, dial: Dial, connect: Dial, setting: str, code: int, text: str
) -> None:
    server = start_server(**{setting: 2})
    _, second = await connect(server), await connect(server)
    await (await dial(server)).expect_end(code, text)
    await (await dial(server, "/app/nobody?protocol=3")).expect("pusher:error")
    await second.close()

    async def is_let_in() -> bool:
        frame = await (await dial(server)).receive()
        return bool(frame["event"] == "pusher:connection_established")

    await eventually(is_let_in, "the place did not become free")
    await (await dial(server)).expect_end(code, text)


async def test_a_quota_is_for_those_who_are_in_not_for_those_who_were_refused(
    start_server: Start, dial: Dial, connect: Dial
) -> None:
    server = start_server(max_connections=1, app_max_connections=1)
    for _ in range(5):
        await (await dial(server, "/app/nobody")).expect("pusher:error")
    await connect(server)


@pytest.fixture
def stored(start_server: Start) -> Callable[..., Running]:
    """Give a way to start a server whose application is in its database, and has not been asked for yet."""

    def start(**settings: object) -> Running:
        server = start_server(migrate=True, app_id=None, app_key=None, app_secret=None, **settings)
        made = json.loads(server.command("app", "create", "Stored", "--json"))
        server.app_id, (pair,) = made["id"], made["key_pairs"]
        server.key, server.secret = pair["key"], pair["secret"]
        return server

    return start


async def test_commands_sent_before_the_application_was_found_wait_for_it(stored: Start) -> None:
    server = stored()
    async with RawSocket.open(server) as raw:
        await raw.upgrade(then=b"".join(command("pusher:subscribe", channel=f"c{number}") for number in range(5)))
        await raw.expect_event("pusher:connection_established")
        for number in range(5):
            assert f'"c{number}"'.encode() in (await raw.frame())[1]


async def test_capacity_holds_when_all_come_at_once_to_an_application_that_has_to_be_looked_up(
    stored: Start, dial: Dial
) -> None:
    server = stored(max_connections=3)
    sockets = await asyncio.gather(*(dial(server) for _ in range(20)))
    events = [(await socket.receive())["event"] for socket in sockets]
    assert events.count("pusher:connection_established") == 3


async def test_the_subprotocol_that_swift_asks_for_is_chosen(server: Running, dial: Dial) -> None:
    socket = await dial(server, subprotocols=["soap", SWIFT])
    assert socket.connection.subprotocol == SWIFT
    await socket.welcome()


async def test_without_a_known_subprotocol_none_is_chosen(server: Running, dial: Dial) -> None:
    socket = await dial(server, subprotocols=["soap"])
    assert socket.connection.subprotocol is None
    await socket.welcome()


async def test_no_compression_is_agreed_on(server: Running) -> None:
    offer = request(server, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
    async with RawSocket.open(server) as raw:
        await raw.send(offer + b"")
        head = await raw.head()
    assert head.startswith("HTTP/1.1 101 ")
    assert "sec-websocket-extensions" not in head.lower()


async def test_the_handshake_is_that_of_the_standard(server: Running) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ=="))
        head = await raw.head()
    assert f"Sec-WebSocket-Accept: {accept_of('dGhlIHNhbXBsZSBub25jZQ==')}".lower() in head.lower()


def test_a_browser_that_fetches_a_socket_path_is_told_what_it_is(server: Running) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    try:
        connection.request("GET", f"/app/{server.key}?protocol=7")
        answer = connection.getresponse()
        assert answer.status == 426
        assert answer.headers["Upgrade"] == "websocket"
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert "WebSocket" in answer.read().decode()
    finally:
        connection.close()


async def test_what_is_said_after_a_refusal_is_not_heard(server: Running, dial: Dial) -> None:
    socket = await dial(server, "/app/nobody")
    with pytest.raises(ConnectionClosed):  # noqa: PT012 - it depends on the network which of them fails
        for _ in range(100):
            await socket.send("pusher:subscribe", {"channel": "room"})
        await socket.expect("pusher:error")
        await socket.receive()
    assert socket.connection.close_code == 4001


@pytest.mark.parametrize("path", ["/", "/health", "/apps/1/channels", "/nowhere"])
async def test_a_connection_may_become_a_socket_after_other_requests(server: Running, path: str) -> None:
    """As from proxies, which keep connections and put anybody's request on them."""
    async with RawSocket.open(server) as raw:
        await raw.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await raw.body(await raw.head())
        await raw.send(request(server))
        assert (await raw.head()).startswith("HTTP/1.1 101 ")
        await raw.expect_event("pusher:connection_established")
