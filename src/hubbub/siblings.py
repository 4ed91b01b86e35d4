"""What the workers of one server tell each other, so that whoever is asked for metrics can answer for all.

Knows: a folder that is theirs alone, with a unix socket of each worker by its number. Does not know what is told.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

ANSWER_SECONDS = 3.0
"""Who has told nothing by then is silent: it may be starting, or hung. Prometheus waits for 10 s."""


class Siblings:
    """The others, seen from worker `number`."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._file: int | None = None

    async def start(self, tell: Callable[[], Awaitable[bytes]]) -> None:
        """Tell them from now on, in place of an earlier worker of that number."""

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                writer.write(await tell())
                await writer.drain()
            writer.close()

        path = self._path(self.number)
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(answer, path)
        self._file = path.stat().st_ino

    async def stop(self) -> None:
        """Tell them no more. Whoever has taken the number over meanwhile goes on."""
        if self._server is not None:
            self._server.close()
            path = self._path(self.number)
            with contextlib.suppress(OSError):
                if path.stat().st_ino == self._file:
                    path.unlink()

    async def ask(self) -> Mapping[int, bytes | None]:
        """Give what each of the others tells, by its number; None of those that are silent."""
        numbers = {int(path.stem) for path in self._folder.glob("*.sock")} - {self.number}
        told = await asyncio.gather(*(self._told_by(number) for number in numbers))
        return dict(zip(numbers, told, strict=True))

    async def _told_by(self, number: int) -> bytes | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._path(number))
                try:
                    return await reader.read() or None
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return None  # it has ended, or will be there for the next question

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.sock"
