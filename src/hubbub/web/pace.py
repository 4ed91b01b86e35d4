"""Answers that take as long, whatever is found: lest the time tells who is known here."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from hubbub.errors import Refusal

PACE_SECONDS: Final = 0.3
"""Longer than any of these takes on a server that is not overrun: a password is hashed in some 50 ms."""

Found = TypeVar("Found")


async def even(question: Awaitable[Found], *, only_refusals: bool = False) -> Found:
    """Give what `question` gives, or raise what it raises, no sooner than `PACE_SECONDS` from now.

    With `only_refusals` what is no secret, that it went well, is not held back.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PACE_SECONDS
    try:
        found = await question
    except Refusal:
        await asyncio.sleep(end - loop.time())
        raise
    if not only_refusals:
        await asyncio.sleep(end - loop.time())
    return found
