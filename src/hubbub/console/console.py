"""The live log of applications: who looks at one from any node sees what happens at all of them.

A node whose pages are open says so to the others, again and again: a watch lasts for a few seconds beyond that. The
others send it what they see several times a second, each its share of what is shown. Where nobody looks, nothing is
counted, kept or sent.

Knows: watches, and whom to send to. Does not know what is seen, nor who may look.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec

from hubbub.console.stage import Stage
from hubbub.errors import Refusal
from hubbub.node.node import LOST, Node
from hubbub.taps.taps import Taps
from hubbub.taps.watch import Glimpse, Watch

TICK: Final = 0.25
"""Seconds between two times at which what happened is sent."""

MARK: Final = 0xC7
"""What glimpses begin with, handed from node to node: as MessagePack, nothing else that is handed."""

NEWS: Final = "watch"

LEASE: Final = 12.0
"""Seconds for which a watch is good."""

RENEWAL: Final = 4.0
"""Seconds after which it is said anew."""

LINGER: Final = 30.0
"""Seconds for which an application is watched on, after the last viewer has gone: who comes back has missed nothing."""

HEARTBEAT: Final = 15.0
"""Seconds after which a stream without news says something, so that proxies keep it, and asks again who may look."""

MOST_VIEWERS: Final = 1000
"""Streams of one node."""

MOST_OF_ONE: Final = 10
"""Streams of one user at one node."""

logger = logging.getLogger("hubbub.console")


class Watching(msgspec.Struct, frozen=True):
    """What is announced: `node` wants to see an application for so many seconds; none if no more."""

    node: str
    app_id: str
    seconds: float


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What is handed to a node that watches."""

    app_id: str
    node: str
    glimpse: Glimpse


class Console:
    """Shows applications. `label` is what this node is called on pages."""

    def __init__(self, node: Node, taps: Taps, label: str) -> None:
        self._node = node
        self._taps = taps
        self._label = label
        self._name = secrets.token_hex(4)
        self._stages: dict[str, Stage] = {}
        self._afar: dict[str, dict[str, float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewed_at = float("-inf")
        self._is_stopping = False
        self._changes = 0

    # Beginning and end

    def start(self) -> None:
        """Hear the others, if there can be any."""
        if not self._node.is_alone:
            self._node.listen(NEWS, self._heard)
            self._node.listen(LOST, self._lost)
            self._node.take_with(self._take, MARK)

    def shutdown(self) -> None:
        """The server stops: end all streams. Browsers look for another node."""
        self._is_stopping = True
        for stage in self._stages.values():
            for viewer in stage.viewers:
                viewer.end()

    async def stop(self) -> None:
        """Watch nothing any more."""
        self.shutdown()
        tasks = [*self._tasks, *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._taps.watched.clear()

    def ask_again(self) -> None:
        """Something changed: find out whether all who look may still do so."""
        self._changes += 1
        for stage in self._stages.values():
            for viewer in stage.viewers:
                viewer.wakes.set()

    def is_full(self, who: str) -> bool:
        """Tell whether there is no room for another stream, at all or of the user `who`."""
        viewers = [viewer for stage in self._stages.values() for viewer in stage.viewers]
        of_one = sum(viewer.who == who for viewer in viewers)
        return self._is_stopping or len(viewers) >= MOST_VIEWERS or of_one >= MOST_OF_ONE

    # Looking

    async def stream(
        self, app_id: str, who: str, last: str, may_look: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """Give what happens at an application, as Server-Sent Events, until the server or who looks ends.

        `last` is the id of the last message that the browser got. `may_look` is asked now and then if it may go on.
        """
        viewer, is_whole = self._stage(app_id).enter(last, who)
        clock = asyncio.get_running_loop().time
        changes, ask_at = self._changes, clock() + HEARTBEAT
        try:
            hello = msgspec.json.encode({"node": self._label, "whole": is_whole})
            yield b"retry: 1000\nevent: hello\ndata: %s\n\n" % hello
            while not viewer.is_over:
                try:
                    async with asyncio.timeout_at(ask_at):
                        await viewer.wakes.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                viewer.wakes.clear()
                # Not every end of a session is a change that nodes are told of, and there may always be news.
                if changes != self._changes or clock() >= ask_at:
                    changes, ask_at = self._changes, clock() + HEARTBEAT
                    if not await may_look():
                        yield b'event: end\ndata: {"why": "access"}\n\n'
                        return
                while viewer.queue:
                    if viewer.missed:
                        missed, viewer.missed = viewer.missed, 0
                        yield b'event: missed\ndata: {"count": %d}\n\n' % missed
                    yield viewer.queue.popleft().data
            yield b'event: end\ndata: {"why": "restart"}\n\n'
        finally:
            viewer.close()

    def _stage(self, app_id: str) -> Stage:
        stage = self._stages.get(app_id)
        if stage is None:
            now = asyncio.get_running_loop().time()
            stage = self._stages[app_id] = Stage(self._name, now)
            self._watch(app_id)
            self._announce(app_id, LEASE)
        return stage

    def _watch(self, app_id: str) -> None:
        if app_id not in self._taps.watched:
            self._taps.watched[app_id] = Watch()
            self._share()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def _share(self) -> None:
        nodes = max(self._node.membership.nodes, 1)
        for watch in self._taps.watched.values():
            watch.share(nodes, TICK)

    # What goes on while somebody looks

    async def _run(self) -> None:
        while self._taps.watched:
            await asyncio.sleep(TICK)
            try:
                self._turn(asyncio.get_running_loop().time())
            except Exception:
                logger.exception("what happens at watched applications could not be shown")

    def _turn(self, now: float) -> None:
        for app_id, watch in list(self._taps.watched.items()):
            glimpse = watch.take()
            stage = self._stages.get(app_id)
            if glimpse is not None:
                if stage is not None:
                    stage.add(self._named(glimpse, self._label))
                self._send(app_id, glimpse, now)
            if stage is not None:
                stage.show()
                if not stage.viewers and now >= stage.left_at + LINGER:
                    del self._stages[app_id]
                    self._announce(app_id, 0)
            nodes = self._afar.get(app_id, {})
            for node in [node for node, until in nodes.items() if until <= now]:
                del nodes[node]
            if not nodes:
                self._afar.pop(app_id, None)
                if app_id not in self._stages:
                    del self._taps.watched[app_id]
        if now >= self._renewed_at + RENEWAL:
            self._renewed_at = now
            self._share()
            for app_id in self._stages:
                self._announce(app_id, LEASE)

    def _named(self, glimpse: Glimpse, label: str) -> Glimpse:
        if self._node.is_alone:
            return glimpse
        return Glimpse(glimpse.counts, [msgspec.structs.replace(one, node=label) for one in glimpse.sights])

    # Between nodes

    def _announce(self, app_id: str, seconds: float) -> None:
        if not self._node.is_alone:
            subject = msgspec.json.encode(Watching(self._node.name, app_id, seconds)).decode()
            self._run_aside(self._node.announce(NEWS, subject))

    def _heard(self, subject: str) -> None:
        try:
            watching = msgspec.json.decode(subject, type=Watching)
        except msgspec.MsgspecError:
            logger.warning("the watch of another node could not be read")
            return
        nodes = self._afar.setdefault(watching.app_id, {})
        if watching.seconds > 0 and not self._is_stopping:
            nodes[watching.node] = asyncio.get_running_loop().time() + min(watching.seconds, LEASE)
            self._watch(watching.app_id)
        else:
            nodes.pop(watching.node, None)

    def _lost(self, node: str) -> None:
        for nodes in self._afar.values():
            nodes.pop(node, None)

    def _send(self, app_id: str, glimpse: Glimpse, now: float) -> None:
        nodes = [node for node, until in self._afar.get(app_id, {}).items() if until > now]
        if nodes:
            message = bytes((MARK,)) + msgspec.msgpack.encode(Told(app_id, self._label, glimpse))
            for node in nodes:
                self._run_aside(self._hand(node, message))

    async def _hand(self, node: str, message: bytes) -> None:
        with suppress(Refusal):
            await self._node.hand(node, message)

    def _take(self, message: bytes) -> None:
        try:
            told = msgspec.msgpack.decode(message[1:], type=Told)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            logger.warning("what another node sees could not be read")
            return
        if (stage := self._stages.get(told.app_id)) is not None:
            stage.add(self._named(told.glimpse, told.node))

    def _run_aside(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
