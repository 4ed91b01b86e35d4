"""A client that speaks Pusher over a WebSocket and hides nothing of it.

Knows frames, signatures of channels and users, and how to tell that nothing is on its way: the answer to a ping comes
after what the server had written before. Does not know what is right: its methods raise Failed when what they were
asked to wait for does not come.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from typing import Any, Final, Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from hubbub.conformance.checks import Failed, check, shortened
from hubbub.conformance.target import Application, Target
from hubbub.signing import channel_text, sign, user_text

ESTABLISHED: Final = "pusher:connection_established"
SUCCEEDED: Final = "pusher_internal:subscription_succeeded"
MEMBER_ADDED: Final = "pusher_internal:member_added"
MEMBER_REMOVED: Final = "pusher_internal:member_removed"
COUNT: Final = "pusher_internal:subscription_count"
WATCHLIST: Final = "pusher_internal:watchlist_events"
SUBSCRIPTION_ERROR: Final = "pusher:subscription_error"
CACHE_MISS: Final = "pusher:cache_miss"
SIGNED_IN: Final = "pusher:signin_success"
ERROR: Final = "pusher:error"
PING: Final = "pusher:ping"
PONG: Final = "pusher:pong"

CLOSING: Final = 2.0
"""Seconds that a server has to end its side when a case is over."""

ABSENT: Final = object()
"""A value that is left out of a frame."""


class Frame(msgspec.Struct, frozen=True):
    """One message from the server: its text, and what JSON says it is."""

    text: str
    whole: dict[str, Any]

    @property
    def event(self) -> str:
        """The name; empty when there is none."""
        return str(self.whole.get("event", ""))

    @property
    def channel(self) -> str | None:
        """The channel, if it is of one."""
        return self.whole.get("channel")

    @property
    def data(self) -> Any:
        """`data` as it stands in the frame: a string in most."""
        return self.whole.get("data")

    @property
    def payload(self) -> Any:
        """What `data` holds: read from its JSON if it is a string, itself if not. Only cases of types are strict."""
        if not isinstance(self.data, str):
            return self.data
        try:
            return json.loads(self.data)
        except ValueError:
            raise Failed("data that holds JSON", self.text) from None

    def __str__(self) -> str:
        return shortened(self.text)


class Trouble(msgspec.Struct, frozen=True):
    """What a `pusher:error` says."""

    code: int | None
    message: str
    frame: Frame


class Close(msgspec.Struct, frozen=True):
    """How a connection ended. Code 1006: without a close frame."""

    code: int
    reason: str
    before: list[Frame]
    """The frames that came first and had not been taken."""

    def __str__(self) -> str:
        return f"a close with {self.code} {self.reason!r}"


class Client:
    """One connection. A reader of its own takes what comes, so that pings are answered whatever a case is doing.

    Frames of the events in `ignored` are not given out, as not every application has them switched on.
    """

    def __init__(self, connection: ClientConnection, target: Target, app: Application, ignored: frozenset[str]) -> None:
        self.connection = connection
        self.app = app
        self.socket_id = ""
        self._target = target
        self._ignored = ignored
        self._heard: asyncio.Queue[Frame | Close] = asyncio.Queue()
        self._end: Close | None = None
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        target: Target,
        app: Application,
        path: str | None = None,
        *,
        subprotocols: Iterable[str] | None = None,
        headers: dict[str, str] | None = None,
        ignored: Iterable[str] = (COUNT,),
    ) -> Self:
        """Upgrade a connection, and take no frame. Raises Failed when that is refused."""
        path = f"/app/{app.key}?protocol=7&client=conformance&version=1.0" if path is None else path
        try:
            connection = await connect(
                target.socket_url + path,
                additional_headers=headers,
                subprotocols=None if subprotocols is None else [Subprotocol(name) for name in subprotocols],
                compression=None,
                open_timeout=target.patience,
                close_timeout=CLOSING,
                ping_interval=None,
                max_size=None,
                max_queue=None,
                proxy=None,
            )
        except InvalidStatus as error:
            raise Failed(f"101 to an upgrade of {path}", f"HTTP {error.response.status_code}") from None
        except (OSError, TimeoutError, WebSocketException) as error:
            raise Failed(f"an upgrade of {path}", f"{type(error).__name__}: {error}") from None
        return cls(connection, target, app, frozenset(ignored))

    # Saying

    async def send(self, event: str, data: object = ABSENT, channel: str | None = None, **others: object) -> None:
        """Send one frame, without `data` and `channel` unless they are given, and with `others` at its top."""
        frame: dict[str, object] = {"event": event, **others}
        if data is not ABSENT:
            frame["data"] = data
        if channel is not None:
            frame["channel"] = channel
        await self.send_text(json.dumps(frame))

    async def send_text(self, text: str | bytes) -> None:
        """Send one message, whatever it holds: a binary one for bytes."""
        try:
            await asyncio.wait_for(self.connection.send(text), self._target.patience)
        except (ConnectionClosed, TimeoutError):
            raise Failed("an open connection", self._end or "a connection that takes nothing more") from None

    async def ask(
        self, channel: str, channel_data: str | None = None, *, auth: str | None = None, **others: object
    ) -> None:
        """Ask to be subscribed, signed if the channel wants it, unless `auth` is another; wait for nothing."""
        data: dict[str, object] = {"channel": channel, **others}
        if auth is not None:
            data["auth"] = auth
        elif channel.startswith(("private-", "presence-")):
            data["auth"] = self.sign(channel, channel_data)
        else:
            data["auth"] = ""
        if channel_data is not None:
            data["channel_data"] = channel_data
        await self.send("pusher:subscribe", data)

    def sign(self, channel: str, channel_data: str | None = None, *, app: Application | None = None) -> str:
        """Give the `auth` that admits this socket to a channel."""
        who = app or self.app
        return f"{who.key}:{sign(who.secret, channel_text(self.socket_id, channel, channel_data))}"

    def sign_user(self, user_data: str) -> str:
        """Give the `auth` that signs a user in on this socket."""
        return f"{self.app.key}:{sign(self.app.secret, user_text(self.socket_id, user_data))}"

    # Hearing

    async def next(self, expected: str = "a frame", *, limit: float | None = None) -> Frame:
        """Give the next frame. Raises Failed, with `expected` in it, when the connection ends or none comes."""
        limit = self._target.patience if limit is None else limit
        try:
            heard = await asyncio.wait_for(self._heard.get(), limit)
        except TimeoutError:
            raise Failed(expected, f"nothing in {limit:g} s") from None
        if isinstance(heard, Close):
            self._heard.put_nowait(heard)
            raise Failed(expected, heard)
        return heard

    async def expect(self, event: str, channel: str | None = None, *, limit: float | None = None) -> Frame:
        """Give the next frame, which must be of this event and, if told, this channel."""
        expected = event if channel is None else f"{event} of {channel}"
        frame = await self.next(expected, limit=limit)
        check(frame.event == event and (channel is None or frame.channel == channel), expected, frame)
        return frame

    async def expect_event(self, name: str, channel: str, data: str) -> Frame:
        """Give the next frame, which must be this event with exactly this data."""
        frame = await self.expect(name, channel)
        check(frame.data == data, f"data {data!r}", f"{frame.data!r}")
        return frame

    async def welcome(self) -> Frame:
        """Take the first frame, which must be the welcome, and keep the socket id."""
        frame = await self.expect(ESTABLISHED)
        payload = frame.payload
        check(isinstance(payload, dict) and isinstance(payload.get("socket_id"), str), "a socket_id", frame)
        self.socket_id = payload["socket_id"]
        return frame

    async def settled(self) -> list[Frame]:
        """Give what was on its way: all frames before the answer to a ping that is sent now."""
        await self.send(PING, {})
        frames = []
        while (frame := await self.next("pusher:pong")).event != PONG:
            frames.append(frame)
        return frames

    async def quiet(self, expected: str = "no frame") -> None:
        """Raise Failed if anything was on its way."""
        frames = await self.settled()
        check(not frames, expected, ", ".join(map(str, frames)))

    async def trouble(self, expected: str = "a pusher:error") -> Trouble:
        """Take what was on its way, of which one frame must be a `pusher:error`, and give what that says.

        A `pusher:subscription_error` beside it is a habit of clones that Pusher's clients do not mind.
        """
        frames = await self.settled()
        errors = [frame for frame in frames if frame.event == ERROR]
        others = [frame for frame in frames if frame.event not in (ERROR, SUBSCRIPTION_ERROR)]
        check(len(errors) == 1 and not others, expected, ", ".join(map(str, frames)) or "nothing")
        payload = errors[0].payload
        check(isinstance(payload, dict), "pusher:error with an object", errors[0])
        message = payload.get("message")
        check(isinstance(message, str), "pusher:error with a message", errors[0])
        return Trouble(payload.get("code"), message, errors[0])

    async def refused(self, expected: str = "a refusal, told by pusher:error") -> list[Frame]:
        """Take what was on its way, which must be a refusal, be it told by `pusher:error` or as clones do; give it."""
        frames = await self.settled()
        is_so = bool(frames) and all(frame.event in (ERROR, SUBSCRIPTION_ERROR) for frame in frames)
        check(is_so, expected, ", ".join(map(str, frames)) or "nothing")
        return frames

    async def expect_trouble(self, message: str, code: int | None = None) -> None:
        """What was on its way is a `pusher:error` with exactly this message and code; the connection stays open."""
        expected = f"pusher:error, code {json.dumps(code)}, {message!r}"
        told = await self.trouble(expected)
        check(told.message == message and told.code == code, expected, told.frame)

    async def closed(self, *, limit: float | None = None) -> Close:
        """Wait for the end of the connection."""
        limit = self._target.patience if limit is None else limit
        before: list[Frame] = []
        try:
            async with asyncio.timeout(limit):
                while isinstance(heard := await self._heard.get(), Frame):
                    before.append(heard)
        except TimeoutError:
            came = ", ".join(map(str, before)) or "nothing"
            raise Failed("a close of the connection", f"{came} in {limit:g} s") from None
        self._heard.put_nowait(heard)
        return Close(heard.code, heard.reason, before)

    async def expect_close(self, code: int) -> Close:
        """Wait for the end of the connection, which must have this code."""
        end = await self.closed()
        check(end.code == code, f"a close with {code}", end)
        return end

    # Both

    async def subscribe(self, channel: str, channel_data: str | None = None) -> Frame:
        """Subscribe, and give the frame that says so."""
        await self.ask(channel, channel_data)
        return await self.expect(SUCCEEDED, channel)

    async def join(self, channel: str, user_id: str | int, info: object = ABSENT) -> Frame:
        """Subscribe to a presence channel as this user, and give the frame that says so."""
        return await self.subscribe(channel, member(user_id, info))

    async def unsubscribe(self, channel: str) -> None:
        """Leave a channel, and wait until that has been done. It is answered by nothing."""
        await self.send("pusher:unsubscribe", {"channel": channel})
        await self.quiet("no answer to an unsubscription")

    async def sign_in(self, user_data: str, *, auth: str | None = None) -> Frame:
        """Sign a user in, and give the frame that says so."""
        await self.ask_sign_in(user_data, auth=auth)
        return await self.expect(SIGNED_IN)

    async def ask_sign_in(self, user_data: str, *, auth: str | None = None) -> None:
        """Ask to be signed in, with a good signature unless `auth` is another; wait for nothing."""
        auth = self.sign_user(user_data) if auth is None else auth
        await self.send("pusher:signin", {"auth": auth, "user_data": user_data})

    async def rfc_ping(self, payload: bytes) -> None:
        """Ping as RFC 6455 does, and wait for the pong with the same payload."""
        try:
            await asyncio.wait_for(await self.connection.ping(payload), self._target.patience)
        except (ConnectionClosed, TimeoutError):
            raise Failed("a pong with the payload of the ping", self._end or "nothing") from None

    async def close(self) -> None:
        """Close as a browser does, and wait for the end of it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.connection.close(), 2 * CLOSING)
        self.cut()
        await asyncio.gather(self._reader, return_exceptions=True)

    def stop_reading(self) -> None:
        """Read nothing more, not even the end of the connection, until told to `read_on`."""
        self.connection.transport.pause_reading()

    def read_on(self) -> None:
        """Read again."""
        self.connection.transport.resume_reading()

    def cut(self) -> None:
        """Be gone without a word."""
        self.connection.transport.abort()

    async def _read(self) -> None:
        try:
            while True:
                text = await self.connection.recv()
                frame = self._frame(text)
                if frame.event == PING and PING not in self._ignored:
                    await self.connection.send('{"event":"pusher:pong","data":{}}')
                elif frame.event not in self._ignored:
                    self._heard.put_nowait(frame)
        except ConnectionClosed as closed:
            received = closed.rcvd
            self._end = Close(1006, "", []) if received is None else Close(received.code, received.reason, [])
            self._heard.put_nowait(self._end)

    @staticmethod
    def _frame(text: str | bytes) -> Frame:
        shown = text if isinstance(text, str) else f"binary {text!r}"
        try:
            whole = json.loads(text) if isinstance(text, str) else {}
        except ValueError:
            whole = {}
        return Frame(shown, whole if isinstance(whole, dict) else {})


def member(user_id: str | int, info: object = ABSENT) -> str:
    """Give the `channel_data` of a member."""
    return json.dumps({"user_id": user_id} if info is ABSENT else {"user_id": user_id, "user_info": info})


def user(user_id: str, **others: object) -> str:
    """Give the `user_data` of a user who signs in: `user_info`, `watchlist` and what else there is."""
    return json.dumps({"id": user_id, **others})
