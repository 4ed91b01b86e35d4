"""One subscriber: a WebSocket that speaks just enough Pusher to be let in, and then only counts.

Knows the handshake, the few frames that matter, and stamps. Frames with a stamp are not read as JSON: at a hundred
thousand a second the generator would measure itself. Does not know who publishes.
"""

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from hubbub.bench import frames
from hubbub.bench.refusal import Refused
from hubbub.bench.score import Inbox, Score
from hubbub.bench.stamp import MARK, SIZE
from hubbub.bench.target import Target, named
from hubbub.signing import channel_text, sign

_ACCEPTANCE: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD_LIMIT: Final = 16384
_MARK: Final = len(MARK)


class Listener(asyncio.Protocol):
    """A connection that is subscribed to one channel. `on_burst` is called after each read that counted something.

    `welcomed` and `subscribed` are moments of the monotonic clock, in nanoseconds; 0 before.
    """

    def __init__(
        self, target: Target, channel: str, score: Score, number: int = 0, on_burst: Callable[[], None] | None = None
    ) -> None:
        self.number = number
        self.channel = channel
        self.is_upgraded = False
        self.welcomed = 0
        self.subscribed = 0
        self.errors: list[str] = []
        """What the server has complained of since the subscription."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.complained: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._target = target
        self._score = score
        self._on_burst = on_burst
        self._inbox = Inbox()
        self._transport: asyncio.Transport | None = None
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._is_leaving = False
        self._rest = b""
        self._pieces: list[bytes] = []
        self._reason = ""

    @property
    def is_there(self) -> bool:
        """Whether it hears what is published."""
        return self.subscribed != 0 and not self.ended.done()

    def send_event(self, event: str, data: str) -> None:
        """Send a client event to the channel; `data` needs no escaping."""
        text = f'{{"event":"{event}","channel":"{self.channel}","data":"{data}"}}'
        self._write(frames.masked(frames.TEXT, text.encode()))

    def ping(self) -> None:
        """Give a sign of life."""
        self._write(frames.masked(frames.TEXT, b'{"event":"pusher:ping","data":{}}'))

    def leave(self) -> None:
        """Begin to close as RFC 6455 says; `ended` tells when the server has ended its side."""
        if self.ended.done() or self._is_leaving:
            return
        self._is_leaving = True
        if self.is_upgraded:
            self._write(frames.masked(frames.CLOSE, (1000).to_bytes(2)))
        else:
            self._close()

    def cut(self) -> None:
        """End at once, if it ever began."""
        if self._transport is not None and not self.ended.done():
            self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for the upgrade."""
        self._transport = transport
        self._write(
            f"GET {self._target.socket_path} HTTP/1.1\r\nHost: {named(self._target.host, self._target.port)}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {self._key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count what has a stamp; look at the rest."""
        now = time.monotonic_ns()
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at = 0
        if not self.is_upgraded:
            at = self._upgrade(data)
            if at == 0:
                return
        score, inbox, size = self._score, self._inbox, len(data)
        before = score.received
        while at < size:
            try:
                found = frames.span(data, at)
            except frames.Unreadable as error:
                self._fail(str(error))
                return
            if found is None or found[1] > size:
                self._rest = data[at:]
                break
            start, end = found
            mark = data.find(MARK, start, end) if data[at] == frames.WHOLE_TEXT else -1
            if mark >= 0:
                score.count(inbox, data[mark + _MARK : mark + SIZE], now)
            else:
                self._take(data[at], data[start:end], now)
            at = end
        if self._on_burst is not None and score.received != before:
            self._on_burst()

    def connection_lost(self, error: Exception | None) -> None:
        """Say how it ended."""
        reason = self._reason or (f"{type(error).__name__}: {error}" if error else "closed without a reason")
        if not self.ended.done():
            self.ended.set_result("" if self._is_leaving else self._target.redact(reason))
        if not self.ready.done():
            self.ready.set_exception(Refused(self._target.redact(reason)))
            self.ready.exception()  # which nobody may be waiting for

    # The rest

    def _upgrade(self, data: bytes) -> int:
        """Read the answer to the upgrade, and give where the first frame begins; 0 when there is none yet."""
        head, end, _ = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            if not b"HTTP/1.1 ".startswith(data[:9]) and not data.startswith(b"HTTP/1."):
                self._fail("what answers speaks no HTTP")
            elif len(data) > _HEAD_LIMIT:
                self._fail("the answer to the upgrade does not end")
            return 0
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1."):
            self._fail("what answers speaks no HTTP")
            return 0
        if words[1] != "101":
            self._fail(f"HTTP {' '.join(words[1:])} to the upgrade of {self._target.socket_path}")
            return 0
        digest = hashlib.sha1((self._key + _ACCEPTANCE).encode(), usedforsecurity=False).digest()
        if base64.b64encode(digest) not in head:
            self._fail("the upgrade was not accepted as RFC 6455 says")
            return 0
        self.is_upgraded = True
        return len(head) + 4

    def _take(self, first: int, content: bytes, now: int) -> None:
        """Look at a frame without a stamp, or a part of one."""
        opcode = first & 0xF
        if opcode in (frames.TEXT, frames.CONTINUED):
            self._pieces.append(content)
            if not first & frames.FINAL:
                return
            whole = b"".join(self._pieces)
            self._pieces = []
            mark = whole.find(MARK)
            if mark >= 0:
                self._score.count(self._inbox, whole[mark + _MARK : mark + SIZE], now)
            else:
                self._read(whole, now)
        elif opcode == frames.PING:
            self._write(frames.masked(frames.PONG, content))
        elif opcode == frames.CLOSE:
            code = int.from_bytes(content[:2]) if len(content) > 1 else 1005
            self._reason = f"{code} {content[2:].decode(errors='replace')}".strip()
            if not self._is_leaving:
                self._write(frames.masked(frames.CLOSE, content[:2]))
            self._close()

    def _read(self, text: bytes, now: int) -> None:
        try:
            frame = msgspec.json.decode(text)
            match frame.get("event"):
                case "pusher:connection_established":
                    self.welcomed = now
                    self._subscribe(msgspec.json.decode(frame["data"])["socket_id"])
                case "pusher_internal:subscription_succeeded":
                    self.subscribed = now
                    if not self.ready.done():
                        self.ready.set_result(None)
                case "pusher:ping":
                    self._write(frames.masked(frames.TEXT, b'{"event":"pusher:pong","data":{}}'))
                case "pusher:error" | "pusher:subscription_error":
                    self._complain(frame.get("data"))
        except (msgspec.DecodeError, AttributeError, KeyError, TypeError):
            self._fail(f"the server sent no frame of Pusher: {text[:100].decode(errors='replace')!r}")

    def _subscribe(self, socket_id: str) -> None:
        app, data = self._target.app, {"channel": self.channel}
        if self.channel.startswith(("private-", "presence-")):
            described = None
            if self.channel.startswith("presence-"):
                described = data["channel_data"] = f'{{"user_id":"{socket_id}"}}'
            data["auth"] = f"{app.key}:{sign(app.secret, channel_text(socket_id, self.channel, described))}"
        asked = msgspec.json.encode({"event": "pusher:subscribe", "data": data})
        self._write(frames.masked(frames.TEXT, asked))

    def _complain(self, said: Any) -> None:
        text = said
        if isinstance(said, dict):
            code, message = said.get("code"), said.get("message") or said.get("error")
            text = message if code is None else f"{code} {message}"
        self._reason = self._reason or str(text)
        if self.subscribed:
            self.errors.append(self._target.redact(str(text)))
            if not self.complained.done():
                self.complained.set_result(self.errors[0])
        elif self.welcomed:
            self._fail(f"subscription to {self.channel} refused: {text}")
        else:
            self._fail(str(text))

    def _fail(self, reason: str) -> None:
        """Give the connection up."""
        self._reason = reason
        if not self.ready.done():
            self.ready.set_exception(Refused(self._target.redact(reason)))
            self.ready.exception()
        self._close()

    def _write(self, content: bytes) -> None:
        if self._transport is not None:
            self._transport.write(content)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
