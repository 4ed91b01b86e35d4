"""What root users list, search and order, and the toggle of who owns."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hubbub.accounts import register
from hubbub.accounts.domain import OPERATOR, Identity
from hubbub.errors import FORBIDDEN, INVALID, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import BORROWER, OWNER, World, answer_to

LISTS = {
    "users": register.USERS,
    "organizations": register.ORGANIZATIONS,
    "enrollments": register.ENROLLMENTS,
    "applications": register.APPLICATIONS,
    "ownerships": register.OWNERSHIPS,
    "tokens": register.TOKENS,
}


def listing(world: World, name: str) -> Callable[..., Awaitable[Any]]:
    question: Callable[..., Awaitable[Any]] = getattr(world.accounts.register, name)
    return question


async def names(world: World, **more: Any) -> list[str]:
    return [one.user.name for one in (await world.accounts.register.users(OPERATOR, **more)).items]


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_has_its_orders_parts_and_needs_root(world: World, name: str) -> None:
    await world.accounts.tokens.create(world.member, "member@example.com")
    question = listing(world, name)
    for column in LISTS[name]:
        there, back = [await question(world.root, sort=sign + column) for sign in ("", "-")]
        assert there.total == back.total == len(there.items) > 0
        assert sorted(map(repr, there.items)) == sorted(map(repr, back.items))
    whole = await question(OPERATOR)
    part = await question(OPERATOR, limit="1", offset="0")
    assert (part.items, part.total) == (whole.items[:1], whole.total)
    assert (await question(OPERATOR, search="no such text")).items == ()
    for wrong in ({"sort": "password_hash"}, {"sort": 3}, {"sort": "--id"}, {"search": "\0"}, {"limit": 0}):
        assert await answer_to(question(OPERATOR, **wrong)) is INVALID
    for who in (world.admin, world.member, world.outsider):
        assert await answer_to(question(who)) is FORBIDDEN


async def test_users_are_found_by_part_of_name_or_address(world: World) -> None:
    assert await names(world, search="ADMIN") == ["admin"]
    assert await names(world, search="e@ex") == []
    assert await names(world, search="r@EXAMPLE", sort="-name") == ["reader", "outsider", "member", "borrower"]
    assert await names(world, search="%") == await names(world, search="_") == []
    assert len(await names(world, search="")) == 6


async def test_the_archived_are_in_or_out(world: World) -> None:
    await world.accounts.users.archive(OPERATOR, "member@example.com")
    await world.accounts.organizations.archive(world.admin, OWNER)
    assert await names(world, archived=True) == ["member"]
    assert len(await names(world, archived=False)) == 5
    assert len(await names(world)) == 6
    for archived, slugs in ((True, [OWNER]), (False, [BORROWER]), (None, [OWNER, BORROWER])):
        found = await world.accounts.register.organizations(OPERATOR, archived=archived)
        assert [one.slug for one in found.items] == slugs
    for archived, total in ((True, 1), (False, 0), (None, 1)):
        assert (await world.accounts.register.applications(OPERATOR, archived=archived)).total == total


async def test_organizations_are_ordered_by_name(world: World) -> None:
    found = await world.accounts.register.organizations(OPERATOR, sort="-name")
    assert [one.name for one in found.items] == ["globex", "acme"]


async def test_enrollments_are_those_of_a_user_or_an_organization(world: World) -> None:
    enrollments = world.accounts.register.enrollments
    assert [one.user.name for one in (await enrollments(OPERATOR, organization=OWNER, sort="-user")).items] == [
        "reader", "member", "admin",
    ]  # fmt: skip
    [one] = (await enrollments(OPERATOR, user="borrower@example.com")).items
    assert (one.organization.slug, one.is_admin) == (BORROWER, True)
    assert (await enrollments(OPERATOR, search="globex")).items == (one,)
    for wrong in (enrollments(OPERATOR, user="99"), enrollments(OPERATOR, organization="nope")):
        assert await answer_to(wrong) is UNKNOWN


async def test_applications_are_found_by_key_and_keep_their_secrets(world: World) -> None:
    await world.accounts.applications.create(world.admin, OWNER, name="Other")
    key = world.app.app_key or ""
    [found] = (await world.accounts.register.applications(world.root, search=key[:13].upper())).items
    assert (found.id, found.app_key, found.app_secret) == (world.app.id, key, None)
    [found] = (await world.accounts.register.applications(world.root, search="the")).items
    assert found.name == "Other"


async def test_tokens_show_whose_they_are_and_no_text(world: World) -> None:
    made = await world.accounts.tokens.create(world.member, "member@example.com")
    other = await world.accounts.tokens.create(world.admin, "admin@example.com")
    tokens = world.accounts.register.tokens
    [found] = (await tokens(OPERATOR, user="member@example.com")).items
    assert (found.token, found.user) == (made.token, world.member.user)
    assert made.text not in repr(found)
    assert (await tokens(OPERATOR, search=made.token.prefix)).items == (found,)
    await world.accounts.tokens.invalidate(OPERATOR, None, other.text)
    assert (await tokens(OPERATOR, invalidated=False)).items == (found,)
    assert (await tokens(OPERATOR, invalidated=True)).total == 1
    assert [one.token.id for one in (await tokens(OPERATOR, sort="invalidated_at")).items] == [2, 1]  # None is last


async def own(world: World, organization: str, *, is_owned: object, who: Identity = OPERATOR) -> bool:
    return (await world.accounts.register.own(who, world.app_id, organization, is_owned=is_owned)).ownership.is_owned


async def test_a_borrower_is_made_an_owner_and_back(world: World, store: Store) -> None:
    ownerships, before = world.accounts.register.ownerships, await store.last_change()
    assert await own(world, BORROWER, is_owned="true", who=world.root)
    holdings = (await ownerships(OPERATOR, application=world.app_id, sort="organization")).items
    assert [(one.ownership.organization.slug, one.ownership.is_owned) for one in holdings] == [
        (OWNER, True), (BORROWER, True),
    ]  # fmt: skip
    assert (await ownerships(OPERATOR, organization=BORROWER)).items == holdings[1:]
    assert holdings[0].application_name == "Chat"
    assert not await own(world, OWNER, is_owned=False)
    assert not await own(world, OWNER, is_owned=False)  # as it is
    changes = [(one.kind, one.subject_id) for one in await store.changes_since(before, 10)]
    assert changes == [("application", world.app.id)] * 2
    newest, *_ = (await world.accounts.audit.list(world.admin, OWNER)).items
    assert (newest.action, newest.application_id) == ("application.disown", world.app.id)


async def test_an_application_keeps_an_owner(world: World) -> None:
    with pytest.raises(Refusal) as caught:
        await own(world, OWNER, is_owned=False)
    assert caught.value.facts["errors"] == {"is_owned": ["is the application's last owner"]}
    await own(world, BORROWER, is_owned=True)
    answers = await asyncio.gather(*(answer_to(own(world, one, is_owned=False)) for one in (OWNER, BORROWER)))
    assert (answers.count(None), answers.count(INVALID)) == (1, 1)


async def test_who_does_not_hold_it_or_is_not_root_toggles_nothing(world: World) -> None:
    await world.accounts.organizations.create(world.outsider, name="Initech")
    for organization in ("initech", "nope"):
        assert await answer_to(own(world, organization, is_owned=True)) is UNKNOWN
    assert await answer_to(world.accounts.register.own(OPERATOR, "99", OWNER, is_owned=True)) is UNKNOWN
    assert await answer_to(own(world, OWNER, is_owned="perhaps")) is INVALID
    for who in (world.admin, world.borrower):
        assert await answer_to(own(world, BORROWER, is_owned=True, who=who)) is FORBIDDEN


async def test_lists_are_narrowed_by_what_things_are(world: World) -> None:
    register = world.accounts.register
    for is_so, found in ((True, ["root"]), (False, ["admin", "member", "reader", "borrower", "outsider"])):
        assert await names(world, traits={"is_root": is_so}) == found
    assert await names(world, traits={"is_confirmed": False}) == await names(world, traits={"is_locked": True}) == []
    assert await names(world, traits={"must_change_password": True, "has_second_factor": True}) == []
    admins = await register.enrollments(OPERATOR, is_admin=True, sort="user")
    assert [one.user.name for one in admins.items] == ["admin", "borrower"]
    readers = await register.enrollments(OPERATOR, can_publish=False, organization=OWNER)
    assert [one.user.name for one in readers.items] == ["reader"]
    [lent] = (await register.ownerships(OPERATOR, is_owned=False)).items
    assert lent.ownership.organization.slug == BORROWER
    for organization, total in ((OWNER, 1), (BORROWER, 1)):
        assert (await register.applications(OPERATOR, organization=organization)).total == total
    await world.accounts.organizations.create(world.outsider, name="Initech")
    assert (await register.applications(OPERATOR, organization="initech")).total == 0


@pytest.mark.parametrize(("is_owned", "action"), [(False, "application.lend"), ("true", "application.own")])
async def test_an_organization_is_given_a_hold(world: World, store: Store, is_owned: object, action: str) -> None:
    await world.accounts.organizations.create(world.outsider, name="Initech")
    before = await store.last_change()
    made = await world.accounts.register.hold(
        world.root, application=world.app_id, organization="initech", is_owned=is_owned
    )
    assert made.ownership.is_owned == bool(is_owned)
    assert (await world.accounts.register.ownerships(OPERATOR, organization="initech")).items == (made,)
    [change] = await store.changes_since(before, 10)
    assert (change.kind, change.subject_id) == ("application", world.app.id)
    newest, *_ = (await world.accounts.audit.list(world.outsider, "initech")).items
    assert newest.action == action


async def test_what_is_not_there_or_held_already_is_not_given(world: World) -> None:
    hold = world.accounts.register.hold
    await world.accounts.organizations.create(world.outsider, name="Initech")
    for application, organization, field in (
        ("99", "initech", "application"),
        (world.app_id, "nope", "organization"),
        (world.app_id, BORROWER, "organization"),
        ("", "initech", "application"),
    ):
        with pytest.raises(Refusal) as caught:
            await hold(OPERATOR, application=application, organization=organization)
        assert list(caught.value.facts["errors"]) == [field]  # type: ignore[call-overload]
    assert await answer_to(hold(world.admin, application=world.app_id, organization="initech")) is FORBIDDEN
