"""Where letters go.

Knows: what whoever mails is handed. Does not know mail.
"""

from collections.abc import Awaitable, Callable

from hubbub.accounts.people import Letter

Post = Callable[[Letter], Awaitable[None]]
"""Takes a letter, after what it speaks of is committed.

It should put the letter in line and come back: who waits for a mail server tells that the address is known.
"""


async def post_nowhere(letter: Letter) -> None:
    """Drop it: for the command line, which sends no mail."""
