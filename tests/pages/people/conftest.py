"""A server for the tests of signing in and of accounts, and people of it."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from argon2 import PasswordHasher

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.store import Store
from pages.letters import letters_to
from pages.visitor import Visitor
from seeded import Seeded

PASSWORD = "correct horse battery"
LIMIT = 15.0  # seconds

Found = TypeVar("Found")

_quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_numbers = itertools.count(1)


class Town(Seeded):
    """A server, and a way to its accounts behind its back."""

    def behind(self, deed: Callable[[Accounts, Store], Awaitable[Found]]) -> Found:
        """Do something with the accounts, beside the server: in a thread, as a browser's loop may run in this one."""

        async def run() -> Found:
            store = Store.open(f"sqlite:///{Path(self._directory.name, 'hubbub.db')}")
            try:
                return await deed(Accounts(store), store)
            finally:
                await store.close()

        with ThreadPoolExecutor(1) as beside:
            return beside.submit(asyncio.run, run()).result()

    def newcomer(self, name: str = "Ann", *, is_confirmed: bool = True) -> str:
        """Give the address of a new user, whose password is PASSWORD."""
        email = f"{name.lower()}-{next(_numbers)}@example.com"

        async def create(_: Accounts, store: Store) -> None:
            async with store.work() as work:
                user = await work.people.add(name=name, email=email, password_hash=_quick.hash(PASSWORD))
                if is_confirmed:
                    await work.people.change(user.id, confirmed_at=user.created_at)

        self.behind(create)
        return email

    def nobody(self) -> str:
        """Give an address that nobody has; each can have only so many letters asked for."""
        return f"nobody-{next(_numbers)}@example.com"

    def visitor(self, email: str) -> Visitor:
        """Give somebody's browser, signed in and at their profile."""
        visitor = Visitor(self).get("/sign-in", next="/account")
        return visitor.submit("/sign-in", email=email, password=PASSWORD)

    def letter(self, email: str, subject: str, number: int = 1) -> str:
        """Wait for so many letters with this subject to this address, and give the newest."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            found = [letter for letter in letters_to(self, email) if letter.startswith(subject)]
            if len(found) >= number:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(f"no letter {subject!r} to {email}, only {letters_to(self, email)}")

    def audited(self, email: str) -> list[tuple[str, str | None]]:
        """Give what the audit has of a user, the newest first: actions, and where from."""

        async def read(accounts: Accounts, _: Store) -> list[tuple[str, str | None]]:
            entries = (await accounts.audit.list(OPERATOR, None)).items
            return [(one.action, one.address) for one in entries if one.user is not None and one.user.email == email]

        return self.behind(read)


@pytest.fixture(scope="package")
def town() -> Iterator[Town]:
    """Give the server; each test has people of its own."""
    with Town() as running:
        yield running
