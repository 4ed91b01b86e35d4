"""A client on a WebSocket that speaks Pusher, and tells why it was not let in.

Knows frames, close codes and how a channel is subscribed to. Does not know what is right.
"""

import asyncio
import json
import ssl
from typing import Any, Final, Self
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.typing import Origin

from hubbub.doctor.chart import Chart
from hubbub.doctor.faults import (
    ANSWER_UNKNOWN,
    APP_DISABLED,
    CUT,
    DRAINING,
    KEY_UNKNOWN,
    NOT_PASSED,
    ORIGIN_REFUSED,
    PROTO_NOT_PASSED,
    QUOTA_REACHED,
    SECRET_WRONG,
    SERVER_FULL,
    SOCKET_SILENT,
    TLS_REQUIRED,
    UPGRADE_STRIPPED,
)
from hubbub.doctor.finding import Fault, Symptom
from hubbub.doctor.line import AGENT, Answer, said, shortened
from hubbub.doctor.proxies import explained, is_own
from hubbub.signing import channel_text, sign

NOBODY: Final = "hubbub-doctor"
"""A key that no application has: what a server says to it tells that a socket reaches it."""

_CODES: Final[dict[int, Fault]] = {
    4001: KEY_UNKNOWN,
    4003: APP_DISABLED,
    4004: QUOTA_REACHED,
    4005: NOT_PASSED,
    4009: ORIGIN_REFUSED,
    4100: SERVER_FULL,
    4200: DRAINING,
}


class _Straight(connect):
    """Follows no redirect, as browsers follow none."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Take it for the answer that it is."""
        return exc


class Ear:
    """One socket. `Ear.open` connects; who has one closes it."""

    def __init__(self, connection: ClientConnection, chart: Chart) -> None:
        self.socket_id = ""
        self.silence = 120.0
        """Seconds after which the server wants to hear something, as it said in its welcome."""
        self._connection = connection
        self._chart = chart

    @classmethod
    async def open(cls, chart: Chart, origin: str | None = None) -> Self:
        """Connect, and take the welcome. Raises Symptom when that does not come about."""
        target, way = chart.target, chart.way()
        path = f"/app/{quote(target.app.key or NOBODY, safe='')}?protocol=7&client={AGENT}&version=1"
        asked = f"a WebSocket at {target.place.prefix}/app/{target.app.key or NOBODY}"
        try:
            connection = await _Straight(
                target.place.socket_url + path,
                host=way.address,
                port=target.place.port,
                ssl=chart.context,
                server_hostname=target.place.host if target.place.tls else None,
                local_addr=way.local,
                origin=Origin(origin) if origin is not None else None,
                user_agent_header=AGENT,
                compression=None,
                ping_interval=None,
                open_timeout=target.patience,
                close_timeout=target.patience,
                proxy=None,
            )
        except InvalidStatus as refused:
            raise _turned_away(chart, refused, asked, origin) from None
        except TimeoutError:
            raise SOCKET_SILENT(f"{asked} was not answered within {target.patience:g} s") from None
        except (InvalidHandshake, EOFError) as error:
            raise UPGRADE_STRIPPED(f"{asked} was answered by no WebSocket: {error}") from None
        except (ssl.SSLError, OSError, WebSocketException) as error:
            raise CUT(f"{asked}: {said(error)}") from None
        ear = cls(connection, chart)
        try:
            await ear._welcome(asked, origin)
        except BaseException:
            await ear.close()
            raise
        return ear

    async def close(self) -> None:
        """End it."""
        await self._connection.close()

    async def send(self, text: str) -> None:
        """Send a message as it is. Raises ConnectionClosed."""
        await self._connection.send(text)

    async def expect(self, event: str, seconds: float | None = None) -> dict[str, Any]:
        """Give the next message of this name; others are passed over, pings answered.

        It is waited for as long as an answer may take, unless `seconds` says otherwise. Raises ConnectionClosed,
        TimeoutError, and Symptom for what is none of Pusher's.
        """
        async with asyncio.timeout(self._chart.target.patience if seconds is None else seconds):
            while True:
                frame = await self._frame()
                name = frame.get("event")
                if name == event:
                    return frame
                if name == "pusher:ping":
                    await self.send('{"event":"pusher:pong","data":{}}')

    async def subscribe(self, channel: str) -> None:
        """Subscribe to a private channel. Raises SECRET_WRONG and other Symptoms when that is refused."""
        app = self._chart.target.app
        auth = f"{app.key}:{sign(app.secret, channel_text(self.socket_id, channel))}"
        try:
            await self.send(json.dumps({"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}}))
            async with asyncio.timeout(self._chart.target.patience):
                while True:
                    frame = await self._frame()
                    match frame.get("event"):
                        case "pusher_internal:subscription_succeeded":
                            return
                        case "pusher:error" | "pusher:subscription_error":
                            raise _refused(json.dumps(frame.get("data")))
        except TimeoutError:
            raise SOCKET_SILENT("a subscription is not answered") from None
        except ConnectionClosed as closed:
            raise CUT(f"a subscription ended the socket: {ended(closed)}") from None

    async def _frame(self) -> dict[str, Any]:
        text = await self._connection.recv()
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            frame = None
        if not isinstance(frame, dict):
            raise ANSWER_UNKNOWN(f"a message on the socket is no JSON object: {shortened(str(text))}")
        return frame

    async def _welcome(self, asked: str, origin: str | None) -> None:
        try:
            frame = await self.expect("pusher:connection_established")
            told = json.loads(frame["data"]) if isinstance(frame["data"], str) else frame["data"]
            self.socket_id = str(told["socket_id"])
            self.silence = float(told.get("activity_timeout", self.silence))
        except TimeoutError:
            raise SOCKET_SILENT(f"{asked} was opened, and no welcome came through it") from None
        except ConnectionClosed as closed:
            raise self._unwelcome(closed, asked, origin) from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ANSWER_UNKNOWN(f"the welcome of {asked} is none of Pusher's") from None

    def _unwelcome(self, closed: ConnectionClosed, asked: str, origin: str | None) -> Symptom:
        code = closed.rcvd.code if closed.rcvd is not None else 1006
        seen = f"{asked} was closed with {ended(closed)}"
        if code == 4000:
            return PROTO_NOT_PASSED(seen) if self._chart.target.place.tls else TLS_REQUIRED(seen)
        if code == 4009 and origin is None:
            return ANSWER_UNKNOWN(seen)
        return _CODES.get(code, CUT)(seen)


def ended(closed: ConnectionClosed) -> str:
    """Give how a socket ended, in a few words."""
    if closed.rcvd is None:
        return "no word"
    return f"{closed.rcvd.code} {shortened(closed.rcvd.reason)}".strip()


def _turned_away(chart: Chart, refused: InvalidStatus, asked: str, origin: str | None) -> Symptom:
    """Tell what an HTTP answer means that came in the place of a WebSocket."""
    response = refused.response
    headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
    answer = Answer(response.status_code, headers, bytes(response.body or b""))
    chart.recognize(answer)
    seen = f"{asked} was answered {answer.status}: {shortened(answer.text)}"
    if origin is not None and answer.status == 403:
        return ORIGIN_REFUSED(seen)
    if answer.status in (400, 426):
        if "HTTP/1.1" in answer.text:
            return UPGRADE_STRIPPED(f"{seen} (it came to the server as HTTP/1.0)")
        return UPGRADE_STRIPPED(seen)
    if answer.status in (200, 404) and is_own(answer) and answer.header("upgrade"):
        return UPGRADE_STRIPPED(seen)
    return explained(answer, asked)


def _refused(text: str) -> Symptom:
    if "signature" in text.lower():
        return SECRET_WRONG(f"a subscription was refused: {shortened(text, 300)}")
    return ANSWER_UNKNOWN(f"a subscription was refused: {shortened(text, 300)}")
