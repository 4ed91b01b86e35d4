"""Engines that make a node wait, or fail it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from hubbub.engine.memory import Memory
from hubbub.engine.seam import Cached, Transition
from hubbub.errors import STORE_UNAVAILABLE
from hubbub.messages import Envelope, Member, WentOffline, WentOnline


class Hesitant(Memory):
    """An engine that answers after a while, as one on a network does, and each time after another."""

    is_alone = False

    def __init__(self, seed: int = 7) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def publish(self, envelope: Envelope, *, echo: bool = False) -> None:
        await super().publish(envelope, echo=echo)
        await self._wait()

    async def subscribe(self, app_id: str, channel: str) -> None:
        await self._wait()

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        await self._wait()

    async def enter(
        self,
        app_id: str,
        channel: str,
        *,
        occupies: bool,
        member: Member | None,
        limit: int,
        told: WentOnline | None = None,
    ) -> Transition:
        await self._wait()
        answer = await super().enter(app_id, channel, occupies=occupies, member=member, limit=limit, told=told)
        await self._wait()
        return answer

    async def leave(
        self, app_id: str, channel: str, *, vacates: bool, user_id: str | None, told: WentOffline | None = None
    ) -> Transition:
        await self._wait()
        answer = await super().leave(app_id, channel, vacates=vacates, user_id=user_id, told=told)
        await self._wait()
        return answer

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        await self._wait()
        return await super().members(app_id, channel)

    # What is asked may be out of date when the answer comes.

    async def counts_elsewhere(self, app_id: str, channels: Sequence[str]) -> list[int]:
        await self._wait()
        return await super().counts_elsewhere(app_id, channels)

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        await self._wait()
        answer = await super().occupied(app_id, channels)
        await self._wait()
        return answer

    async def keep(self, envelope: Envelope, seconds: int, most: int) -> None:
        await self._wait()
        await super().keep(envelope, seconds, most)
        await self._wait()

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        await self._wait()
        answer = await super().recall(app_id, channel)
        await self._wait()
        return answer

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        await self._wait()
        return await super().miss(app_id, channel, seconds)

    async def _wait(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


class Failing(Memory):
    """An engine that refuses the calls of a name."""

    is_alone = False

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.fails = True
        for name in names:
            setattr(self, name, self._maybe(getattr(self, name)))

    def _maybe(self, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def failing(*arguments: object, **named: object) -> object:
            if self.fails:
                raise STORE_UNAVAILABLE()
            return await call(*arguments, **named)

        return failing
