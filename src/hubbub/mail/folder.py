"""A folder in which letters are kept, for want of a mail server.

Knows: that a letter is as good as a password, so that only the owner of the process may read it.
"""

import asyncio
import os
import secrets
from datetime import UTC, datetime
from email.policy import SMTPUTF8
from pathlib import Path

from hubbub.mail.carrier import Item, UndeliveredError

_AS_TEXT = SMTPUTF8.clone(linesep="\n")
"""How a file is written that people read: as it is, with the line ends of this machine."""


class Folder:
    """Writes each letter to a file of its own, `TIME-NAME-NUMBER.eml`, mode 0600; the folder is made with mode 0700."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def carry(self, item: Item) -> str:
        """Keep a letter, and give the path of its file. Raises UndeliveredError."""
        try:
            return str(await asyncio.to_thread(self._write, item))
        except OSError as error:
            raise UndeliveredError(
                f"it cannot be written to {self._path}: {error.strerror}", is_temporary=False
            ) from None

    def _write(self, item: Item) -> Path:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        begin = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{item.name.partition(' ')[0]}-{secrets.token_hex(4)}"
        made, path = self._path / f".{begin}.part", self._path / f"{begin}.eml"
        file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(file, "wb") as opened:
                opened.write(item.message.as_bytes(policy=_AS_TEXT))
            made.rename(path)  # whoever looks for letters finds whole ones
        except OSError:
            made.unlink(missing_ok=True)
            raise
        return path
