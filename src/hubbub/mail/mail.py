"""Letters on their way.

Knows: how many may be, when one is tried again, and when it is given up. Does not know what is in them, nor who takes
them. They are kept in memory: who misses one asks for another.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, Self

from hubbub.accounts.people import Letter
from hubbub.mail.carrier import Carrier, Item, UndeliveredError
from hubbub.mail.folder import Folder
from hubbub.mail.location import locate
from hubbub.mail.smtp import Smtp
from hubbub.mail.writing import Unmailable, Writing
from hubbub.settings import Settings

MOST_WAITING: Final = 1000
"""Letters on their way at once; further ones are dropped."""

AT_ONCE: Final = 4
"""Letters that are handed over at once: mail servers count connections."""

PAUSES: Final = (2.0, 10.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0)
"""Seconds between one try and the next: nearly four hours, in which servers that put strangers off take a letter."""

STOP_SECONDS: Final = 5.0
"""Seconds in which a stopping server still tries what is on its way, once."""

_logger = logging.getLogger("hubbub.mail")


class Mail:
    """Takes letters, and sees each through. `pauses` are the seconds between one try and the next, `most` on their way.

    What happens to each goes into the log, by what it is about: neither its text nor its address.
    """

    def __init__(
        self, writing: Writing, carrier: Carrier, pauses: Sequence[float] = PAUSES, most: int = MOST_WAITING
    ) -> None:
        self._writing = writing
        self._carrier = carrier
        self._pauses = pauses
        self._most = most
        self._under_way: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._ending = asyncio.Event()

    @classmethod
    def of(cls, settings: Settings, public_url: Callable[[], str]) -> Self:
        """Give that of `settings`: with a mail server, or with a folder. `public_url` is where the links lead.

        Raises ConfigurationError.
        """
        writing = Writing(settings, public_url)
        if settings.smtp_url is None:
            return cls(writing, Folder(settings.mail_folder))
        location = locate(settings.smtp_url.get_secret_value())
        return cls(writing, Smtp(location, writing.sender, settings.smtp_timeout))

    async def post(self, letter: Letter) -> None:
        """Put a letter in line, and come back at once. One too many, or that nobody can get, is logged and dropped."""
        if len(self._under_way) >= self._most:
            _logger.error("%s is dropped: %d letters wait already", named(letter), self._most)
            return
        try:
            message = self._writing.message(letter)
        except Unmailable as problem:
            _logger.warning("%s is dropped: %s", named(letter), problem)
            return
        item = Item(named(letter), message.recipient, message.content, letter.text)
        task = asyncio.create_task(self._see_through(item))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def stop(self) -> None:
        """Try what is on its way once more, and drop what does not go out in a few seconds."""
        self._ending.set()
        if not self._under_way:
            return
        _, left = await asyncio.wait(self._under_way, timeout=STOP_SECONDS)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            _logger.error("%d letters were not sent before the server stopped", len(left))

    async def _see_through(self, item: Item) -> None:
        for pause in (*self._pauses, None):
            is_last = pause is None or self._ending.is_set()
            problem = await self._carry(item)
            if problem is None:
                return
            if is_last or not problem.is_temporary:
                _logger.error("%s is given up: %s", item.name, problem)
                return
            _logger.warning("%s is tried again in %g s: %s", item.name, pause, problem)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _carry(self, item: Item) -> UndeliveredError | None:
        """Try once, and give what went wrong, if anything."""
        try:
            async with self._places:
                where = await self._carrier.carry(item)
        except UndeliveredError as problem:
            return problem
        except Exception:
            _logger.exception("%s failed", item.name)
            return UndeliveredError("see above", is_temporary=False)
        _logger.info("%s went to %s", item.name, where)
        return None


def named(letter: Letter) -> str:
    """Give what the log calls a letter: what it is about, and whom, by number."""
    if letter.invitation is not None:
        return f"{letter.errand} letter (invitation:{letter.invitation.id})"
    return f"{letter.errand} letter (user:{letter.user.id})"
