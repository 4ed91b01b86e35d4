"""The letters of a server without a mail server: files in its folder."""

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from running import Running


def letters_to(server: Running, email: str) -> list[str]:
    """Give what the letters to this address say, the oldest first, each beginning with its subject."""
    found = []
    for path in sorted(Path(server._directory.name, "var", "mail").glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=default)
        if message["To"] == email:
            body = message.get_body(("plain",))
            assert body is not None
            found.append(f"{message['Subject']}\n{body.get_content()}")
    return found


def link_in(letter: str, path: str) -> str:
    """Give the text behind the `#` of the link to this path."""
    match = re.search(rf"{path}#(\S+)$", letter, re.MULTILINE)
    assert match is not None, letter
    return match[1]
