"""What root users and the operator reach that no organization leads to."""

import pytest

from databases import Execute
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.errors import FORBIDDEN, INVALID, UNKNOWN
from hubbub.store import Store

from .conftest import BORROWER, OWNER, Bell, NewUser, World, answer_to


async def test_an_application_may_be_nobodys(accounts: Accounts, store: Store, bell: Bell) -> None:
    applications = accounts.applications
    made = await applications.create(OPERATOR, None, name="Chat", settings={"client_events": True})
    one, bell.rings = str(made.id), 0
    assert (made.is_owned, made.settings) == (True, {"client_events": True})
    assert await applications.get(OPERATOR, None, made.app_key or "") == made
    changed = await applications.update(OPERATOR, None, one, name="Talk", settings={"enabled": False})
    assert (changed.name, changed.settings) == ("Talk", {"client_events": True, "enabled": False})
    rotated = await applications.rotate(OPERATOR, None, one)
    assert await applications.revoke(OPERATOR, None, one, made.app_key or "") == await applications.get(
        OPERATOR, None, one
    )
    assert rotated.app_secret is not None
    archived = await applications.archive(OPERATOR, None, one)
    assert archived.archived_at is not None
    assert await store.application_by_id(one) is None
    assert await answer_to(applications.rotate(OPERATOR, None, one)) is UNKNOWN
    assert (await applications.unarchive(OPERATOR, None, one)).archived_at is None
    assert bell.rings == 5
    assert await applications.holders(OPERATOR, [made.id]) == {made.id: []}


async def test_whoevers_it_is_root_may_do_what_its_owner_may(world: World) -> None:
    applications = world.accounts.applications
    assert await applications.get(world.root, None, world.app_id) == world.app
    await applications.take_back(world.root, None, world.app_id, BORROWER)
    loan = await applications.lend(world.root, None, world.app_id, to=BORROWER)
    assert (loan.organization.slug, loan.is_owned) == (BORROWER, False)
    owner, borrower = (await applications.ownerships(world.root, None, world.app_id)).items
    assert await applications.holders(world.root, [world.app.id]) == {world.app.id: [owner, borrower]}
    assert (owner.organization.slug, owner.is_owned, borrower) == (OWNER, True, loan)


async def test_nobody_else_leaves_the_organization_out(world: World) -> None:
    applications = world.accounts.applications
    for who in (world.admin, world.member, world.borrower, world.outsider):
        for question in (
            applications.list(who, None),
            applications.list(who, None, archived=True),
            applications.create(who, None, name="New"),
            applications.get(who, None, world.app_id),
            applications.get(who, None, "999"),
            applications.update(who, None, world.app_id, name="New"),
            applications.archive(who, None, world.app_id),
            applications.unarchive(who, None, world.app_id),
            applications.rotate(who, None, world.app_id),
            applications.revoke(who, None, world.app_id, world.app.app_key or ""),
            applications.lend(who, None, world.app_id, to=OWNER),
            applications.take_back(who, None, world.app_id, BORROWER),
            applications.ownerships(who, None, world.app_id),
            applications.holders(who, [world.app.id]),
        ):
            assert await answer_to(question) is FORBIDDEN


async def test_every_application_is_in_one_of_two_lists(world: World, execute: Execute) -> None:
    applications, root = world.accounts.applications, world.root
    other = await applications.create(world.borrower, BORROWER, name="Other")
    nobodys = await applications.create(OPERATOR, None, name="Nobody's")
    shared = await applications.create(world.admin, OWNER, name="Shared")
    await execute(
        "INSERT INTO ownerships (application_id, organization_id, is_owned, created_at)"
        " SELECT :app, organization_id, true, created_at FROM ownerships WHERE application_id = :other",
        app=shared.id,
        other=other.id,
    )
    first = world.app.id

    async def listed(*, archived: bool) -> list[int]:
        found = await applications.list(root, None, archived=archived)
        assert found.total == len(found.items)
        return [app.id for app in found.items]

    assert await listed(archived=False) == [first, other.id, nobodys.id, shared.id]
    assert await listed(archived=True) == []
    await applications.archive(OPERATOR, None, str(other.id))
    await world.accounts.organizations.archive(root, OWNER)
    assert await listed(archived=False) == [nobodys.id, shared.id]  # one of its owners is left
    assert await listed(archived=True) == [first, other.id]
    part = await applications.list(root, None, archived=True, limit=1, offset=1)
    assert ([app.id for app in part.items], part.total) == ([other.id], 2)


async def test_what_an_archived_organization_owns_can_still_be_worked_on(world: World) -> None:
    await world.accounts.organizations.archive(world.root, OWNER)
    assert await answer_to(world.accounts.applications.rotate(world.root, OWNER, world.app_id)) is UNKNOWN
    rotated = await world.accounts.applications.rotate(world.root, None, world.app_id)
    assert len(rotated.key_pairs) == 2


async def test_root_names_the_owner_of_an_organization(world: World) -> None:
    organizations, enrollments = world.accounts.organizations, world.accounts.enrollments
    made = await organizations.create(OPERATOR, name="Initech", owner="member@example.com")
    [enrollment] = (await enrollments.list(OPERATOR, made.slug)).items
    assert (enrollment.user, enrollment.is_admin, enrollment.can_publish) == (world.member.user, True, True)
    await world.accounts.users.archive(world.root, "reader@example.com")
    for owner in ("nobody@example.com", "reader@example.com", "", 7):
        assert await answer_to(organizations.create(world.root, name="Umbrella", owner=owner)) is INVALID
    assert await answer_to(organizations.create(world.admin, name="Umbrella", owner="admin@example.com")) is FORBIDDEN
    assert (await organizations.list(world.root, everyones=True)).total == 3


@pytest.mark.parametrize("by", ["text", "prefix", "id"])
async def test_a_whole_token_is_ended_whoevers_it_is(world: World, new_user: NewUser, by: str, bell: Bell) -> None:
    tokens = world.accounts.tokens
    made = await tokens.create(world.member, "member@example.com")
    bell.rings = 0
    name = {"text": made.text, "prefix": made.token.prefix, "id": str(made.token.id)}[by]
    assert await answer_to(tokens.invalidate(world.admin, None, name)) is FORBIDDEN
    if by != "text":
        assert await answer_to(tokens.invalidate(OPERATOR, None, name)) is UNKNOWN
        return
    ended = await tokens.invalidate(OPERATOR, None, name)
    assert ended.invalidated_at is not None
    assert await tokens.invalidate(world.root, None, name) == ended
    assert bell.rings == 1
