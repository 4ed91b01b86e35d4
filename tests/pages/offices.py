"""Browsers of people of `tenants` who are signed in already: a row in the database, and its cookie.

Knows how a session is opened behind the server's back. Does not know the pages for signing in.
What runs an event loop does so in a thread of its own: a browser's runs in this one once there was a test with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import AuditEntry, SignedIn
from hubbub.store import Store
from hubbub.web.visit import SESSION
from pages.visitor import Visitor
from tenants import Tenants

Result = TypeVar("Result")


def apart(work: Callable[[], Result]) -> Result:
    """Do something in another thread, and give what came of it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


@contextmanager
def office() -> Iterator[Tenants]:
    """Give a server with everybody in it."""
    server = Tenants()
    apart(server.__enter__)
    with ExitStack() as stack:
        stack.push(server)
        yield server


def behind(server: Tenants, deed: Callable[[Accounts, Store], Awaitable[Any]]) -> Any:
    """Do something with the accounts of a server, beside it."""

    async def run() -> Any:
        store = Store.open(server.database_url)
        try:
            return await deed(Accounts(store), store)
        finally:
            await store.close()

    return apart(lambda: asyncio.run(run()))


def sign_up(server: Tenants, name: str) -> str:
    """Make a user of this name, sign them in, and give the path of their page."""
    server.people |= apart(lambda: server.sign_up(name))
    return f"/admin/users/{server.people[name].id}"


def entries(server: Tenants, **narrowed: Any) -> list[AuditEntry]:
    """Give entries of the audit, the newest first."""
    found = behind(server, lambda accounts, _: accounts.records.entries(OPERATOR, sort="-id", **narrowed))
    return list(found.items)


def cookie_of(server: Tenants, name: str) -> str:
    """Give the cookie of a browser that somebody is signed in with."""

    async def enter(accounts: Accounts, _store: Store) -> str:
        profile = await accounts.profiles.get(OPERATOR, server.people[name].email)
        signed_in = SignedIn(user=profile.user, at=datetime.now(UTC), must_change_password=profile.must_change_password)
        return (await accounts.browsers.open(signed_in, address="127.0.0.1", agent="tests")).text

    return str(behind(server, enter))


def visitor_as(server: Tenants, name: str) -> Visitor:
    """Give somebody's browser, by name."""
    visitor = Visitor(server)
    visitor.http.cookies.set(SESSION, cookie_of(server, name))
    return visitor
