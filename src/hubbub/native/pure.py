"""The native module in Python: what runs where it could not be compiled, and what it is compared with.

Knows transports, not what is written to them.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec


class Writer(Protocol):
    """What an outlet needs of an asyncio transport."""

    def write(self, data: bytes) -> object:
        """Send, or keep, all of it."""

    def get_write_buffer_size(self) -> int:
        """Give how many bytes are kept."""


class Written(Protocol):
    """Whoever can be written to."""

    @property
    def write(self) -> Callable[[bytes], object]:
        """Take bytes."""


class Outlet:
    """A connection's `write`: called with bytes, it writes them to `transport`, until it is shut.

    The compiled one sends on `fd`, the transport's own, while the transport holds nothing back, and leaves to it only
    what does not fit; -1 stands for a transport that must have all of it, to encrypt it. Who has an outlet writes
    nothing to the transport past it, but for what is written before its first use, and shuts it before the file is
    closed: at `connection_lost` at the latest.
    """

    __slots__ = ("_transport",)

    def __init__(self, transport: Writer, fd: int) -> None:
        self._transport: Writer | None = transport

    def __call__(self, data: bytes) -> None:
        """Write; nothing that becomes of the socket is raised."""
        if self._transport is not None:
            self._transport.write(data)

    def shut(self) -> None:
        """Discard what is written from now on."""
        self._transport = None

    @property
    def is_shut(self) -> bool:
        """Whether what is written is discarded."""
        return self._transport is None


C = TypeVar("C", bound=Written)


def write_all(
    connections: list[C], start: int, stop: int, data: bytes, fault: Callable[[C, Exception], object]
) -> None:
    """Write the same bytes to connections[start:stop]. Who raises is given to `fault`, and the others are written to.

    Nobody changes `connections` meanwhile.
    """
    left = iter(connections[start:stop])
    while True:
        connection = None
        try:
            for connection in left:
                connection.write(data)
        except Exception as error:  # noqa: BLE001 - it is passed on
            assert connection is not None
            fault(connection, error)
        else:
            return


SIZES: Final = tuple(64 << step for step in range(10))
"""The bytes up to which a message is counted as of one size; what is larger than the last is of one size more."""


class Meter:
    """What is said in an application, and what is written to who listens there: numbers that only grow."""

    __slots__ = ("_bytes_in", "_bytes_out", "_client_events", "_deliveries", "_events", "_largest", "_sizes")

    def __init__(self) -> None:
        self._events = self._client_events = self._bytes_in = self._deliveries = self._bytes_out = self._largest = 0
        self._sizes = [0] * (len(SIZES) + 1)

    def published(self, text: str) -> None:
        """Count an event of the application's own server, with this text."""
        self._events += 1
        self._take(text)

    def said(self, text: str) -> None:
        """Count an event of a client, with this text."""
        self._client_events += 1
        self._take(text)

    def _take(self, text: str) -> None:
        size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
        self._bytes_in += size
        place = 0
        if size > 64:
            place = (size - 1).bit_length() - 6 if size <= 32_768 else 10
        self._sizes[place] += 1
        if size > self._largest:  # noqa: PLR1730 - half the time of a call
            self._largest = size

    def wrote(self, connections: int, messages: int, data: bytes) -> None:
        """Count so many messages, which are `data` together, written to each of so many connections."""
        self._bytes_out += connections * len(data)
        self._deliveries += connections * messages

    def read(self) -> tuple[int, ...]:
        """Give events, client events, their bytes, deliveries, their bytes, and messages by size, see SIZES."""
        return (
            self._events, self._client_events, self._bytes_in, self._deliveries, self._bytes_out, *self._sizes
        )  # fmt: skip

    def take_largest(self) -> int:
        """Give the bytes of the largest message since this was asked last; 0 if there was none."""
        largest, self._largest = self._largest, 0
        return largest


def write_others(
    audience: dict[C, Any],
    left_out: C | None,
    data: bytes,
    fault: Callable[[C, Exception], object],
    meter: Meter | None = None,
) -> None:
    """Write the same bytes, a message, to all connections of `audience`, its keys, but one; count them by `meter`.

    For the rest see `write_all`.
    """
    everyone = list(audience)
    if left_out is not None and left_out in audience:
        everyone.remove(left_out)
    write_all(everyone, 0, len(everyone), data, fault)
    if meter is not None:
        meter.wrote(len(everyone), 1, data)


class Said(Protocol):
    """An event."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def channel(self) -> str:
        """Where it was said."""

    @property
    def data(self) -> str:
        """What was said."""

    @property
    def user_id(self) -> str | None:
        """Who said it, if that is to be told."""


class Writing(Protocol):
    """A channel as whispers see it."""

    @property
    def pending(self) -> Sequence[object]:
        """What it has received and not packed."""

    @property
    def batches(self) -> object:
        """What is being written, None for nothing."""

    @property
    def audiences(self) -> Mapping[Any, Mapping[Any, object]]:
        """By wire, which has a `pack`, the connections."""

    pair: tuple[Any, Any, Any] | None
    """The wire and the connections where these are two, or None: to be looked for in `audiences`."""

    @property
    def meter(self) -> "Meter":
        """What is written to it is counted in."""


class Whispers:
    """What one of two in a channel says to the other, kept until the end of the turn.

    `schedule` takes `write`, to be called soon, whenever there is something to write again; who raises is given to
    `fault`; up to `largest` bytes are joined for one write.
    """

    def __init__(
        self,
        schedule: Callable[[Callable[[], None]], object],
        fault: Callable[[Any, Exception], object],
        largest: int,
    ) -> None:
        self._schedule = schedule
        self._fault = fault
        self._largest = largest
        self._kept: list[tuple[Any, bytes]] = []

    def say(self, channel: Writing, fact: object, sender: object) -> bool:
        """Keep what `sender` says for the other one, as its wire packs it.

        False, and nothing is kept, if it is not for here: something is on its way in the channel already, or there are
        not just the sender and one more of the same wire.
        """
        if channel.pending or channel.batches is not None:
            return False
        if channel.pair is None and len(channel.audiences) == 1:
            ((wire, audience),) = channel.audiences.items()
            if len(audience) == 2:
                channel.pair = (wire, *audience)
        if channel.pair is None or sender not in channel.pair[1:]:
            return False
        wire, one, two = channel.pair
        if frame := wire.pack(fact):
            self._kept.append((two if sender is one else one, frame))
            channel.meter.wrote(1, 1, frame)
            if len(self._kept) == 1:
                self._schedule(self.write)
        return True

    def write(self) -> None:
        """Write what is kept, in the order it came.

        What is for one connection and came one after the other is joined.
        """
        kept, self._kept = self._kept, []
        start = 0
        while start < len(kept):
            connection, frames = kept[start]
            start += 1
            while start < len(kept) and kept[start][0] is connection:
                if len(frames) + len(kept[start][1]) > self._largest:
                    break
                frames += kept[start][1]
                start += 1
            write_all([connection], 0, 1, frames, self._fault)


class Rate:
    """At most `limit` times in a second, which begins with the first use after the one before has ended.

    Two numbers, no timer: it costs nothing while nothing happens. Times are seconds of any steady clock.
    """

    __slots__ = ("_began", "_limit", "_used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._began = float("-inf")
        self._used = 0

    def use(self, now: float, times: int = 1, /) -> bool:
        """Count so many uses at time `now`; False, and none counted, when they are too many."""
        if now - self._began >= 1:
            self._began = now
            self._used = 0
        if self._used + times > self._limit:
            return False
        self._used += times
        return True

    def use_now(self) -> bool:
        """Count one use by the clock of `time.monotonic`; False when it is one too many."""
        return self.use(time.monotonic())


E = TypeVar("E")


def client_event(
    text: str,
    subscriptions: dict[str, str | None],
    most_name: int,
    most_bytes: int,
    make: Callable[[str, str, str, str | None], E],
) -> E | None:
    """Read an event that a client sends to others.

    Gives what `make` makes of its channel, name and data, and of who the sender is in that channel.

    None leaves it to the decoder and the checks of all messages, as everything is left to them here. What is given is
    JSON as libraries write it, `event`, `channel` and `data` and nothing else; for a channel that is one of
    `subscriptions`, which have the client's user id in each, and in which clients may talk; with a name of at most
    `most_name` characters and data of at most `most_bytes` bytes.
    """
    return None


def event_frame(name: str, channel: str, data: str, user_id: str | None) -> bytes:
    """Write an event as the frame that Pusher's clients get, to the byte as the encoder of all messages does."""
    text = b'{"event":%s,"channel":%s,"data":%s' % (_encode(name), _encode(channel), _encode(data))
    text += b',"user_id":%s}' % _encode(user_id) if user_id is not None else b"}"
    size = len(text)
    if size < 126:
        return b"\x81%c" % size + text
    return (b"\x81\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x81\x7f" + size.to_bytes(8, "big")) + text


class Packer:
    """A wire's `pack`: of messages of `kind`, which are events, it makes `event_frame`s; all else `otherwise` packs."""

    def __init__(self, kind: type[Said], otherwise: Callable[[Any], bytes]) -> None:
        self._kind = kind
        self._otherwise = otherwise

    def __call__(self, message: Any, /) -> bytes:
        """Pack one message."""
        if type(message) is self._kind:
            return event_frame(message.name, message.channel, message.data, message.user_id)
        return self._otherwise(message)


_encode: Final = msgspec.json.Encoder().encode


def plain_post(data: bytes, most_head: int, most_body: int) -> tuple[bytes, bytes] | None:
    """Give target and body of a POST to `/apps/…` if `data` is one, whole, alone and with nothing unusual about it.

    None leaves it to a parser, as everything is left to it here. Its head has at most `most_head` bytes, and its body
    `most_body`; it asks for the connection to be kept.
    """
    return None


Opening = tuple[str, dict[str, str], bytes, str | None, str | None, str | None, str | None]


def plain_opening(head: bytes) -> Opening | None:
    """Read a request for a Pusher client's WebSocket, all of `head`, that has nothing unusual about it.

    Gives the application's key, the parameters of the query, the answer that makes the connection a WebSocket, and the
    headers Origin, X-Forwarded-Proto, X-Forwarded-For and User-Agent, if they are there. Offered extensions are passed
    over. None leaves it to a parser, as everything is left to it here.
    """
    return None


Sealed = tuple[str, bool, bytes, str, int, str, str]

# Sorted, nothing escaped, no more and no less: what is signed is what stands there, with a line's end for the `?`.
_SEALED: Final = re.compile(
    rb"/apps/(?P<app>[-A-Za-z0-9._~:\]@!$'()*,;]{1,512})/(?P<what>events|batch_events)"
    rb"\?(?P<query>auth_key=(?P<key>[-A-Za-z0-9._~:\]@!$'()*,;]{1,512})&auth_timestamp=(?P<time>[0-9]{1,11})"
    rb"&auth_version=1\.0&body_md5=(?P<md5>[0-9a-f]{32}))&auth_signature=(?P<signature>[0-9a-f]{64})"
)


def sealed(target: bytes) -> Sealed | None:
    """Read the target of a publish as all of Pusher's libraries sign it; None for one that is written otherwise.

    Gives the application's id, whether it is a batch, what was signed, the key, the timestamp, and the MD5 and the
    signature in hex. Reading it as a query, which may be written in many ways, costs five times as much.
    """
    read = _SEALED.fullmatch(target)
    if read is None:
        return None
    app, what, query, key, time, md5, signature = read.groups()
    signed = b"POST\n%s\n%s" % (target[: read.start("query") - 1], query)
    return app.decode(), what == b"batch_events", signed, key.decode(), int(time), md5.decode(), signature.decode()
