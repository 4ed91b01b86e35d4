"""The opening of a WebSocket: which subprotocol is chosen, and what the request says of who comes.

The handshake itself is the `websockets` library's.
"""

import base64
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from hubbub.protocols import pusher

# Swift asks for this subprotocol and gives up unless it, or none, is chosen.
_SUBPROTOCOLS: Final = {f"pusher-channels-protocol-{number}" for number in range(pusher.OLDEST, pusher.NEWEST + 1)} | {
    "phoenix"
}
_TOKEN_SUBPROTOCOL: Final = "base64url.bearer.phx."  # noqa: S105 - a name
"""In place of a header, which browsers' WebSockets cannot send, phoenix.js names its `authToken` as a subprotocol."""


class Handshake(ServerProtocol):
    """The library's protocol, with our choice of a subprotocol. As an argument it would make a cycle of each one."""

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Choose the first that is known, of either protocol; none is no reason to refuse."""
        return next((name for name in subprotocols if name in _SUBPROTOCOLS), None)


def parameters(query: str) -> dict[str, str]:
    """Read the query; one with absurdly many parameters counts as empty."""
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=64))
    except ValueError:
        return {}


def token_of(request: Request) -> str | None:
    """Give the JWT that phoenix.js sends as its `authToken`."""
    for offered in request.headers.get_all("Sec-WebSocket-Protocol"):
        for name in offered.split(","):
            if name.strip().startswith(_TOKEN_SUBPROTOCOL):
                coded = name.strip().removeprefix(_TOKEN_SUBPROTOCOL)
                try:
                    return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode("ascii")
                except ValueError:
                    return None
    return None


def first(request: Request, header: str) -> str | None:
    """Give the header's first value: a repeated one must not raise."""
    return next(iter(request.headers.get_all(header)), None)
