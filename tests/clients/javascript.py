"""Where the JavaScript clients are, and what support.mjs there wants to know of a server."""

import os
from pathlib import Path

from running import Running

HERE = Path(__file__).parent


def environment(server: Running) -> dict[str, str]:
    """Give the environment of a Node process that is to talk to `server`."""
    return {
        **os.environ,
        "SERVER_HOST": server.host,
        "SERVER_PORT": str(server.port),
        "SERVER_APP_ID": server.app_id,
        "SERVER_KEY": server.key,
        "SERVER_SECRET": server.secret,
    }
