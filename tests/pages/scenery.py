"""A server on which something goes on: people, organizations, applications, clients that talk, errors, webhooks.

Knows what there must be so that no page is empty. Does not know what the pages look like.
"""

import base64
import json
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

import pusher  # type: ignore[import-untyped]
import requests
from websockets.sync.client import ClientConnection, connect

from hubbub.signing import channel_text, sign
from pages.letters import letters_to, link_in
from pages.visitor import LIMIT, Visitor, administrator
from seeded import Seeded

PASSWORD = "correct horse battery staple"


class Endpoint:
    """Somebody's server that takes webhooks, or answers 500 to all of them."""

    def __init__(self, status: int) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing of it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nothing any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Scenery(Seeded):
    """`with Scenery() as server:`; `admin` is signed in as the root user, `grace` as an ordinary one."""

    admin: Visitor
    grace: Visitor

    def __init__(self, **settings: object) -> None:
        super().__init__(**{"webhook_private": True, "webhook_window": 12, "webhook_timeout": 2, **settings})

    def __enter__(self) -> Self:
        self._endpoints: list[Endpoint] = []
        self._sockets = ExitStack()
        super().__enter__()
        return self

    def _end(self, *, expect_life: bool) -> str | None:
        self._sockets.close()
        for endpoint in self._endpoints:
            endpoint.close()
        return super()._end(expect_life=expect_life)

    def code(self, to: str, path: str) -> str:
        """Wait for a letter to an address with a link to `path`, and give what is behind its `#`."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            for letter in reversed(letters_to(self, to)):
                if f"{path}#" in letter:
                    return link_in(letter, path)
            time.sleep(0.05)
        raise AssertionError(f"no letter to {to} has a link to {path}: {letters_to(self, to)}")

    def furnish(self) -> Self:
        """Let there be something on every page."""
        self.admin = administrator(self)
        self.grace = self._newcomer("Grace Hopper", "grace@example.com", "Globex")
        self._invite()
        self._hook()
        self._talk()
        self._err()
        return self

    def client(self) -> pusher.Pusher:
        """Give the official library, for the first application."""
        return pusher.Pusher(
            app_id=self.app_id, key=self.key, secret=self.secret, host=self.host, port=self.port, ssl=False
        )

    def subscriber(self, *channels: str, user: str = "") -> ClientConnection:
        """Give a client that is subscribed to channels, as a member of those that have members."""
        query = "protocol=7&client=js&version=8.6.0&flash=false"
        agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
        socket = self._sockets.enter_context(
            connect(f"{self.socket_url}?{query}", user_agent_header=agent, ping_interval=None)
        )
        socket_id = json.loads(json.loads(socket.recv(LIMIT))["data"])["socket_id"]
        for channel in channels:
            asked: dict[str, str] = {"channel": channel}
            if channel.startswith(("private-", "presence-")):
                member = json.dumps({"user_id": user, "user_info": {"name": user.title()}})
                data = member if channel.startswith("presence-") else None
                asked["auth"] = f"{self.key}:{sign(self.secret, channel_text(socket_id, channel, data))}"
                asked |= {"channel_data": data} if data is not None else {}
            socket.send(json.dumps({"event": "pusher:subscribe", "data": asked}))
            while "subscription_succeeded" not in str(socket.recv(LIMIT)):
                pass  # what others do there
        return socket

    def bustle(self) -> None:
        """Let something happen at once."""
        client = self.client()
        for number in range(4):
            client.trigger(["orders", "presence-lobby"], "created", {"order": 2000 + number, "total": 12.5 * number})
        self.subscriber("orders", "presence-lobby", user="linus")
        self._err()

    def _newcomer(self, name: str, address: str, organization: str) -> Visitor:
        visitor = Visitor(self).get("/sign-up")
        visitor.submit("/sign-up", name=name, email=address, password=PASSWORD, organization=organization)
        visitor.get("/confirm").submit("/confirm", code=self.code(address, "/confirm"))
        return visitor.sign_in(address, PASSWORD)

    def _invite(self) -> None:
        page = "/organizations/acme-inc/invitations"
        self.admin.get(page).submit(page, name="Linus", email="linus@example.com")

    def _hook(self) -> None:
        for status in (200, 500):
            endpoint = Endpoint(status)
            self._endpoints.append(endpoint)
            self.command("webhook", "add", self.app_id, endpoint.url)

    def _talk(self) -> None:
        self.subscriber("orders", "private-room", "presence-lobby", user="ada")
        self.subscriber("orders", "presence-lobby", "cache-prices", user="grace")
        self.subscriber("orders")
        client = self.client()
        for number in range(12):
            client.trigger("orders", "created", {"order": 1000 + number, "total": 9.5 * number})
        client.trigger("private-room", "message", {"from": "ada", "text": "Hello"})
        client.trigger("cache-prices", "changed", {"EUR": 1.08})

    def _err(self) -> None:
        nobody = self._sockets.enter_context(connect(self.socket_url, ping_interval=None))
        nobody.recv(LIMIT)
        said = {"channel": "private-room", "auth": f"{self.key}:{'0' * 64}"}
        nobody.send(json.dumps({"event": "pusher:subscribe", "data": said}))
        nobody.recv(LIMIT)
        path = f"/apps/{self.app_id}/events?auth_key={self.key}&auth_timestamp={int(time.time())}&auth_version=1.0"
        body = base64.b64encode(b"nothing").decode()
        requests.post(f"{self.url}{path}&body_md5={'0' * 32}&auth_signature={'0' * 64}", body, timeout=LIMIT)
