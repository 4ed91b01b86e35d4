"""Each limit driven over its edge: as much as may be is accepted, and one more is refused.

`EDGES` has a way for each row of the table that no other test drives. A way gives the text that the refusal came with.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from hubbub.transports.kind import MOST_FIELDS
from rest.driver import Answer, Keys, Line, credentials, encoded, raw, request, signature
from running import Running
from sockets.client import PING, PONG, PusherSocket, RawSocket, client_frame, dial
from sockets.client import request as opening

SETTINGS: Final[dict[str, object]] = {
    "max_connections": 8,
    "max_connections_per_address": 3,
    "connections_per_second_per_address": 4,
    "requests_per_second_per_address": 10,
    "unlimited_addresses": "127.0.0.1",
    "max_head_bytes": 2500,
    "max_body_bytes": 70_000,
    "max_message_bytes": 2048,
    "messages_per_second": 50,
    "app_client_events_per_second": 3,
    "app_max_subscriptions": 2,
    "app_max_channel_name_length": 20,
    "app_max_presence_members": 1,
    "app_max_presence_user_id_length": 5,
    "app_max_presence_member_bytes": 40,
    "app_max_user_id_length": 5,
    "app_watchlists": True,
    "app_max_watchlist": 1,
    "app_events_per_second": 20,
    "app_max_event_bytes": 50,
    "app_max_event_name_length": 10,
    "app_max_channels_per_event": 2,
    "app_max_batch_events": 2,
}
"""Small limits, so that they are reached soon."""

DEEP, TOO_DEEP = 500, 1000
MASK = bytes(4)


class Scene(AsyncExitStack):
    """A server with those settings, and what is opened there for one test."""

    def __init__(self, server: Running) -> None:
        super().__init__()
        self.server = server

    async def dial(self, address: str | None = None) -> PusherSocket:
        """Open a socket, as a proxy does for a client of this address."""
        headers = {"X-Forwarded-For": address} if address is not None else None
        socket = await dial(self.server, headers=headers)
        self.push_async_callback(socket.close)
        return socket

    async def socket(self, address: str | None = None) -> PusherSocket:
        """Open one that is welcome."""
        return await (await self.dial(address)).welcome()

    async def raw(self) -> RawSocket:
        """Open one by hand, and take the welcome."""
        raw_socket = await self.enter_async_context(RawSocket.open(self.server))
        await raw_socket.upgrade()
        await raw_socket.expect_event("pusher:connection_established")
        return raw_socket

    async def ask(self, *requests: bytes) -> Answer:
        """Send, over a new connection, and read one answer."""
        async with Line(self.server) as line:
            return await line.ask(*requests)

    async def post(self, route: str, body: object) -> Answer:
        """Send a signed request."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.ask(request(Keys.of(self.server), "POST", route, text))


async def turned_away(socket: PusherSocket, code: int) -> str:
    """Take the error and the close of a socket that may not come in, and give their text."""
    error = await socket.expect("pusher:error")
    assert error["code"] == code
    assert await socket.expect_close(code) == error["message"]
    return str(error["message"])


async def said(socket: PusherSocket, code: int | None = None) -> str:
    """Take an error that leaves the socket open, and give its text."""
    error = await socket.expect("pusher:error")
    assert error["code"] == code
    return str(error["message"])


def text_of(answer: Answer, status: int) -> str:
    """Give the text of a refusal over HTTP."""
    assert answer.status == status, answer
    assert (answer.headers.get("retry-after") == "1") is (status == 429)
    return answer.refusal[1]


# Connections


async def sockets(scene: Scene) -> str:
    for _ in range(8):
        await scene.socket()
    return await turned_away(await scene.dial(), 4100)


async def connections_of_an_address(scene: Scene) -> str:
    for _ in range(3):
        await scene.socket("203.0.113.1")
    message = await turned_away(await scene.dial("203.0.113.1"), 4100)
    await scene.socket("203.0.113.2")
    polls = [
        raw("POST", f"/pusher/app/{scene.server.key}/1/s{number}/xhr", b"", "X-Forwarded-For: 203.0.113.3")
        for number in range(4)
    ]
    assert [(await scene.ask(poll)).status for poll in polls[:3]] == [200] * 3
    answer = await scene.ask(polls[3])
    assert (answer.status, answer.headers["retry-after"], answer.text.strip()) == (429, "1", message)
    return message


async def openings_of_an_address(scene: Scene) -> str:
    async def come() -> int | str:
        first = await (await scene.dial("2001:db8::1")).receive()
        return "" if first["event"] == "pusher:connection_established" else str(first["data"]["message"])

    # Of those that the rate lets pass, one is too many for another limit.
    told = await asyncio.gather(*(come() for _ in range(24)))
    assert told.count("") == 3
    return str(next(message for message in told if "new connections" in str(message)))


# Requests


async def requests_of_an_address(scene: Scene) -> str:
    one = raw("GET", "/apps/1/channels", b"", "X-Forwarded-For: 203.0.113.9")
    async with Line(scene.server) as line:
        await line.send(one * 40)
        statuses = []
        while (answer := await line.answer()).status == 401:
            statuses.append(401)
        assert len(statuses) >= 10
    page = raw("GET", "/js/pusher.js", b"", "X-Forwarded-For: 203.0.113.9")
    pages = await asyncio.gather(*(scene.ask(page) for _ in range(60)))
    assert 429 in {answer.status for answer in pages} <= {200, 429}
    assert (await scene.ask(raw("GET", "/js/pusher.js", b"", "X-Forwarded-For: 203.0.113.10"))).status == 200
    return text_of(answer, 429)


async def bytes_of_a_head(scene: Scene) -> str:
    async def fill(size: int) -> str:
        async with RawSocket.open(scene.server) as line:
            bare = opening(scene.server, X="")
            await line.send(opening(scene.server, X="x" * (size - len(bare) + len("\r\n\r\n"))))
            head = await line.head()
            if head.startswith("HTTP/1.1 101 "):
                return ""
            assert head.startswith("HTTP/1.1 431 ")
            return (await line.body(head)).decode().strip()

    assert await fill(2500) == ""
    message = await fill(2501)
    for target in ("/apps/1/channels", "/health"):
        assert text_of(await scene.ask(raw("GET", target, b"", f"X: {'x' * 2500}")), 431) == message
    return message


async def fields(scene: Scene) -> str:
    message = ""
    for target, accepted in (("/apps/1/channels", 401), ("/health", 200)):
        full = [f"a{number}: b" for number in range(MOST_FIELDS - 1)]  # and Host
        assert (await scene.ask(raw("GET", target, b"", *full))).status == accepted
        message = text_of(await scene.ask(raw("GET", target, b"", *full, "one: more")), 431)
    for more, status in ((0, 101), (1, 431)):
        names = {f"a{number}": "b" for number in range(MOST_FIELDS - 5 + more)}
        async with RawSocket.open(scene.server) as line:
            await line.send(opening(scene.server, **names))
            assert (await line.head()).startswith(f"HTTP/1.1 {status} ")
    return message


async def bytes_of_a_body(scene: Scene) -> str:
    message = ""
    for target, accepted in (("/apps/1/events", 401), ("/sign-in", 400)):
        assert (await scene.ask(raw("POST", target, b"x" * 70_000))).status == accepted
        message = text_of(await scene.ask(raw("POST", target, b"x" * 70_001)), 413)
        chunked = raw("GET", target, b"", "Transfer-Encoding: chunked").replace(b"GET", b"POST", 1)
        assert text_of(await scene.ask(chunked + b"11171\r\n" + b"x" * 70_001 + b"\r\n0\r\n\r\n"), 413) == message
    return message


async def bytes_of_a_form(scene: Scene) -> str:
    def form(size: int) -> bytes:
        whole = raw("POST", "/sign-in", b"csrf=".ljust(size, b"x"))
        return whole.replace(b"application/json", b"application/x-www-form-urlencoded")

    assert (await scene.ask(form(65_536))).status == 403
    answer = await scene.ask(form(65_537))
    assert answer.status == 413
    [message] = re.findall(r"The request body exceeds [^.<]*\)", answer.text)
    return str(message)


async def fields_of_a_form(scene: Scene) -> str:
    def form(fields: int) -> bytes:
        whole = raw("POST", "/sign-in", b"&".join([b"a=b"] * fields))
        return whole.replace(b"application/json", b"application/x-www-form-urlencoded")

    assert (await scene.ask(form(500))).status == 403
    answer = await scene.ask(form(501))
    assert answer.status == 400
    [message] = re.findall(r"Bad request: [^<]*?(?=\s*<)", answer.text)
    return str(message)


async def levels_in_a_body(scene: Scene) -> str:
    def nested(levels: int) -> bytes:
        return b'{"name":"n","channel":"c","data":"d","extra":' + b"[" * levels + b"]" * levels + b"}"

    assert (await scene.post("/events", nested(DEEP))).status == 200
    message = text_of(await scene.post("/events", nested(TOO_DEEP)), 400)
    assert "nested too deeply" in message
    return message


async def age_of_a_signature(scene: Scene) -> str:
    keys = Keys.of(scene.server)

    async def ask(age: float) -> Answer:
        path, pairs = f"/apps/{keys.app_id}/channels", credentials(keys, at=time.time() - age)
        signed = encoded([*pairs, ("auth_signature", signature(keys, "GET", path, pairs))])
        return await scene.ask(raw("GET", f"{path}?{signed}"))

    assert (await ask(570)).status == (await ask(-570)).status == 200
    assert text_of(await ask(-630), 401)
    return text_of(await ask(630), 401)


# Messages


async def bytes_of_a_message(scene: Scene) -> str:
    def ping(size: int) -> bytes:
        return client_frame(b'{"event":"pusher:ping"}'.ljust(size))

    line = await scene.raw()
    await line.send(ping(2048))
    await line.expect_event("pusher:pong")
    await line.send(ping(2049))
    await line.expect_close(1009)
    return ""


async def frames_in_a_second(scene: Scene) -> str:
    ping = client_frame(b"", PING)
    line = await scene.raw()
    await line.send(ping * 50)
    for _ in range(50):
        await line.expect_frame(PONG, b"")
    other = await scene.raw()
    await other.send(ping * 101)  # in two seconds, at most
    await other.expect_close_in_the_end(4100)
    return ""


async def bytes_of_a_ping(scene: Scene) -> str:
    line = await scene.raw()
    await line.send(client_frame(b"x" * 125, PING))
    await line.expect_frame(PONG, b"x" * 125)
    await line.send(client_frame(b"x" * 126, PING))
    await line.expect_close(1002)
    return ""


async def levels_in_a_message(scene: Scene) -> str:
    def nested(levels: int) -> str:
        return '{"event":"pusher:ping","data":' + "[" * levels + "]" * levels + "}"

    socket = await scene.socket()
    await socket.send_text(nested(DEEP))
    await socket.expect("pusher:pong")
    await socket.send_text(nested(TOO_DEEP))
    return await said(socket)


async def client_events(scene: Scene) -> str:
    first, second = await scene.socket(), await scene.socket()
    for socket in (first, second):
        await socket.subscribe("private-a")
    for number in range(12):
        await first.send("client-x", str(number), "private-a")
    message = await said(first, 4301)
    for number in range(3):
        assert await second.receive() == {"event": "client-x", "channel": "private-a", "data": str(number)}
    return message


async def subscriptions(scene: Scene) -> str:
    socket = await scene.socket()
    for channel in ("a", "b"):
        await socket.subscribe(channel)
    await socket.ask("c")
    return await said(socket)


# Channels and users


async def length_of_a_channel(scene: Scene) -> str:
    socket = await scene.socket()
    await socket.subscribe("c" * 20)
    await socket.ask("c" * 21)
    message = await said(socket)
    assert (await scene.post("/events", event(channel="c" * 20))).status == 200
    assert text_of(await scene.post("/events", event(channel="c" * 21)), 400) == message
    return message


async def letters_of_a_channel(scene: Scene) -> str:
    socket = await scene.socket()
    await socket.subscribe("aZ09_-=@,.;")
    await socket.ask("a b")
    message = await said(socket)
    assert text_of(await scene.post("/events", event(channel="a b")), 400) == message
    return message


async def members(scene: Scene) -> str:
    first, second = await scene.socket(), await scene.socket()
    await first.subscribe("presence-a", '{"user_id":"1"}')
    await second.ask("presence-a", '{"user_id":"2"}')
    return await said(second)


async def length_of_a_member(scene: Scene) -> str:
    socket = await scene.socket()
    await socket.subscribe("presence-b", '{"user_id":"12345"}')
    await socket.ask("presence-c", '{"user_id":"123456"}')
    return await said(socket)


async def bytes_of_a_member(scene: Scene) -> str:
    socket = await scene.socket()
    await socket.subscribe("presence-d", '{"user_id":"1"}'.ljust(40))
    await socket.ask("presence-e", '{"user_id":"1"}'.ljust(41))
    return await said(socket)


async def length_of_a_user(scene: Scene) -> str:
    socket = await scene.socket()
    await socket.claim('{"id":"123456"}')
    message = await said(socket)
    await socket.sign_in("12345")
    return message


async def watchlist(scene: Scene) -> str:
    socket = await scene.socket()
    await socket.sign_in("1", watchlist=["2"])
    await socket.receive()
    await socket.sign_in("1", watchlist=["2", "3"])
    frames = [await socket.receive() for _ in range(2)]
    [error] = [frame["data"] for frame in frames if frame["event"] == "pusher:error"]
    assert error["code"] == 4302
    return str(error["message"])


# Publishing


def event(**about: Any) -> dict[str, Any]:
    return {"name": "n", "channel": "c", "data": "d", **about}


async def events_in_a_second(scene: Scene) -> str:
    one = request(Keys.of(scene.server), "POST", "/events", json.dumps(event()).encode())
    await asyncio.sleep(1)  # what other tests have published belongs to another second, now and below
    async with Line(scene.server) as line:
        await line.send(one * 60)
        answers = [await line.answer() for _ in range(60)]
    assert [answer.status for answer in answers[:20]] == [200] * 20
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) >= 1
    await asyncio.sleep(1)
    return text_of(refused[0], 429)


async def bytes_of_an_event(scene: Scene) -> str:
    assert (await scene.post("/events", event(data="é" * 25))).status == 200
    message = text_of(await scene.post("/events", event(data="é" * 25 + "x")), 413)
    socket = await scene.socket()
    await socket.subscribe("private-b")
    await socket.send("client-x", "x" * 50, "private-b")
    await socket.expect_nothing()
    await socket.send("client-x", "x" * 51, "private-b")
    assert await said(socket) == message
    return message


async def length_of_an_event(scene: Scene) -> str:
    assert (await scene.post("/events", event(name="n" * 10))).status == 200
    return text_of(await scene.post("/events", event(name="n" * 11)), 400)


async def channels_of_an_event(scene: Scene) -> str:
    assert (await scene.post("/events", {"name": "n", "channels": ["a", "b"], "data": "d"})).status == 200
    return text_of(await scene.post("/events", {"name": "n", "channels": ["a", "b", "c"], "data": "d"}), 400)


async def events_of_a_batch(scene: Scene) -> str:
    assert (await scene.post("/batch_events", {"batch": [event()] * 2})).status == 200
    return text_of(await scene.post("/batch_events", {"batch": [event()] * 3}), 400)


EDGES: Final[dict[str, Callable[[Scene], Awaitable[str]]]] = {
    "Sockets open at once, in a process": sockets,
    "Connections of one address, in a process": connections_of_an_address,
    "New sockets of one address in a second, in a process": openings_of_an_address,
    "Requests of one address in a second, in a process": requests_of_an_address,
    "Bytes of the line and headers": bytes_of_a_head,
    "Header fields": fields,
    "Bytes of a body": bytes_of_a_body,
    "Bytes of a page's form": bytes_of_a_form,
    "Fields of a page's form": fields_of_a_form,
    "Levels of JSON within JSON in a body": levels_in_a_body,
    "Seconds a signature's time may be off": age_of_a_signature,
    "Bytes of a message, whole and inflated": bytes_of_a_message,
    "Frames in a second, pings and fragments among them": frames_in_a_second,
    "Bytes of a ping, pong or close": bytes_of_a_ping,
    "Levels of JSON within JSON in a message": levels_in_a_message,
    "Client events of a connection in a second": client_events,
    "Subscriptions of a connection": subscriptions,
    "Characters of a channel's name": length_of_a_channel,
    "What a channel's name is made of": letters_of_a_channel,
    "Members of a presence channel": members,
    "Characters of a member's id": length_of_a_member,
    "Bytes of a member's `channel_data`": bytes_of_a_member,
    "Characters of the id of who signs in": length_of_a_user,
    "Users on a watchlist": watchlist,
    "Events of an application in a second": events_in_a_second,
    "Bytes of an event's data": bytes_of_an_event,
    "Characters of an event's name": length_of_an_event,
    "Channels of an event": channels_of_an_event,
    "Events of a batch": events_of_a_batch,
}
"""By what each limit is of."""
