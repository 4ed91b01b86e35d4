"""How the commands reach the database.

Knows: the settings, and the operator, who may do everything. Does not know the questions: the use-cases of `accounts`
and the store answer them, by the rules that the API has too.
"""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from hubbub.cli.printing import refuse

if TYPE_CHECKING:
    from hubbub.accounts.accounts import Accounts
    from hubbub.accounts.domain import Page
    from hubbub.store import Store

Answer = TypeVar("Answer")
Item = TypeVar("Item")

PAGE = 1000
"""Items asked for in one question: the most there are in one answer."""


class Pages(Protocol[Item]):
    """A question that is answered in pages."""

    def __call__(self, *, limit: int, offset: int) -> "Awaitable[Page[Item]]":
        """Give one page."""


def database_url() -> str:
    """Give the database of the settings. Raises ConfigurationError."""
    from hubbub.settings import load

    return load().database_url.get_secret_value()


def ask_store(question: "Callable[[Store], Awaitable[Answer]]") -> Answer:
    """Give the answer of the store of the settings. Raises ConfigurationError when it cannot be used as it is."""
    import asyncio

    from hubbub.settings import ConfigurationError, load
    from hubbub.store import Store, keys_of, missing_file

    async def ask() -> Answer:
        settings = load()
        url, keys = settings.database_url.get_secret_value(), keys_of(settings)
        if (missing := missing_file(url)) is not None:
            raise ConfigurationError(
                f"There is no database at {missing} yet: run `hubbub migrate`, or go to the folder of your server."
            )
        store = Store.open(url, keys)
        try:
            if not await store.is_current():
                raise ConfigurationError("The database's tables are not those of this version: run `hubbub migrate`.")
            await store.sealing.check()
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def ask(question: "Callable[[Accounts], Awaitable[Answer]]", *, missing: str = "") -> Answer:
    """Give the answer of the use-cases, which raise refusals. See `unless_missing` for `missing`.

    Nobody is told of what it changes: each node reads that in the journal by itself, within a quarter of a second.
    """
    from hubbub.accounts.accounts import Accounts

    with unless_missing(missing):
        return ask_store(lambda store: question(Accounts(store)))


@contextmanager
def unless_missing(what: str) -> Iterator[None]:
    """End the program by saying that there is no `what`, if a use-case in the block finds something not to be there.

    The use-cases do not say what they miss: a client may not know. The operator may.
    """
    from hubbub.errors import UNKNOWN, Refusal

    try:
        yield
    except Refusal as refusal:
        if refusal.reason is not UNKNOWN or not what:
            raise
        refuse(f"There is no {what}.")


async def everything(pages: Pages[Item]) -> list[Item]:
    """Give the items of all pages."""
    items: list[Item] = []
    while True:
        page = await pages(limit=PAGE, offset=len(items))
        items += page.items
        if len(items) >= page.total or not page.items:
            return items
