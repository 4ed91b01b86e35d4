"""Asking all nodes of the cluster the same thing, and gathering what they answer in time.

Knows: how questions and answers go between nodes, and how long they are waited for. Does not know what is asked.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec

from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.node.node import Node

MARK: Final = 0xC1
"""What answers begin with: no MessagePack does, in which other things are handed between nodes."""

NEWS: Final = "ask"

LARGEST: Final = 4_000_000
"""Bytes of an answer."""

SECONDS: Final = 1.0

Answer = Callable[[bytes], Awaitable[bytes]]

logger = named("hubbub.gathering")


class Gathered(msgspec.Struct, frozen=True):
    """What nodes answered, this one first, and how many did not in time."""

    answers: list[bytes]
    missing: int


class Question(msgspec.Struct, frozen=True):
    """What is announced: answer by `kind`, to `node`, under `id`."""

    id: str
    node: str
    kind: str
    question: bytes


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """What is handed to who asked. `answer` is None where the node could not."""

    id: str
    answer: bytes | None


class _Open:
    """A question that waits for answers."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.answers: list[bytes] = []
        self.heard = 0
        self.is_done = asyncio.Event()

    def take(self, answer: bytes | None) -> None:
        self.heard += 1
        if answer is not None:
            self.answers.append(answer)
        if self.heard >= self.expected:
            self.is_done.set()


class Gathering:
    """Asks, and answers. `start` it when the node is in the cluster."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._answers: dict[str, Answer] = {}
        self._open: dict[str, _Open] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def answer_with(self, kind: str, answer: Answer) -> None:
        """Have questions of a kind answered, those of this node too. `answer` raises nothing that is not a bug."""
        self._answers[kind] = answer

    def start(self) -> None:
        """Hear the others."""
        if not self._node.is_alone:
            self._node.listen(NEWS, self._asked)
            self._node.take_with(self._take, MARK)

    async def stop(self) -> None:
        """Answer nobody any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ask(self, kind: str, question: bytes, seconds: float = SECONDS) -> Gathered:
        """Ask all nodes, and wait for so long. What cannot be reached does not answer; nothing is raised for that."""
        expected = self._node.membership.nodes - 1
        if self._node.is_alone or expected <= 0:
            return Gathered([await self._answers[kind](question)], 0)
        id_ = secrets.token_hex(8)
        opened = self._open[id_] = _Open(expected)
        try:
            subject = msgspec.json.encode(Question(id_, self._node.name, kind, question)).decode()
            async with asyncio.timeout(seconds):
                await self._node.announce(NEWS, subject)
                own = await self._answers[kind](question)
                await opened.is_done.wait()
        except TimeoutError:
            own = await self._answers[kind](question)
        finally:
            del self._open[id_]
        return Gathered([own, *opened.answers], max(expected - len(opened.answers), 0))

    # What other nodes ask and answer

    def _asked(self, subject: str) -> None:
        try:
            asked = msgspec.json.decode(subject, type=Question)
        except msgspec.MsgspecError:
            logger.warning("a question of another node could not be read")
            return
        answer = self._answers.get(asked.kind)
        task = asyncio.ensure_future(self._reply(asked, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, asked: Question, answer: Answer | None) -> None:
        given = None
        if answer is not None:
            try:
                given = await answer(asked.question)
            except Exception:
                logger.exception("A question of another node could not be answered", kind=asked.kind)
        with suppress(Refusal):
            message = msgspec.msgpack.encode(Reply(asked.id, given))
            await self._node.hand(asked.node, bytes((MARK,)) + message)

    def _take(self, message: bytes) -> None:
        if len(message) > LARGEST:
            logger.warning("An answer from another node is too large", size=len(message))
            return
        try:
            reply = msgspec.msgpack.decode(message[1:], type=Reply)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            logger.warning("an answer of another node could not be read")
            return
        if (opened := self._open.get(reply.id)) is not None:
            opened.take(reply.answer)
