"""A pusher-js client lives through a restart of the server."""

import json
import queue
import subprocess
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import pytest
from javascript import HERE, environment
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running

# A client that finds nobody listening, as a quick one does here, waits 15 s before it tries again: pusher-js has it so.
LIMIT = 40.0

pytestmark = pytest.mark.needs("node")


class Page:
    """`reconnect.mjs` at work: a process that tells a line of JSON for each thing that happens to its client."""

    def __init__(self, server: Running, *channels: str) -> None:
        self._process = subprocess.Popen(
            ["node", "reconnect.mjs", *channels],
            cwd=HERE,
            env=environment(server),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(LIMIT)

    def until(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Wait until all of `wanted` have been told, in any order, and give everything told until then."""
        told: list[dict[str, Any]] = []
        while not all(what in told for what in wanted):
            try:
                told.append(self._told.get(timeout=LIMIT))
            except queue.Empty:
                pytest.fail(f"{wanted} did not happen within {LIMIT:.0f} s, but this: {told}")
        return told

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(json.loads(line))


def test_clients_return_to_a_restarted_server(
    start_server: Callable[..., Running], backend: Callable[..., Pusher]
) -> None:
    channels = ["news", "private-news", "presence-news"]
    subscribed = [{"subscribed": name} for name in channels]
    first = start_server()
    with Page(first, *channels) as page:
        page.until({"state": "connected"}, *subscribed)
        first.stop()
        second = start_server(port=first.port, app_secret=first.secret)
        told = page.until({"state": "connected"}, *subscribed)
        assert {"state": "disconnected"} not in told, "the client was told not to come back"
        backend(second).trigger(channels, "news", {"second": True})
        page.until(*({"channel": name, "data": {"second": True}} for name in channels))
