"""A forgotten password: asking for a letter, and setting another password by it."""

from typing import Final

from starlette.responses import Response

from hubbub.errors import INVALID, Refusal
from hubbub.web.faults import Faults, faults_of
from hubbub.web.pace import even
from hubbub.web.page import Access, get, post
from hubbub.web.sign.confirm import wrong_code
from hubbub.web.throttle import letter_to
from hubbub.web.visit import Visit

SENT: Final = "If there is an account with that address, a letter with a link is on its way to it."


async def _show(visit: Visit) -> Response:
    return visit.render("sign/forgotten.html")


async def _ask(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    services.throttle.take("letter", visit.address, letter_to(form["email"], "reset"))
    await even(services.accounts.passwords.ask(form["email"], address=visit.address))
    return visit.redirect("/reset", SENT)


async def _show_reset(visit: Visit) -> Response:
    return _page(visit)


async def _reset(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    services.throttle.take("text", visit.address)
    code = form["code"].strip()
    if form["password"] != form["password_again"]:
        return _page(visit, 422, code=code, errors={"password_again": ["is not the same"]})
    try:
        await services.accounts.passwords.reset(code, password=form["password"], address=visit.address)
    except Refusal as refusal:
        if refusal.reason is INVALID:
            return _page(visit, 422, code=code, errors=faults_of(refusal))
        return _page(visit, 422, errors={"code": [wrong_code(refusal)]})
    return visit.redirect("/sign-in", "Your new password is set, and you are signed out everywhere. Sign in with it.")


def _page(visit: Visit, status: int = 200, *, code: str = "", errors: Faults | None = None) -> Response:
    return visit.render("sign/reset.html", status, code=code, errors=errors or {})


PAGES: Final = (
    get("/forgotten", _show, Access.ANYBODY, is_open=True),
    post("/forgotten", _ask, Access.ANYBODY, is_open=True),
    get("/reset", _show_reset, Access.ANYBODY, is_open=True),
    post("/reset", _reset, Access.ANYBODY, is_open=True),
)
