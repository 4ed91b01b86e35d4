"""What it costs the server that somebody looks at the console of a busy application.

Events are published at a rate, in rounds: with a console open and without one, in turn, so that a machine that changes
its mind meanwhile does so to both. The server's CPU time is the kernel's, in nanoseconds, of all of its threads. The
browser that looks is a thread of this process, which reads and throws away.

    python bench/onlookers.py [--rate 2000] [--seconds 5] [--rounds 6] [--listeners 0] [--json FILE]
"""

import argparse
import asyncio
import json
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests
from msgspec import Struct, to_builtins

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import SignedIn
from hubbub.store import Store
from line import Line
from publisher import Publisher
from servers import APP_ID, Server, hubbub

CHANNEL = "busy"
DATA = json.dumps({"text": "x" * 80})
PUBLISHERS = 8


class Found(Struct, frozen=True):
    """Microseconds of CPU for each event, without and with a console, of each round; what the browser got of it."""

    without: list[float]
    watched: list[float]
    ratio: float
    events_shown: int
    bytes_shown: int


class Looking:
    """A browser with the console open."""

    def __init__(self, server: Server, cookie: str) -> None:
        self._url = f"http://127.0.0.1:{server.port}/applications/{APP_ID}/console/stream"
        self._cookie = cookie
        self.events = 0
        self.bytes = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Look for a while."""
        answer = requests.get(self._url, cookies={"hubbub_session": self._cookie}, stream=True, timeout=60)
        if answer.status_code != 200:
            raise RuntimeError(f"the console answers {answer.status_code}: {answer.text[:200]}")
        reader = threading.Thread(target=self._read, args=[answer], daemon=True)
        reader.start()
        try:
            yield
        finally:
            answer.raw._connection.sock.shutdown(2)  # noqa: SLF001 - closing alone waits for the server
            reader.join()
            answer.close()

    def _read(self, answer: requests.Response) -> None:
        try:
            for part in answer.iter_content(None):
                self.bytes += len(part)
                self.events += part.count(b'"kind":"api_message"')
        except (requests.RequestException, OSError, AttributeError, ValueError):
            pass  # it was closed


def cpu(server: Server) -> int:
    """Give the nanoseconds that all of the server's threads have run."""
    tasks = Path(f"/proc/{server.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def publish(server: Server, rate: float, seconds: float) -> float:
    """Publish at a rate; give the microseconds of CPU that each event took."""
    publishers = [Publisher(server) for _ in range(PUBLISHERS)]
    count, began, before = round(rate * seconds), time.monotonic(), cpu(server)
    for number in range(count):
        wait = began + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        publisher = publishers[number % PUBLISHERS]
        if not publisher.is_free:
            publisher.take()
        publisher.send(CHANNEL, DATA)
    for publisher in publishers:
        if not publisher.is_free:
            publisher.take()
    spent = cpu(server) - before
    for publisher in publishers:
        publisher.close()
    late = time.monotonic() - began - seconds
    if late > 0.05 * seconds:
        print(f"this machine was {late:.1f} s late: {count / (seconds + late):.0f} events a second", file=sys.stderr)
    return spent / 1000 / count


async def cookie_of(url: str) -> str:
    """Give the cookie of a root user's browser."""
    store = Store.open(url)
    accounts = Accounts(store)
    user = await accounts.users.create(
        OPERATOR, name="Root", email="root@example.com", password=secrets.token_urlsafe(), is_root=True
    )
    signed_in = SignedIn(user=user, at=datetime.now(UTC), must_change_password=False)
    opened = await accounts.browsers.open(signed_in, address="127.0.0.1", agent="bench")
    await store.close()
    return opened.text


def measure(rate: float, seconds: float, rounds: int, listeners: int) -> Found:
    """Measure, in alternating rounds."""
    with tempfile.TemporaryDirectory(prefix="bench-console-") as folder:
        url = f"sqlite:///{folder}/hubbub.db"
        with hubbub(database_url=url) as server:
            looking = Looking(server, asyncio.run(cookie_of(url)))
            lines = [Line(server) for _ in range(listeners)]
            for line in lines:
                line.subscribe(CHANNEL)
            readers = [threading.Thread(target=_drain, args=[line], daemon=True) for line in lines]
            for reader in readers:
                reader.start()
            publish(server, rate, 1)
            without, watched = [], []
            for number in range(2 * rounds):
                # 1 2 2 1, so that what grows or falls with time does so for both.
                if number % 4 in (0, 3):
                    time.sleep(_LINGER)  # until nobody is taken to look any more
                    without.append(publish(server, rate, seconds))
                else:
                    with looking.open():
                        watched.append(publish(server, rate, seconds))
            for line in lines:
                line.close()
    ratio = statistics.median(watched) / statistics.median(without)
    return Found(without, watched, ratio, looking.events, looking.bytes)


def _drain(line: Line) -> None:
    try:
        while line.connection.recv(65_536):
            pass
    except OSError:
        pass  # it was closed


_LINGER = 32.0
"""Seconds after which an application is watched no more, when the last browser has gone: `console.LINGER` and a bit."""


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--listeners", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = measure(given.rate, given.seconds, given.rounds, given.listeners)
    for name, values in (("nobody looks", found.without), ("a console is open", found.watched)):
        print(f"{name:18}{statistics.median(values):6.1f} µs of CPU an event, {min(values):.1f} to {max(values):.1f}")
    print(f"ratio {found.ratio:.3f}; the browser got {found.events_shown:,} events, {found.bytes_shown:,} bytes")
    if given.json is not None:
        given.json.write_text(json.dumps(to_builtins(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
