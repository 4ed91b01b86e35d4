"""Confirming an e-mail address: by the link of a letter, or its code, and asking for another letter.

The link has the code behind its `#`: it reaches no log. A script puts it into the form; without one it is pasted.
"""

from typing import Final

from starlette.responses import Response

from hubbub.errors import UNKNOWN, Refusal
from hubbub.web.faults import Faults, faults_of, in_words
from hubbub.web.pace import even
from hubbub.web.page import Access, get, post
from hubbub.web.throttle import letter_to
from hubbub.web.visit import Visit

NO_CODE: Final = "This code is not good, or no longer: it may have been used, replaced by a newer one, or be too old."
"""What is told of the code of any letter."""

SENT: Final = "If that address waits to be confirmed here, a letter with a new code is on its way to it."


async def _show(visit: Visit) -> Response:
    return _page(visit)


async def _confirm(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    services.throttle.take("text", visit.address)
    try:
        user = await services.accounts.confirmations.confirm(form["code"].strip(), address=visit.address)
    except Refusal as refusal:
        return _page(visit, 422, errors={"code": [wrong_code(refusal)]})
    where = "/sign-in" if visit.identity is None else "/account"
    return visit.redirect(where, f"{user.email} is confirmed." + (" Sign in with it." if where == "/sign-in" else ""))


async def _again(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    services.throttle.take("letter", visit.address, letter_to(form["email"], "confirm"))
    await even(services.accounts.confirmations.ask(form["email"]))
    return visit.redirect("/confirm", SENT)


def wrong_code(refusal: Refusal) -> str:
    """Say what is wrong with a letter's code. Raises anything else that was refused."""
    if refusal.reason is UNKNOWN:
        return NO_CODE
    return in_words(faults_of(refusal))


def _page(visit: Visit, status: int = 200, *, errors: Faults | None = None) -> Response:
    return visit.render("sign/confirm.html", status, errors=errors or {})


PAGES: Final = (
    get("/confirm", _show, Access.ANYBODY, is_open=True),
    post("/confirm", _confirm, Access.ANYBODY, is_open=True),
    post("/confirm/again", _again, Access.ANYBODY, is_open=True),
)
