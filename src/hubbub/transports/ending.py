"""How this side ends a connection so that the client still sees why."""

import asyncio

from hubbub.transports.services import Services
from hubbub.transports.wheel import Due


def hang_up(transport: asyncio.Transport, due: Due, services: Services) -> None:
    """Say that nothing more will come, and wait a little, until `due`, for the client to end its side.

    Closing with unread bytes in hand would reset the connection, and the client might never see the last that was said.
    """
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()
    services.wheel.watch(due, services.settings.close_timeout)
