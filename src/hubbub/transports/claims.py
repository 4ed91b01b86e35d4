"""Which node has which of the sessions whose clients come by several requests, each to any node.

Knows: that a session's name is claimed before it begins and given back when it is over. Does not know requests.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Final

from hubbub import eager
from hubbub.errors import Refusal
from hubbub.node.node import Node

AT_ONCE: Final = 100
"""Sessions that are claimed anew together."""


class Claims:
    """The claims of one kind of session. `sessions` are those that are here, by name, and whoever else cannot have."""

    def __init__(self, node: Node, kind: str, sessions: Collection[str]) -> None:
        self._node = node
        self._kind = kind
        self._sessions = sessions
        self._asking: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def asked(self, session: str) -> AsyncIterator[str]:
        """Give the node that has a session: this one if nobody has, and then it may begin within this context.

        Raises STORE_UNAVAILABLE when that cannot be known.
        """
        self._asking[session] += 1
        holder = ""
        try:
            holder = await self._node.claim(self._name(session))
            yield holder
        finally:
            self._asking[session] -= 1
            if not self._asking[session]:
                del self._asking[session]
                if holder == self._node.name and session not in self._sessions:
                    self._release(session)

    async def take(self, session: str) -> None:
        """Claim one that is here, whose name nobody else can know yet. While the cluster is away, when it is back."""
        if self._node.is_alone:
            return
        with suppress(Refusal):
            async with self.asked(session):
                pass

    async def renew(self, lose: Callable[[str], object]) -> None:
        """Claim all anew, and call `lose` with those that another node has got meanwhile. Never raises a Refusal."""
        sessions = list(self._sessions)
        for start in range(0, len(sessions), AT_ONCE):
            some = sessions[start : start + AT_ONCE]
            await asyncio.gather(*(self._renew(session, lose) for session in some))

    def ended(self, session: str) -> None:
        """Give back one that is here no more."""
        # Whoever is asking gives it back, if it does not begin again.
        if session not in self._asking and not self._node.is_alone:
            self._release(session)

    async def _renew(self, session: str, lose: Callable[[str], object]) -> None:
        # If the cluster is away again, it is renewed when that is back.
        with suppress(Refusal):
            async with self.asked(session) as holder:
                if holder != self._node.name:
                    lose(session)

    def _release(self, session: str) -> None:
        # Begun at once: who claims it next must come after this.
        if (task := eager.start(self._give_back(session))) is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _give_back(self, session: str) -> None:
        # If it cannot be given back, this node is asked for it, and answers that there is no such session.
        with suppress(Refusal):
            await self._node.release(self._name(session))

    def _name(self, session: str) -> str:
        # Of what clients choose or guess: any text.
        return f"{self._kind}:{sha256(session.encode(errors='surrogatepass')).hexdigest()[:40]}"
