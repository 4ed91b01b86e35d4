import asyncio

import pytest

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.errors import INVALID, UNAUTHENTICATED, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import OWNER, Bell, NewUser, World, answer_to


async def test_who_creates_one_is_its_admin(accounts: Accounts, new_user: NewUser) -> None:
    ann = await new_user("ann")
    created = await accounts.organizations.create(ann, name=" Acme Inc. ")
    assert (created.name, created.slug, created.archived_at) == ("Acme Inc.", "acme-inc", None)
    assert (await accounts.organizations.list(ann)).items == (created,)
    [enrollment] = (await accounts.enrollments.list(ann, "acme-inc")).items
    assert (enrollment.user, enrollment.organization) == (ann.user, created)
    assert (enrollment.is_admin, enrollment.can_publish) == (True, True)


async def test_the_operator_creates_one_that_nobody_is_in(accounts: Accounts) -> None:
    await accounts.organizations.create(OPERATOR, name="Acme")
    assert (await accounts.enrollments.list(OPERATOR, "acme")).total == 0


async def test_a_slug_that_is_taken_gets_the_next_number(accounts: Accounts) -> None:
    names = ["Acme", "acme!", "Acme 3", "ACME", "2", "2", "東京", "Acm"]
    slugs = [(await accounts.organizations.create(OPERATOR, name=name)).slug for name in names]
    assert slugs[:6] == ["acme", "acme-2", "acme-3", "acme-4", "org-2", "org-2-2"]
    assert slugs[6].startswith("org-")
    assert slugs[7] == "acm"


async def test_many_may_take_the_same_slug_at_once(store: Store, url: str, new_user: NewUser) -> None:
    ann, other = await new_user("ann"), Store.open(url)
    made = await asyncio.gather(
        *(Accounts(one).organizations.create(ann, name="Acme") for one in (store, other) for _ in range(5))
    )
    await other.close()
    assert {one.slug for one in made} == {"acme", *(f"acme-{number}" for number in range(2, 11))}


async def test_a_new_name_leaves_the_slug(world: World) -> None:
    renamed = await world.accounts.organizations.rename(world.admin, OWNER, name="Umbrella")
    assert (renamed.name, renamed.slug) == ("Umbrella", OWNER)
    assert await world.accounts.organizations.get(world.admin, str(renamed.id)) == renamed


async def test_a_name_that_is_none_is_refused(world: World) -> None:
    for question in (
        world.accounts.organizations.create(world.admin, name=None),
        world.accounts.organizations.rename(world.admin, OWNER, name="a\0b"),
    ):
        assert await answer_to(question) is INVALID


async def test_root_lists_their_own_unless_they_ask_for_everyones(world: World) -> None:
    assert (await world.accounts.organizations.list(world.root)).total == 0
    everyones = await world.accounts.organizations.list(world.root, everyones=True, limit=1, offset="1")
    assert ([one.slug for one in everyones.items], everyones.total) == (["globex"], 2)


async def test_an_archived_one_is_there_for_its_admins_alone(world: World, bell: Bell) -> None:
    accounts, admin, member = world.accounts, world.admin, world.member
    bell.rings = 0
    archived = await accounts.organizations.archive(admin, OWNER)
    assert archived.archived_at is not None
    assert await accounts.organizations.archive(admin, OWNER) == archived
    assert bell.rings == 1
    assert await accounts.organizations.get(admin, OWNER) == archived
    for question in (
        accounts.organizations.get(member, OWNER),
        accounts.organizations.rename(admin, OWNER, name="New"),
        accounts.applications.list(admin, OWNER),
        accounts.applications.create(world.root, OWNER, name="New"),
        accounts.applications.may_publish(world.root, OWNER, world.app_id),
        accounts.applications.may_publish(world.borrower, "globex", world.app_id),
        accounts.applications.get(world.borrower, "globex", world.app_id),
        accounts.enrollments.list(admin, OWNER),
    ):
        assert await answer_to(question) is UNKNOWN
    assert [(await accounts.organizations.list(who)).total for who in (admin, member)] == [0, 0]
    assert [(await accounts.organizations.list(who, archived=True)).total for who in (admin, member)] == [1, 0]
    assert (await accounts.applications.list(world.borrower, "globex")).total == 0
    assert (await accounts.organizations.unarchive(admin, OWNER)).archived_at is None
    assert (await accounts.applications.may_publish(world.borrower, "globex", world.app_id)).id == world.app_id


async def test_archiving_notes_every_application_it_holds(world: World, store: Store) -> None:
    before = await store.last_change()
    own = await world.accounts.applications.create(world.borrower, "globex", name="Own")
    await world.accounts.organizations.archive(world.borrower, "globex")
    found = await store.changes_since(before, 10)
    assert [(change.kind, change.subject_id) for change in found] == [
        ("application", world.app.id), ("application", own.id)
    ]  # fmt: skip


async def test_who_is_gone_writes_nothing(world: World) -> None:
    await world.accounts.users.archive(OPERATOR, "admin@example.com")
    with pytest.raises(Refusal) as caught:
        await world.accounts.organizations.rename(world.admin, OWNER, name="New")
    assert caught.value.reason is UNAUTHENTICATED
    assert (await world.accounts.organizations.get(OPERATOR, OWNER)).name == OWNER
