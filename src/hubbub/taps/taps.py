"""Where those who do things tell of them.

Knows: which applications are watched, and who keeps what went wrong. With nobody watching, what happens costs the one
test whether `watched` is empty. Does not know who looks, nor where incidents are kept.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from hubbub.errors import Refusal, name_of
from hubbub.messages import Fact, MemberAdded, MemberRemoved, Occupied, Vacated
from hubbub.taps.incident import NOTHING, Incident, Particulars, Sort
from hubbub.taps.sights import Kind, Sight, sight
from hubbub.taps.watch import Watch

MOST_SHOWN = 20
"""Channels that a disconnection names."""


class Log(Protocol):
    """Keeps incidents. Nothing here waits or raises."""

    def admits(self, app_id: str, refusal: Refusal, sort: Sort) -> bool:
        """Count an incident, and tell whether it is to be kept whole: then `keep` is called with it."""

    def keep(self, incident: Incident) -> None:
        """Keep one."""


class NoLog:
    """Keeps nothing."""

    def admits(self, app_id: str, refusal: Refusal, sort: Sort) -> bool:
        """Refuse it."""
        return False

    def keep(self, incident: Incident) -> None:
        """Forget it."""


class Taps:
    """One for the whole process. `watched` has the applications that somebody watches, by id."""

    def __init__(self) -> None:
        self.watched: dict[str, Watch] = {}
        self.log: Log = NoLog()

    # What happens in channels

    def told(self, app_id: str, fact: Fact) -> None:
        """See what follows of joining and leaving. Events are seen where they come in."""
        watch = self.watched.get(app_id)
        if watch is None:
            return
        match fact:
            case Occupied(channel) if watch.admits(Kind.OCCUPIED):
                watch.keep(sight(Kind.OCCUPIED, channel=channel))
            case Vacated(channel) if watch.admits(Kind.VACATED):
                watch.keep(sight(Kind.VACATED, channel=channel))
            case MemberAdded(channel, member) if watch.admits(Kind.PRESENCE):
                data = bytes(member.info).decode(errors="replace")
                watch.keep(
                    sight(Kind.PRESENCE, channel=channel, event="member_added", user_id=member.user_id, data=data)
                )
            case MemberRemoved(channel, member) if watch.admits(Kind.PRESENCE):
                watch.keep(sight(Kind.PRESENCE, channel=channel, event="member_removed", user_id=member.user_id))

    # What clients do

    def see(self, app_id: str, kind: Kind, make: Callable[[], Sight]) -> None:
        """See something, which `make` gives if it is shown."""
        watch = self.watched.get(app_id)
        if watch is not None and watch.admits(kind):
            watch.keep(make())

    def ended(
        self, app_id: str, about: Particulars, channels: Sequence[str], seconds: float, why: Refusal | str
    ) -> None:
        """See the end of a connection, which lived for so long: by a refusal, or for what the client itself said."""

        def make() -> Sight:
            text = why.message if isinstance(why, Refusal) else why
            named = ", ".join(channels[:MOST_SHOWN]) + (" …" if len(channels) > MOST_SHOWN else "")
            held = f"{len(channels)} channel{'s' if len(channels) > 1 else ''}: {named}" if channels else "no channels"
            return sight(
                Kind.DISCONNECTION,
                socket_id=about.socket_id,
                user_id=", ".join(about.users),
                text=f"{text}; after {duration(seconds)}, {held}",
                code=why.code if isinstance(why, Refusal) else None,
            )

        self.see(app_id, Kind.DISCONNECTION, make)

    # What goes wrong

    def refused(self, app_id: str, refusal: Refusal, sort: Sort, tell: Callable[[], Particulars]) -> None:
        """Note a refusal, or the end of a connection by one. `tell` is asked only about what is kept or shown."""
        reference, about = "", NOTHING
        if self.log.admits(app_id, refusal, sort):
            reference, about = secrets.token_hex(8), tell()
            self.log.keep(
                Incident(
                    reference=reference,
                    app_id=app_id,
                    at=time.time(),
                    sort=sort,
                    reason=name_of(refusal.reason),
                    code=refusal.code,
                    status=refusal.status,
                    text=refusal.message,
                    about=about,
                )
            )
        kind = Kind.API_ERROR if sort is Sort.API else Kind.CLIENT_ERROR
        if (watch := self.watched.get(app_id)) is not None and watch.admits(kind):
            about = about if reference else tell()
            watch.keep(
                sight(
                    kind,
                    socket_id=about.socket_id,
                    channel=about.channel,
                    event=about.event,
                    user_id=", ".join(about.users),
                    data=about.asked,
                    text=refusal.message,
                    code=refusal.code if refusal.code is not None else refusal.status if sort is Sort.API else None,
                    incident=reference,
                )
            )


def duration(seconds: float) -> str:
    """Write how long something lasted, in two units at most."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"
