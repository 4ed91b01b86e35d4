"""What systemd is told of a server that it started: that it listens, and again and again that it lives.

Knows: the protocol of sd_notify(3), a datagram to the socket that NOTIFY_SOCKET names, and sd_watchdog_enabled(3). Does
not know what the server does. Where nobody asked to be told, nothing is done.
"""

import asyncio
import os
import socket
import time

from hubbub.logs import named

_logger = named("hubbub.systemd")


def is_told() -> bool:
    """Tell whether this process was started by somebody who wants to be told."""
    return "NOTIFY_SOCKET" in os.environ


def tell(*words: str) -> None:
    """Send `NAME=VALUE` words. A service manager that is not there any more is no reason to stop."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name that is in no folder
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notice:
            notice.connect(address)
            notice.sendall("\n".join(words).encode())
    except OSError as error:
        _logger.warning("systemd cannot be told that the server lives", problem=error.strerror)


def interval() -> float | None:
    """Give the seconds between two signs of life: half of what systemd waits. None if it does not wait for any."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not microseconds.isdigit():
        return None
    return int(microseconds) / 2_000_000 or None


class Heart:
    """Signs of life, no oftener than systemd wants them."""

    def __init__(self) -> None:
        self._interval = interval()
        self._due = 0.0

    def beat(self) -> None:
        """Tell it, if it is time. Must be called at least as often as that is."""
        now = time.monotonic()
        if self._interval is not None and now >= self._due:
            self._due = now + self._interval
            tell("WATCHDOG=1")

    def beat_with(self, loop: asyncio.AbstractEventLoop) -> None:
        """Beat for as long as a loop goes round: one that hangs gives no sign."""
        if self._interval is not None:
            self.beat()
            loop.call_later(self._interval, self.beat_with, loop)
