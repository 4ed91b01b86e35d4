"""Lines of the log about connections: that one opened, that it closed and why, that somebody was not let in.

Knows: what of a client may be told. Does not know when there is anything to tell.
"""

import logging
import time
from typing import Final

from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.session.arrivals import Arrival

_logger = named("hubbub.connection")

CLOSED_BY_CLIENT: Final = "closed by the client"


class Lines:
    """Writes them: at the level `info` with the access log, else at `debug`."""

    def __init__(self, *, is_access_log: bool) -> None:
        self._level = logging.INFO if is_access_log else logging.DEBUG

    def opened(self, app_id: str, socket_id: str, way: str, arrival: Arrival, address: str) -> None:
        """Tell that a client came; `address` is the other end of its connection."""
        library = arrival.library
        _logger.log(
            self._level,
            "Connection opened",
            connection_id=socket_id,
            app_id=app_id,
            way=way,
            address=arrival.address or address,
            client=library.name or library.protocol,
            agent=library.agent,
        )

    def closed(self, app_id: str, socket_id: str, arrival: Arrival, why: Refusal | str | None) -> None:
        """Tell that it is gone, and why: a refusal of ours, what it said itself, or neither."""
        told: dict[str, object] = {"reason": why or CLOSED_BY_CLIENT}
        if isinstance(why, Refusal):
            told = {"close_code": why.code, "reason": why.message}
        seconds = max(int(time.time()) - arrival.since, 0)
        _logger.log(
            self._level, "Connection closed", connection_id=socket_id, app_id=app_id, **told, duration_s=seconds
        )

    def turned_away(self, app_id: str, key: str, address: str, refusal: Refusal) -> None:
        """Tell that somebody was not let in."""
        _logger.log(
            self._level,
            "Connection refused",
            app_id=app_id,
            key=key,
            address=address,
            close_code=refusal.code,
            reason=refusal.message,
        )
