"""What root users list and look up besides people and what they own."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hubbub.accounts import records
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.invitations import GOOD_FOR
from hubbub.errors import FORBIDDEN, INVALID, UNKNOWN
from hubbub.store import Store

from .conftest import BORROWER, OWNER, World, answer_to

LISTS = {"invitations": records.INVITATIONS, "entries": records.ENTRIES, "endpoints": records.ENDPOINTS}
ONES = ("token", "invitation", "entry", "endpoint")
URL = "https://example.com/hooks"


def question(world: World, name: str) -> Callable[..., Awaitable[Any]]:
    found: Callable[..., Awaitable[Any]] = getattr(world.accounts.records, name)
    return found


async def furnish(world: World) -> None:
    """Have two of everything, the newer one of another organization or user."""
    for organization, email in ((OWNER, "ann@example.com"), (BORROWER, "bob@example.org")):
        await world.accounts.invitations.invite(world.root, organization, email=email)
    other = await world.accounts.applications.create(world.borrower, BORROWER, name="Other")
    for application, path in ((world.app.id, "one"), (other.id, "two")):
        await world.accounts.webhooks.create(world.root, None, str(application), url=f"{URL}/{path}")
    for who in (world.member, world.admin):
        await world.accounts.tokens.create(who, who.user.email)


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_has_its_orders_parts_and_needs_root(world: World, name: str) -> None:
    await furnish(world)
    ask = question(world, name)
    for column in LISTS[name]:
        there, back = [await ask(world.root, sort=sign + column) for sign in ("", "-")]
        assert there.total == back.total == len(there.items) > 1
        assert sorted(map(repr, there.items)) == sorted(map(repr, back.items))
    whole = await ask(OPERATOR)
    part = await ask(OPERATOR, limit="1", offset="1")
    assert (part.items, part.total) == (whole.items[1:2], whole.total)
    nothing = await ask(OPERATOR, search="no such text")
    assert (nothing.items, nothing.total) == ((), 0)
    for wrong in ({"sort": "token_hash"}, {"search": "\0"}, {"limit": 0}):
        assert await answer_to(ask(OPERATOR, **wrong)) is INVALID
    for who in (world.admin, world.member, world.outsider):
        assert await answer_to(ask(who)) is FORBIDDEN


@pytest.mark.parametrize("name", ONES)
async def test_each_is_looked_up_by_its_id(world: World, name: str) -> None:
    await furnish(world)
    assert repr(await question(world, name)(world.root, "1"))
    for nothing in ("99", "", "0", "01", "x", "9" * 30, "\0"):
        assert await answer_to(question(world, name)(world.root, nothing)) is UNKNOWN
    for who in (world.admin, world.member):
        assert await answer_to(question(world, name)(who, "1")) is FORBIDDEN


async def test_invitations_say_what_became_of_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    invite, accounts = world.accounts.invitations.invite, world.accounts
    opened = await invite(world.admin, OWNER, email="open@example.com", name="Olga")
    taken = await invite(world.root, BORROWER, email="taken@example.com")
    await accounts.invitations.accept(world.outsider, taken.text)
    ended = await invite(OPERATOR, OWNER, email="ended@example.com")
    await accounts.invitations.revoke(world.admin, OWNER, str(ended.invitation.id))
    with monkeypatch.context() as patch:
        patch.setattr("hubbub.accounts.invitations.GOOD_FOR", -GOOD_FOR)
        await invite(world.admin, OWNER, email="late@example.com")
    found = (await accounts.records.invitations(OPERATOR)).items
    assert [(one.invitation.email, one.state) for one in found] == [
        ("open@example.com", "open"),
        ("taken@example.com", "accepted"),
        ("ended@example.com", "revoked"),
        ("late@example.com", "expired"),
    ]
    assert [one.invited_by for one in found[:3]] == [world.admin.user, world.root.user, None]
    for one in found:
        assert (await accounts.records.invitations(OPERATOR, state=one.state)).items == (one,)
    assert await answer_to(accounts.records.invitations(OPERATOR, state="lost")) is INVALID
    assert (await accounts.records.invitations(OPERATOR, organization=BORROWER)).total == 1
    assert [one.invitation for one in (await accounts.records.invitations(OPERATOR, search="olga")).items] == [
        opened.invitation
    ]
    assert opened.text not in repr(found)


async def test_the_audit_is_searched_and_narrowed(world: World) -> None:
    entries = world.accounts.records.entries
    assert {one.action for one in (await entries(OPERATOR, search="LEND")).items} == {"application.lend"}
    mine = await entries(OPERATOR, user="admin@example.com", sort="-id")
    assert mine.total == len(mine.items) == 5
    assert mine.items[0].action == "application.lend"
    assert {one.user for one in mine.items} == {world.admin.user}
    of_app = await entries(OPERATOR, application=world.app_id)
    assert {one.action for one in of_app.items} == {"application.create", "application.lend"}
    within = await entries(OPERATOR, organization=OWNER, user="admin@example.com", search="enrollment")
    assert within.total == 2
    assert await world.accounts.records.entry(OPERATOR, str(mine.items[0].id)) == mine.items[0]
    about = await entries(OPERATOR, subject=f"application:{world.app_id}")
    assert {one.action for one in about.items} == {"application.create", "application.lend"}
    assert await answer_to(entries(OPERATOR, subject="\0")) is INVALID
    for wrong in ({"user": "99"}, {"organization": "nope"}, {"application": "nope"}):
        assert await answer_to(entries(OPERATOR, **wrong)) is UNKNOWN


async def test_endpoints_are_those_of_an_application(world: World) -> None:
    await furnish(world)
    endpoints = world.accounts.records.endpoints
    [one] = (await endpoints(OPERATOR, application=world.app_id)).items
    assert (one.application_name, one.endpoint.url) == ("Chat", f"{URL}/one")
    assert (await endpoints(OPERATOR, search="chat")).items == (one,)
    assert [found.application_name for found in (await endpoints(OPERATOR, sort="-application")).items] == [
        "Other", "Chat",
    ]  # fmt: skip


async def test_counts_are_of_what_is_in_use(world: World, store: Store) -> None:
    await furnish(world)
    accounts, before = world.accounts, await world.accounts.records.counts(OPERATOR)
    assert (before.users, before.roots, before.organizations, before.applications) == (6, 1, 2, 2)
    assert (before.enrollments, before.ownerships, before.tokens, before.invitations) == (4, 3, 2, 2)
    assert before.endpoints == 2
    await accounts.users.archive(OPERATOR, "member@example.com")
    await accounts.organizations.archive(OPERATOR, OWNER)
    await accounts.tokens.invalidate(OPERATOR, "admin@example.com", "2")
    async with store.work() as work:
        await work.people.change(world.outsider.user.id, locked_at=world.outsider.user.created_at)
    after = await accounts.records.counts(world.root)
    assert (after.users, after.organizations, after.applications, after.tokens) == (5, 1, 1, 1)
    assert (after.locked, after.entries) == (1, before.entries + 3)
    assert await answer_to(accounts.records.counts(world.admin)) is FORBIDDEN
