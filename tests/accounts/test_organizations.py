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


async def test_ones_own_are_listed_with_what_one_may_do_there_and_how_much_there_is(world: World) -> None:
    organizations, applications = world.accounts.organizations, world.accounts.applications
    archived = await applications.create(world.admin, OWNER, name="Old")
    await applications.archive(world.admin, OWNER, str(archived.id))
    await organizations.create(world.admin, name="A younger one")
    for who, roles in (("admin", (True, True)), ("member", (False, True)), ("reader", (False, False))):
        *_, place = (await organizations.places(world.of(who))).items
        assert (place.organization.slug, place.is_admin, place.can_publish) == (OWNER, *roles)
        assert (place.applications, place.members) == (1, 3)
    mine = await organizations.places(world.admin)
    assert [place.organization.name for place in mine.items] == ["A younger one", OWNER], "by name"
    part = await organizations.places(world.admin, limit=1, offset=1)
    assert (part.items, part.total) == (mine.items[1:], 2)
    assert (await organizations.places(world.outsider)).total == 0
    await world.accounts.users.archive(world.root, "reader@example.com")
    assert (await organizations.places(world.member)).items[0].members == 2


async def test_archived_ones_are_listed_apart_for_their_admins(world: World) -> None:
    organizations = world.accounts.organizations
    await organizations.archive(world.admin, OWNER)
    assert (await organizations.places(world.admin)).total == 0
    [place] = (await organizations.places(world.admin, archived=True)).items
    assert place.organization.slug == OWNER
    assert (await organizations.places(world.member, archived=True)).total == 0


async def test_where_one_stands_is_told_to_who_is_in_it(world: World) -> None:
    organizations = world.accounts.organizations
    stands = {who: await organizations.stand(world.of(who), OWNER) for who in ("admin", "member", "reader", "root")}
    assert {who: (one.is_enrolled, one.is_admin, one.can_publish) for who, one in stands.items()} == {
        "admin": (True, True, True),
        "member": (True, False, True),
        "reader": (True, False, False),
        "root": (False, True, True),
    }
    assert await answer_to(organizations.stand(world.outsider, OWNER)) is UNKNOWN
    await organizations.archive(world.admin, OWNER)
    assert (await organizations.stand(world.admin, OWNER)).is_admin
    assert await answer_to(organizations.stand(world.member, OWNER)) is UNKNOWN
