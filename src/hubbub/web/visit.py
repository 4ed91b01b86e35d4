"""One request for a page, and who makes it.

Knows: the cookies of a browser, the fields of a form, and how an answer is written. Does not know any page, nor any
rule of accounts.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from importlib import metadata
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from markupsafe import Markup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hubbub.accounts.domain import Identity
from hubbub.accounts.people import Cookie
from hubbub.errors import BAD_REQUEST, BODY_TOO_LARGE, FORBIDDEN, UNAUTHENTICATED, Refusal
from hubbub.web.drawing import ENVIRONMENT
from hubbub.web.services import Services
from hubbub.web.subject import Subject, subject_of

SESSION: Final = "hubbub_session"
"""The cookie by which a browser is signed in."""

REMEMBER: Final = "hubbub_remember"
"""The cookie by which it is signed in again when its session is over."""

VISITOR: Final = "hubbub_visitor"
"""The cookie that the forms of a browser without a session are bound to."""

NOTICE: Final = "hubbub_notice"
"""The cookie that carries a word to the next page."""

THEME: Final = "hubbub_theme"
"""The cookie of who chose to have it light, or dark."""

NEXT: Final = "next"
"""The parameter that says where to go after signing in."""

MOST_FORM_BYTES: Final = 65_536
MOST_FIELDS: Final = 500
NOTICE_SECONDS: Final = 60
VERSION: Final = metadata.version("hubbub")

Query = Mapping[str, str | int | bool | None]


class Notice(msgspec.Struct, frozen=True):
    """A word to who gets the next page. `kind` is `good` or `bad`."""

    text: str
    kind: str


class Form(dict[str, str]):
    """The fields of a form by name, each with its last value. A missing one is an empty text."""

    def __missing__(self, name: str) -> str:
        return ""

    def has(self, name: str) -> bool:
        """Tell whether a box of this name was ticked, or a button of it pressed."""
        return name in self


class Visit:
    """A request, as pages see it.

    `identity` is who is signed in, None for nobody, and `session_id` names their browser among their own.
    """

    def __init__(self, request: Request, services: Services) -> None:
        self.request = request
        self.services = services
        self.identity: Identity | None = None
        self.session_id: int | None = None
        self.must_change_password = False
        self._form: Form | None = None
        self._cookies: list[tuple[str, str, datetime | int | None]] = []
        self._visitor = ""
        self._notice_was_shown = False

    async def begin(self) -> None:
        """Find out who comes, by the cookies."""
        if text := self.request.cookies.get(SESSION, ""):
            try:
                found = await self.services.accounts.browsers.resume(text, address=self.address)
            except Refusal as refusal:
                if refusal.reason is not UNAUTHENTICATED:
                    raise
            else:
                self._be(found.identity, found.session_id, must_change_password=found.must_change_password)
                return
        if text := self.request.cookies.get(REMEMBER, ""):
            await self._remember(text)

    def _be(self, identity: Identity, session_id: int, *, must_change_password: bool) -> None:
        self.identity = identity
        self.session_id = session_id
        self.must_change_password = must_change_password

    async def _remember(self, text: str) -> None:
        accounts = self.services.accounts
        try:
            signed_in, cookie = await accounts.remembered.use(text, address=self.address)
        except Refusal as refusal:
            if refusal.reason is not UNAUTHENTICATED:
                raise
            self.set_cookie(REMEMBER, "", 0)
            return
        opened = await accounts.browsers.open(signed_in, address=self.address, agent=self.agent, remembered=cookie)
        self.set_cookie(REMEMBER, cookie.text, cookie.expires_at)
        self.set_cookie(SESSION, opened.text)
        found = await accounts.browsers.resume(opened.text, address=self.address)
        self._be(found.identity, found.session_id, must_change_password=found.must_change_password)

    # Who asks, and what

    @property
    def who(self) -> Identity:
        """Who is signed in. Raises UNAUTHENTICATED when nobody is."""
        if self.identity is None:
            raise UNAUTHENTICATED(problem="Sign in first")
        return self.identity

    @property
    def address(self) -> str | None:
        """Where on the network the request comes from."""
        return self.request.client.host if self.request.client is not None else None

    @property
    def agent(self) -> str:
        """What the browser says it is; at most 300 characters."""
        return self.request.headers.get("user-agent", "")[:300]

    @property
    def is_secure(self) -> bool:
        """Whether the browser's own connection is encrypted."""
        return self.request.url.scheme == "https"

    @property
    def is_navigation(self) -> bool:
        """Whether a page is asked for, and not data for a script of one."""
        return "text/html" in self.request.headers.get("accept", "")

    @cached_property
    def query(self) -> Form:
        """The parameters behind the `?`."""
        return Form(self.request.query_params)

    def path(self, name: str) -> str:
        """Give a part of the path, by its name in the page's pattern."""
        return str(self.request.path_params[name])

    async def form(self) -> Form:
        """Give the fields of the form that was sent. Raises BAD_REQUEST, BODY_TOO_LARGE."""
        if self._form is None:
            self._form = await self._read_form()
        return self._form

    async def _read_form(self) -> Form:
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/x-www-form-urlencoded", ""):
            raise BAD_REQUEST(problem="forms come as application/x-www-form-urlencoded")
        body = bytearray()
        try:
            async for part in self.request.stream():
                body += part
                if len(body) > MOST_FORM_BYTES:
                    raise BODY_TOO_LARGE(limit=MOST_FORM_BYTES)
        except ClientDisconnect:
            raise BAD_REQUEST(problem="the body is incomplete") from None  # nobody reads it
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        except ValueError:
            raise BAD_REQUEST(problem="that is no form") from None
        return Form(fields)

    async def check_form(self) -> None:
        """Raise FORBIDDEN for a form that did not come from a page that this browser got."""
        token = self.request.headers.get("x-csrf-token") or (await self.form())["csrf"]
        held = self._held
        if not held or not self.services.guard.is_token(token, held):
            raise FORBIDDEN(problem="this page was open for too long, or cookies are off: go back, and send it again")

    @property
    def _held(self) -> str:
        """What this browser holds in its cookie, empty if nothing."""
        if self.identity is not None:
            return next((value for name, value, _ in self._cookies if name == SESSION), "") or self.request.cookies.get(
                SESSION, ""
            )
        return self._visitor or self.request.cookies.get(VISITOR, "")

    async def subject(self) -> Subject:
        """Give the application that the path names by `application`. Raises UNKNOWN."""
        return await subject_of(self.services, self.who, self.path("application"))

    # What is answered

    def csrf(self) -> str:
        """Give the token for the page's forms."""
        if not self._held:
            self._visitor = secrets.token_urlsafe(18)
            self.set_cookie(VISITOR, self._visitor)
        return self.services.guard.token(self._held)

    def csrf_field(self) -> Markup:
        """Give the hidden field that every form of a page has."""
        return Markup('<input type="hidden" name="csrf" value="{}">').format(self.csrf())

    @property
    def version(self) -> str:
        """The version of this server."""
        return VERSION

    def render(self, template: str, status: int = 200, **context: object) -> HTMLResponse:
        """Give a page, of the template of this name. It knows `visit` and `user` besides what it is given."""
        user = self.identity.user if self.identity is not None else None
        text = ENVIRONMENT.get_template(template).render(visit=self, user=user, **context)
        return HTMLResponse(text, status)

    def redirect(self, path: str, notice: str = "", kind: str = "good", **query: str | int | bool | None) -> Response:
        """Give the answer to a form: another page is to be got, which shows `notice` if there is any."""
        if notice:
            said = msgspec.json.encode(Notice(notice, kind)).decode()
            self.set_cookie(NOTICE, self.services.guard.seal(said), NOTICE_SECONDS)
        return RedirectResponse(with_query(path, query), 303)

    def sign_in_path(self) -> str:
        """Give the path of signing in, which leads back to this page."""
        if self.request.method not in ("GET", "HEAD"):
            return "/sign-in"
        here = self.request.url.path + (f"?{self.request.url.query}" if self.request.url.query else "")
        return "/sign-in" if here == "/" else f"/sign-in?{NEXT}={quote(here, safe='/')}"

    @property
    def notice(self) -> Notice | None:
        """What the page before had to say; said once."""
        sealed = self.request.cookies.get(NOTICE)
        if sealed is None:
            return None
        self._notice_was_shown = True
        said = self.services.guard.open(sealed)
        return None if said is None else msgspec.json.decode(said, type=Notice)

    @property
    def theme(self) -> str:
        """`light` or `dark` for who chose one, else nothing: as the browser says."""
        chosen = self.request.cookies.get(THEME, "")
        return chosen if chosen in ("light", "dark") else ""

    def remember(self, cookie: Cookie) -> None:
        """Have the browser keep the cookie by which it stays signed in."""
        self.set_cookie(REMEMBER, cookie.text, cookie.expires_at)

    def set_cookie(self, name: str, value: str, until: datetime | int | None = None) -> None:
        """Have the browser keep a cookie: until then, for so many seconds, or as long as it runs. 0 forgets it."""
        self._cookies = [one for one in self._cookies if one[0] != name]
        self._cookies.append((name, value, until))

    def finish(self, response: Response) -> None:
        """Put the cookies into an answer."""
        if self._notice_was_shown and all(name != NOTICE for name, _, _ in self._cookies):
            self.set_cookie(NOTICE, "", 0)
        for name, value, until in self._cookies:
            ends: dict[str, Any] = {"max_age": until} if isinstance(until, int) else {"expires": until}
            response.set_cookie(name, value, path="/", httponly=True, samesite="lax", secure=self.is_secure, **ends)


def with_query(path: str, query: Query) -> str:
    """Give a path with those parameters behind it that are not None."""
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path
