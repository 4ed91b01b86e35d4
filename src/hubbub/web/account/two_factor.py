"""One's second factor: setting it up, its recovery codes, and being rid of it. What is shown once is shown here."""

from collections.abc import Sequence
from typing import Final

import segno
from starlette.responses import Response

from hubbub.errors import Refusal
from hubbub.web.faults import Faults, faults_of, renamed
from hubbub.web.page import get, post
from hubbub.web.visit import Visit

_PATH: Final = "/account/two-factor"


async def _show(visit: Visit) -> Response:
    return await _page(visit)


async def _begin(visit: Visit) -> Response:
    form, factors = await visit.form(), visit.services.accounts.second_factors
    _take(visit)
    try:
        await factors.begin(visit.who, password=form["password"])
    except Refusal as refusal:
        return await _page(visit, 422, errors=faults_of(refusal))
    _give_back(visit)
    return visit.redirect(_PATH)


async def _confirm(visit: Visit) -> Response:
    form, factors = await visit.form(), visit.services.accounts.second_factors
    assert visit.session_id is not None
    visit.services.throttle.take("code", visit.address, visit.who.user.email)
    try:
        codes = await factors.confirm(visit.who, code=form["code"], session_id=visit.session_id)
    except Refusal as refusal:
        return await _page(visit, 422, errors=faults_of(refusal))
    return _show_codes(visit, codes, is_new=True)


async def _renew(visit: Visit) -> Response:
    form, factors = await visit.form(), visit.services.accounts.second_factors
    _take(visit)
    try:
        codes = await factors.renew_codes(visit.who, password=form["password_to_renew"])
    except Refusal as refusal:
        return await _page(visit, 422, errors=renamed(faults_of(refusal), "password", "password_to_renew"))
    _give_back(visit)
    return _show_codes(visit, codes, is_new=False)


async def _switch_off(visit: Visit) -> Response:
    form, factors = await visit.form(), visit.services.accounts.second_factors
    _take(visit)
    try:
        await factors.switch_off(visit.who, password=form["password_to_switch_off"])
    except Refusal as refusal:
        return await _page(visit, 422, errors=renamed(faults_of(refusal), "password", "password_to_switch_off"))
    _give_back(visit)
    return visit.redirect(_PATH, "Signing in needs your password alone from now on.")


def _take(visit: Visit) -> None:
    visit.services.throttle.take("password", visit.address, visit.who.user.email)


def _give_back(visit: Visit) -> None:
    visit.services.throttle.give_back("password", visit.address, visit.who.user.email)


def _show_codes(visit: Visit, codes: Sequence[str], *, is_new: bool) -> Response:
    return visit.render("account/recovery_codes.html", here="two-factor", codes=codes, is_new=is_new)


async def _page(visit: Visit, status: int = 200, *, errors: Faults | None = None) -> Response:
    factor = await visit.services.accounts.second_factors.get(visit.who)
    picture = (
        "" if factor.setup is None else segno.make(factor.setup.uri, error="m").svg_data_uri(border=2, light="#fff")
    )
    return visit.render(
        "account/two_factor.html", status, here="two-factor", factor=factor, picture=picture, errors=errors or {}
    )


PAGES: Final = (
    get(_PATH, _show),
    post(f"{_PATH}/begin", _begin),
    post(f"{_PATH}/confirm", _confirm),
    post(f"{_PATH}/codes", _renew),
    post(f"{_PATH}/off", _switch_off),
)
