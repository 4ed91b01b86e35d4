"""A real server, what it says of itself and of those it serves, and that it never says a secret."""

import asyncio
import hashlib
import hmac
import http.cookiejar
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rest.driver import Backend, Keys, Line, listening, raw, request
from running import Running
from seeded import Seeded
from sockets.client import dial

LIMIT = 15.0


class Known:
    """Secrets that are used at some door of the server, by what they are."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def new(self, what: str) -> str:
        self.texts[what] = text = f"Kn0wn{secrets.token_hex(6)}"
        return text


def lines(server: Running) -> list[dict[str, Any]]:
    """Give the lines of its log."""
    return [json.loads(line) for line in list(server.output) if line.startswith("{")]


async def logged(server: Running, event: str, **fields: object) -> dict[str, Any]:
    """Wait for a line."""
    async with asyncio.timeout(LIMIT):
        while True:
            for line in lines(server):
                if line["event"] == event and fields.items() <= line.items():
                    return line
            await asyncio.sleep(0.02)  # another process writes it


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(access_log=True, app_client_events=True, drain_delay=0.3, log_format="json") as running:
        yield running


async def test_the_first_line_says_what_it_is(server: Running) -> None:
    line = await logged(server, "Serving")
    assert line["pid"] == server.pid
    assert (line["engine"], line["database"], line["workers"]) == ("memory", "sqlite", 1)
    assert {"version", "python", "compiled", "files"} <= line.keys()


async def test_with_json_all_that_it_says_is_json(server: Running) -> None:
    assert all(line.startswith("{") for line in list(server.output))
    assert (await logged(server, f"Hubbub is listening on {server.url}"))["level"] == "info"


async def test_a_request_is_one_line_without_its_query(server: Running) -> None:
    async with Line(server) as line:
        answer = await line.ask(raw("GET", "/health?token=Kn0wn-query", b"", "User-Agent: curl/8"))
    told = await logged(server, "Request", request_id=answer.headers["x-request-id"])
    assert (told["method"], told["path"], told["status"], told["agent"]) == ("GET", "/health", 200, "curl/8")
    assert told["address"] == "127.0.0.1"
    assert told["duration_ms"] >= 0
    assert "Kn0wn-query" not in server.log


async def test_a_proxy_names_requests_if_it_does_so_well(server: Running) -> None:
    async with Line(server) as line:
        named = raw("GET", "/health", b"", "X-Request-Id: from-the-proxy.1")
        assert (await line.ask(named)).headers["x-request-id"] == "from-the-proxy.1"
        for bad in ("has space", "x" * 65, 'quote"', ""):
            answer = await line.ask(raw("GET", "/health", b"", f"X-Request-Id: {bad}"))
            assert answer.headers["x-request-id"] not in {bad, "from-the-proxy.1"}
        signed = request(Keys.of(server), "GET", "/channels", b"", "X-Request-Id: signed-1")
        assert (await line.ask(signed)).headers["x-request-id"] == "signed-1"
    assert (await logged(server, "Request", request_id="signed-1"))["path"] == "/apps/1/channels"


async def test_a_stranger_does_not_name_requests() -> None:
    with Running(trusted_proxies="10.1.2.3") as server:
        async with Line(server) as line:
            for target in ("/health", "/apps/1/events"):
                answer = await line.ask(raw("GET", target, b"", "X-Request-Id: mine"))
                assert answer.headers["x-request-id"] != "mine"
            # Off the access log, an accepted publish has none: it would be paid for by all.
            sent = request(Keys.of(server), "POST", "/events", b'{"name":"n","channel":"c","data":"d"}')
            assert "x-request-id" not in (await line.ask(sent)).headers


async def test_a_refused_signature_is_a_line_with_the_id_that_was_answered(server: Running) -> None:
    async with Line(server) as line:
        answer = await line.ask(raw("POST", "/apps/1/events?auth_key=nobody", b"{}"))
        assert answer.status == 401
        await logged(server, "Request", request_id=answer.headers["x-request-id"], status=401)
    async with Line(server) as line:
        answer = await line.ask(b"POST /apps/1/events HTTP/1.1\r\nContent-Length: x\r\n\r\n")
        assert answer.status == 400
        await logged(server, "Request", request_id=answer.headers["x-request-id"], status=400)


async def test_a_connection_has_a_line_when_it_opens_and_when_it_closes(server: Running) -> None:
    client = await (await dial(server, headers={"User-Agent": "browser/1"})).welcome()
    opened = await logged(server, "Connection opened", connection_id=client.socket_id)
    assert (opened["app_id"], opened["way"], opened["address"], opened["agent"]) == (
        "1",
        "ws",
        "127.0.0.1",
        "browser/1",
    )
    await client.close()
    closed = await logged(server, "Connection closed", connection_id=client.socket_id)
    assert closed["duration_s"] >= 0
    assert "1000" in closed["reason"]
    other = await dial(server, "/app/nobody")
    await other.expect_error("App key nobody not in this cluster. Did you forget to specify the cluster?", 4001)
    assert (await logged(server, "Connection refused", key="nobody"))["close_code"] == 4001
    await other.close()


async def test_nobody_writes_lines_but_the_server(server: Running) -> None:
    hostile = "x%0d%0a{%22event%22:%22forged%22}%1b[31m"
    async with Line(server) as line:
        await line.ask(raw("GET", f"/{hostile}", b"", "User-Agent: a\x9b31m\tb"))
    async with Line(server) as line:
        await line.ask(raw("GET", f"/apps/1/channels/{hostile}", b"", "User-Agent: \x85{}"))
    client = await (await dial(server, headers={"User-Agent": "\x9b31m"})).welcome()
    await client.ask('x\r\n{"event":"forged"}\x1b[31m\u2028')
    await client.close()
    await logged(server, "Connection closed", connection_id=client.socket_id)
    assert "forged" not in {line["event"] for line in lines(server)}
    assert not any(character in server.log for character in "\x1b\x9b\x85\r\u2028")


def test_while_it_drains_it_says_so() -> None:
    with Running(drain_delay=0.3) as server:
        server.stop()
    assert "Draining: /health answers 503, and all else goes on for 0.3 s." in server.log


def ask(url: str, body: object = None, *, method: str = "POST", **headers: str) -> tuple[int, Any]:
    """Ask as a program would, and give the status and the JSON."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=LIMIT) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


async def said(server: Running, text: str) -> None:
    async with asyncio.timeout(LIMIT):
        while text not in server.log:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


class Browser:
    """Fills in forms."""

    def __init__(self, server: Running) -> None:
        self.cookies = http.cookiejar.CookieJar()
        self._url = server.url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def post(self, path: str, **fields: str) -> str:
        """Send the form of a page, and give the address of the page that is shown then."""
        with self._opener.open(self._url + path, timeout=LIMIT) as page:
            hidden = re.search(r'type="hidden" name="([^"]+)" value="([^"]+)"', page.read().decode())
        assert hidden is not None
        sent = urllib.parse.urlencode({hidden[1]: hidden[2], **fields}).encode()
        try:
            with self._opener.open(self._url + path, sent, timeout=LIMIT) as page:
                return str(page.url)
        except urllib.error.HTTPError as error:
            with error:
                return str(error.url)


@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_secret_of_any_door_is_logged(form: str) -> None:
    known = Known()
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        closed = nobody.getsockname()[1]
        with Seeded(
            log_level="debug",
            access_log=True,
            log_format=form,
            smtp_url=f"smtp://me:{known.new('mail password')}@127.0.0.1:{closed}",
            mail_from="Hubbub <hub@example.com>",
            metrics_token=known.new("metrics token"),
            jwt_secret=known.new("jwt secret") * 4,
            webhook_private=True,
        ) as server:
            known.texts["app secret"], known.texts["user token"] = server.secret, server.token
            known.texts["password"] = server.password
            jwt = known.texts["jwt"] = server.jwt()
            bearer = {"Authorization": f"Bearer {jwt}"}
            hook = f"http://127.0.0.1:{closed}/hooks?token={known.new('query of a webhook')}"
            headers = {"Authorization": f"Bearer {known.new('header of a webhook')}"}
            webhook = {"url": hook, "headers": headers, "events": ["client_event", "channel_occupied"]}
            hooks = f"{server.url}/api/organizations/acme-inc/applications/{server.app_id}/webhooks"
            assert ask(hooks, webhook, **bearer)[0] == 201
            ask(f"{server.url}/api/session", {"token": known.new("wrong token")})
            ask(f"{server.url}/api/session", {"email": server.email, "password": known.new("wrong password")})
            ask(f"{server.url}/api/users/1", method="GET", Authorization=f"Bearer {known.new('wrong jwt')}")
            ask(f"{server.url}/metrics", method="GET", Authorization=f"Bearer {known.new('wrong metrics token')}")
            browser = Browser(server)
            assert "sign-in" in browser.post("/sign-in", email=server.email, password=known.new("typed password"))
            assert "sign-in" not in browser.post("/sign-in", email=server.email, password=server.password)
            known.texts |= {f"cookie {one.name}": str(one.value) for one in browser.cookies}
            assert browser.cookies
            Browser(server).post(f"/forgotten?code={known.new('code in a query')}", email=server.email)
            async with Backend(server) as api:
                sent = request(Keys.of(server), "POST", "/events", b'{"name":"n","channel":"c","data":"d"}')
                known.texts["signature"] = sent.partition(b"auth_signature=")[2][:64].decode()
                assert (await api.ask(sent)).status == 200
                wrong = known.texts["wrong signature"] = secrets.token_hex(32)
                target = f"/apps/{server.app_id}/events?auth_key={server.key}&auth_version=1.0"
                target += f"&auth_timestamp={int(time.time())}&auth_signature={wrong}"
                assert (await api.ask(raw("POST", target, b"{}"))).status == 401
            async with listening(server, "private-a") as listener:
                signed = f"{listener.socket_id}:private-a".encode()
                known.texts["channel auth"] = hmac.new(server.secret.encode(), signed, hashlib.sha256).hexdigest()
            phoenix = await dial(
                server, f"/socket/websocket?app_key={server.key}&guardian_token={jwt}&vsn=2.0.0&unique_identifier=ann"
            )
            await phoenix.close()
            await said(server, "is tried again")
            await said(server, "did not take a delivery")
        log = server.log
    found = [what for what, text in known.texts.items() if text in log]
    assert found == []
    assert "request_id" in log
    assert "connection_id" in log


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database_url", "postgresql://hub:{}@127.0.0.1:{}/hubbub"),
        ("engine_url", "redis://:{}@127.0.0.1:{}/0"),
    ],
)
def test_neither_does_one_that_cannot_reach_what_it_needs(tmp_path: Path, name: str, url: str) -> None:
    password = Known().new("password")
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings: dict[str, object] = {name: url.format(password, nobody.getsockname()[1]), "log_level": "debug"}
        said = said_by(tmp_path, **settings)
    assert password not in said
    assert "away" in said or "not there yet" in said


def said_by(folder: Path, **settings: object) -> str:
    """Give what a server says that does not come to listen; one that waits for Redis is told to stop."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "hubbub", "serve", "--port", "0"],
        cwd=folder,
        env=own | {f"HUBBUB_{name.upper()}": str(value) for name, value in settings.items()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    with process.stdout as output:
        for line in output:
            said += line
            if "not there yet" in line:
                process.terminate()
    process.wait(LIMIT)
    return said
