"""What must hold of the HTTP API whatever it is sent."""

import asyncio
import itertools
import json
import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState

from hubbub.session.doors import Doors
from hubbub.settings import Settings
from hubbub.tally import Tally
from hubbub.transports.answers import Answers
from hubbub.transports.front import Doorman, Front
from hubbub.transports.kind import Kind
from hubbub.transports.proxies import Proxies
from hubbub.transports.services import Services
from hubbub.transports.wheel import Wheel
from rest.desk import NOW, OURS, Desk, signed_target
from rest.driver import Keys, credentials, raw

bounded = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ROUTES = ("/events", "/batch_events", "/channels", "/channels/a", "/channels/presence-a", "/channels/presence-a/users")

methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"get"]) | st.binary(max_size=8)
words = st.sampled_from(
    ["", "a", "presence-a", "user_count", "subscription_count,user_count", "1.1", "#server-to-user-1", "pusher:x", "{}"]
)
texts = words | st.text(max_size=20)
names = st.sampled_from(
    [
        "name",
        "data",
        "channel",
        "channels",
        "channels[]",
        "channels[0]",
        "socket_id",
        "info",
        "filter_by_prefix",
        "batch",
    ]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
events = st.dictionaries(names, values, max_size=6) | st.fixed_dictionaries(
    {"name": texts, "channel": st.just("a"), "data": values}, optional={"info": texts, "socket_id": texts}
)
bodies = (
    st.binary(max_size=200)
    | (values | events | st.fixed_dictionaries({"batch": st.lists(events | values, max_size=12)})).map(
        lambda value: json.dumps(value).encode()
    )
    | st.text(alphabet='{}[]",:0123456789.eE+-\\ untrfalsbch', max_size=60).map(str.encode)
)
queries: st.SearchStrategy[list[tuple[str, str]]] = st.lists(st.tuples(names | st.text(max_size=8), texts), max_size=6)


@bounded
@given(methods, st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: b"/apps/3/" + tail), bodies)
async def test_an_unsigned_request_is_always_refused(method: bytes, target: bytes, body: bytes) -> None:
    answer = await Desk().ask(method, target, body)
    assert 400 <= answer.status < 500
    assert answer.refusal[1]


@bounded
@given(
    st.sampled_from(ROUTES),
    st.dictionaries(
        st.sampled_from(["auth_key", "auth_timestamp", "auth_version", "auth_signature", "body_md5"]),
        st.binary(max_size=30)
        | st.sampled_from([OURS.key.encode(), str(NOW).encode(), b"1.0", b"%", b"%ed%a0%80", b"+"]),
    ),
)
async def test_forged_credentials_are_always_refused(route: str, given_credentials: dict[str, bytes]) -> None:
    proper = {name: value.encode() for name, value in credentials(OURS, at=NOW)}
    query = b"&".join(name.encode() + b"=" + value for name, value in {**proper, **given_credentials}.items())
    for method in (b"GET", b"POST"):
        answer = await Desk().ask(method, f"/apps/3{route}?".encode() + query)
        assert answer.status in (401, 405)


@bounded
@given(st.sampled_from(ROUTES), bodies, queries)
@example("/events", b'{"name":"n","channel":"a","data":' + b"9" * 5000 + b"}", [])
@example("/events", b'{"name":"n","channel":"a","data":-' + b"9" * 400 + b"}", [])
@example("/events", b'{"name":"n","channel":"a","data":"\\ud83d"}', [])
async def test_a_signed_request_is_done_or_refused(route: str, body: bytes, query: list[tuple[str, str]]) -> None:
    desk = Desk()
    for method, content in (("POST", body), ("GET", b"")):
        answer = await desk.ask(method, signed_target(OURS, f"/apps/3{route}", content, query, method=method), content)
        if answer.status == 200:
            assert isinstance(answer.json, dict)
        else:
            assert 400 <= answer.status < 500
            assert answer.refusal[1]
    desk.turn()


@bounded
@given(st.sampled_from(ROUTES), bodies, queries.filter(lambda query: all("[" not in name for name, _ in query)))
async def test_whatever_is_signed_fits_its_signature(route: str, body: bytes, query: list[tuple[str, str]]) -> None:
    """However a client's own parameters look, once escaped, the server reads them as they were signed."""
    kept = {name.lower(): (name, value) for name, value in query}
    answer = await Desk().ask("POST", signed_target(OURS, f"/apps/3{route}", body, list(kept.values())), body)
    assert answer.status != 401, answer


@bounded
@given(st.text(max_size=200), st.text(min_size=1, max_size=50).filter(lambda name: not name.startswith("pusher")))
@example("\x00\u2028\ufeff\U0010ffff", "é")
@example('{"a":"\\u00e9"}', "App\\Events\\X")
@example("x" * 10240, "n" * 200)
async def test_data_reaches_a_subscriber_as_it_was_published(data: str, name: str) -> None:
    desk = Desk()
    ear = desk.listen(OURS, "a")
    for is_ascii in (True, False):
        body = json.dumps({"name": name, "channel": "a", "data": data}, ensure_ascii=is_ascii).encode()
        answer = await desk.ask("POST", signed_target(OURS, "/apps/3/events", body), body)
        assert answer.status == 200, answer
    desk.turn()
    assert ear.heard == [{"event": name, "channel": "a", "data": data}] * 2


@bounded
@given(values.filter(lambda value: value is not None and not isinstance(value, str)), st.sampled_from([None, 1]))
async def test_data_that_is_no_string_reaches_a_subscriber_as_the_text_it_was(
    value: object, indent: int | None
) -> None:
    desk = Desk()
    ear = desk.listen(OURS, "a")
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return
    body = b'{"name":"n","channel":"a","data": ' + text.encode() + b"\n}"
    answer = await desk.ask("POST", signed_target(OURS, "/apps/3/events", body), body)
    assert answer.status == 200, answer
    desk.turn()
    assert [frame["data"] for frame in ear.heard] == [text]


# The bytes of HTTP, cut anywhere


class Pipe(asyncio.Transport):
    """A transport that keeps what is written. The protocol at its end may change."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.has_ended = False
        self.is_paused = False
        self.protocol: asyncio.Protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.has_ended
        self.written += data

    def write_eof(self) -> None:
        self.has_ended = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.has_ended = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Alone(Doorman):
    """Shows everyone out who does not come for the API."""

    def dispatch(self, transport: asyncio.Transport, head: bytes) -> None:
        if self.kind(head) in (Kind.API, None):
            super().dispatch(transport, head)
        else:
            transport.set_protocol(asyncio.Protocol())
            transport.close()


async def answers(desk: Desk, parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Give what is answered to `parts`, each received by itself, and whether the connection ends."""
    loop = asyncio.get_running_loop()
    options = Settings.model_construct()
    services = Services(
        options,
        Wheel(loop),
        cast("Doors", SimpleNamespace(tally=Tally())),
        desk.rest,
        Proxies(""),
        Answers(loop.call_soon),
    )
    doorman = Alone(services, cast("Config", None), ServerState(), {})
    pipe = Pipe()
    pipe.set_protocol(Front(services, doorman, ServerState()))
    pipe.protocol.connection_made(pipe)
    for part in parts:
        pipe.protocol.data_received(part)
        for _ in range(100):
            if not pipe.is_paused:
                break
            await asyncio.sleep(0)
        assert not pipe.is_paused
    services.answers.flush()
    pipe.protocol.connection_lost(None)
    return re.sub(rb"\r\n(Date|X-Request-Id): [^\r]+", b"", pipe.written), pipe.has_ended


def signed(method: str, route: str, body: bytes = b"", *headers: str, keys: Keys = OURS, version: str = "1.1") -> bytes:
    return raw(method, signed_target(keys, f"/apps/3{route}", body, method=method), body, *headers, version=version)


def chunked(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    half = len(body) // 2
    return head + b"\r\n\r\n%X\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (half, body[:half], len(body) - half, body[half:])


BODY = '{"name":"☃","channel":"a","data":"\\r\\n\\r\\nGET /health"}'.encode()
STREAM = [
    signed("POST", "/events", BODY),
    signed("GET", "/channels/a"),
    chunked(signed("POST", "/events", BODY)),
    signed("GET", "/channels", b"", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"),
    signed("POST", "/events", b"not json"),
    signed("HEAD", "/channels"),
    signed("GET", "/channels", keys=Keys("3", "nobody", "x")),
    signed("GET", "/nothing", b"", "Connection: keep-alive", version="1.0"),
    signed("GET", "/channels/presence-a/users", b"", "Connection: close"),
]


async def test_the_stream_of_the_next_test_is_what_it_should_be() -> None:
    written, has_ended = await answers(Desk(), STREAM)
    assert [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+)", written)] == [
        200, 200, 200, 200, 400, 405, 401, 404, 200,
    ]  # fmt: skip
    assert has_ended


@bounded
@given(st.lists(st.integers(0, sum(map(len, STREAM))), max_size=30), st.booleans())
@example(list(range(sum(map(len, STREAM)))), False)
@example([], True)
async def test_requests_are_answered_alike_however_they_are_cut(cuts: list[int], is_by_request: bool) -> None:
    stream = b"".join(STREAM)
    places = {0, len(stream), *cuts}
    if is_by_request:
        places |= {sum(map(len, STREAM[:n])) for n in range(len(STREAM))}
    ordered = sorted(places)
    parts = [stream[start:end] for start, end in itertools.pairwise(ordered)]
    assert await answers(Desk(), parts) == await answers(Desk(), STREAM)


@bounded
@given(
    st.lists(st.tuples(st.integers(0, sum(map(len, STREAM))), st.binary(max_size=8)), min_size=1, max_size=5),
    st.lists(st.integers(0, sum(map(len, STREAM))), max_size=10),
)
async def test_no_bytes_make_the_reader_of_http_raise(damage: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = bytearray(b"".join(STREAM))
    for place, wrong in damage:
        stream[place : place + len(wrong)] = wrong
    ordered = sorted({0, len(stream), *cuts})
    written, _ = await answers(Desk(), [bytes(stream[a:b]) for a, b in itertools.pairwise(ordered)])
    assert b"HTTP/1.1 5" not in written
