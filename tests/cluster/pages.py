"""Stock clients at work in Node processes, told what to do and telling what they see: `pages.mjs`."""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from cluster.history import Came, Heard, Joined, Left, Present, Record, State, Went

LIMIT: Final = 40.0
"""Seconds that anything may take. A pusher-js that found nobody listening waits 15 s before it tries again."""

SCRIPT: Final = Path(__file__).parent / "pages.mjs"

KINDS: Final[dict[str, type[Record]]] = {
    kind.__name__: kind for kind in (Joined, Left, State, Came, Went, Heard, Present)
}

ONLINE: Final = "#online"

LIBRARIES: Final = ("pusher", "phoenix-1.8", "phoenix-1.4")
"""What a client may be."""


class Pages:
    """`async with Pages(record, key=…, secret=…, jwt=…) as pages:` runs one Node process with any number of clients.

    What they see is given to `record`. Each has a name, and is connected to a node by its name and port.
    """

    def __init__(self, record: Callable[[Record], None], *, key: str, secret: str, jwt: str) -> None:
        self._record = record
        self._environment = {**os.environ, "SERVER_KEY": key, "SERVER_SECRET": secret, "SERVER_JWT": jwt}
        self._nodes: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self.sockets: dict[str, str] = {}
        """The id of each Pusher client's socket."""
        self.joined: set[tuple[str, str]] = set()
        """Clients and channels that they are in now."""
        self._looked = 0
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(SCRIPT),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**22,
        )
        self._reading = asyncio.create_task(self._read())
        await self.until(lambda: "" in self._states, "Node did not start")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), LIMIT)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    # Doing

    def open(
        self,
        client: str,
        node: str,
        port: int,
        *,
        user: str,
        library: str = "pusher",
        is_user: bool = False,
        watchlist: Sequence[str] = (),
    ) -> None:
        """Let a new client connect to the node that listens on a port.

        With `is_user` it signs in, and is told of as joined to ONLINE; or, with a watchlist, as seeing its members.
        """
        assert library in LIBRARIES
        self._nodes[client] = node
        about = {"is_user": is_user, **({"watchlist": list(watchlist)} if watchlist else {})}
        self._tell("open", client=client, port=port, user=user, library=library, **about)

    def join(self, client: str, channel: str) -> None:
        """Let a client subscribe, now or when it is connected, and again whenever it comes back."""
        self._tell("join", client=client, channel=channel)

    def leave(self, client: str, channel: str) -> None:
        """Let a client unsubscribe."""
        self._tell("leave", client=client, channel=channel)

    def close(self, client: str) -> None:
        """Let a client disconnect, for good."""
        self._tell("close", client=client)

    async def look(self) -> None:
        """Record whom each client sees in its channels."""
        number = next(self._numbers)
        self._tell("look", number=number)
        await self.until(lambda: self._looked >= number, "the clients did not look")

    # Waiting

    async def until_connected(self, *clients: str) -> None:
        """Wait until all of these are connected."""
        await self.until(
            lambda: all(self._states.get(client) == "connected" for client in clients),
            f"not all of {clients} connected",
        )

    async def until_joined(self, *where: tuple[str, str], limit: float | None = LIMIT) -> None:
        """Wait until clients are in channels."""
        await self.until(lambda: self.joined.issuperset(where), f"not all of {where} joined", limit)

    async def until(self, is_so: Callable[[], bool], otherwise: str, limit: float | None = LIMIT) -> None:
        """Wait until something is so; looked at with whatever a client tells."""
        try:
            async with asyncio.timeout(limit), self._news:
                await self._news.wait_for(lambda: is_so() or self._reading.done())
        except TimeoutError:
            pass
        assert is_so(), otherwise

    def _tell(self, act: str, **more: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"act": act, **more}).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                self._take(json.loads(line))
                async with self._news:
                    self._news.notify_all()
        finally:
            async with self._news:
                self._news.notify_all()

    def _take(self, told: dict[str, Any]) -> None:
        # Names are told a hundred thousand times.
        for field in told.keys() & {"client", "channel", "publisher", "user"}:
            told[field] = sys.intern(told[field])
        client = told["client"]
        match told["kind"]:
            case "connection":
                self._states[client] = told["state"]
                self.sockets[client] = told.get("socket_id", "")
            case "ready":
                self._states[""] = "ready"
            case "looked":
                self._looked = told["number"]
            case "Joined":
                self.joined.add((client, told["channel"]))
                told["node"] = self._nodes[client]
                self._record(msgspec.convert(told, Joined))
            case kind:
                if kind == "Left":
                    self.joined.discard((client, told["channel"]))
                self._record(msgspec.convert(told, KINDS[kind]))
