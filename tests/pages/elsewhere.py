"""A site of another origin than the server's, with pusher-js on its page; and a visitor of it."""

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route
from playwright.sync_api import TimeoutError as NotInTime

from running import Running

PATIENCE = 40.0
"""Seconds that anything may take: a pusher-js that finds nobody listening may wait 15 s before it tries again."""

_MODULES = Path(__file__).parent.parent / "clients" / "node_modules"
_SCRIPTS = {
    "/pusher.js": _MODULES / "pusher-js" / "dist" / "web" / "pusher.js",
    "/pusher-with-encryption.js": _MODULES / "pusher-js" / "dist" / "web" / "pusher-with-encryption.js",
    "/sockjs.js": _MODULES / "sockjs-client" / "dist" / "sockjs.js",
    "/visitor.js": Path(__file__).parent / "visitor.js",
}

_PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script src="{build}.js"></script>
{sockjs}
<script src="/visitor.js"></script>
"""

# With SockJS on the page pusher-js does not fetch it from Pusher's own site, where it can do nothing but iframes and
# JSONP.
_SOCKJS = '<script src="/sockjs.js"></script>'
_WITHOUT_SOCKJS = "/without-sockjs"

_FETCHED = re.compile(r"https?://js\.pusher\.com/[\d.]+/sockjs\.js")
"""What pusher-js fetches without; here it gets the file of that name in its own package."""


class _Answer(SimpleHTTPRequestHandler):
    """A script, or a page that loads it."""

    def do_GET(self) -> None:
        if (script := _SCRIPTS.get(self.path)) is not None:
            self._send("text/javascript", script.read_bytes())
        else:
            build = self.path.removesuffix(_WITHOUT_SOCKJS)
            page = _PAGE.format(build=build, sockjs=_SOCKJS if build == self.path else "")
            self._send("text/html", page.encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Elsewhere:
    """`with Elsewhere() as site:` serves it on a free port: `/BUILD` is a page with a build of pusher-js."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
        self._thread = threading.Thread(target=partial(self._server.serve_forever, 0.05), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self._server.server_port}"


class Visitor:
    """Somebody with the page open. `user_id` is who signs in and joins presence channels."""

    def __init__(self, context: BrowserContext, site: Elsewhere, server: Running, sdk: Any, user_id: str) -> None:
        self._site = site
        self._sdk = sdk
        self._user_id = user_id
        self.watchlist: list[str] = []
        self.server = server
        self.asked: list[str] = []
        self.problems: list[str] = []
        self.told: list[dict[str, Any]] = []
        self.page: Page = context.new_page()
        self.page.route(_FETCHED, self._give_sockjs)
        self.page.on("request", self._note)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.expose_function("authorize", self._authorize)
        self.page.expose_function("authenticate", self._authenticate)

    def connect(
        self,
        transport: str,
        *,
        build: str = "pusher",
        key: str | None = None,
        has_sockjs: bool = True,
        prepare: str | None = None,
        **options: object,
    ) -> Self:
        """Open the page, run the script `prepare`, and connect by one transport alone, without waiting.

        If not `has_sockjs`, pusher-js fetches SockJS itself.
        """
        self.page.goto(f"{self._site.url}/{build}{'' if has_sockjs else _WITHOUT_SOCKJS}")
        if prepare is not None:
            self.do(prepare)
        here = {
            "cluster": "self-hosted",
            "wsHost": self.server.host,
            "wsPort": self.server.port,
            "httpHost": self.server.host,
            "httpPort": self.server.port,
            "forceTLS": False,
            "enabledTransports": [transport],
        }
        self.page.evaluate("([key, options]) => connect(key, options)", [key or self.server.key, {**here, **options}])
        return self

    def do(self, script: str, argument: object = None) -> Any:
        """Run a script in the page."""
        return self.page.evaluate(script, argument)

    def wait_for(self, script: str, argument: object = None) -> None:
        """Wait until a script in the page gives something true."""
        self.page.wait_for_function(script, arg=argument, timeout=PATIENCE * 1000, polling=20)

    def subscribe(self, channel: str) -> None:
        """Subscribe, and wait until that is done."""
        self.do("subscribe", channel)
        self.wait_for("name => pusher.channel(name).subscribed", channel)

    def sign_in(self) -> None:
        """Sign in, and wait until messages to the user reach the page."""
        self.do("() => pusher.signin()")
        self.wait_for("() => pusher.user.serverToUserChannel?.subscribed")

    def until(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Wait until all of `wanted` have been told, in any order, and give everything told so far."""
        while not all(what in self.told for what in wanted):
            try:
                self.wait_for("count => heard.length > count", len(self.told))
            except NotInTime:
                pytest.fail(f"{wanted} did not happen within {PATIENCE:.0f} s, but this: {self.told}")
            self.told = self.do("() => heard")
        return self.told

    def of(self, channel: str, event: str) -> list[Any]:
        """Give the data of all events of a name that a channel has brought so far."""
        return [
            what["data"] for what in self.do("() => heard") if what.get("channel") == channel and what["event"] == event
        ]

    def _authorize(self, socket_id: str, channel: str) -> dict[str, Any]:
        member = {"user_id": self._user_id, "user_info": {"name": self._user_id.title()}}
        answer = self._sdk.authenticate(channel, socket_id, member if channel.startswith("presence-") else None)
        return {name: str(value, "ascii") if isinstance(value, bytes) else value for name, value in answer.items()}

    def _authenticate(self, socket_id: str) -> dict[str, Any]:
        return dict(self._sdk.authenticate_user(socket_id, {"id": self._user_id, "watchlist": self.watchlist}))

    def _give_sockjs(self, route: Route) -> None:
        route.fulfill(path=_MODULES / "pusher-js" / "dist" / "web" / "sockjs.js", content_type="text/javascript")

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)
        known = request.url.startswith((self._site.url, self.server.url, "data:"))
        if not known and not _FETCHED.fullmatch(request.url):
            self.problems.append(f"asked for {request.url}")
