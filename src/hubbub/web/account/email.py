"""One's e-mail address, and another: it counts once the letter that went there has been read."""

from typing import Final

from starlette.responses import Response

from hubbub.errors import Refusal
from hubbub.web.faults import Faults, faults_of
from hubbub.web.pace import even
from hubbub.web.page import get, post
from hubbub.web.throttle import letter_to
from hubbub.web.visit import Visit

_PATH: Final = "/account/email"
_SENT: Final = "We have written to {email}. That address counts once you open the link in that letter."


async def _show(visit: Visit) -> Response:
    return await _page(visit)


async def _change(visit: Visit) -> Response:
    form, services, who = await visit.form(), visit.services, visit.who
    services.throttle.take("password", visit.address, who.user.email)
    services.throttle.take("letter", visit.address, letter_to(form["email"], "address"))
    try:
        await even(services.accounts.confirmations.change_email(who, email=form["email"], password=form["password"]))
    except Refusal as refusal:
        services.throttle.give_back("letter", visit.address, letter_to(form["email"], "address"))
        return await _page(visit, 422, email=form["email"], errors=faults_of(refusal))
    services.throttle.give_back("password", visit.address, who.user.email)
    return visit.redirect(_PATH, _SENT.format(email=form["email"].strip()))


async def _again(visit: Visit) -> Response:
    """Send the letter once more."""
    services, who = visit.services, visit.who
    profile = await services.accounts.profiles.get(who, str(who.user.id))
    email = profile.unconfirmed_email or who.user.email  # to which it goes
    services.throttle.take("letter", visit.address, letter_to(email, "address"))
    await services.accounts.confirmations.ask(who.user.email)
    return visit.redirect(_PATH, "Another letter is on its way. The earlier ones are good no longer.")


async def _page(visit: Visit, status: int = 200, *, email: str = "", errors: Faults | None = None) -> Response:
    profile = await visit.services.accounts.profiles.get(visit.who, str(visit.who.user.id))
    return visit.render("account/email.html", status, here="email", profile=profile, email=email, errors=errors or {})


PAGES: Final = (get(_PATH, _show), post(_PATH, _change), post(f"{_PATH}/again", _again))
