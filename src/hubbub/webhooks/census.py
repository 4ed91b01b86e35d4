"""What stands, compared with who is there: after nodes were lost, or another one leads.

Knows: what stands of nobody is to end, who is there without standing is to begin; both by way of the roll, which looks
again. Does not know how that is settled.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from hubbub.channels import INTERNAL_PREFIX
from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.settings import Settings
from hubbub.webhooks import events
from hubbub.webhooks.readers import Readers
from hubbub.webhooks.seam import Cluster, Hooked, Outbox, Standing
from hubbub.webhooks.sharedroll import SharedRoll

EVERY_SECONDS: Final = 600.0
"""Between two, if there is no reason for one: whatever went wrong unseen is put right by that."""

MOST_PUT_OFF: Final = 3
"""Times `webhook_return` that it is put off at most, when nodes come and go all the time."""

AGAIN_SECONDS: Final = 1.0
"""Between two tries while the database or the cluster is away."""

LATER_SECONDS: Final = 2.0
"""After which all nodes know of a new endpoint."""

logger = named("hubbub.webhooks")


class Census:
    """Compares while `leads` is true. `unsettle` it when nodes came or went, `adopt` an application with new wishes."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        readers: Readers,
        roll: SharedRoll,
        cluster: Cluster,
        leads: Callable[[], bool],
    ) -> None:
        # The roll takes the grace for its second look.
        self._wait = max(settings.webhook_return - settings.webhook_grace, 0.0)
        self._most_wait = MOST_PUT_OFF * max(settings.webhook_return, 1.0)
        self._outbox = outbox
        self._readers = readers
        self._roll = roll
        self._cluster = cluster
        self._leads = leads
        self._at: float | None = None
        self._at_latest = 0.0
        self._adoptions: list[tuple[float, str]] = []
        self._awake = asyncio.Event()
        self._usual = 0.0
        self._is_frozen = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def freeze(self) -> None:
        """Compare no more: this node's own clients are leaving."""
        self._is_frozen = True

    def unsettle(self) -> None:
        """Compare when those who may come back have had their time."""
        now = asyncio.get_running_loop().time()
        if self._at is None:
            self._at_latest = now + self._most_wait
        self._at = min(now + self._wait, self._at_latest)
        self._awake.set()

    def adopt(self, app_id: str) -> None:
        """Let stand, untold, who is there in an application, or nobody if it has no endpoints any more.

        And once more when all nodes know of that.
        """
        now = asyncio.get_running_loop().time()
        self._adoptions += [(now, app_id), (now + LATER_SECONDS, app_id)]
        self._awake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._usual = loop.time() + EVERY_SECONDS
        while True:
            self._awake.clear()
            alarm = loop.call_at(self._next_time(), self._awake.set)
            await self._awake.wait()
            alarm.cancel()
            if self._is_frozen or not self._leads():
                # Who leads now has begun with one of its own.
                self._at, self._usual = None, loop.time() + EVERY_SECONDS
                self._adoptions.clear()
                continue
            try:
                await self._work(loop.time())
            except Exception as error:
                if not isinstance(error, Refusal):
                    logger.exception("What webhooks told cannot be compared with who is there")
                await asyncio.sleep(AGAIN_SECONDS)
                self._awake.set()

    def _next_time(self) -> float:
        return min([self._usual, *([self._at] if self._at is not None else []), *(at for at, _ in self._adoptions)])

    async def _work(self, now: float) -> None:
        """Do what is due. Raises STORE_UNAVAILABLE, and what is not done stays due."""
        for adoption in [one for one in self._adoptions if one[0] <= now]:
            await self._compare(adoption[1], is_told=False)
            self._adoptions.remove(adoption)
        if self._usual <= now or (self._at is not None and self._at <= now):
            planned = self._at
            await self._compare_all()
            self._usual = now + EVERY_SECONDS
            if self._at == planned:  # nobody came or went meanwhile
                self._at = None

    async def _compare_all(self) -> None:
        for app_id in await self._outbox.stood():
            if self._readers.hooked(app_id) is None:
                await self._compare(app_id, is_told=True)
        for hooked in self._readers.all():
            await self._compare(hooked.app_id, is_told=True)

    async def _compare(self, app_id: str, *, is_told: bool) -> None:
        """Have begin what is there and does not stand; with `is_told` endpoints hear of it, and what is gone ends.

        Of an application that nobody hears of nothing stands.
        """
        hooked = self._readers.hooked(app_id)
        if hooked is None:
            await self._outbox.forget(app_id)
            return
        versions = await self._outbox.versions(app_id)
        there = await self._who_is_there(hooked)
        for stay in there:
            if stay not in versions:
                self._roll.found(hooked, stay, is_told=is_told)
        if is_told:
            gone = versions.keys() - set(there)
            for stay in sorted(gone, key=lambda stay: (not stay.user_id, stay.channel, stay.user_id)):
                self._roll.missed(stay, versions[stay])

    async def _who_is_there(self, hooked: Hooked) -> list[Standing]:
        """Give channels that are occupied and members in them, if anybody wants to hear of such; a channel first."""
        found: list[Standing] = []
        for channel in await self._cluster.channels(hooked.app_id, ""):
            if channel.startswith(INTERNAL_PREFIX):
                continue
            stay = Standing(hooked.app_id, channel)
            if self._readers.wants_either(hooked, stay):
                found.append(stay)
            anybody = Standing(hooked.app_id, channel, "?")
            if events.has_members(channel) and self._readers.wants_either(hooked, anybody):
                members = await self._cluster.members(hooked.app_id, channel)
                found += [Standing(hooked.app_id, channel, user_id) for user_id in members]
        return found
