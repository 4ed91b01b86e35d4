"""Facts, as they are noted for endpoints: who wants to hear of each, and who came and left.

Knows: what is told of which fact. Does not know what becomes of a note once it is written down.
"""

from collections.abc import Callable, Sequence

from hubbub.channels import INTERNAL_PREFIX
from hubbub.messages import CacheMissed, Counted, Event, Fact, MemberAdded, MemberRemoved, Occupied, Vacated
from hubbub.webhooks import events
from hubbub.webhooks.pad import Pad
from hubbub.webhooks.readers import Readers
from hubbub.webhooks.roll import Roll
from hubbub.webhooks.scribe import Sheet
from hubbub.webhooks.seam import Hooked, Note, Standing


class Notebook:
    """What `readers` hear of, put down on `pad`; who is there, by the `roll`. `mark` gives the trace of an event."""

    def __init__(self, readers: Readers, pad: Pad, roll: Roll, mark: Callable[[], str] = str) -> None:
        self._mark = mark
        self._readers = readers
        self._pad = pad
        self._roll = roll
        self._is_frozen = False

    def start(self, hooked: Sequence[Hooked], standing: Sequence[Standing]) -> None:
        """Begin, with the endpoints there are and who was there before."""
        self._readers.start(hooked)
        self._pad.start()
        self._roll.start(standing)

    def freeze(self) -> None:
        """Let nobody leave any more, nor be counted less."""
        self._is_frozen = True
        self._roll.freeze()

    async def stop(self, limit: float) -> None:
        """Have written down what was noted, for at most `limit` seconds."""
        self.freeze()
        await self._roll.stop()
        await self._pad.stop(limit)

    def change(self, app_id: str, hooked: Hooked | None) -> None:
        """Go on with an application as it is now: None has no endpoints any more, and nobody will be told of an end."""
        if self._readers.change(app_id, hooked):
            self._roll.forget(app_id)

    def note(self, app_id: str, fact: Fact, socket_id: str) -> Sheet[Note] | None:
        """Note a fact; give the sheet that must be written before it is safe, None if there is none."""
        hooked, channel = self._readers.hooked(app_id), fact.channel
        if hooked is None or channel.startswith(INTERNAL_PREFIX):
            return None
        match fact:
            case Occupied():
                return self._roll.came(hooked, Standing(app_id, channel))
            case Vacated():
                return self._roll.left(hooked, Standing(app_id, channel))
            case MemberAdded(_, member) if events.has_members(channel):
                return self._roll.came(hooked, Standing(app_id, channel, member.user_id))
            case MemberRemoved(_, member) if events.has_members(channel):
                return self._roll.left(hooked, Standing(app_id, channel, member.user_id))
            case Event():
                if told := self._readers.hears(hooked, "client_event", channel):
                    return self._pad.put(
                        Note(app_id, channel, events.client_event(fact, socket_id), told, trace=self._mark())
                    )
            case CacheMissed():
                if told := self._readers.hears(hooked, "cache_miss", channel):
                    return self._pad.put(Note(app_id, channel, events.cache_miss(channel), told))
            case Counted(_, count) if not self._is_frozen:
                if told := self._readers.hears(hooked, "subscription_count", channel):
                    return self._pad.put(Note(app_id, channel, events.subscription_count(channel, count), told))
        return None
