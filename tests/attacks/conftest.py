"""What attackers have: sockets, and browsers of people who are signed in."""

from applications.conftest import here, staff, world
from sockets.conftest import _dial, connect

__all__ = ["_dial", "connect", "here", "staff", "world"]  # fixtures
