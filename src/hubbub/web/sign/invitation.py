"""Accepting an invitation, as somebody new or with the account one has.

The link of the letter has the code behind its `#`; a form sends it once, and a cookie keeps it until it is accepted: so
one can sign in, or up, on the way.
"""

from typing import Final

from starlette.responses import Response

from hubbub.accounts.domain import Enrollment, Invitation
from hubbub.errors import INVALID, UNKNOWN, Refusal
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import Access, get, post
from hubbub.web.sign.confirm import wrong_code
from hubbub.web.sign.inside import arrive
from hubbub.web.visit import Form, Visit

COOKIE: Final = "hubbub_invitation"
COOKIE_SECONDS: Final = 3600
LONGEST: Final = 200
"""Characters of a code that are looked at."""

_PATH: Final = "/invitation"


async def _show(visit: Visit) -> Response:
    if not _held(visit):
        return _ask(visit)
    try:
        return _page(visit, await _look(visit, _held(visit)), Form(), {})
    except Refusal as refusal:
        visit.set_cookie(COOKIE, "", 0)
        return _ask(visit, 422, wrong_code(refusal))


async def _open(visit: Visit) -> Response:
    """Take the code of a letter."""
    code = (await visit.form())["code"].strip()[:LONGEST]
    try:
        await _look(visit, code)
    except Refusal as refusal:
        return _ask(visit, 422, wrong_code(refusal))
    visit.set_cookie(COOKIE, code, COOKIE_SECONDS)
    return visit.redirect(_PATH)


async def _accept(visit: Visit) -> Response:
    visit.services.throttle.take("text", visit.address)
    try:
        enrolled = await visit.services.accounts.invitations.accept(visit.who, _held(visit))
    except Refusal as refusal:
        return _ask(visit, 422, wrong_code(refusal))
    return _welcome(visit, enrolled)


async def _accept_as_new(visit: Visit) -> Response:
    form, services, code = await visit.form(), visit.services, _held(visit)
    services.throttle.take("text", visit.address)
    try:
        enrolled = await services.accounts.invitations.accept_as_new(
            code, name=form["name"], password=form["password"], address=visit.address
        )
    except Refusal as refusal:
        if refusal.reason is not INVALID:
            return _ask(visit, 422, wrong_code(refusal))
        return _page(visit, await _look(visit, code), form, faults_of(refusal), 422)
    signed_in = await services.accounts.sign_ins.sign_in(
        email=enrolled.user.email, password=form["password"], address=visit.address
    )
    arrive(visit, await services.accounts.browsers.enter(signed_in, address=visit.address, agent=visit.agent))
    return _welcome(visit, enrolled)


def _welcome(visit: Visit, enrolled: Enrollment) -> Response:
    visit.set_cookie(COOKIE, "", 0)
    organization = enrolled.organization
    return visit.redirect(f"/organizations/{organization.slug}", f"Welcome to {organization.name}.")


async def _look(visit: Visit, code: str) -> Invitation:
    visit.services.throttle.take("text", visit.address)
    if not code:
        raise UNKNOWN()
    return await visit.services.accounts.invitations.look(code)


def _held(visit: Visit) -> str:
    return visit.request.cookies.get(COOKIE, "")


def _ask(visit: Visit, status: int = 200, problem: str = "") -> Response:
    return visit.render("sign/invitation_code.html", status, errors={"code": [problem]} if problem else {})


def _page(visit: Visit, invitation: Invitation, values: Form, errors: Faults, status: int = 200) -> Response:
    return visit.render("sign/invitation.html", status, invitation=invitation, values=values, errors=errors)


PAGES: Final = (
    get(_PATH, _show, Access.ANYBODY, is_open=True),
    post(_PATH, _open, Access.ANYBODY, is_open=True),
    post(f"{_PATH}/accept", _accept, is_open=True),
    post(f"{_PATH}/accept-as-new", _accept_as_new, Access.ANYBODY, is_open=True),
)
