"""A unix socket in the file system: made in the place of one that nobody listens on, and taken away in the end."""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class UnixSocket:
    """One that is bound to `path`, with permissions `mode`; it does not listen yet. `with` takes it away at the end.

    A socket file that nobody answers on is replaced: its server was killed. Raises OSError: EADDRINUSE where somebody
    listens there, EEXIST where the file is none of a socket.
    """

    def __init__(self, path: Path, mode: int) -> None:
        self._path = path
        self._hold: int | None = None
        self._file: tuple[int, int] | None = None
        self._clear()
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            # Nobody else may connect between the two.
            before = os.umask(0o777)
            try:
                self.socket.bind(str(path))
            finally:
                os.umask(before)
            path.chmod(mode)
            self._file = self._identity()
            # While it is held, no other file gets its number.
            if hasattr(os, "O_PATH"):
                self._hold = os.open(path, os.O_PATH)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.remove()

    def remove(self) -> None:
        """Take the file away, unless another server has put its own there. The second time does nothing."""
        with suppress(OSError):
            if self._identity() == self._file:
                self._path.unlink()
        self._file = None
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def _identity(self) -> tuple[int, int]:
        found = self._path.lstat()
        return found.st_dev, found.st_ino

    def _clear(self) -> None:
        """Take a socket file away that nobody listens on."""
        if not os.path.lexists(self._path):
            return
        if not self._path.is_socket():
            raise FileExistsError(errno.EEXIST, "there is a file that is no socket", str(self._path))
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink(missing_ok=True)
                return
            except OSError as error:
                if error.errno != errno.EAGAIN and not isinstance(error, TimeoutError):
                    raise
        raise OSError(errno.EADDRINUSE, "another process listens there", str(self._path))
