"""Signing up: the page, and what its form does. Nobody learns from it which addresses are known here."""

from typing import Final

from starlette.responses import Response

from hubbub.errors import Refusal
from hubbub.web.faults import Faults, faults_of
from hubbub.web.pace import even
from hubbub.web.page import Access, get, post
from hubbub.web.visit import Form, Visit

ALMOST: Final = "Almost there: we have written to {email}. Open the link in that letter, or paste its code here."


async def _show(visit: Visit) -> Response:
    if visit.identity is not None:
        return visit.redirect("/organizations")
    return _page(visit, Form(), {})


async def _sign_up(visit: Visit) -> Response:
    form, services = await visit.form(), visit.services
    services.throttle.take("sign_up", visit.address, form["email"])
    try:
        await even(
            services.accounts.sign_ups.ask(
                name=form["name"],
                email=form["email"],
                password=form["password"],
                organization=form["organization"],
                address=visit.address,
            )
        )
    except Refusal as refusal:
        services.throttle.give_back("sign_up", visit.address, form["email"])
        return _page(visit, form, faults_of(refusal), 422)
    return visit.redirect("/confirm", ALMOST.format(email=form["email"].strip()))


def _page(visit: Visit, values: Form, errors: Faults, status: int = 200) -> Response:
    return visit.render("sign/up.html", status, values=values, errors=errors)


PAGES: Final = (get("/sign-up", _show, Access.ANYBODY), post("/sign-up", _sign_up, Access.ANYBODY))
