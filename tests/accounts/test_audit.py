from hubbub.accounts.domain import OPERATOR
from hubbub.errors import FORBIDDEN, UNKNOWN

from .conftest import BORROWER, OWNER, World, answer_to


async def test_admins_read_that_of_their_organization(world: World) -> None:
    entries = (await world.accounts.audit.list(world.admin, OWNER)).items
    assert [entry.action for entry in entries] == [
        "application.lend", "application.create", "enrollment.add", "enrollment.add", "organization.create",
    ]  # fmt: skip
    assert {entry.user for entry in entries} == {world.admin.user}
    lent = entries[0]
    assert (lent.subject, lent.application_id) == (f"application:{world.app_id}", world.app.id)
    assert (lent.details, lent.address) == ({"organization": 2}, None)
    part = await world.accounts.audit.list(world.admin, OWNER, limit=2, offset=1)
    assert (part.items, part.total) == (entries[1:3], 5)


async def test_nobody_else_does(world: World) -> None:
    read = world.accounts.audit.list
    for who in (world.member, world.reader):
        assert await answer_to(read(who, OWNER)) is FORBIDDEN
    for who in (world.borrower, world.outsider):
        assert await answer_to(read(who, OWNER)) is UNKNOWN
        assert await answer_to(read(who, None)) is FORBIDDEN
    assert (await read(world.borrower, BORROWER)).total == 1


async def test_it_is_narrowed_by_person_application_and_action(world: World) -> None:
    await world.accounts.organizations.rename(world.root, OWNER, name="Acme Inc.")
    await world.accounts.enrollments.change(world.admin, OWNER, "member@example.com", is_admin=True)

    async def actions(**narrowed: object) -> list[str]:
        found = await world.accounts.audit.list(world.admin, OWNER, **narrowed)
        assert found.total == len(found.items)
        return [entry.action for entry in found.items]

    assert await actions(user=str(world.root.user.id)) == ["organization.rename"]
    assert await actions(user="ROOT@example.com", application="") == ["organization.rename"]
    assert await actions(application=world.app_id) == ["application.lend", "application.create"]
    assert await actions(action="enrollment") == ["enrollment.change", "enrollment.add", "enrollment.add"]
    assert await actions(action="enrollment.change") == ["enrollment.change"]
    assert await actions(action="enrollment.add", user=str(world.root.user.id)) == []
    for nothing in ("nobody", "0", "99999999999999999999", "enroll%", "enrollment."):
        for name in ("user", "application", "action"):
            assert await actions(**{name: nothing}) == [], (name, nothing)


async def test_what_an_entry_speaks_of_is_named_as_it_is_now(world: World) -> None:
    await world.accounts.enrollments.change(world.admin, OWNER, "reader@example.com", can_publish=True)
    await world.accounts.applications.update(world.admin, OWNER, world.app_id, name="Chat 2")
    entries = (await world.accounts.audit.list(world.admin, OWNER)).items
    names = {entry.action: entry.names for entry in entries}
    assert names["enrollment.change"] == {f"user:{world.reader.user.id}": "reader"}
    assert names["application.lend"] == {f"application:{world.app_id}": "Chat 2", "organization:2": BORROWER}
    assert names["organization.create"] == {}
    [changed] = [entry for entry in entries if entry.action == "enrollment.change"]
    assert changed.details == {"is_admin": False, "can_publish": True}


async def test_root_reads_all_and_the_operator_is_no_user(world: World) -> None:
    whole = await world.accounts.audit.list(world.root, None)
    assert whole == await world.accounts.audit.list(OPERATOR, None)
    assert whole.total == len(whole.items) == 12
    assert [entry.id for entry in whole.items] == sorted((entry.id for entry in whole.items), reverse=True)
    assert whole.items[-1].user is None
