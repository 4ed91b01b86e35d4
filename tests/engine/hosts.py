"""What tests of engines share: a host that notes what it is told, and waiting for it."""

import asyncio
from collections.abc import Callable, Sequence

from hubbub.messages import Envelope, Fact

LIMIT = 20.0  # seconds, which only a failure waits for


class Noting:
    """A host that notes all it is told. `counts` is what it answers when it is asked."""

    def __init__(self) -> None:
        self.received: list[Envelope] = []
        self.facts: list[tuple[str, Fact]] = []
        self.news: list[tuple[str, str]] = []
        self.gone: list[str] = []
        self.handed_over: list[bytes] = []
        self.counts: dict[tuple[str, str], int] = {}

    def receive(self, envelope: Envelope) -> None:
        self.received.append(envelope)

    def happened(self, app_id: str, facts: Sequence[Fact]) -> None:
        self.facts += [(app_id, fact) for fact in facts]

    def count(self, app_id: str, channel: str) -> int:
        return self.counts.get((app_id, channel), 0)

    def heard(self, news: str, subject: str) -> None:
        self.news.append((news, subject))

    def handed(self, message: bytes) -> None:
        self.handed_over.append(message)

    def lost(self, node: str) -> None:
        self.gone.append(node)

    @property
    def told(self) -> list[Fact]:
        """The facts received so far."""
        return [envelope.fact for envelope in self.received]


async def until(is_so: Callable[[], object], otherwise: Callable[[], object] = lambda: "") -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(LIMIT):
            while not is_so():  # noqa: ASYNC110  # who makes it so knows nothing of tests
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"it never was so: {otherwise()}") from None
