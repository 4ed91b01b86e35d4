"""The native module in Python: what runs where it could not be compiled, and what it is compared with.

Knows transports, not what is written to them.
"""

import re
from collections.abc import Callable
from typing import Final, Protocol, TypeVar


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


def plain_post(data: bytes, most_head: int, most_body: int) -> tuple[bytes, bytes] | None:
    """Give target and body of a POST to `/apps/…` if `data` is one, whole, alone and with nothing unusual about it.

    None leaves it to a parser, as everything is left to it here. Its head has at most `most_head` bytes, and its body
    `most_body`; it asks for the connection to be kept.
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
