"""The connections of an application at this moment, on all nodes, and ending one.

Knows what is shown of a connection. Does not know on which node it is. What clients say of themselves is their text.
"""

from typing import Final

from starlette.responses import Response

from hubbub.accounts.domain_incidents import Sought
from hubbub.errors import FORBIDDEN, Refusal
from hubbub.web.application.watched import exactly, reference
from hubbub.web.page import get, post
from hubbub.web.subject import Subject
from hubbub.web.visit import Form, Visit

_PATH: Final = "/applications/{application}/connections"
MOST_RECENT: Final = 10
"""Incidents of a connection that its page shows."""


async def _connections(visit: Visit) -> Response:
    """List them, or show the one with the id `socket`."""
    subject, query = await visit.subject(), visit.query
    await visit.services.accounts.observing.look(visit.who, subject.reference, reference(subject))
    if query["socket"]:
        return await _connection(visit, subject, query["socket"].strip()[:64])
    since, after = _place(query)
    listing = await visit.services.inspector.list(subject.id, search=query["search"], since=since, after=after)
    last = listing.seen[-1] if listing.seen else None
    further = {"search": query["search"]} if query["search"] else {}
    return visit.render(
        "console/connections.html",
        subject=subject,
        here="connections",
        listing=listing,
        search=query["search"],
        is_first=since is None,
        first=further,
        following=further | {"since": f"{last.since}", "after": last.socket_id} if last and listing.has_more else None,
    )


async def _connection(visit: Visit, subject: Subject, socket_id: str) -> Response:
    services = visit.services
    found = await services.inspector.find(subject.id, socket_id)
    incidents = await services.accounts.observing.incidents(
        visit.who, subject.reference, reference(subject), Sought(socket_id=socket_id)
    )
    return visit.render(
        "console/connection.html",
        200 if found is not None or incidents.items else 404,
        subject=subject,
        here="connections",
        socket_id=socket_id,
        seen=found,
        incidents=incidents.items[:MOST_RECENT],
        has_more=len(incidents.items) > MOST_RECENT,
        exactly=exactly,
    )


async def _close(visit: Visit) -> Response:
    subject, form = await visit.subject(), await visit.form()
    socket_id = form["socket_id"].strip()[:64]
    back = {"search": form["search"]} if form["search"] else {}
    observing = visit.services.accounts.observing
    try:
        app_id = await observing.close(visit.who, subject.reference, reference(subject), socket_id)
    except Refusal as refusal:
        if refusal.reason is not FORBIDDEN:
            raise
        problem = str(refusal.facts.get("problem", refusal.message))
        return visit.redirect(f"{subject.path}/connections", f"Not closed: {problem}.", kind="bad", **back)
    if await visit.services.inspector.close(app_id, socket_id):
        return visit.redirect(f"{subject.path}/connections", f"The connection {socket_id} is closed.", **back)
    return visit.redirect(
        f"{subject.path}/connections", f"There is no connection {socket_id} any more.", kind="bad", **back
    )


def _place(query: Form) -> tuple[float | None, str]:
    """Give behind which connection the list goes on, if it is one."""
    try:
        since = float(query["since"][:32])
    except ValueError:
        return None, ""
    return since, query["after"][:64]


PAGES: Final = (get(_PATH, _connections), post(f"{_PATH}/close", _close))
