"""Facts, as they are noted for endpoints: who wants to hear of each, and who came and left as they were told.

Knows: each application's endpoints; that what is told of a channel or a member begins and ends by turns. Does not know
what becomes of a note once it is written down.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from hubbub.channels import INTERNAL_PREFIX
from hubbub.messages import CacheMissed, Counted, Event, Fact, MemberAdded, MemberRemoved, Occupied, Vacated
from hubbub.settings import Settings
from hubbub.webhooks import events
from hubbub.webhooks.scribe import Scribe, Sheet
from hubbub.webhooks.seam import Hooked, Note, Standing
from hubbub.webhooks.stays import Stays
from hubbub.webhooks.tally import Tally

MOST_CHARACTERS: Final = 32_000_000
"""Of the events in memory while the database is away, besides their number: some are large."""

logger = logging.getLogger("hubbub.webhooks")


class Notebook:
    """Notes, handed to `accept` in their order. `has_room` tells whether an endpoint may be sent one more event."""

    def __init__(
        self,
        settings: Settings,
        tally: Tally,
        accept: Callable[[Sequence[Note]], Awaitable[None]],
        has_room: Callable[[str, int], bool],
    ) -> None:
        self._limit = settings.webhook_backlog
        self._return = settings.webhook_return
        self._tally = tally
        self._has_room = has_room
        self._hooked: dict[str, Hooked] = {}
        self._notes = Scribe[Note](accept, "events for webhooks", lambda note: len(note.event))
        self._stays = Stays(settings.webhook_grace)
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._is_full = False
        self._is_frozen = False

    def start(self, hooked: Sequence[Hooked], standing: Sequence[Standing]) -> None:
        """Begin, with who was there before. Those may come back for a while, as if they had never left."""
        self._hooked = {one.app_id: one for one in hooked}
        self._notes.start()
        self._forget([stay for stay in standing if stay.app_id not in self._hooked])
        back_until = asyncio.get_running_loop().time() + self._return
        self._stays.returning([stay for stay in standing if stay.app_id in self._hooked], back_until)
        self._arm()

    def freeze(self) -> None:
        """Let nobody leave any more, nor be counted less."""
        self._is_frozen = True
        self._stays.freeze()
        self._arm()

    async def stop(self, limit: float) -> None:
        """Have written down what was noted, for at most `limit` seconds."""
        self.freeze()
        await self._notes.stop(limit)

    # Applications

    def concerns(self, app_id: str) -> bool:
        """Tell whether an application has endpoints. A look into a dictionary."""
        hooked = self._hooked.get(app_id)
        return hooked is not None and bool(hooked.endpoints)

    def hooked(self, app_id: str) -> Hooked | None:
        """Give an application with its endpoints, None if it has none."""
        return self._hooked.get(app_id)

    def change(self, app_id: str, hooked: Hooked | None) -> None:
        """Go on with an application as it is now: None has no endpoints any more, and nobody will be told of an end."""
        if hooked is not None:
            self._hooked[app_id] = hooked
        elif self._hooked.pop(app_id, None) is not None:
            self._forget(self._stays.forget(app_id))

    # Facts

    def note(self, app_id: str, fact: Fact, socket_id: str) -> Sheet[Note] | None:
        """Note a fact; give the sheet that must be written before it is safe, None if there is none."""
        hooked, channel = self._hooked.get(app_id), fact.channel
        if hooked is None or channel.startswith(INTERNAL_PREFIX):
            return None
        match fact:
            case Occupied():
                return self._came(hooked, Standing(app_id, channel))
            case Vacated():
                return self._left(hooked, Standing(app_id, channel))
            case MemberAdded(_, member) if events.has_members(channel):
                return self._came(hooked, Standing(app_id, channel, member.user_id))
            case MemberRemoved(_, member) if events.has_members(channel):
                return self._left(hooked, Standing(app_id, channel, member.user_id))
            case Event():
                if told := self._who_hears(hooked, "client_event", channel):
                    return self._put(Note(app_id, channel, events.client_event(fact, socket_id), told))
            case CacheMissed():
                if told := self._who_hears(hooked, "cache_miss", channel):
                    return self._put(Note(app_id, channel, events.cache_miss(channel), told))
            case Counted(_, count) if not self._is_frozen:
                if told := self._who_hears(hooked, "subscription_count", channel):
                    return self._put(Note(app_id, channel, events.subscription_count(channel, count), told))
        return None

    def _came(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        told = self._who_hears(hooked, events.kind_begun(stay), stay.channel)
        if stay not in self._stays and not told and not _wants_end(hooked, stay):
            return None
        if not self._stays.came(stay):
            # Never gone, as far as anybody was told: but that may not be safe yet.
            return self._notes.last
        sheet = self._put(Note(stay.app_id, stay.channel, events.begun(stay), told, begins=stay))
        if sheet is None:
            self._stays.untold(stay)
        return sheet

    def _left(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        if stay not in self._stays and not _wants_end(hooked, stay):
            return None
        is_unknown = self._stays.left(stay, asyncio.get_running_loop().time())
        self._arm()
        # Here before its application had an endpoint that wants to know: its end must not be lost for that.
        return self._put(Note(stay.app_id, stay.channel, "", (), begins=stay)) if is_unknown else None

    def _tell_over(self) -> None:
        """Tell of those who are gone for good by now."""
        self._alarm = None
        for stay in self._stays.over(asyncio.get_running_loop().time()):
            # Whose beginning there was room for, has an end, even over the limit.
            kind, hooked = events.kind_over(stay), self._hooked[stay.app_id]
            told = self._who_wants(hooked, kind, stay.channel)
            self._notes.put(Note(stay.app_id, stay.channel, events.over(stay), told, ends=stay))
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

    def _forget(self, stays: Sequence[Standing]) -> None:
        for stay in stays:
            self._notes.put(Note(stay.app_id, stay.channel, "", (), ends=stay))

    def _who_hears(self, hooked: Hooked, kind: str, channel: str) -> tuple[int, ...]:
        """Give the endpoints that want to hear of it, without those for which too much waits."""
        told = self._who_wants(hooked, kind, channel)
        return tuple(endpoint_id for endpoint_id in told if self._has_room(hooked.app_id, endpoint_id))

    @staticmethod
    def _who_wants(hooked: Hooked, kind: str, channel: str) -> tuple[int, ...]:
        """Give the endpoints that want to hear of it."""
        return tuple(endpoint.id for endpoint in hooked.endpoints if endpoint.wants(kind, channel))

    def _put(self, note: Note) -> Sheet[Note] | None:
        """Have a note written down; None if too many are in memory already, waiting for the database."""
        if len(self._notes) < self._limit and self._notes.weight < MOST_CHARACTERS:
            self._is_full = False
            return self._notes.put(note)
        if not self._is_full:
            self._is_full = True
            logger.error(
                "The database is away: %d events for webhooks are in memory, new ones are dropped", len(self._notes)
            )
        self._tally.dropped += len(note.endpoints)
        return None


def _wants_end(hooked: Hooked, stay: Standing) -> bool:
    kind = events.kind_over(stay)
    return any(endpoint.wants(kind, stay.channel) for endpoint in hooked.endpoints)
