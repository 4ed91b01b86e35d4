"""The server whose work is counted: a real one, obeying commands on its standard input between the requests.

Run by `counting`, mostly under valgrind. What a server does by the clock is put off, for under valgrind a second holds
little work, and on a busy machine less: uvicorn's ten looks a second, the wheel's four, and the four at the journal.
"""

import asyncio
import cProfile
import ctypes
import gc
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

from hubbub import server
from hubbub.changes import Changes
from hubbub.native import IS_COMPILED
from hubbub.settings import Settings, load
from hubbub.store import Store
from hubbub.transports import wheel
from speed import reference

NEVER = 1_000_000.0
"""Seconds, none of which passes while it is counted."""


class Counted(server.Server):
    """The server, with an ear for commands: a line each, answered by a line when it has been obeyed.

    `mark` is the compiled mark.c, or None to profile instead, the stretches of a name into a file of that name.
    """

    def __init__(self, settings: Settings, store: Store, mark: ctypes.CDLL | None) -> None:
        super().__init__(settings, store, say=lambda _: None)
        self._mark = mark
        self._profiles: dict[str, cProfile.Profile] = {}
        self._over = asyncio.Event()
        self._commands: dict[str, Callable[[str], object]] = {
            "rest": lambda _: None,
            "reference": lambda times: reference.work(int(times)),
            "start": self._start,
            "begin": self._begin_stretch,
            "end": self._end_stretch,
            "collect": lambda _: _collect(),
        }

    async def startup(self, sockets: object = None) -> None:
        """Listen, to commands too."""
        await super().startup()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._obey)
        self._tell(f"{'native' if IS_COMPILED else 'pure'} {self.servers[0].sockets[0].getsockname()[1]}")

    async def main_loop(self) -> None:
        """Wait for the end of the commands, in place of looking at the clock."""
        await self._over.wait()

    def _obey(self) -> None:
        line = os.read(sys.stdin.fileno(), 1000).decode()
        if not line:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._over.set()
            return
        verb, _, argument = line.strip().partition(" ")
        answer = self._commands[verb](argument)
        self._tell(f"done {answer}" if isinstance(answer, int) else "done")

    def _tell(self, line: str) -> None:
        os.write(sys.stdout.fileno(), f"{line}\n".encode())

    def _start(self, _: str) -> None:
        if self._mark is not None:
            self._mark.start()

    def _begin_stretch(self, name: str) -> None:
        if self._mark is not None:
            self._mark.begin()
        else:
            self._profiles.setdefault(name, cProfile.Profile()).enable()

    def _end_stretch(self, name: str) -> None:
        if self._mark is not None:
            self._mark.end(name.encode())
        else:
            self._profiles[name].disable()
            self._profiles[name].dump_stats(f"{name}.profile")


def _collect() -> int:
    """Give how many objects nobody could reach, and have the collector rest from now on."""
    gc.disable()
    return gc.collect()


def main(library: str) -> None:
    """Serve until the standard input ends. `library` is the path of the compiled mark.c, or `-`."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    settings = load()
    store = Store.open(settings.database_url.get_secret_value())
    with patch.object(server, "Changes", partial(Changes, interval=NEVER)), patch.object(wheel, "TICK", NEVER):
        Counted(settings, store, None if library == "-" else ctypes.CDLL(library)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
