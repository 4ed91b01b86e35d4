"""Getting started with an application: the lines to paste, filled in, and word of the first who listens.

Knows: that the secret is shown once, for the password. Does not know the snippets.
"""

from typing import Final

from starlette.responses import JSONResponse, Response

from hubbub.errors import Refusal
from hubbub.snippets.authorizing import authorizing
from hubbub.snippets.listening import listening, listening_in_private
from hubbub.snippets.publishing import publishing
from hubbub.snippets.target import CHANNEL, EVENT
from hubbub.web.application.stored import stored
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import get, post
from hubbub.web.subject import Subject
from hubbub.web.target import target_of
from hubbub.web.visit import Visit


async def _start(visit: Visit) -> Response:
    return _page(visit, await visit.subject())


async def _reveal(visit: Visit) -> Response:
    """Show the page with the secret, this once: it is the answer to a form, and kept nowhere."""
    subject, form = await stored(visit), await visit.form()
    try:
        with visit.services.throttle.trying("password", visit.address, visit.who.user.email):
            shown = await visit.services.accounts.keys.show(
                visit.who, subject.reference, subject.id, password=form["password"]
            )
    except Refusal as refusal:
        return _page(visit, subject, errors=faults_of(refusal))
    return _page(visit, subject, secret=shown.app_secret or "")


def _page(visit: Visit, subject: Subject, *, secret: str = "", errors: Faults | None = None) -> Response:
    target = target_of(visit, subject, secret)
    return visit.render(
        "applications/start.html",
        200 if errors is None else 422,
        subject=subject,
        here="start",
        listening=listening(target),
        publishing=publishing(target),
        private=listening_in_private(target),
        authorizing=authorizing(target),
        channel=CHANNEL,
        event=EVENT,
        is_masked=not secret,
        errors=errors or {},
    )


async def _counts(visit: Visit) -> Response:
    """Tell how many subscriptions the channel of the snippets has, in the whole cluster."""
    subject = await visit.subject()
    counts = await visit.services.node.subscription_counts(subject.id, [CHANNEL])
    return JSONResponse({"subscriptions": counts[0]})


PAGES: Final = (
    get("/applications/{application}/start", _start),
    post("/applications/{application}/start", _reveal),
    get("/applications/{application}/start/counts", _counts),
)
