"""Signing in, with a code where a second factor is on, and signing out."""

from typing import Final

from starlette.responses import Response

from hubbub.accounts.people import Entered
from hubbub.errors import FORBIDDEN, UNAUTHENTICATED, Refusal
from hubbub.web.pace import even
from hubbub.web.page import Access, get, is_own, post
from hubbub.web.visit import NEXT, REMEMBER, SESSION, Form, Visit

INSIDE: Final = "/organizations"
"""Where signing in leads, unless another page asked for it."""


async def _show(visit: Visit) -> Response:
    if visit.identity is not None:
        return visit.redirect(_next(visit.query))
    return _page(visit, visit.query)


async def _sign_in(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    accounts, throttle = services.accounts, services.throttle
    throttle.take("sign_in", visit.address, form["email"])
    remember = form.has("remember")
    try:
        came_in = await even(
            accounts.sign_ins.sign_in(email=form["email"], password=form["password"], address=visit.address),
            only_refusals=True,
        )
    except Refusal as refusal:
        return _refused(visit, form, refusal)
    throttle.give_back("sign_in", visit.address, form["email"])
    await _leave(visit)
    entered = await accounts.browsers.enter(came_in, remember=remember, address=visit.address, agent=visit.agent)
    arrive(visit, entered)
    if entered.is_halfway:
        return visit.redirect("/sign-in/code", next=form[NEXT] or None)
    return visit.redirect(_next(form))


def _refused(visit: Visit, form: Form, refusal: Refusal) -> Response:
    if refusal.reason not in (UNAUTHENTICATED, FORBIDDEN):
        raise refusal
    is_unconfirmed = refusal.reason is FORBIDDEN
    problem = f"{refusal.facts['problem']}."
    return _page(visit, form, refusal.status, problem=problem[:1].upper() + problem[1:], is_unconfirmed=is_unconfirmed)


async def _show_code(visit: Visit) -> Response:
    try:
        await visit.services.accounts.browsers.look_halfway(visit.request.cookies.get(SESSION, ""))
    except Refusal as refusal:
        return _begin_anew(visit, refusal)
    return visit.render("sign/code.html", next=visit.query[NEXT], problem="")


async def _give_code(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    text = visit.request.cookies.get(SESSION, "")
    services.throttle.take("code", visit.address, text)
    browsers = services.accounts.browsers
    try:
        await browsers.look_halfway(text)
    except Refusal as refusal:
        return _begin_anew(visit, refusal)
    try:
        entered = await browsers.prove(text, code=form["code"], address=visit.address, agent=visit.agent)
    except Refusal as refusal:
        if refusal.reason is not UNAUTHENTICATED:
            raise
        return visit.render("sign/code.html", 401, next=form[NEXT], problem=f"{refusal.facts['problem']}.")
    services.throttle.give_back("code", visit.address, text)
    arrive(visit, entered)
    return visit.redirect(_next(form))


def _begin_anew(visit: Visit, refusal: Refusal) -> Response:
    if refusal.reason is not UNAUTHENTICATED:
        raise refusal
    if visit.identity is not None:
        return visit.redirect(INSIDE)
    return visit.redirect("/sign-in", "That took too long: sign in again.", "bad")


async def _sign_out(visit: Visit) -> Response:
    await _leave(visit)
    visit.set_cookie(SESSION, "", 0)
    return visit.redirect("/", "You are signed out.")


async def _leave(visit: Visit) -> None:
    """End what this browser's cookies stand for."""
    accounts, cookies = visit.services.accounts, visit.request.cookies
    if text := cookies.get(SESSION, ""):
        await accounts.browsers.leave(text, address=visit.address)
    if text := cookies.get(REMEMBER, ""):
        await accounts.remembered.forget(text, address=visit.address)
        visit.set_cookie(REMEMBER, "", 0)


def arrive(visit: Visit, entered: Entered) -> None:
    """Have the browser keep what it is known by from now on."""
    visit.set_cookie(SESSION, entered.text)
    if entered.cookie is not None:
        visit.remember(entered.cookie)


def _next(given: Form) -> str:
    """Give the page that asked for signing in, if it is one of ours."""
    wanted = given[NEXT]
    return wanted if wanted and is_own(wanted) else INSIDE


def _page(
    visit: Visit, values: Form, status: int = 200, *, problem: str = "", is_unconfirmed: bool = False
) -> Response:
    return visit.render(
        "sign/in.html", status, values=values, next=values[NEXT], problem=problem, is_unconfirmed=is_unconfirmed
    )


PAGES: Final = (
    get("/sign-in", _show, Access.ANYBODY, is_open=True),
    post("/sign-in", _sign_in, Access.ANYBODY, is_open=True),
    get("/sign-in/code", _show_code, Access.ANYBODY, is_open=True),
    post("/sign-in/code", _give_code, Access.ANYBODY, is_open=True),
    post("/sign-out", _sign_out, Access.ANYBODY, is_open=True),
)
