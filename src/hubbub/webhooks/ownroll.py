"""The roll of a node that is alone: what it has in memory is the truth, and the database has it for the next start."""

import asyncio
from collections.abc import Sequence

from hubbub.settings import Settings
from hubbub.webhooks import events
from hubbub.webhooks.pad import Pad
from hubbub.webhooks.readers import Readers
from hubbub.webhooks.scribe import Sheet
from hubbub.webhooks.seam import Hooked, Note, Standing
from hubbub.webhooks.stays import Stays


class OwnRoll:
    """See `Roll`. What it notes needs no look at the database: nobody else writes there."""

    def __init__(self, settings: Settings, readers: Readers, pad: Pad) -> None:
        self._return = settings.webhook_return
        self._readers = readers
        self._pad = pad
        self._stays = Stays(settings.webhook_grace)
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0

    def start(self, standing: Sequence[Standing]) -> None:
        """Begin, with who was there before. Those may come back for a while, as if they had never left."""
        self._drop([stay for stay in standing if self._readers.hooked(stay.app_id) is None])
        back_until = asyncio.get_running_loop().time() + self._return
        ours = [stay for stay in standing if self._readers.hooked(stay.app_id) is not None]
        self._stays.returning(ours, back_until)
        self._arm()

    async def stop(self) -> None:
        """End. Who is about to leave stays."""
        self.freeze()

    def came(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        """See `Roll.came`."""
        told = self._readers.hears(hooked, events.kind_begun(stay), stay.channel)
        if stay not in self._stays and not told and not self._readers.wants_end(hooked, stay):
            return None
        if not self._stays.came(stay):
            # Never gone, as far as anybody was told: but that may not be safe yet.
            return self._pad.last
        sheet = self._pad.put(Note(stay.app_id, stay.channel, events.begun(stay), told, begins=stay))
        if sheet is None:
            self._stays.untold(stay)
        return sheet

    def left(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        """See `Roll.left`."""
        if stay not in self._stays and not self._readers.wants_end(hooked, stay):
            return None
        is_unknown = self._stays.left(stay, asyncio.get_running_loop().time())
        self._arm()
        # Here before its application had an endpoint that wants to know: its end must not be lost for that.
        return self._pad.put(Note(stay.app_id, stay.channel, "", (), begins=stay)) if is_unknown else None

    def freeze(self) -> None:
        """See `Roll.freeze`."""
        self._stays.freeze()
        self._arm()

    def forget(self, app_id: str) -> None:
        """See `Roll.forget`."""
        self._drop(self._stays.forget(app_id))

    def _tell_over(self) -> None:
        """Tell of those who are gone for good by now."""
        self._alarm = None
        for stay in self._stays.over(asyncio.get_running_loop().time()):
            # Whose beginning there was room for, has an end, even over the limit.
            hooked = self._readers.hooked(stay.app_id)
            assert hooked is not None, "it would have been forgotten"
            told = self._readers.wants(hooked, events.kind_over(stay), stay.channel)
            self._pad.put_anyway(Note(stay.app_id, stay.channel, events.over(stay), told, ends=stay))
        self._arm()

    def _arm(self) -> None:
        at = self._stays.next_over()
        # The handle itself is not asked for its time: uvloop gives one without, when that is past.
        if self._alarm is not None and at is not None and self._alarm_at <= at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if at is not None:
            self._alarm, self._alarm_at = asyncio.get_running_loop().call_at(at, self._tell_over), at

    def _drop(self, stays: Sequence[Standing]) -> None:
        for stay in stays:
            self._pad.put_anyway(Note(stay.app_id, stay.channel, "", (), ends=stay))
