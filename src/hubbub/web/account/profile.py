"""Who one is here: the name, the organizations one is in, and the last times one signed in."""

from typing import Final

from starlette.responses import Response

from hubbub.errors import Refusal
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import get, post
from hubbub.web.visit import Visit

MOST_PLACES: Final = 50
"""Organizations that the page shows; the page of organizations has all."""

_PATH: Final = "/account"


async def _show(visit: Visit) -> Response:
    return await _page(visit)


async def _rename(visit: Visit) -> Response:
    form = await visit.form()
    try:
        await visit.services.accounts.profiles.rename(visit.who, name=form["name"])
    except Refusal as refusal:
        return await _page(visit, 422, name=form["name"], errors=faults_of(refusal))
    return visit.redirect(_PATH, "Saved.")


async def _page(visit: Visit, status: int = 200, *, name: str | None = None, errors: Faults | None = None) -> Response:
    accounts, who = visit.services.accounts, visit.who
    profile = await accounts.profiles.get(who, str(who.user.id))
    places = await accounts.organizations.places(who, limit=MOST_PLACES)
    return visit.render(
        "account/profile.html",
        status,
        here="",
        profile=profile,
        places=places,
        name=profile.user.name if name is None else name,
        errors=errors or {},
    )


PAGES: Final = (get(_PATH, _show), post(_PATH, _rename))
