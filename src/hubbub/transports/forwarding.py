"""Requests of sessions that another node has: handed to it, and answered through here.

So clients that no WebSocket reaches may send each of their requests to any node, and balancers need to know nothing of
them. Knows: who has a session, by its claim, and what becomes of requests when nodes are lost. Does not know what a
request means; that is its endpoint's.
"""

import asyncio
import secrets
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hubbub import eager
from hubbub.errors import BAD_REQUEST, INTERNAL, OVER_CAPACITY, STORE_UNAVAILABLE, Refusal
from hubbub.logs import named
from hubbub.node.node import LOST, RETURNED
from hubbub.transports.claims import Claims
from hubbub.transports.errand import Errand
from hubbub.transports.forwarded import Ending, Forwarded
from hubbub.transports.handing import (
    SPACE,
    Asked,
    Broken,
    Forgot,
    Headers,
    Left,
    Moved,
    Said,
    Stopping,
    Took,
    Word,
    decode,
    encode,
)
from hubbub.transports.services import Services

HEADERS: Final = (b"content-type", b"origin", b"referer", b"user-agent", b"x-phoenix-authtoken")
"""What endpoints look at."""

TRIES: Final = 3
"""Nodes that a request is brought to: sessions seldom move, and never for long."""

MOST: Final = 65_536
"""Requests that are forwarded at once, each way, where the server has no such limit itself."""

SILENCE: Final = 15.0
"""Seconds beyond those after which a session has something to say, if only a sign of life, for it to be on its way."""

FAREWELL: Final = 1.0
"""Seconds in which a stopping node still hands on the last answers."""

RENEWAL: Final = 6 * 3600.0
"""Seconds after which all claims are made anew: the cluster keeps them for a day."""

_logger = named("hubbub.forwarding")


class Visit(msgspec.Struct, frozen=True):
    """A request of a session; `waits` for what is said to it, or brings something."""

    session: str
    waits: bool


class Endpoint(Protocol):
    """What answers the requests of one kind of session."""

    claims: Claims

    def visit(self, request: Request) -> Visit | None:
        """Tell which session a request is of; None if it is of none: such a one is answered by any node."""

    def has(self, session: str) -> bool:
        """Tell whether a session is here."""

    def send_away(self, session: str) -> None:
        """Tell the client of a session, if it is here, to come back, and end it."""

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """Give the answer that tells a client of a refusal."""

    async def __call__(self, request: Request) -> Response:
        """Answer a request: of a session that is here, or may be begun here, or of none."""


class Forwarding:
    """Both ends of all requests that are forwarded to this node or by it. `endpoints` are by kind of session."""

    def __init__(self, services: Services, endpoints: Mapping[str, Endpoint]) -> None:
        settings = services.settings
        self._node = services.doors.node
        self._endpoints = endpoints
        self._most = services.doors.capacity or MOST
        self._largest = settings.max_body_bytes + 2 * settings.max_head_bytes + SPACE
        self._patience = max(settings.fallback_heartbeat, settings.poll_window) + SILENCE
        self._nonce = secrets.token_bytes(8)
        self._count = 0
        self._forwarded: dict[bytes, Forwarded] = {}
        self._errands: dict[bytes, Errand] = {}
        self._holders: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def start(self) -> None:
        """Take what other nodes hand to this one, which is in the cluster."""
        if self._node.is_alone:
            return
        self._node.take_with(self._take)
        self._node.listen(LOST, self._lost)
        self._node.listen(RETURNED, lambda _: self._returned())
        self._run(self._renew_regularly())

    def shutdown(self) -> None:
        """The server stops: have all clients told to come back whose sessions others have."""
        self._is_stopping = True
        for forwarded in list(self._forwarded.values()):
            self._tell(forwarded.holder, Stopping(forwarded.id))

    async def stop(self) -> None:
        """End what is under way, after the last answers."""
        if self._serving:
            await asyncio.wait(self._serving, timeout=FAREWELL)
        for task in (*self._serving, *self._tasks):
            task.cancel()

    # Requests

    async def answer(self, kind: str, request: Request) -> Response:
        """Answer a client's request: here, or by the node that has its session."""
        endpoint = self._endpoints[kind]
        try:
            for _ in range(TRIES):
                found = await self._answer_here(endpoint, request)
                if not isinstance(found, str):
                    return found
                answer = await self._forward(kind, request, found)
                if answer is not None:
                    return answer
        except Refusal as refusal:
            return endpoint.refused(request, refusal)
        return endpoint.refused(request, STORE_UNAVAILABLE())

    async def _answer_here(self, endpoint: Endpoint, request: Request) -> Response | str:
        """Answer, or give the node that has the session."""
        visit = None if self._node.is_alone else endpoint.visit(request)
        if visit is None or endpoint.has(visit.session):
            return await endpoint(request)
        async with endpoint.claims.asked(visit.session) as holder:
            return await endpoint(request) if holder == self._node.name else holder

    async def _forward(self, kind: str, request: Request, holder: str) -> Response | None:
        """Have a request answered by a node; None if it turns out not to be there, or not to have the session."""
        if len(self._forwarded) >= self._most:
            raise OVER_CAPACITY()
        try:
            body = await request.body()
        except ClientDisconnect:
            raise BAD_REQUEST(problem="the body is incomplete") from None
        self._count += 1
        id_ = self._nonce + self._count.to_bytes(8)
        asked = Asked(
            id_,
            self._node.name,
            kind,
            request.method,
            request.scope["path"],
            request.path_params,
            request.scope["query_string"],
            _headers(request),
            request.scope["scheme"],
            request.scope.get("client"),
            body,
        )
        forwarded = Forwarded(
            id_,
            holder,
            request.receive,
            tell=self._tell,
            forget=self._forget,
            patience=self._patience,
        )
        self._forwarded[id_] = forwarded
        self._holders.add(holder)
        try:
            await self._hand(holder, asked)
        except BaseException:
            forwarded.close()
            raise
        visit = self._endpoints[kind].visit(request)
        if self._is_stopping and visit is not None and visit.waits:
            self._tell(holder, Stopping(id_))
        match await forwarded.begin():
            case None:
                return forwarded
            case Ending.LEFT:
                return Response()  # which nobody reads
            case Ending.LOST | Ending.MOVED:
                return None
            case Ending.BROKEN:
                raise STORE_UNAVAILABLE()

    # Errands

    async def _serve(self, errand: Errand, endpoint: Endpoint, *, is_one_too_many: bool) -> None:
        request = Request(errand.scope, errand.receive)
        try:
            if is_one_too_many:
                response: Response | str = endpoint.refused(request, OVER_CAPACITY())
            else:
                response = await self._answer_errand(endpoint, request)
            if isinstance(response, str):
                self._tell(errand.asked.asker, Moved(errand.asked.id))
            else:
                await response(errand.scope, errand.receive, errand.send)
        except Exception:
            _logger.exception("A request of another node's client failed")
            if errand.has_begun:
                errand.cut()
            else:
                await endpoint.refused(request, INTERNAL())(errand.scope, errand.receive, errand.send)
        finally:
            del self._errands[errand.asked.id]

    async def _answer_errand(self, endpoint: Endpoint, request: Request) -> Response | str:
        try:
            return await self._answer_here(endpoint, request)
        except Refusal as refusal:
            return endpoint.refused(request, refusal)

    # What is handed

    def _take(self, message: bytes) -> None:
        if len(message) > self._largest:
            _logger.warning("A message from another node is too large", size=len(message))
            return
        try:
            word = decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            _logger.warning("A message from another node could not be read", size=len(message))
            return
        if isinstance(word, Asked):
            self._begin(word)
        elif isinstance(word, Forgot):
            for id_, errand in self._errands.items():
                if id_.startswith(word.id):
                    errand.leave()
        elif isinstance(word, Took | Left | Stopping):
            if (errand_of := self._errands.get(word.id)) is not None:
                self._obey(errand_of, word)
        elif (forwarded := self._forwarded.get(word.id)) is not None:
            if isinstance(word, Said):
                forwarded.take(word)
            else:
                forwarded.end(Ending.BROKEN if isinstance(word, Broken) else Ending.MOVED)

    def _begin(self, asked: Asked) -> None:
        endpoint = self._endpoints.get(asked.kind)
        if endpoint is None or asked.id in self._errands:
            return
        errand = Errand(asked, hand=self._hand, tell=self._tell)
        is_one_too_many = len(self._errands) >= self._most
        self._errands[asked.id] = errand
        task = asyncio.ensure_future(self._serve(errand, endpoint, is_one_too_many=is_one_too_many))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _obey(self, errand: Errand, word: Took | Left | Stopping) -> None:
        match word:
            case Took():
                errand.took(word.size)
            case Left():
                errand.leave()
            case Stopping():
                endpoint = self._endpoints[errand.asked.kind]
                visit = endpoint.visit(Request(errand.scope))
                if visit is not None and visit.waits:
                    endpoint.send_away(visit.session)

    # What becomes of nodes

    def _lost(self, node: str) -> None:
        """Another node is gone, and with it those of its clients that came through it, and what it has."""
        self._holders.discard(node)
        for errand in self._errands.values():
            if errand.asked.asker == node:
                errand.leave()
        for forwarded in list(self._forwarded.values()):
            if forwarded.holder == node:
                forwarded.end(Ending.LOST)

    def _returned(self) -> None:
        """This node was out of reach: whatever was on its way may be lost, and its sessions others may have."""
        for errand in self._errands.values():
            errand.cut()
        for forwarded in list(self._forwarded.values()):
            forwarded.end(Ending.BROKEN)
        for holder in self._holders:
            self._tell(holder, Forgot(self._nonce))
        self._run(self._renew())

    async def _renew(self) -> None:
        for endpoint in self._endpoints.values():
            await endpoint.claims.renew(endpoint.send_away)

    async def _renew_regularly(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            await self._renew()

    # Words out

    async def _hand(self, node: str, word: Word) -> None:
        await self._node.hand(node, encode(word))

    def _tell(self, node: str, word: Word) -> None:
        """Hand over what is of no more use where it cannot be: the other node finds out by itself."""
        if (task := eager.start(self._try(node, word))) is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _try(self, node: str, word: Word) -> None:
        with suppress(Refusal):
            await self._hand(node, word)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget(self, id_: bytes) -> None:
        self._forwarded.pop(id_, None)


def _headers(request: Request) -> Headers:
    return [(name, value) for name, value in request.headers.raw if name in HEADERS]
