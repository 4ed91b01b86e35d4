"""The error log of an application: what was refused, and why connections ended, looked for and explained.

Knows how incidents are shown and looked for. Does not know who may see them, nor what is kept.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.responses import Response

from hubbub.accounts.domain_incidents import Sought
from hubbub.accounts.domain_webhooks import Sender
from hubbub.accounts.fields import LARGEST, Fields
from hubbub.accounts.observing import Incidents
from hubbub.console.explanations import explain, reconnecting
from hubbub.errors import Refusal
from hubbub.taps.incident import Incident
from hubbub.web.application.watched import exactly, reference
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import Access, get
from hubbub.web.subject import Subject
from hubbub.web.visit import Form, Visit

_PATH: Final = "/applications/{application}/errors"
_UNKNOWN: Final = "/errors"
"""What concerned no application that is known: for root."""

TEXTS: Final = ("text", "socket_id", "user_id", "channel", "address", "reason")
AROUND: Final = timedelta(minutes=5)
"""How long before and after an incident others are shown from it."""

_NOTHING: Final = Incidents((), has_more=False, reasons=())

Application = str | Sender | None


async def _errors(visit: Visit) -> Response:
    subject = await visit.subject()
    return await _list(visit, subject, subject.reference, reference(subject), f"{subject.path}/errors")


async def _unknown(visit: Visit) -> Response:
    return await _list(visit, None, None, None, _UNKNOWN)


async def _error(visit: Visit) -> Response:
    subject = await visit.subject()
    return await _show(visit, subject, subject.reference, reference(subject), f"{subject.path}/errors")


async def _unknown_error(visit: Visit) -> Response:
    return await _show(visit, None, None, None, _UNKNOWN)


async def _list(
    visit: Visit, subject: Subject | None, organization: str | None, application: Application, path: str
) -> Response:
    query = visit.query
    errors: Faults = {}
    found = _NOTHING
    try:
        sought = _sought(query)
        found = await visit.services.accounts.observing.incidents(visit.who, organization, application, sought)
    except Refusal as refusal:
        errors = faults_of(refusal)
    asked = {name: query[name] for name in (*TEXTS, "since", "until") if query[name]}
    older = {**asked, "older_than": str(found.items[-1].number)} if found.has_more else None
    return visit.render(
        "console/errors.html",
        422 if errors else 200,
        frame="application.html" if subject is not None else "base.html",
        subject=subject,
        here="errors",
        path=path,
        found=found,
        query=query,
        asked=asked,
        older=older,
        errors=errors,
        is_first=not query["older_than"],
        exactly=exactly,
    )


async def _show(
    visit: Visit, subject: Subject | None, organization: str | None, application: Application, path: str
) -> Response:
    observing = visit.services.accounts.observing
    kept = await observing.incident(visit.who, organization, application, visit.path("reference"))
    incident = kept.incident
    return visit.render(
        "console/error.html",
        frame="application.html" if subject is not None else "base.html",
        subject=subject,
        here="errors",
        path=path,
        incident=incident,
        about=incident.about,
        explanation=explain(incident.reason),
        reconnecting=reconnecting(incident.reason) if incident.sort == "closed" else "",
        around=_around(incident),
        exactly=exactly,
    )


def _around(incident: Incident) -> dict[str, str]:
    """Give what looks for others of about the same time."""
    at = datetime.fromtimestamp(incident.at, UTC)
    return {"since": _written(at - AROUND), "until": _written(at + AROUND)}


def _written(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _sought(query: Form) -> Sought:
    """Give what the form asks for. Raises INVALID."""
    with Fields() as fields:
        since, until = _moment(fields, query, "since"), _moment(fields, query, "until", is_end=True)
        older_than = fields.number("older_than", query["older_than"], 0, LARGEST**2) if query["older_than"] else None
    texts: dict[str, Any] = {name: query[name].strip() or None for name in TEXTS}
    return Sought(since=since, until=until, older_than=older_than, **texts)


def _moment(fields: Fields, query: Form, name: str, *, is_end: bool = False) -> datetime | None:
    """Read a time as a form writes it, which is UTC; one without seconds that is the end has all of its minute."""
    text = query[name].strip()
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text[:40])
        read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):  # the last day of the year 9999, west of Greenwich
        fields.fault(name, "must be a time such as 2026-11-23T10:31")
        return None
    if is_end and read.second == 0 and text.count(":") == 1:
        read += timedelta(seconds=59, microseconds=999_999)
    return read


PAGES: Final = (
    get(_PATH, _errors),
    get(_PATH + "/{reference}", _error),
    get(_UNKNOWN, _unknown, Access.ROOT),
    get(_UNKNOWN + "/{reference}", _unknown_error, Access.ROOT),
)
