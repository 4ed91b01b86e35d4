"""A server with the first data of `hubbub seed`, whose API and Phoenix sockets can therefore be signed in to."""

import json
import queue
import re
import urllib.request
from collections.abc import Iterator
from typing import Self

import pytest

from running import STOP_LIMIT, Running

ORGANIZATION = "acme-inc"


class Seeded(Running):
    """`with Seeded() as server:` starts a server whose application, `server.key`, belongs to an organization.

    `token` is a user token of that organization's admin, who signs in to the pages by `email` and `password`, and must
    then set another password.
    """

    def __init__(self, **settings: object) -> None:
        # Clients that poll are not waited for long. A server migrates SQLite by itself.
        polling = {"poll_window": 1, "poll_timeout": 2}
        super().__init__(migrate=False, app_id=None, app_key=None, app_secret=None, **{**polling, **settings})
        self.token = ""
        self.email = ""
        self.password = ""

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            printed = dict(re.findall(r"^([\w-]+): +(\S+)$", self.command("seed"), re.MULTILINE))
            self.app_id, self.key, self.secret, self.token, self.email, self.password = (
                printed[name] for name in ("Id", "Key", "Secret", "Token", "E-mail", "Password")
            )
        except BaseException:
            self._end(expect_life=False)
            raise
        return self

    def create_app(self, *options: str) -> str:
        """Create another application, and give its key."""
        made = json.loads(self.command("app", "create", "Another", "--json", *options))
        return str(made["key_pairs"][-1]["key"])

    def jwt(self, **narrowing: object) -> str:
        """Sign in, and give the session token: the admin's own, or one for sockets alone when it is narrowed."""
        request = urllib.request.Request(
            f"{self.url}/api/session",
            json.dumps({"token": self.token, **narrowing}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["jwt"])

    def restart(self) -> None:
        """Stop it, and start it again on the same port, with the same database."""
        self.stop()
        self._reader.join(STOP_LIMIT)
        self._lines = queue.SimpleQueue()
        self._settings["port"] = self.port
        self._start()
        self._wait_until_listening()


@pytest.fixture(scope="session")
def seeded() -> Iterator[Seeded]:
    """Give the seeded server that tests share which change nothing about it; each takes channel names of its own."""
    with Seeded() as running:
        yield running
