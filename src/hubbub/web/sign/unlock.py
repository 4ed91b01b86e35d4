"""Being let in again after too many wrong passwords: by the link of a letter, or its code, and asking for another."""

from typing import Final

from starlette.responses import Response

from hubbub.errors import Refusal
from hubbub.web.faults import Faults
from hubbub.web.pace import even
from hubbub.web.page import Access, get, post
from hubbub.web.sign.confirm import wrong_code
from hubbub.web.throttle import letter_to
from hubbub.web.visit import Visit

SENT: Final = "If there is an account with that address and it is locked, a letter with a new code is on its way to it."


async def _show(visit: Visit) -> Response:
    return _page(visit)


async def _unlock(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    services.throttle.take("text", visit.address)
    try:
        await services.accounts.sign_ins.unlock(form["code"].strip(), address=visit.address)
    except Refusal as refusal:
        return _page(visit, 422, errors={"code": [wrong_code(refusal)]})
    return visit.redirect("/sign-in", "Your account is unlocked. Sign in.")


async def _again(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    services.throttle.take("letter", visit.address, letter_to(form["email"], "unlock"))
    await even(services.accounts.sign_ins.ask_to_unlock(form["email"]))
    return visit.redirect("/unlock", SENT)


def _page(visit: Visit, status: int = 200, *, errors: Faults | None = None) -> Response:
    return visit.render("sign/unlock.html", status, errors=errors or {})


PAGES: Final = (
    get("/unlock", _show, Access.ANYBODY, is_open=True),
    post("/unlock", _unlock, Access.ANYBODY, is_open=True),
    post("/unlock/again", _again, Access.ANYBODY, is_open=True),
)
