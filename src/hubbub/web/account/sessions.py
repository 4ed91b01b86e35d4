"""The browsers in which one is signed in: seeing them, and signing one out, or all but this one."""

from datetime import datetime
from typing import Final

import msgspec
from starlette.responses import Response

from hubbub.accounts.people import BrowserSession
from hubbub.web import agents
from hubbub.web.page import get, post
from hubbub.web.visit import Visit

_PATH: Final = "/account/sessions"


class Browser(msgspec.Struct, frozen=True):
    """A browser as the page shows it."""

    id: int
    name: str
    agent: str
    is_handheld: bool
    address: str
    signed_in_at: datetime
    used_at: datetime
    stays: bool
    is_here: bool


async def _show(visit: Visit) -> Response:
    found = await visit.services.accounts.browsers.list(visit.who, here=visit.session_id)
    browsers = [_browser(one, is_here=one.id == visit.session_id) for one in found]
    browsers.sort(key=lambda one: not one.is_here)
    return visit.render("account/sessions.html", here="sessions", browsers=browsers)


async def _end(visit: Visit) -> Response:
    form = await visit.form()
    await visit.services.accounts.browsers.end(visit.who, form["session"])
    return visit.redirect(_PATH, "That browser is signed out.")


async def _end_others(visit: Visit) -> Response:
    assert visit.session_id is not None
    await visit.services.accounts.browsers.end_others(visit.who, visit.session_id)
    return visit.redirect(_PATH, "All other browsers are signed out.")


def _browser(session: BrowserSession, *, is_here: bool) -> Browser:
    return Browser(
        session.id,
        agents.name_of(session.user_agent),
        session.user_agent or "",
        agents.is_handheld(session.user_agent),
        session.address or "",
        session.created_at,
        session.used_at,
        session.remembered_id is not None,
        is_here,
    )


PAGES: Final = (get(_PATH, _show), post(f"{_PATH}/end", _end), post(f"{_PATH}/end-others", _end_others))
