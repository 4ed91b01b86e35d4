"""A Pusher client whose first message names the application, since its path does not: over SockJS.

Knows: that message, and for how long it is waited for. All else is a Pusher session's.
"""

import asyncio

from msgspec.structs import replace

from hubbub.errors import PATH_NOT_FOUND, Refusal
from hubbub.session.doors import Client, Doors, Opening
from hubbub.session.pusher import PusherSession
from hubbub.transports import sockjs


class Newcomer(PusherSession):
    """A session that begins by the client's first message, which must come within `patience` seconds.

    `opening` tells how the client came, but of no key.
    """

    __slots__ = ("_expiry",)

    def __init__(self, doors: Doors, client: Client, opening: Opening, patience: float) -> None:
        super().__init__(doors, client, opening)
        loop = asyncio.get_running_loop()
        self._expiry: asyncio.TimerHandle | None = loop.call_later(patience, self._refuse, PATH_NOT_FOUND())

    def receive(self, message: str | bytes) -> None:
        """Begin by the first message, obey all others."""
        if self._expiry is None:
            super().receive(message)
            return
        if self._is_ended:
            return
        self._be_patient_no_more()
        assert isinstance(message, str)
        assert self._opening is not None
        try:
            key, query = sockjs.destination(message)
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            self._opening = replace(self._opening, key=key, query=query)
            self.begin()

    def end(self) -> None:
        """Leave everything."""
        self._be_patient_no_more()
        super().end()

    def _be_patient_no_more(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
