"""A folder to work in, which is gone afterwards: at the latest when the next one is made, if who had it was killed.

Whoever works in a folder holds a lock on it, which the system lets go with the process.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workplace(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder in `parent` for as long as it is needed; those of this prefix that nobody works in are removed.

    Raises OSError when it cannot be made.
    """
    with _opened(parent.resolve()) as outer:
        # So that nobody removes what was just made, and is not locked yet.
        with contextlib.suppress(OSError):
            fcntl.flock(outer, fcntl.LOCK_EX)
        _sweep(parent, prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            folder.rmdir()
            raise
        _lock(inner)  # where there are no locks nobody gets one, and so nobody removes anything
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(inner)


def _sweep(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{prefix}*"):
        # Another user's, or no folder at all: it stays.
        with contextlib.suppress(OSError), _opened(left) as folder:
            if _lock(folder):
                shutil.rmtree(left, ignore_errors=True)


def _lock(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield opened
    finally:
        os.close(opened)
