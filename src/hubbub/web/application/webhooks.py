"""Webhooks of an application: where they go, what became of each, and sending them again.

Knows what their forms hold. Does not know who may, nor what an endpoint may be: the use-cases do.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.responses import Response

from hubbub.accounts.domain_webhooks import HeldEndpoint, Sender
from hubbub.errors import FORBIDDEN, Refusal
from hubbub.web.application.channels import readable
from hubbub.web.application.stored import stored
from hubbub.web.faults import Faults, faults_of, in_words
from hubbub.web.page import get, post
from hubbub.web.subject import Subject
from hubbub.web.visit import Form, Visit
from hubbub.webhooks.seam import DECLARED, KINDS, State

_PATH: Final = "/applications/{application}/webhooks"
PER_PAGE: Final = 30
KEPT: Final = "••••••••"
"""Stands in a form for the value of a header, which may be secret: left so, the value stays."""

MEANINGS: Final = {
    "channel_occupied": "somebody is the first to subscribe to a channel",
    "channel_vacated": "the last subscriber of a channel is gone",
    "member_added": "a user comes to a presence channel",
    "member_removed": "a user has left a presence channel",
    "client_event": "a client has sent an event to the others of a private or presence channel",
    "cache_miss": "somebody subscribed to a cache channel that has nothing to show: time to publish",
    "subscription_count": "a channel has another number of subscribers, where counting is on in the settings",
}
"""When each kind is sent."""


class Written(msgspec.Struct, frozen=True):
    """The form of an endpoint, as it is written; `lines` are its headers, one each."""

    url: str = ""
    kinds: tuple[str, ...] = KINDS
    channel_prefix: str = ""
    lines: str = ""

    @classmethod
    def of(cls, endpoint: HeldEndpoint) -> "Written":
        """Give the form of one that is there, the values of its headers hidden."""
        lines = "\n".join(f"{name}: {KEPT}" for name in endpoint.headers)
        return cls(endpoint.url, endpoint.kinds, endpoint.channel_prefix, lines)

    @classmethod
    def sent(cls, form: Form) -> "Written":
        """Read the form."""
        kinds = tuple(kind for kind in KINDS if form.has(f"kind-{kind}"))
        return cls(form["url"], kinds, form["channel_prefix"], form["headers"].replace("\r\n", "\n"))

    def hidden(self) -> "Written":
        """Give it as it may be shown again: a value that was typed is not sent back."""
        names = (line.partition(":")[0].strip() for line in self.lines.split("\n") if line.strip())
        return msgspec.structs.replace(self, lines="\n".join(f"{name}: " for name in names))

    def headers(self, before: Mapping[str, str]) -> Mapping[str, str] | None:
        """Give the headers by name, those left hidden as they were; None if a line is no header."""
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, self.lines.split("\n"))):
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or name.lower() in (one.lower() for one in found):
                return None
            found[name] = before.get(name, "") if value == KEPT else value
        return found


async def _webhooks(visit: Visit) -> Response:
    """List endpoints and deliveries; of an application that is another's, or out of use, say why there is nothing."""
    subject, query = await visit.subject(), visit.query
    if not _may_see(subject):
        return visit.render("applications/webhooks_closed.html", subject=subject, here="webhooks")
    accounts, who = visit.services.accounts.webhooks, visit.who
    sender = _sender(subject)
    state = query["state"] if query["state"] in {one.value for one in State} else None
    endpoint = query["webhook"] if query["webhook"].isascii() and query["webhook"].isdigit() else None
    offset = query["offset"] if query["offset"].isascii() and query["offset"].isdigit() else None
    found = await accounts.deliveries(
        who, subject.reference, sender, state=state, endpoint=endpoint, limit=PER_PAGE, offset=offset
    )
    totals = {
        one.value: (await accounts.deliveries(who, subject.reference, sender, state=one.value, limit=1)).total
        for one in State
    }
    endpoints = () if subject.is_declared else (await accounts.list(who, subject.reference, subject.id)).items
    declared = visit.services.settings.app
    return visit.render(
        "applications/webhooks.html",
        subject=subject,
        here="webhooks",
        endpoints=endpoints,
        urls={one.id: one.url for one in endpoints},
        has_declared=subject.is_declared and declared is not None and declared.webhook_url is not None,
        deliveries=found,
        totals=totals,
        waiting=await _waiting(visit, subject),
        state=state or "",
        endpoint=endpoint or "",
        query={name: text for name, text in (("state", state), ("webhook", endpoint)) if text},
        offset=int(offset or 0),
        limit=PER_PAGE,
        kinds=KINDS,
        meanings=MEANINGS,
        window=visit.services.settings.webhook_window,
    )


async def _waiting(visit: Visit, subject: Subject) -> int:
    """Count the events that are in no delivery yet."""
    backlog = await visit.services.backlog(subject.id)
    return sum(count for endpoint, count in backlog.items() if (endpoint == DECLARED) == subject.is_declared)


async def _new(visit: Visit) -> Response:
    subject = await _editable(visit)
    return _form(visit, subject, Written(), None)


async def _create(visit: Visit) -> Response:
    subject, written = await _editable(visit), Written.sent(await visit.form())
    headers = written.headers({})
    if headers is None:
        return _form(visit, subject, written.hidden(), None, 422, errors=_NO_HEADER)
    try:
        made = await visit.services.accounts.webhooks.create(
            visit.who,
            subject.reference,
            subject.id,
            url=written.url,
            kinds=written.kinds,
            channel_prefix=written.channel_prefix,
            headers=headers,
        )
    except Refusal as refusal:
        return _form(visit, subject, written.hidden(), None, 422, errors=faults_of(refusal))
    return visit.redirect(f"{subject.path}/webhooks", f"Webhook {made.id} is added: it hears of what happens from now.")


async def _edit(visit: Visit) -> Response:
    subject = await _editable(visit)
    endpoint = await _endpoint(visit, subject)
    return _form(visit, subject, Written.of(endpoint), endpoint.id)


async def _update(visit: Visit) -> Response:
    subject, written = await _editable(visit), Written.sent(await visit.form())
    endpoint = await _endpoint(visit, subject)
    headers = written.headers(endpoint.headers)
    if headers is None:
        return _form(visit, subject, written.hidden(), endpoint.id, 422, errors=_NO_HEADER)
    try:
        await visit.services.accounts.webhooks.update(
            visit.who,
            subject.reference,
            subject.id,
            str(endpoint.id),
            url=written.url,
            kinds=written.kinds,
            channel_prefix=written.channel_prefix,
            headers=headers,
        )
    except Refusal as refusal:
        return _form(visit, subject, written.hidden(), endpoint.id, 422, errors=faults_of(refusal))
    return visit.redirect(f"{subject.path}/webhooks", f"Webhook {endpoint.id} is changed.")


async def _remove(visit: Visit) -> Response:
    subject, endpoint = await _editable(visit), visit.path("endpoint")
    await visit.services.accounts.webhooks.remove(visit.who, subject.reference, subject.id, endpoint)
    return visit.redirect(f"{subject.path}/webhooks", f"Webhook {endpoint} is removed, and what waited for it.")


async def _delivery(visit: Visit) -> Response:
    subject = await visit.subject()
    report = await visit.services.accounts.webhooks.delivery(
        visit.who, subject.reference, _sender(subject), visit.path("delivery")
    )
    return visit.render(
        "applications/delivery.html", subject=subject, here="webhooks", report=report, body=readable(report.body)
    )


async def _resend(visit: Visit) -> Response:
    subject, delivery = await visit.subject(), visit.path("delivery")
    try:
        await visit.services.accounts.webhooks.resend(visit.who, subject.reference, _sender(subject), delivery)
    except Refusal as refusal:
        path = f"{subject.path}/webhooks/deliveries/{delivery}"
        return visit.redirect(path, f"{in_words(faults_of(refusal))}.", kind="bad")
    return visit.redirect(
        f"{subject.path}/webhooks", f"The events of delivery {delivery} are sent again, in a new delivery."
    )


async def _resend_failed(visit: Visit) -> Response:
    subject = await visit.subject()
    count = await visit.services.accounts.webhooks.resend_failed(visit.who, subject.reference, _sender(subject))
    many = f"The events of {count} failed deliveries are sent again." if count > 1 else "One delivery is sent again."
    return visit.redirect(f"{subject.path}/webhooks", many if count else "There was nothing to be sent again.")


_NO_HEADER: Final[Faults] = {"headers": ["must be one in each line, each once, as Name: value"]}


def _may_see(subject: Subject) -> bool:
    return subject.is_declared or (subject.may_edit and not subject.is_archived)


async def _editable(visit: Visit) -> Subject:
    """Give the application, if it has webhooks that the visitor may see. Raises UNKNOWN, FORBIDDEN."""
    subject = await stored(visit)
    if not subject.may_edit:
        raise FORBIDDEN(problem="webhooks are for admins of the organization that owns the application")
    return subject


def _sender(subject: Subject) -> Sender | str:
    """Give the application as the use-cases take it."""
    return Sender(subject.id, is_declared=True) if subject.is_declared else subject.id


async def _endpoint(visit: Visit, subject: Subject) -> HeldEndpoint:
    return await visit.services.accounts.webhooks.get(visit.who, subject.reference, subject.id, visit.path("endpoint"))


def _form(
    visit: Visit,
    subject: Subject,
    written: Written,
    endpoint: int | None,
    status: int = 200,
    *,
    errors: Faults | None = None,
) -> Response:
    return visit.render(
        "applications/webhook.html",
        status,
        subject=subject,
        here="webhooks",
        written=written,
        endpoint=endpoint,
        errors=errors or {},
        kinds=KINDS,
        meanings=MEANINGS,
        kept=KEPT,
    )


PAGES: Final = (
    get(_PATH, _webhooks),
    get(f"{_PATH}/new", _new),
    post(f"{_PATH}/new", _create),
    post(f"{_PATH}/resend-failed", _resend_failed),
    get(_PATH + "/deliveries/{delivery}", _delivery),
    post(_PATH + "/deliveries/{delivery}/resend", _resend),
    get(_PATH + "/{endpoint}", _edit),
    post(_PATH + "/{endpoint}", _update),
    post(_PATH + "/{endpoint}/remove", _remove),
)
