"""Browsers that are signed in already: a row in the database behind the server's back, and its cookie."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import SignedIn
from hubbub.store import Store


def cookies_of(database_url: str, emails: Mapping[str, str]) -> dict[str, str]:
    """Give a cookie for each of these people. Not for a coroutine: it runs an event loop."""
    return asyncio.run(_open(database_url, emails))


async def _open(database_url: str, emails: Mapping[str, str]) -> dict[str, str]:
    store = Store.open(database_url)
    accounts, cookies = Accounts(store), {}
    for name, email in emails.items():
        user = (await accounts.profiles.get(OPERATOR, email)).user
        signed_in = SignedIn(user=user, at=datetime.now(UTC), must_change_password=False)
        cookies[name] = (await accounts.browsers.open(signed_in, address="127.0.0.1", agent="tests")).text
    await store.close()
    return cookies
