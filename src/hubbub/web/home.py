"""The home page: what this is, a chat that shows it at work, and the lines to paste."""

import re
from typing import Final

from starlette.responses import JSONResponse, Response

from hubbub.errors import UNKNOWN
from hubbub.snippets.listening import listening
from hubbub.snippets.publishing import publishing
from hubbub.web.page import Access, get
from hubbub.web.target import choices_of, no_target, target_of_choice
from hubbub.web.visit import Visit

_UID = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def _home(visit: Visit) -> Response:
    choices = await choices_of(visit)
    wanted = visit.query["application"]
    choice = next((one for one in choices if one.id == wanted), choices[0] if choices else None)
    target = no_target(visit) if choice is None else target_of_choice(visit, choice)
    return visit.render(
        "home.html",
        choice=choice,
        choices=choices,
        listening=listening(target),
        publishing=publishing(target),
        has_chat=visit.services.demo is not None,
    )


async def _chat(visit: Visit) -> Response:
    """Show one visitor of the chat alone, to stand beside another window."""
    if visit.services.demo is None:
        raise UNKNOWN()
    return visit.render("chat.html")


async def _demo_session(visit: Visit) -> Response:
    """Give a token for the chat."""
    demo = visit.services.demo
    if demo is None:
        return JSONResponse({"errors": {"detail": "This server has no chat: start it with --demo"}}, 404)
    uid = visit.query["uid"]
    if _UID.fullmatch(uid) is None:
        return JSONResponse({"errors": {"uid": ["must be 1 to 64 letters, digits, '-' or '_'"]}}, 422)
    given = demo(uid)
    return JSONResponse({"app_key": given.app_key, "jwt": given.token, "uid": given.uid})


PAGES: Final = (
    get("/", _home, Access.ANYBODY, is_open=True),
    get("/demo", _chat, Access.ANYBODY, is_open=True),
    get("/demo/session", _demo_session, Access.ANYBODY, is_open=True),
)
