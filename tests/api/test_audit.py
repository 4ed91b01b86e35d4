import asyncio

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import AuditEntry
from hubbub.store import Store
from tenants import Tenants


async def newest(database_url: str, subject: str) -> AuditEntry:
    store = Store.open(database_url)
    entries = (await Accounts(store).audit.list(OPERATOR, None)).items
    await store.close()
    return next(one for one in entries if one.subject == subject)


def test_what_is_done_by_the_api_is_kept_with_where_from(tenants: Tenants) -> None:
    made = tenants.data("POST", "/organizations", "ada", json={"name": "Audited"})
    entry = asyncio.run(newest(tenants.database_url, made["slug"]))
    assert entry.user is not None
    assert (entry.action, entry.user.email, entry.address) == ("organization.create", "ada@example.com", "127.0.0.1")


def test_a_proxy_that_is_trusted_is_believed(tenants: Tenants) -> None:
    made = tenants.data(
        "POST", "/organizations", "ada", json={"name": "Forwarded"}, headers={"X-Forwarded-For": "1.2.3.4"}
    )
    entry = asyncio.run(newest(tenants.database_url, made["slug"]))
    assert entry.address == "1.2.3.4"  # this machine is trusted unless settings say otherwise
