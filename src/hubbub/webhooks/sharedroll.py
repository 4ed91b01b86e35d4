"""The roll of one node among several: what stands in the database is the truth, and each change there has a version.

Knows: whoever comes or leaves gives what stands a new version, so that only the last word on it counts, whichever node
had it; who left is gone when the grace is over, the cluster has nobody there and the version is still that of the
leaving. decision 0009 has the argument. Does not know who else is there.
"""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.settings import Settings
from hubbub.webhooks import events
from hubbub.webhooks.departures import Departure, Departures
from hubbub.webhooks.pad import Pad
from hubbub.webhooks.readers import Readers
from hubbub.webhooks.scribe import Sheet
from hubbub.webhooks.seam import Cluster, Hooked, Note, Standing

MOST: Final = 500
"""Departures looked at in one go."""

AGAIN_SECONDS: Final = 1.0
"""Between two questions to a cluster that cannot be reached."""

LATE_SECONDS: Final = 0.5
"""What takes longer to be written than this, or than half of the grace, may have been overtaken by its own end."""

QUIET_SECONDS: Final = 10.0
"""After a gap in the cluster: other nodes may not have said again whom they have, should it have forgotten that."""

logger = named("hubbub.webhooks")


class SharedRoll:
    """See `Roll`. `written` must be called with whatever was written down, and what came of it."""

    def __init__(self, settings: Settings, readers: Readers, pad: Pad, cluster: Cluster) -> None:
        self._grace = settings.webhook_grace
        self._quiet = min(QUIET_SECONDS, settings.webhook_return)
        self._quiet_until = float("-inf")
        self._gaps = cluster.membership.gaps
        self._late = min(LATE_SECONDS, settings.webhook_grace / 2)
        self._readers = readers
        self._pad = pad
        self._cluster = cluster
        self._departures = Departures()
        # When what begins was put down, by its version.
        self._begun: dict[int, float] = {}
        self._awake = asyncio.Event()
        self._is_frozen = False
        self._task: asyncio.Task[None] | None = None

    def start(self, standing: Sequence[Standing]) -> None:
        """Begin. What stands is compared with the cluster by whoever leads."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End. Who is about to leave stays, until the leader compares."""
        self.freeze()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def came(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        """See `Roll.came`. Whether anybody is told is settled in the database."""
        if not self._readers.wants_either(hooked, stay):
            return None
        self._departures.back(stay)
        return self._begin(hooked, stay, is_told=True)[1]

    def left(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        """See `Roll.left`. Nobody need wait for it."""
        if self._is_frozen or not self._readers.wants_either(hooked, stay):
            return None
        version = _fresh()
        # If there is no room for it, the version is a wrong one, and a second look will be needed: no more.
        self._pad.put(Note(stay.app_id, stay.channel, "", (), leaves=stay, version=version))
        self._watch(stay, version)
        return None

    def freeze(self) -> None:
        """See `Roll.freeze`."""
        self._is_frozen = True
        self._departures.clear()

    def forget(self, app_id: str) -> None:
        """See `Roll.forget`. What stands is removed by whoever leads."""
        self._departures.forget(app_id)

    # What the leader finds

    def found(self, hooked: Hooked, stay: Standing, *, is_told: bool) -> None:
        """Note that it is there although it does not stand; endpoints hear of it if `is_told`.

        Nobody's leaving need follow, for it may have left already: so it is looked at again.
        """
        version, sheet = self._begin(hooked, stay, is_told=is_told)
        if sheet is not None:
            self._watch(stay, version)

    def missed(self, stay: Standing, version: int) -> None:
        """Note that it stands by this version although nobody is there: if it still does when the grace is over."""
        if not self._is_frozen and stay not in self._departures:
            self._watch(stay, version)

    def is_quiet(self) -> bool:
        """Tell whether nobody is told gone at the moment, as the cluster is away, or was a while ago.

        To be asked often: what was not seen for long is taken for new.
        """
        now, gaps = asyncio.get_running_loop().time(), self._cluster.membership.gaps
        if gaps != self._gaps or self._cluster.away is not None:
            self._gaps = gaps
            self._quiet_until = now + self._quiet
        return now < self._quiet_until

    # What was written

    def written(self, notes: Iterable[Note], others: Mapping[Standing, int]) -> None:
        """Hear what was written down, and what was to end but stands by another version: given with each."""
        now = asyncio.get_running_loop().time()
        for note in notes:
            if note.begins is None or note.version is None:
                continue
            put_at = self._begun.pop(note.version, now)
            if now - put_at > self._late and note.begins not in self._departures:
                # Its end may have been noted by another node, in vain, before this stood.
                self.missed(note.begins, note.version)
        for stay, version in others.items():
            self.missed(stay, version)

    # Leaving

    def _begin(self, hooked: Hooked, stay: Standing, *, is_told: bool) -> tuple[int, Sheet[Note] | None]:
        told = self._readers.hears(hooked, events.kind_begun(stay), stay.channel) if is_told else ()
        version = _fresh()
        sheet = self._pad.put(Note(stay.app_id, stay.channel, events.begun(stay), told, begins=stay, version=version))
        if sheet is not None:
            self._begun[version] = asyncio.get_running_loop().time()
        return version, sheet

    def _watch(self, stay: Standing, version: int) -> None:
        self._departures.left(stay, version, asyncio.get_running_loop().time() + self._grace)
        self._awake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._awake.clear()
            at = self._departures.next_at()
            alarm = loop.call_at(at, self._awake.set) if at is not None else None
            await self._awake.wait()
            if alarm is not None:
                alarm.cancel()
            while due := self._departures.due(loop.time(), MOST):
                await self._look_at(due)

    async def _look_at(self, due: Sequence[Departure]) -> None:
        """Tell of those who are gone for good by now."""
        if (sheet := self._pad.last) is not None:
            # What this node noted of them before is to stand first.
            await asyncio.wait({sheet.written})
        try:
            there = await self._who_is_there([one.stay for one in due])
        except Exception as error:
            if not isinstance(error, Refusal):
                logger.exception("Whether somebody is gone cannot be told", stays=len(due))
            self._put_off(due, AGAIN_SECONDS)
            return
        if self.is_quiet():
            # Asked after the question: what the cluster had forgotten, it had forgotten before it answered.
            self._put_off(due, self._quiet_until - asyncio.get_running_loop().time())
            return
        for one in due:
            stay = one.stay
            if not self._departures.close(one) or stay in there:
                continue
            if (hooked := self._readers.hooked(stay.app_id)) is not None:
                told = self._readers.wants(hooked, events.kind_over(stay), stay.channel)
                note = Note(stay.app_id, stay.channel, events.over(stay), told, ends=stay, version=one.version)
                self._pad.put_anyway(note)

    def _put_off(self, due: Sequence[Departure], seconds: float) -> None:
        at = asyncio.get_running_loop().time() + seconds
        for one in due:
            self._departures.again(one, at)

    async def _who_is_there(self, stays: Sequence[Standing]) -> set[Standing]:
        """Give those who are there. Raises STORE_UNAVAILABLE while the cluster cannot be reached."""
        channels: dict[str, list[str]] = {}
        members: dict[tuple[str, str], list[Standing]] = {}
        for stay in stays:
            if stay.user_id:
                members.setdefault((stay.app_id, stay.channel), []).append(stay)
            else:
                channels.setdefault(stay.app_id, []).append(stay.channel)
        there: set[Standing] = set()
        for app_id, names in channels.items():
            answers = await self._cluster.occupied(app_id, names)
            there |= {Standing(app_id, name) for name, is_there in zip(names, answers, strict=True) if is_there}
        for (app_id, channel), users in members.items():
            known = await self._cluster.members(app_id, channel)
            there |= {stay for stay in users if stay.user_id in known}
        return there


def _fresh() -> int:
    """Give a version that nothing has or had."""
    return secrets.randbits(63) | 1
