"""Which way a connection's bytes go out: straight to its file, or all through its transport."""

import asyncio

from hubbub.native import Outlet


def outlet(transport: asyncio.Transport) -> Outlet:
    """Give the one way to write to `transport`, until it is shut. Over TLS, all goes through the transport."""
    if transport.get_extra_info("sslcontext") is not None:
        return Outlet(transport, -1)
    socket = transport.get_extra_info("socket")
    return Outlet(transport, socket.fileno() if socket is not None else -1)
