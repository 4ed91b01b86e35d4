"""Whole connections to the signed API: they are answered in one way, however what comes is cut and joined.

The real `Http1`, `Rest` and node, and a transport that is a list. Whatever comes, each answer can be read in one way
only, and nothing of ours fails.
"""

import asyncio
import logging
import re
from collections.abc import Iterable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from fuzz.answers import Answer, whole_answers
from fuzz.cutting import pieces
from hubbub.session.doors import Doors
from hubbub.settings import Settings
from hubbub.signing import body_md5, request_text, sign
from hubbub.transports.answers import Answers
from hubbub.transports.front import Doorman
from hubbub.transports.http1 import Http1
from hubbub.transports.kind import Kind
from hubbub.transports.proxies import Proxies
from hubbub.transports.services import Services
from hubbub.transports.wheel import Wheel
from native import test_plain_post
from rest.desk import NOW, OURS, Desk

MOST_TURNS: Final = 1000
_SETTINGS: Final = Settings()
_CONFIG: Final = Config(app=None)  # type: ignore[arg-type]  # nothing is served
_BY_CHANCE: Final = re.compile(rb"\r\n(Date|X-Request-Id): [^\r]+")


def signed(method: str, path: str, body: bytes = b"", *more: bytes, **parameters: str) -> bytes:
    """Write a request as the application would."""
    given = {"auth_key": OURS.key, "auth_timestamp": str(NOW), "auth_version": "1.0", **parameters}
    if body:
        given["body_md5"] = body_md5(body)
    given["auth_signature"] = sign(OURS.secret, request_text(method, path, given.items()))
    query = "&".join(f"{name}={value}" for name, value in given.items())
    lines = [f"{method} {path}?{query} HTTP/1.1".encode(), b"Host: a", b"Content-Length: %d" % len(body), *more]
    return b"\r\n".join([*lines, b"", b""]) + body


_PUBLISH: Final = signed("POST", "/apps/3/events", b'{"name":"n","channel":"c","data":"d"}')
_CHUNKED: Final = _PUBLISH.replace(b"Content-Length: 37", b"Transfer-Encoding: chunked").replace(
    b'{"name"', b'25\r\n{"name"'
)
SEEDS: Final = (
    _PUBLISH,
    _PUBLISH * 2,
    _CHUNKED + b"\r\n0\r\n\r\n" + _PUBLISH,
    _PUBLISH + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    signed("GET", "/apps/3/channels", info="user_count", filter_by_prefix="presence-"),
    signed("GET", "/apps/3/channels/presence-x/users"),
    signed("GET", "/apps/3/channels/cache-x", info="cache"),
    signed("POST", "/apps/3/batch_events", b'{"batch":[{"name":"n","channel":"c","data":"d","info":"x"}]}'),
    signed("POST", "/apps/3/users/ann/terminate_connections", b"{}"),
    signed("POST", "/apps/3/events", b'{"name":"n","channels":["a","b"],"data":"d"}', b"Expect: 100-continue"),
    signed("GET", "/apps/3/channels", b"", b"Connection: close"),
    signed("GET", "/apps/3/channels", b"", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
    b"GET /apps/3/channels HTTP/1.0\r\n\r\n",
    b"\r\nGET http://a/apps/3/channels HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /apps/3/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"POST /apps/3/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"GET /apps/3/channels HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    b"GET /apps/3/channels HTTP/1.1\nHost: a\n\n",
    *(test_plain_post.OTHER[name] for name in list(test_plain_post.OTHER)[::4]),
)


class Ends(asyncio.Transport):
    """A connection's own end, which keeps what is written, and holds back what comes while nothing is to be read."""

    def __init__(self, house: "House") -> None:
        super().__init__()
        self.said = b""
        self.is_paused = self.is_ended = self.is_closed = False
        self.protocol: asyncio.BaseProtocol = Undecided(house, self)

    def write(self, data: Any) -> None:
        assert not self.is_ended, "something was said after the end"
        self.said += bytes(data)

    def write_eof(self) -> None:
        self.is_ended = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.is_ended = self.is_closed = True

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default


class Undecided(asyncio.Protocol):
    """What the front is while too little has been read, and who else than the API a connection may belong to."""

    def __init__(self, house: "House", transport: Ends) -> None:
        self._house = house
        self._transport = transport
        self._early = b""

    def data_received(self, data: bytes) -> None:
        self._early += data
        if self._house.kind(self._early) is Kind.API:
            self._house.dispatch(self._transport, self._early)


class House(Doorman):
    """The services that connections share; those that are not the API's end here."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk()
        doors = Doors(desk.rest._apps, desk.rest._node, 120)
        services = Services(_SETTINGS, Wheel(loop), doors, desk.rest, Proxies("127.0.0.1"), Answers(loop.call_soon))
        super().__init__(services, _CONFIG, ServerState(), {})

    def dispatch(self, transport: asyncio.Transport, head: bytes) -> None:
        assert isinstance(transport, Ends)
        is_api = self.kind(head) is Kind.API
        owner = Http1(self._services, self._state, self) if is_api else Undecided(self, transport)
        transport.set_protocol(owner)
        owner.connection_made(transport)
        owner.data_received(head)


class Faults(logging.Handler):
    """Keeps what is logged as a fault of ours."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


_loop: Final = asyncio.new_event_loop()
_faults: Final = Faults()
logging.getLogger("hubbub").addHandler(_faults)


async def _talk(parts: Iterable[bytes]) -> Ends:
    """Say this, and give the connection when nothing more comes of it."""
    house = House(asyncio.get_running_loop())
    ends = Ends(house)
    for part in parts:
        if part and not ends.is_closed:
            assert isinstance(ends.protocol, asyncio.Protocol)
            ends.protocol.data_received(part)
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            if not ends.is_paused or ends.is_ended:
                break
        else:
            raise AssertionError("it is never read on")
    await asyncio.sleep(0)
    if isinstance(ends.protocol, Http1):
        ends.protocol.connection_lost(None)
    assert not house._state.connections
    return ends


def _said(ends: Ends, data: bytes) -> list[object]:
    """Give what was answered, without what hangs on time and on cuts."""
    if b"HEAD" in data:  # its answers tell of a body that is not there
        return [_BY_CHANCE.sub(b"", ends.said.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""))]
    answers: list[Answer] = whole_answers(ends.said)
    assert not any(answer.is_last for answer in answers[:-1]), "something was answered after the last"
    assert all(answer.status < 500 for answer in answers)
    return [(answer.status, answer.body, answer.is_last) for answer in answers]


def check(data: bytes) -> None:
    """Let one connection bring it whole, and another in pieces."""
    whole, cut = (_loop.run_until_complete(_talk(parts)) for parts in ([data], pieces(data)))
    said, said_of_pieces = _said(whole, data), _said(cut, data)
    if isinstance(cut.protocol, Undecided) and b"HEAD" not in data:
        # It went to another owner, between two requests: pipelined, that request has ended the connection, or has been
        # found to be broken already.
        assert said[: len(said_of_pieces)] == said_of_pieces
        assert len(said) <= len(said_of_pieces) + 1
    elif not isinstance(cut.protocol, Undecided):
        assert said == said_of_pieces
    assert not _faults.records, _faults.records
