"""One's API tokens: making one, for one's password, whose text is shown this once, and ending one."""

from typing import Final

from starlette.responses import Response

from hubbub.accounts.domain import NewToken
from hubbub.accounts.fields import LARGEST
from hubbub.errors import Refusal
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import get, post
from hubbub.web.visit import Visit

SHOWN: Final = 50
"""Tokens on a page of the list."""

_PATH: Final = "/account/tokens"


async def _show(visit: Visit) -> Response:
    return await _page(visit)


async def _create(visit: Visit) -> Response:
    """Make one and show it: the answer to a form, and kept nowhere. A form that is sent again makes no other."""
    form, tokens, who = await visit.form(), visit.services.accounts.tokens, visit.who
    throttle = visit.services.throttle
    newest = (await tokens.list(who, str(who.user.id), limit=1)).items
    if form["newest"] != (str(newest[0].id) if newest else ""):
        return visit.redirect(_PATH, "There is a newer token already.", "bad")
    throttle.take("password", visit.address, who.user.email)
    try:
        made = await tokens.create_in_browser(who, password=form["password"])
    except Refusal as refusal:
        return await _page(visit, 422, errors=faults_of(refusal))
    throttle.give_back("password", visit.address, who.user.email)
    return await _page(visit, new=made)


async def _invalidate(visit: Visit) -> Response:
    form, who = await visit.form(), visit.who
    await visit.services.accounts.tokens.invalidate(who, str(who.user.id), form["token"])
    return visit.redirect(_PATH, "That token is good no longer, and what was opened with it is closed.")


async def _page(
    visit: Visit, status: int = 200, *, new: NewToken | None = None, errors: Faults | None = None
) -> Response:
    offset = _offset(visit)
    tokens, user = visit.services.accounts.tokens, str(visit.who.user.id)
    found = await tokens.list(visit.who, user, limit=SHOWN, offset=offset)
    newest = found.items if offset == 0 else (await tokens.list(visit.who, user, limit=1)).items
    return visit.render(
        "account/tokens.html",
        status,
        here="tokens",
        tokens=found,
        newest=newest[0].id if newest else "",
        new=new,
        offset=offset,
        limit=SHOWN,
        errors=errors or {},
    )


def _offset(visit: Visit) -> int:
    given = visit.query["offset"]
    return min(int(given), LARGEST) if given.isascii() and given.isdigit() and len(given) < 12 else 0


PAGES: Final = (get(_PATH, _show), post(_PATH, _create), post(f"{_PATH}/end", _invalidate))
