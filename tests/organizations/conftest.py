"""What the tests of an organization's pages share: people who are signed in, and an organization each."""

import re
import time
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from applications.conftest import staff
from pages.visitor import LIMIT
from tenants import Tenants

__all__ = ["staff"]  # a fixture


def letters_to(server: Tenants, email: str, count: int) -> list[str]:
    """Give what the letters to this address say, the oldest first, once there are so many: nobody waits for one."""
    by = time.monotonic() + LIMIT
    while len(found := _letters_to(server, email)) < count:
        assert time.monotonic() < by, f"{len(found)} letters to {email}"
        time.sleep(0.01)
    return found


def _letters_to(server: Tenants, email: str) -> list[str]:
    found = []
    for path in sorted(Path(server._directory.name, "var", "mail").glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=default)
        if message["To"] == email:
            body = message.get_body(("plain",))
            assert body is not None
            found.append(str(body.get_content()))
    return found


def link_in(letter: str, path: str) -> str:
    """Give the text behind the `#` of the link to this path."""
    match = re.search(rf"{path}#(\S+)$", letter, re.MULTILINE)
    assert match is not None, letter
    return match[1]
