"""Sessions over HTTP at which no request waits. They cost their clients nothing, and must not shut others out.

Anybody can open thousands over one TCP connection. Each has a place for as long as its client may be on its way back,
also where there are few left. A limit to how many are absent at any time would be wrong: one event answers all polls at
once. So they may be many as long as there are places for others too: in the application, on all nodes together.

Knows: who is absent, for how long, and when there is too little room. Does not know requests.
"""

from collections.abc import Sized
from typing import Final, Protocol

from hubbub.apps import Application
from hubbub.session.doors import Doors
from hubbub.transports.wheel import Wheel

SPARE: Final = 16
"""One of so many places is kept free of absent sessions, for whoever comes next: of the server's capacity, and of an
application's `max_connections`."""

SHARE: Final = 4
"""One of so many places is theirs all the same, when there is no room …"""

AT_LEAST: Final = 5
"""… and so many, where there are few in all."""


class Absentee(Protocol):
    """A session that no request waits for."""

    def give_up(self) -> None:
        """End at once, and leave the absent."""


class Absence:
    """Those who are absent, the longest away first. `sessions` are all over HTTP, absent or not.

    There is room again at once for who comes over HTTP, and a turn or two of the wheel later for WebSockets.
    """

    def __init__(self, doors: Doors, wheel: Wheel, sessions: Sized) -> None:
        self._doors = doors
        self._wheel = wheel
        self._sessions = sessions
        self._apps: dict[str, Application] = {}  # of the absent, as each was when the last of them came
        self._app_ids: dict[Absentee, str] = {}
        self._by_app: dict[str, dict[Absentee, None]] = {}
        self.slot = 0

    def add(self, session: Absentee, app: Application | None) -> None:
        """Note one that is absent from now on, and give up those longest away if there is too little room.

        `app` is where it is a connection; None if nowhere.
        """
        self.remove(session)
        app_id = app.id if app is not None else ""
        self._app_ids[session] = app_id
        self._by_app.setdefault(app_id, {})[session] = None
        self._make_room()
        if app is not None:
            self._apps[app_id] = app
            self._make_room_in(app)
        if not self.slot:
            self._wheel.watch(self, 0)

    def remove(self, session: Absentee) -> None:
        """It is not absent, or there no more."""
        app_id = self._app_ids.pop(session, None)
        if app_id is not None:
            sessions = self._by_app[app_id]
            del sessions[session]
            if not sessions:
                del self._by_app[app_id]
                self._apps.pop(app_id, None)

    def on_due(self) -> None:
        """Look whether others have taken what was free."""
        self._make_room()
        for app in list(self._apps.values()):
            self._make_room_in(app)
        if self._app_ids:
            self._wheel.watch(self, 0)

    def _make_room(self) -> None:
        doors = self._doors
        if (limit := doors.capacity) is None:
            return
        while len(self._app_ids) > _share(limit) and _is_short(max(doors.open_sessions, len(self._sessions)), limit):
            next(iter(self._app_ids)).give_up()

    def _make_room_in(self, app: Application) -> None:
        limit = app.settings.max_connections
        if not limit:
            return
        # Where other nodes have absent ones too, a share of what is here: all would have them together.
        most = _share(limit if self._doors.node.is_alone else self._doors.counted(app.id))
        while len(absent := self._by_app.get(app.id, {})) > most and _is_short(self._doors.quota.taken(app.id), limit):
            next(iter(absent)).give_up()


def _share(limit: int) -> int:
    return max(limit // SHARE, AT_LEAST)


def _is_short(taken: int, limit: int) -> bool:
    return taken > limit - max(limit // SPARE, 1)
