"""Ids of requests to the site, and the lines about them."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from hubbub.api.failures import refused
from hubbub.logs.current import is_well_formed
from hubbub.transports.access import PEER, Requests
from logged import logged


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    await refused(503, "The database is away")(scope, receive, send)


async def ask(
    app: Requests, *headers: tuple[bytes, bytes], is_trusted: bool = True
) -> tuple[dict[bytes, bytes], bytes]:
    """Give the headers and the body of an answer."""
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    extensions: dict[str, Any] = {PEER: {"is_trusted": lambda: is_trusted}}
    scope = {"type": "http", "method": "GET", "raw_path": b"/pusher/app/key/1/s3ss/xhr", "headers": list(headers)}
    await app({**scope, "client": ("10.0.0.1", 1), "extensions": extensions}, receive, send)
    return dict(said[0]["headers"]), said[1]["body"]


async def test_an_answer_that_is_nobodys_own_fault_names_its_request() -> None:
    headers, body = await ask(Requests(failing, has_access_log=False), (b"x-request-id", b"from-the-proxy"))
    assert headers[b"x-request-id"] == b"from-the-proxy"
    assert body == b'{"errors":{"detail":"The database is away"},"request_id":"from-the-proxy"}'


async def test_a_strangers_id_is_not_taken() -> None:
    headers, _ = await ask(Requests(failing, has_access_log=False), (b"x-request-id", b"mine"), is_trusted=False)
    assert headers[b"x-request-id"] != b"mine"


async def test_the_session_of_a_fallback_is_not_in_the_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "hubbub")
    await ask(Requests(failing, has_access_log=True), (b"user-agent", b"curl"))
    [line] = logged(caplog, "hubbub.access")
    assert line.startswith("Request method=GET path=/pusher/app/key/1/[session]/xhr status=503 duration_ms=")
    assert line.endswith("address=10.0.0.1 agent=curl")


@pytest.mark.parametrize(
    ("given", "is_well"),
    [("a", True), ("A-z_0.9:+/=@", True), ("", False), ("a b", False), ("a" * 65, False), ("é", False)],
)
def test_ids_are_well_formed_or_not(given: str, is_well: bool) -> None:
    assert is_well_formed(given) is is_well
