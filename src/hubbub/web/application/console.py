"""The console: what happens at an application, as it happens.

Knows: how the live log comes to a browser, and that it ends when who looks may no longer. Does not know what is seen.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse

from hubbub.console.stage import rooms
from hubbub.errors import OVER_CAPACITY, STORE_UNAVAILABLE, Refusal
from hubbub.web.application.watched import KINDS, reference
from hubbub.web.page import get
from hubbub.web.subject import Subject
from hubbub.web.visit import SESSION, Visit

_PATH: Final = "/applications/{application}/console"
MOST_LAST: Final = 64
"""Characters of the id of a message."""


async def _console(visit: Visit) -> Response:
    subject = await visit.subject()
    await visit.services.accounts.observing.look(visit.who, subject.reference, reference(subject))
    kinds = {kind.value: label for kind, label in KINDS.items()}
    return visit.render(
        "console/console.html",
        subject=subject,
        here="console",
        kinds=kinds,
        search=visit.query["search"][:200],
        settings=msgspec.json.encode({"path": subject.path, "kinds": kinds, "rooms": rooms()}).decode(),
    )


async def _stream(visit: Visit) -> Response:
    subject = await visit.subject()
    await visit.services.accounts.observing.look(visit.who, subject.reference, reference(subject))
    if visit.services.console.is_full(str(visit.who.user.id)):
        raise OVER_CAPACITY()
    if visit.request.method == "HEAD":
        return Response(media_type="text/event-stream")
    last = (visit.request.headers.get("last-event-id") or visit.query["last"])[:MOST_LAST]
    # Proxies must neither keep it back nor compress it.
    headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(visit, subject, last), media_type="text/event-stream", headers=headers)


async def _lines(visit: Visit, subject: Subject, last: str) -> AsyncIterator[bytes]:
    async def may_look() -> bool:
        accounts = visit.services.accounts
        try:
            # What the browser came with must still be a session, of somebody who may.
            found = await accounts.browsers.resume(visit.request.cookies.get(SESSION, ""), address=visit.address)
            await accounts.observing.look(found.identity, subject.reference, reference(subject))
        except Refusal as refusal:
            return refusal.reason is STORE_UNAVAILABLE  # nobody knows at the moment
        return True

    async for part in visit.services.console.stream(subject.id, str(visit.who.user.id), last, may_look):
        yield part


PAGES: Final = (get(_PATH, _console), get(f"{_PATH}/stream", _stream))
