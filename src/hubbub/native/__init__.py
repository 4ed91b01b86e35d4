"""What is worth compiling: writing the same bytes to many sockets, and reading frames.

The compiled module is optional: without it, or with HUBBUB_PURE=1 in the environment, the same names are Python's.
Knows bytes and transports; does not know what is in them.
"""

import os
from typing import TYPE_CHECKING, Final

_IS_UNWANTED: Final = os.environ.get("HUBBUB_PURE", "").lower() in {"1", "true", "yes", "on"}

if TYPE_CHECKING or _IS_UNWANTED:
    from hubbub.native.pure import (
        Meter,
        Outlet,
        Packer,
        Rate,
        Whispers,
        client_event,
        event_frame,
        plain_opening,
        plain_post,
        sealed,
        write_all,
        write_others,
    )
    from hubbub.native.pure_frames import Frames
else:
    try:
        from hubbub.native._native import (
            Frames,
            Meter,
            Outlet,
            Packer,
            Rate,
            Whispers,
            client_event,
            event_frame,
            plain_opening,
            plain_post,
            sealed,
            write_all,
            write_others,
        )
    except ImportError:
        from hubbub.native.pure import (
            Meter,
            Outlet,
            Packer,
            Rate,
            Whispers,
            client_event,
            event_frame,
            plain_opening,
            plain_post,
            sealed,
            write_all,
            write_others,
        )
        from hubbub.native.pure_frames import Frames

IS_COMPILED: Final = Outlet.__module__ == "hubbub.native._native"
"""Whether the names here are those of the compiled module."""

__all__ = [
    "IS_COMPILED",
    "Frames",
    "Meter",
    "Outlet",
    "Packer",
    "Rate",
    "Whispers",
    "client_event",
    "event_frame",
    "plain_opening",
    "plain_post",
    "sealed",
    "write_all",
    "write_others",
]
