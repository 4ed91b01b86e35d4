"""Setting another password: one's own, by the old one. Who must do so is sent here from everywhere."""

from typing import Final

from starlette.responses import Response

from hubbub.errors import Refusal
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import MUST_CHANGE, get, post
from hubbub.web.sign.inside import arrive
from hubbub.web.visit import REMEMBER, Visit


async def _show(visit: Visit) -> Response:
    return _page(visit)


async def _change(visit: Visit) -> Response:
    form, services, who = await visit.form(), visit.services, visit.who
    accounts = services.accounts
    if form["new_password"] != form["new_password_again"]:
        return _page(visit, 422, errors={"new_password_again": ["is not the same"]})
    services.throttle.take("password", visit.address, who.user.email)
    try:
        signed_in = await accounts.passwords.change(who, old=form["old_password"], new=form["new_password"])
    except Refusal as refusal:
        return _page(visit, 422, errors=faults_of(refusal))
    services.throttle.give_back("password", visit.address, who.user.email)
    # Who had to set one before anything else goes on where signing in leads.
    home = "/organizations" if visit.must_change_password else "/account"
    # All browsers were signed out, this one too: it goes on by another cookie.
    stays = bool(visit.request.cookies.get(REMEMBER))
    arrive(visit, await accounts.browsers.enter(signed_in, remember=stays, address=visit.address, agent=visit.agent))
    return visit.redirect(home, "Your new password is set. All other browsers are signed out.")


def _page(visit: Visit, status: int = 200, *, errors: Faults | None = None) -> Response:
    return visit.render(
        "account/password.html", status, here="password", must_change=visit.must_change_password, errors=errors or {}
    )


PAGES: Final = (get(MUST_CHANGE, _show, is_open=True), post(MUST_CHANGE, _change, is_open=True))
