import asyncio

import pytest

from hubbub.accounts.domain import OPERATOR
from hubbub.errors import INVALID, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import OWNER, Bell, World, answer_to

ADMIN, MEMBER, OUTSIDER = "admin@example.com", "member@example.com", "outsider@example.com"


async def test_a_user_is_enrolled_by_address_and_the_rights_are_as_told(world: World) -> None:
    added = await world.accounts.enrollments.add(
        world.admin, OWNER, user=" Outsider@example.com", is_admin="true", can_publish="false"
    )
    assert (added.user, added.is_admin, added.can_publish) == (world.outsider.user, True, False)
    assert (await world.accounts.organizations.get(world.outsider, OWNER)).slug == OWNER


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("nobody@example.com", "does not exist"),
        (MEMBER, "is enrolled already"),
        ("5", "does not exist"),
        (3, "must be text"),
    ],
)
async def test_who_cannot_be_enrolled_is_told_by_field(world: World, user: object, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        await world.accounts.enrollments.add(world.admin, OWNER, user=user)
    assert caught.value.reason is INVALID
    assert caught.value.facts["errors"] == {"user": [message]}


async def test_only_root_enrolls_by_id_lest_ids_give_addresses_away(world: World) -> None:
    added = await world.accounts.enrollments.add(world.root, OWNER, user=str(world.outsider.user.id))
    assert added.user == world.outsider.user


async def test_an_archived_user_is_not_enrolled(world: World) -> None:
    await world.accounts.users.archive(OPERATOR, OUTSIDER)
    assert await answer_to(world.accounts.enrollments.add(world.admin, OWNER, user=OUTSIDER)) is INVALID


async def test_what_is_none_stays_and_nothing_new_is_no_change(world: World, bell: Bell) -> None:
    change = world.accounts.enrollments.change
    bell.rings = 0
    changed = await change(world.admin, OWNER, MEMBER, can_publish=False)
    assert (changed.is_admin, changed.can_publish) == (False, False)
    assert await change(world.admin, OWNER, str(world.member.user.id), can_publish=False, is_admin=False) == changed
    assert bell.rings == 1


async def test_a_change_and_a_removal_are_noted_for_sockets(world: World, store: Store, bell: Bell) -> None:
    before = await store.last_change()
    await world.accounts.enrollments.change(world.admin, OWNER, MEMBER, can_publish=False)
    await world.accounts.enrollments.remove(world.admin, OWNER, MEMBER)
    found = await store.changes_since(before, 10)
    assert [(change.kind, change.subject_id) for change in found] == [("user", world.member.user.id)] * 2
    assert await answer_to(world.accounts.organizations.get(world.member, OWNER)) is UNKNOWN


async def test_who_is_not_enrolled_cannot_be_changed_nor_removed(world: World) -> None:
    enrollments = world.accounts.enrollments
    assert await answer_to(enrollments.change(world.admin, OWNER, OUTSIDER, is_admin=True)) is UNKNOWN
    assert await answer_to(enrollments.remove(world.admin, OWNER, OUTSIDER)) is UNKNOWN


async def test_one_may_leave(world: World) -> None:
    await world.accounts.enrollments.remove(world.member, OWNER, "Member@Example.com")
    await world.accounts.enrollments.remove(world.reader, OWNER, str(world.reader.user.id))
    assert (await world.accounts.enrollments.list(world.admin, OWNER)).total == 1


async def test_the_last_admin_stays_whoever_asks(world: World) -> None:
    enrollments = world.accounts.enrollments
    for who in (world.admin, world.root, OPERATOR):
        assert await answer_to(enrollments.remove(who, OWNER, ADMIN)) is INVALID
        assert await answer_to(enrollments.change(who, OWNER, ADMIN, is_admin=False)) is INVALID
    await enrollments.change(world.admin, OWNER, MEMBER, is_admin=True)
    await enrollments.remove(world.admin, OWNER, ADMIN)


async def test_an_archived_admin_is_none_to_rely_on(world: World) -> None:
    await world.accounts.enrollments.change(world.admin, OWNER, MEMBER, is_admin=True)
    await world.accounts.users.archive(OPERATOR, MEMBER)
    assert await answer_to(world.accounts.enrollments.remove(world.admin, OWNER, ADMIN)) is INVALID


async def test_two_admins_who_demote_each_other_at_once_leave_one(world: World) -> None:
    enrollments = world.accounts.enrollments
    await enrollments.change(world.admin, OWNER, MEMBER, is_admin=True)
    answers = await asyncio.gather(
        answer_to(enrollments.change(world.admin, OWNER, MEMBER, is_admin=False)),
        answer_to(enrollments.change(world.member, OWNER, ADMIN, is_admin=False)),
    )
    assert answers.count(None) == 1
    admins = [one for one in (await enrollments.list(OPERATOR, OWNER)).items if one.is_admin]
    assert len(admins) == 1


async def test_a_list_comes_in_parts(world: World) -> None:
    part = await world.accounts.enrollments.list(world.admin, OWNER, limit="1", offset=1)
    assert ([one.user for one in part.items], part.total) == ([world.member.user], 3)


async def test_an_address_that_nobody_confirmed_is_not_taken_for_its_owner(world: World) -> None:
    """Whoever signs up first with somebody's address must not be enrolled in their place."""
    accounts = world.accounts
    await accounts.sign_ups.sign_up(name="Eve", email="ann@globex.example", password="long enough", organization=None)
    assert await answer_to(accounts.enrollments.add(world.admin, OWNER, user="ann@globex.example")) is INVALID
