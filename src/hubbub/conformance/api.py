"""A back end that speaks Pusher's HTTP API, and may get any part of it wrong on purpose.

Knows requests, how they are signed, and answers. Does not know which answer is right.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from hubbub.conformance.checks import Failed, check, shortened
from hubbub.conformance.target import Application, Target
from hubbub.signing import body_md5, request_text, sign

Pairs = Sequence[tuple[str, str]]


class Answer(msgspec.Struct, frozen=True):
    """A response. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        """What the body says. Raises Failed when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Failed("a body of JSON", self) from None

    def expect(self, status: int, text: str | None = None) -> "Answer":
        """Raise Failed unless this is the status and, if told, the text, whose last newline is not looked at."""
        expected = f"{status}" if text is None else f"{status} {text!r}"
        is_so = self.status == status and (text is None or self.text.removesuffix("\n") == text)
        check(is_so, expected, self)
        return self

    def __str__(self) -> str:
        return shortened(f"{self.status} {self.text!r}")


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """How a request is signed and sent when that is not as it should be.

    `path` is signed in place of `/apps/ID` and the route; `wire_path` is sent in place of what was signed. `claims`
    replaces parameters before they are signed, `forged` after; None leaves one out. `at` is the time of signing, in
    seconds since 1970. `is_escaped` is whether values of the query are sent percent-encoded. `secret` signs in place
    of the right one.
    """

    path: str | None = None
    wire_path: str | None = None
    claims: Mapping[str, str | None] = {}
    forged: Mapping[str, str | None] = {}
    is_escaped: bool = True
    secret: str | None = None
    at: float | None = None


RIGHT: Final = Signing()


class Api:
    """The HTTP API of one application, over connections that are kept alive."""

    def __init__(self, target: Target, app: Application, session: aiohttp.ClientSession) -> None:
        self.app = app
        self._target = target
        self._session = session

    async def request(
        self,
        method: str,
        route: str,
        body: object = None,
        query: Pairs = (),
        *,
        headers: Mapping[str, str] | None = None,
        signing: Signing = RIGHT,
    ) -> Answer:
        """Send a request to `/apps/ID` and `route`, and give the answer, whatever it is.

        `body` is bytes or text as they are, or anything else as its JSON; None for no body. Raises Failed when there
        is no answer.
        """
        content = encoded(body)
        url = self._target.api_url + self.signed(method, route, content, query, signing)
        kind = {"Content-Type": "application/json"} if content is not None else {}
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=content, headers={**kind, **(headers or {})}, allow_redirects=False
            ) as response:
                lower = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, lower, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Failed(f"an answer to {method} {route}", f"{type(error).__name__}: {error}") from None

    def signed(
        self, method: str, route: str, body: bytes | None = None, query: Pairs = (), signing: Signing = RIGHT
    ) -> str:
        """Give the target of a signed request: path and query, as it stands in a request's first line."""
        path = signing.path or f"/apps/{self.app.id}{route}"
        own: dict[str, str | None] = {
            "auth_key": self.app.key,
            "auth_timestamp": str(int(signing.at or time.time())),
            "auth_version": "1.0",
            "body_md5": body_md5(body) if body else None,
            **signing.claims,
        }
        pairs = [*query, *_present(own)]
        secret = self.app.secret if signing.secret is None else signing.secret
        pairs.append(("auth_signature", sign(secret, request_text(method, path, pairs))))
        sent = [pair for pair in pairs if pair[0] not in signing.forged] + _present(signing.forged)
        return f"{signing.wire_path or path}?{written(sent, is_escaped=signing.is_escaped)}"

    async def get(self, route: str, query: Pairs = ()) -> Answer:
        """Ask for something."""
        return await self.request("GET", route, query=query)

    async def post(self, route: str, body: object) -> Answer:
        """Post something."""
        return await self.request("POST", route, body)

    async def trigger(self, channels: str | list[str], name: str, data: object, **others: object) -> Answer:
        """Publish an event; raises Failed unless the answer is 200. `others` are `socket_id`, `info` and the like."""
        to = {"channel": channels} if isinstance(channels, str) else {"channels": channels}
        return (await self.post("/events", {"name": name, "data": data, **to, **others})).expect(200)


def encoded(body: object) -> bytes | None:
    """Give a body's bytes: those it has, those of its text, or those of its JSON; None for none."""
    match body:
        case None | bytes():
            return body
        case str():
            return body.encode()
        case _:
            return json.dumps(body).encode()


def written(pairs: Iterable[tuple[str, str]], *, is_escaped: bool = True) -> str:
    """Give a query as it is sent."""
    if not is_escaped:
        return "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def _present(parameters: Mapping[str, str | None]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in parameters.items() if value is not None]
