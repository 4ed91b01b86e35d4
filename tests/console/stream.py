"""A browser's view of the console: its stream of Server-Sent Events, read by a thread, and what was seen by it."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import requests

LIMIT = 15.0  # seconds: only reached by what has failed


class Stream:
    """`with Stream(url, cookies) as stream:` looks. Everything that comes is kept: `seen`, `counts`, `left_out`."""

    def __init__(self, url: str, cookies: dict[str, str], last: str = "") -> None:
        self._url = url
        self._cookies = cookies
        self._last = last
        self._changed = threading.Condition()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.seen: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.last_id = ""
        self.is_over = False

    def __enter__(self) -> Self:
        """Begin, and wait for the first event."""
        parameters = {"last": self._last} if self._last else {}
        headers = {"Accept": "text/event-stream"}
        self._answer = requests.get(
            self._url,
            parameters,
            cookies=self._cookies,
            headers=headers,
            stream=True,
            timeout=60,
            allow_redirects=False,
        )
        self.status = self._answer.status_code
        self.headers = self._answer.headers
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if self.status == 200:
            self.wait(lambda: bool(self.events), "the first event")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Go away."""
        # Closing alone would wait for the reader, which waits for the server.
        if (connection := getattr(self._answer.raw, "_connection", None)) is not None and connection.sock is not None:
            connection.sock.shutdown(2)
        self._thread.join(LIMIT)
        self._answer.close()

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        until = time.monotonic() + LIMIT
        with self._changed:
            while not is_so():
                left = until - time.monotonic()
                assert left > 0, f"{what} did not come; seen: {self.seen[-20:]}, {self.events[-3:]}"
                self._changed.wait(left)

    def find(self, kind: str, **fields: object) -> dict[str, Any]:
        """Wait for something of a kind that has these fields, and give it."""

        def fitting() -> list[dict[str, Any]]:
            return [
                one
                for one in self.seen
                if one["kind"] == kind and all(one.get(name) == value for name, value in fields.items())
            ]

        self.wait(lambda: bool(fitting()), f"{kind} with {fields}")
        return fitting()[0]

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event of this name, and give it."""
        self.wait(lambda: any(one == name for one, _ in self.events), f"the event {name}")
        return next(data for one, data in self.events if one == name)

    def _read(self) -> None:
        event, data = "message", ""
        try:
            # Without a size it gives what has come, as it comes.
            for line in self._answer.iter_lines(None, decode_unicode=True):  # type: ignore[call-overload]
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: "):
                    data = line[6:]
                elif line.startswith("id: "):
                    self.last_id = line[4:]
                elif not line and data:
                    self._take(event, json.loads(data))
                    event, data = "message", ""
        except (requests.RequestException, OSError, AttributeError, ValueError):
            pass  # it was closed, from here or there
        with self._changed:
            self.is_over = True
            self._changed.notify_all()

    def _take(self, event: str, data: dict[str, Any]) -> None:
        with self._changed:
            if event == "message":
                self.seen += data["sights"]
                self.counts.update(data["counts"])
                self.left_out.update(data["left_out"])
            else:
                self.events.append((event, data))
            self._changed.notify_all()
