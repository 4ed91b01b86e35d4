"""The lines to paste work when they are pasted: each listener hears what each publisher sends.

Those of PHP, Ruby, Go and Java, which are not installed here, are looked at only. What belongs into a page is tried in
tests/pages/test_snippets.py.
"""

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.apps import Application, KeyPair
from hubbub.settings import AppSettings
from hubbub.snippets.authorizing import authorizing
from hubbub.snippets.listening import PUSHER_JS, listening, listening_in_private
from hubbub.snippets.printed import printed
from hubbub.snippets.publishing import publishing
from hubbub.snippets.recipe import QUOTES, Snippet, fill
from hubbub.snippets.target import MASK, Place, Target
from running import Running
from seeded import ORGANIZATION, Seeded

CLIENTS = Path(__file__).parent

LIMIT = 60.0  # seconds that only a failure takes

HEARD = "{ text: 'Hello from Hubbub' }"

# What Node lacks and browsers have, and names under which this folder has several versions of a library.
BROWSER = "import { WebSocket as ws } from 'ws'; globalThis.WebSocket = ws; globalThis.window = globalThis;\n"


def target_of(server: Running, secret: str | None = None, organization: str = ORGANIZATION) -> Target:
    return Target(
        place=Place.of(server.url),
        app_id=server.app_id,
        key=server.key,
        secret=server.secret if secret is None else secret,
        organization=organization,
    )


def named(snippets: tuple[Snippet, ...], name: str) -> str:
    return next(one.code for one in snippets if one.name == name)


class Listener:
    """A pasted listener at work, in Node."""

    def __init__(self, code: str) -> None:
        self._process = subprocess.Popen(
            ["node", "--input-type=module", "-e", code],
            cwd=CLIENTS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self) -> str:
        """Wait for the next line it prints."""
        return self._lines.get(timeout=LIMIT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(LIMIT)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))


def session_token(server: Seeded) -> str:
    """Give what the lines that ask for a token print."""
    pasted = named(listening(target_of(server)), "token").replace("PASTE AN API TOKEN OF YOURS", server.token)
    answer = subprocess.run(["bash", "-c", pasted], capture_output=True, text=True, timeout=LIMIT, check=True).stdout
    found = re.fullmatch(r'\{"jwt":"([^"]+)"\}', answer)
    assert found, answer
    return found[1]


@pytest.fixture(scope="module")
def listeners(seeded: Seeded) -> Iterator[dict[str, Listener]]:
    """Give the listeners by name, all listening."""
    snippets = listening(target_of(seeded))
    phoenix = named(snippets, "phoenix").replace("from 'phoenix'", "from 'phoenix-1.8'")
    started = {
        "pusher-js": Listener(named(snippets, "pusher-js")),
        "echo": Listener(BROWSER + named(snippets, "echo")),
        "phoenix": Listener(BROWSER + phoenix.replace("PASTE THE TOKEN OF JOHN", session_token(seeded))),
    }
    try:
        for listener in started.values():
            assert listener.line() == "Listening"
        yield started
    finally:
        for listener in started.values():
            listener.end()


RUN = {
    "curl": (["bash", "-c"], "{}\n"),
    "api": (["bash", "-c"], "204\n"),
    "python": ([sys.executable, "-c"], ""),
    "node": (["node", "--input-type=module", "-e"], ""),
}


@pytest.mark.needs("node", "curl", "openssl")
@pytest.mark.parametrize("publisher", RUN)
def test_all_listeners_hear_each_publisher(seeded: Seeded, listeners: dict[str, Listener], publisher: str) -> None:
    pasted = named(publishing(target_of(seeded)), publisher).replace("PASTE AN API TOKEN OF YOURS", seeded.token)
    command, printed_there = RUN[publisher]
    done = subprocess.run([*command, pasted], cwd=CLIENTS, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stdout) == (0, printed_there), done.stderr
    assert {name: listener.line() for name, listener in listeners.items()} == dict.fromkeys(listeners, HEARD)


@pytest.mark.needs("node", "curl", "openssl")
def test_the_printed_lines_publish_to_the_printed_listener(server: Running) -> None:
    app = Application(server.app_id, "Test", (KeyPair(server.key, server.secret),), AppSettings())
    lines = printed(server.url, app).splitlines()
    listen = "\n".join(line for line in lines if line.startswith(("const ", "pusher.")))
    publish = "\n".join(line for line in lines if line.startswith(("body=", "md5=", "query=", "sig=", "url=", "curl ")))
    ready = "pusher.channel('general').bind('pusher:subscription_succeeded', () => console.log('ready'));"
    end = "pusher.channel('general').bind('greeting', () => pusher.disconnect());"
    listener = subprocess.Popen(
        ["node", "-e", "\n".join((listen, ready, end))],
        cwd=CLIENTS,
        env={**os.environ, "NODE_PATH": str(CLIENTS / "node_modules")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "ready\n"
        answer = subprocess.run(["bash", "-c", publish], capture_output=True, text=True, timeout=LIMIT, check=True)
        assert answer.stdout == "{}\n"
        out, _ = listener.communicate(timeout=LIMIT)
    finally:
        listener.kill()
        listener.wait()
    assert out == f"{HEARD}\n"


TARGET = Target(
    place=Place.of("https://rt.example.com:8443/sockets/"),
    app_id="271",
    key="key-of-271",
    secret="secret-of-271",
    organization="acme-inc",
)


@pytest.mark.parametrize(
    ("snippet", "figures"),
    [
        ("php", ["'key-of-271', 'secret-of-271', '271'", "'rt.example.com'", "=> 8443", "'https'", "'useTLS' => true"]),
        ("ruby", ["app_id: '271'", "key: 'key-of-271'", "host: 'rt.example.com'", "port: 8443", "scheme: 'https'"]),
        ("go", ['"271"', '"key-of-271"', '"secret-of-271"', '"rt.example.com:8443"', "Secure: true"]),
        ("java", ['Pusher("271", "key-of-271", "secret-of-271")', '"rt.example.com:8443"', "setEncrypted(true)"]),
        ("laravel", ["PUSHER_APP_ID=271\n", "PUSHER_HOST=rt.example.com\n", "PUSHER_PORT=8443\n", "SCHEME=https\n"]),
        ("python", ["app_id='271'", "host='rt.example.com'", "port=8443", "ssl=True"]),
        ("node", ["appId: '271'", "host: 'rt.example.com'", "port: '8443'", "useTLS: true"]),
        ("curl", ["/apps/271/events", "https://rt.example.com:8443/sockets/apps/271/events", "-hmac secret-of-271"]),
    ],
)
def test_the_figures_are_those_of_the_target(snippet: str, figures: list[str]) -> None:
    code = named(publishing(TARGET), snippet)
    for figure in figures:
        assert figure in code


def every(target: Target) -> list[Snippet]:
    return [*listening(target), *publishing(target), *authorizing(target), listening_in_private(target)]


def test_no_gap_is_left_and_names_are_told_apart() -> None:
    for snippet in every(TARGET):
        assert not re.search(r"%[A-Z_]+%", snippet.code)
    for group in (listening(TARGET), publishing(TARGET), authorizing(TARGET)):
        assert len({one.name for one in group}) == len(group)


def test_clients_find_a_server_below_a_path() -> None:
    code = named(listening(TARGET), "pusher-js")
    assert "wsHost: 'rt.example.com', wsPort: 8443, wssPort: 8443, forceTLS: true, wsPath: '/sockets'," in code
    assert "'wss://rt.example.com:8443/sockets/socket'" in named(listening(TARGET), "phoenix")


def test_a_secret_that_may_not_be_seen_is_masked_where_it_belongs_and_nowhere_else() -> None:
    hidden = Target(place=TARGET.place, app_id="271", key="key-of-271", organization="acme-inc")
    for shown, masked in zip(every(TARGET), every(hidden), strict=True):
        assert "secret-of-271" not in repr(shown)
        assert masked.code == shown.code.replace("secret-of-271", MASK) or masked.language == "bash"
        assert masked.is_masked == ("secret-of-271" in shown.code) == (MASK in masked.code)
        assert not shown.is_masked


def test_an_application_of_no_organization_is_used_without_tokens() -> None:
    nobodys = Target(place=TARGET.place, app_id="271", key="key-of-271")
    assert [one.name for one in listening(nobodys)] == ["page", "pusher-js", "echo"]
    assert "api" not in [one.name for one in publishing(nobodys)]


@pytest.mark.parametrize(
    ("url", "host", "port", "address"),
    [
        ("http://127.0.0.1:4000", "127.0.0.1", 4000, "http://127.0.0.1:4000"),
        ("https://rt.example.com/", "rt.example.com", 443, "https://rt.example.com"),
        ("http://rt.example.com", "rt.example.com", 80, "http://rt.example.com"),
        ("http://[::1]:4000", "[::1]", 4000, "http://[::1]:4000"),
    ],
)
def test_an_address_is_taken_apart(url: str, host: str, port: int, address: str) -> None:
    place = Place.of(url)
    assert (place.host, place.port, place.url) == (host, port, address)


SECRETS = ["plain", "it's", 'a"b', "back\\slash\\", "$HOME `id` !x", "ü•"]


@pytest.mark.needs("node")
@pytest.mark.parametrize(
    ("language", "program", "line"),
    [
        ("python", [sys.executable, "-c"], "print(%SECRET%)"),
        ("javascript", ["node", "-e"], "console.log(%SECRET%)"),
        ("bash", ["bash", "-c"], "printf '%s\\n' %SECRET%"),
    ],
)
def test_texts_are_written_as_each_language_reads_them(language: str, program: list[str], line: str) -> None:
    targets = [Target(place=TARGET.place, app_id="1", key="k", secret=secret) for secret in SECRETS]
    lines = "\n".join(fill(line, language, target) for target in targets)
    done = subprocess.run([*program, lines], capture_output=True, text=True, timeout=LIMIT, check=True)
    assert done.stdout.splitlines() == SECRETS


def test_every_language_has_its_way_of_writing_texts() -> None:
    assert set(QUOTES) == {one.language for one in every(TARGET)}


def test_the_server_gives_out_the_library_that_the_page_loads(server: Running) -> None:
    code = named(listening(target_of(server)), "page")
    assert f'<script src="{server.url}{PUSHER_JS}"></script>' in code
    vendored = Path(__file__).parents[2] / "src" / "hubbub" / "web" / "static" / PUSHER_JS.removeprefix("/")
    installed = CLIENTS / "node_modules" / "pusher-js" / "dist" / "web" / "pusher.min.js"
    assert vendored.read_bytes() == installed.read_bytes()
