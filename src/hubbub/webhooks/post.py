"""One request to one endpoint, and what came of it.

Knows HTTP: which headers go out, how long an answer may take and how much of it is read. Nothing of one endpoint is
kept for the next but open connections. Does not know when or how often a request is tried.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from hubbub.webhooks.addresses import is_public, literal
from hubbub.webhooks.names import ASKER, LookUp, NotPublicError, PublicNames, SystemNames
from hubbub.webhooks.seam import Delivery, Endpoint

USER_AGENT: Final = "Hubbub-Webhooks"

MOST_READ: Final = 1024
"""Bytes of an answer that are read; if there are more, the connection is dropped."""

MOST_KEPT: Final = 512
"""Bytes of it that are kept."""

ANSWER_SECONDS: Final = 1.0
"""Seconds in which they must come, once the status is there: that alone decides."""

RESERVED: Final = frozenset(
    {
        *("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding"),
        *("upgrade", "content-type", "x-pusher-key", "x-pusher-signature"),
    }
)
"""Headers that say how the request is transmitted, and Pusher's: no endpoint may choose them."""


NO_HEADERS: Final[Mapping[str, str]] = {}


class Outcome(msgspec.Struct, frozen=True):
    """What came of a request: the answer's status and how it began, or, without an answer, why there is none."""

    duration_ms: int
    status: int | None = None
    problem: str = ""
    answer: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the endpoint has taken it."""
        return self.status is not None and 200 <= self.status < 300


class Post:
    """Requests, by open connections where there are. `timeout` is in seconds; `look_up` finds the addresses of names.

    Without `is_private` no request leaves for an address that is not public.
    """

    def __init__(self, timeout: float, *, is_private: bool, look_up: LookUp | None = None) -> None:
        self._timeout = timeout
        self._is_private = is_private
        self._system = SystemNames()
        self._names = PublicNames(look_up or self._system, is_private=is_private)
        self._client: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Be ready for requests, of the loop that runs."""
        connector = aiohttp.TCPConnector(
            limit=0,  # the couriers of each endpoint have their own
            resolver=self._names,
            use_dns_cache=False,
            socket_factory=self._names.open_socket,
        )
        self._client = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=2 * MOST_READ,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("Accept", "Accept-Encoding"),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
        self._system.close()

    async def send(self, endpoint: Endpoint, delivery: Delivery, more: Mapping[str, str] = NO_HEADERS) -> Outcome:
        """Try a delivery once, with some headers `more`.

        Does not raise for anything that an endpoint, its name or its URL may bring about.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        ASKER.set(delivery.app_id)
        status, problem, answer = None, "", ""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._request(endpoint, delivery, more)
            status = response.status
            answer = await self._begin_to_read(response)
            if 300 <= status < 400:
                problem = "redirects are not followed"
        except TimeoutError:
            problem = f"no answer within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = _problem(error)
        return Outcome(round((loop.time() - began) * 1000), status, problem, answer)

    async def _request(self, endpoint: Endpoint, delivery: Delivery, more: Mapping[str, str]) -> aiohttp.ClientResponse:
        assert self._client is not None, "not opened"
        taken = RESERVED.union(more)
        own = {name: value for name, value in endpoint.headers.items() if name.lower() not in taken}
        headers = {
            **({} if any(name.lower() == "user-agent" for name in own) else {"User-Agent": USER_AGENT}),
            **own,
            **more,
            "Content-Type": "application/json",
            "X-Pusher-Key": delivery.key,
            "X-Pusher-Signature": delivery.signature,
        }
        if not self._is_private and (host := urlsplit(endpoint.url).hostname):
            address = literal(host)
            if address is not None and not is_public(address):
                raise NotPublicError("its address is not public")
        return await self._client.post(
            endpoint.url, data=delivery.body.encode(), headers=headers, allow_redirects=False
        )

    async def _begin_to_read(self, response: aiohttp.ClientResponse) -> str:
        """Give what an answer begins with, and keep the connection only if that was all of it."""
        read = b""
        try:
            async with asyncio.timeout(min(ANSWER_SECONDS, self._timeout)):
                while len(read) <= MOST_READ and (more := await response.content.read(MOST_READ + 1 - len(read))):
                    read += more
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # the status has said it all
        finally:
            # What was read to its end has given its connection back already.
            response.close()
        return _harmless(read[:MOST_KEPT])


def _harmless(text: bytes) -> str:
    """Give text as it can be shown anywhere: without control characters, in one line."""
    shown = text.decode("utf-8", "replace").replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)


def _problem(error: Exception) -> str:
    """Say why there is no answer, without the URL: aiohttp's own texts have it in them."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    match cause:
        case NotPublicError():
            return f"refused: {cause}; see HUBBUB_WEBHOOK_PRIVATE"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {_harmless(cause.verify_message.encode())}"
        case ssl.SSLError() | aiohttp.ClientSSLError():
            return "TLS failed"
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its name has no address"
        case aiohttp.ServerDisconnectedError():
            return "it hung up before an answer"
        case aiohttp.ClientResponseError():
            return "its answer is no HTTP"
        case ValueError():  # aiohttp.InvalidURL is one
            return "its URL or one of its headers cannot be used"
        case OSError(errno=int(number)) if number > 0:
            return f"no connection: {os.strerror(number)}"
        case _:
            return f"no connection: {type(error).__name__}"
