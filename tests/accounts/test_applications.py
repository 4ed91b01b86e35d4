import asyncio
from uuid import UUID

import pytest

from databases import Execute
from hubbub.accounts.domain import HeldApplication, Identity
from hubbub.errors import APP_DISABLED, INVALID, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import BORROWER, OWNER, Bell, World, answer_to


async def changes(store: Store, before: int) -> list[tuple[str, int]]:
    return [(change.kind, change.subject_id) for change in await store.changes_since(before, 100)]


async def test_a_new_one_has_a_name_settings_and_a_key_pair(world: World, store: Store) -> None:
    before = await store.last_change()
    made = await world.accounts.applications.create(
        world.admin, OWNER, name=" News ", settings={"client_events": "on", "enabled": None}
    )
    assert (made.name, made.settings, made.is_owned) == ("News", {"client_events": True}, True)
    key, secret = UUID(made.app_key or ""), UUID(made.app_secret or "")
    assert (key.version, secret.version, key == secret) == (4, 4, False)
    assert await world.accounts.applications.get(world.admin, OWNER, str(made.id)) == made
    assert await world.accounts.applications.get(world.admin, OWNER, made.app_key or "") == made
    found = await store.application_by_id(str(made.id))
    assert found is not None
    assert found.settings.client_events
    assert await changes(store, before) == []


@pytest.mark.parametrize(
    ("name", "settings", "fields"),
    [
        ("", None, {"name"}),
        (None, {"colour": 1}, {"name", "settings"}),
        ("New", {"max_presence_members": "many"}, {"settings.max_presence_members"}),
        ("New", [], {"settings"}),
    ],
)
async def test_what_does_not_fit_is_named(world: World, name: object, settings: object, fields: set[str]) -> None:
    with pytest.raises(Refusal) as caught:
        await world.accounts.applications.create(world.admin, OWNER, name=name, settings=settings)
    errors = caught.value.facts["errors"]
    assert isinstance(errors, dict)
    assert errors.keys() == fields


async def test_secrets_are_for_admins_of_the_owner(world: World) -> None:
    async def seen_by(who: Identity, organization: str) -> set[str | None]:
        one = await world.accounts.applications.get(who, organization, world.app_id)
        [listed] = (await world.accounts.applications.list(who, organization)).items
        assert listed == one
        return {one.app_secret, *(pair.secret for pair in one.key_pairs)}

    assert await seen_by(world.admin, OWNER) == {world.app.app_secret}
    assert await seen_by(world.root, BORROWER) == {world.app.app_secret}
    assert await seen_by(world.member, OWNER) == await seen_by(world.borrower, BORROWER) == {None}


async def test_no_secret_is_printed(world: World) -> None:
    assert str(world.app.app_secret) not in repr(world.app)


async def test_an_update_changes_what_is_told(world: World, store: Store, bell: Bell) -> None:
    update, before = world.accounts.applications.update, await store.last_change()
    bell.rings = 0
    one = await update(world.admin, OWNER, world.app_id, name="Talk")
    assert (one.name, one.settings) == ("Talk", {})
    one = await update(world.admin, OWNER, world.app_id, settings={"client_events": True, "max_presence_members": 5})
    one = await update(world.admin, OWNER, world.app_id, settings={"client_events": None, "enabled": False})
    assert (one.name, one.settings) == ("Talk", {"max_presence_members": 5, "enabled": False})
    assert await update(world.admin, OWNER, world.app_id, name="Talk", settings={"enabled": False}) == one
    assert await update(world.admin, OWNER, world.app_id) == one
    assert await changes(store, before) == [("application", world.app.id)] * 3
    assert bell.rings == 3


async def test_an_archived_one_is_there_for_admins_of_the_owner_alone(world: World, store: Store) -> None:
    applications, before = world.accounts.applications, await store.last_change()
    archived = await applications.archive(world.admin, OWNER, world.app.app_key or "")
    assert archived.archived_at is not None
    assert await applications.archive(world.admin, OWNER, world.app_id) == archived
    assert await applications.get(world.admin, OWNER, world.app_id) == archived
    assert (await applications.list(world.admin, OWNER, archived=True)).items == (archived,)
    assert (await applications.list(world.admin, OWNER)).total == 0
    for question in (
        applications.get(world.member, OWNER, world.app_id),
        applications.get(world.borrower, BORROWER, world.app_id),
        applications.update(world.admin, OWNER, world.app_id, name="New"),
        applications.rotate(world.admin, OWNER, world.app_id),
        applications.may_publish(world.admin, OWNER, world.app_id),
        applications.may_read_presence(world.root, OWNER, world.app_id),
        applications.give_back(world.borrower, BORROWER, world.app_id),
    ):
        assert await answer_to(question) is UNKNOWN
    back = await applications.unarchive(world.admin, OWNER, world.app_id)
    assert back == await applications.unarchive(world.admin, OWNER, world.app_id) == world.app
    assert await changes(store, before) == [("application", world.app.id)] * 2


async def test_root_archives_through_the_borrower_too(world: World) -> None:
    archived = await world.accounts.applications.archive(world.root, BORROWER, world.app_id)
    assert (archived.is_owned, archived.archived_at is None) == (False, False)
    assert await answer_to(world.accounts.applications.get(world.root, BORROWER, world.app_id)) is UNKNOWN
    assert await world.accounts.applications.unarchive(world.root, OWNER, world.app_id) == world.app


async def test_a_rotation_adds_a_pair_and_both_are_good_until_one_is_revoked(world: World, store: Store) -> None:
    applications, before = world.accounts.applications, await store.last_change()
    rotated = await applications.rotate(world.admin, OWNER, world.app_id)
    assert rotated.key_pairs[0] == world.app.key_pairs[0]
    assert rotated.app_key == rotated.key_pairs[1].key != world.app.app_key
    for pair in rotated.key_pairs:
        assert await store.application_by_key(pair.key) is not None
    left = await applications.revoke(world.admin, OWNER, world.app_id, world.app.app_key or "")
    assert left.key_pairs == rotated.key_pairs[1:]
    assert await store.application_by_key(world.app.app_key or "") is None
    assert await answer_to(applications.get(world.admin, OWNER, world.app.app_key or "")) is UNKNOWN
    assert await answer_to(applications.revoke(world.admin, OWNER, world.app_id, world.app.app_key or "")) is UNKNOWN
    assert await changes(store, before) == [("application", world.app.id)] * 2


async def test_the_last_pair_stays_even_if_both_are_revoked_at_once(world: World) -> None:
    applications = world.accounts.applications
    rotated = await applications.rotate(world.admin, OWNER, world.app_id)
    answers = await asyncio.gather(
        *(answer_to(applications.revoke(world.admin, OWNER, world.app_id, pair.key)) for pair in rotated.key_pairs)
    )
    assert (answers.count(None), answers.count(INVALID)) == (1, 1)


async def test_there_are_ten_pairs_at_most(world: World) -> None:
    for _ in range(9):
        one = await world.accounts.applications.rotate(world.admin, OWNER, world.app_id)
    assert len(one.key_pairs) == 10
    assert await answer_to(world.accounts.applications.rotate(world.admin, OWNER, world.app_id)) is INVALID


async def test_lending_is_by_slug_lest_ids_give_names_away(world: World, store: Store) -> None:
    applications, before = world.accounts.applications, await store.last_change()
    initech = await world.accounts.organizations.create(world.outsider, name="Initech")
    lend = applications.lend
    for to in (str(initech.id), "nowhere", "\ud800"):
        assert await answer_to(lend(world.admin, OWNER, world.app_id, to=to)) is INVALID
    lent = await lend(world.admin, OWNER, world.app_id, to="initech")
    assert (lent.organization, lent.is_owned) == (initech, False)
    for to in ("initech", OWNER, BORROWER):
        assert await answer_to(lend(world.admin, OWNER, world.app_id, to=to)) is INVALID
    holders = (await applications.ownerships(world.admin, OWNER, world.app_id)).items
    assert [(one.organization.slug, one.is_owned) for one in holders] == [
        (OWNER, True), (BORROWER, False), ("initech", False)
    ]  # fmt: skip
    await applications.take_back(world.admin, OWNER, world.app_id, str(initech.id))
    assert await answer_to(applications.get(world.outsider, "initech", world.app_id)) is UNKNOWN
    assert await answer_to(applications.take_back(world.admin, OWNER, world.app_id, "initech")) is UNKNOWN
    assert await answer_to(applications.take_back(world.admin, OWNER, world.app_id, OWNER)) is UNKNOWN
    assert await changes(store, before) == [("application", world.app.id)] * 2


async def test_by_id_one_lends_to_ones_own(world: World) -> None:
    own = await world.accounts.organizations.create(world.admin, name="Own")
    lent = await world.accounts.applications.lend(world.admin, OWNER, world.app_id, to=str(own.id))
    assert lent.organization == own


async def test_an_archived_organization_borrows_nothing(world: World) -> None:
    await world.accounts.organizations.create(world.outsider, name="Initech")
    await world.accounts.organizations.archive(world.outsider, "initech")
    lend = world.accounts.applications.lend(world.admin, OWNER, world.app_id, to="initech")
    assert await answer_to(lend) is INVALID


async def test_a_borrower_may_give_it_back(world: World) -> None:
    applications = world.accounts.applications
    await applications.give_back(world.borrower, BORROWER, world.app_id)
    assert (await applications.list(world.borrower, BORROWER)).items == ()
    assert await answer_to(applications.give_back(world.admin, OWNER, world.app_id)) is INVALID


async def test_a_disabled_one_is_told_to_be_so(world: World) -> None:
    await world.accounts.applications.update(world.admin, OWNER, world.app_id, settings={"enabled": False})
    assert await answer_to(world.accounts.applications.may_publish(world.admin, OWNER, world.app_id)) is APP_DISABLED


async def test_publishers_get_the_application_with_what_they_need(world: World, store: Store) -> None:
    found = await world.accounts.applications.may_publish(world.borrower, BORROWER, world.app.app_key or "")
    assert found == await store.application_by_id(world.app_id)


async def test_lists_come_in_parts(world: World) -> None:
    made: list[HeldApplication] = [
        await world.accounts.applications.create(world.admin, OWNER, name=f"App {number}") for number in range(3)
    ]
    part = await world.accounts.applications.list(world.admin, OWNER, limit=2, offset=1)
    assert (part.items, part.total) == (tuple(made[:2]), 4)


async def test_every_change_is_audited_without_secrets(world: World, execute: Execute) -> None:
    applications = world.accounts.applications
    await applications.update(world.admin, OWNER, world.app_id, name="Talk")
    await applications.rotate(world.admin, OWNER, world.app_id)
    await applications.revoke(world.admin, OWNER, world.app_id, world.app.app_key or "")
    await applications.archive(world.root, OWNER, world.app_id)
    rows = await execute(
        "SELECT action, user_id, organization_id, application_id, subject, CAST(details AS TEXT) FROM audit_entries"
        " WHERE application_id IS NOT NULL ORDER BY id"
    )
    admin, root = world.admin.user.id, world.root.user.id
    assert [(row[0], row[1]) for row in rows] == [
        ("application.create", admin), ("application.lend", admin), ("application.update", admin),
        ("application.rotate", admin), ("application.revoke", admin), ("application.archive", root),
    ]  # fmt: skip
    assert {tuple(row[2:5]) for row in rows} == {(1, world.app.id, f"application:{world.app.id}")}
    assert str(world.app.app_secret) not in str(rows)
