"""What the tests of an application's pages share: people who are signed in, an application, and sockets to it."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.passwords import hash_password
from hubbub.accounts.people import SignedIn
from hubbub.store import Store
from pages.offices import apart
from pages.visitor import Visitor
from sockets.conftest import _dial, connect
from tenants import PEOPLE, Tenants, World

__all__ = ["_dial", "connect"]  # fixtures

PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.7"

Staff = Callable[[str], Visitor]


class Key(NamedTuple):
    """A key pair of the server's application, as clients connect by it."""

    host: str
    port: int
    key: str
    secret: str


async def sessions(database_url: str, user_ids: dict[str, int]) -> dict[str, str]:
    """Give cookies by which these users are signed in, PASSWORD being that of all from now on."""
    store = Store.open(database_url)
    accounts, password_hash = Accounts(store), hash_password(PASSWORD)
    cookies = {}
    for name, user_id in user_ids.items():
        async with store.work() as work:
            await work.people.change(user_id, password_hash=password_hash)
            found = await work.people.find(user_id)
        assert found is not None
        signed_in = SignedIn(user=found.user, at=datetime.now(UTC), must_change_password=False)
        cookies[name] = (await accounts.browsers.open(signed_in, address=ADDRESS, agent="tests")).text
    await store.close()
    return cookies


@pytest.fixture(scope="session")
def staff(tenants: Tenants) -> Iterator[Staff]:
    """Give a way to be one of the people of `tenants`, signed in: `staff("ada")`."""
    ids = {name: tenants.people[name].id for name in PEOPLE}
    cookies = apart(lambda: asyncio.run(sessions(tenants.database_url, ids)))
    visitors = {name: Visitor(tenants) for name in cookies}
    for name, visitor in visitors.items():
        visitor.http.cookies.set("hubbub_session", cookies[name])
    yield visitors.__getitem__
    for visitor in visitors.values():
        visitor.http.close()


@pytest.fixture(scope="module")
def world(tenants: Tenants) -> World:
    """Give three organizations, and an application that one owns and one borrows, to tests that leave it as it is."""
    return tenants.world()


@pytest.fixture
def here(world: World) -> str:
    """Give the path of that application's pages."""
    return f"/applications/{world.slots['application']}"


@pytest.fixture
def keys(tenants: Tenants, world: World) -> list[Key]:
    """Give the application's two key pairs, the oldest first."""
    there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
    newest = tenants.data("GET", there, "ada")
    pairs = [(world.application["app_key"], world.application["app_secret"])]
    pairs.append((newest["app_key"], newest["app_secret"]))
    return [Key(tenants.host, tenants.port, key, secret) for key, secret in pairs]


Audited = Callable[[str], list[tuple[dict[str, object], str | None]]]


@pytest.fixture
def audited(tenants: Tenants, world: World) -> Audited:
    """Give a way to ask which details and address the audit has of an action on the application, the newest first."""

    async def ask(action: str) -> list[tuple[dict[str, object], str | None]]:
        store = Store.open(tenants.database_url)
        found = await Accounts(store).audit.list(OPERATOR, None)
        await store.close()
        subject = f"application:{world.slots['application']}"
        return [
            (dict(one.details), one.address) for one in found.items if (one.action, one.subject) == (action, subject)
        ]

    return lambda action: apart(lambda: asyncio.run(ask(action)))
