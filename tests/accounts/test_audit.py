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


async def test_root_reads_all_and_the_operator_is_no_user(world: World) -> None:
    whole = await world.accounts.audit.list(world.root, None)
    assert whole == await world.accounts.audit.list(OPERATOR, None)
    assert whole.total == len(whole.items) == 12
    assert [entry.id for entry in whole.items] == sorted((entry.id for entry in whole.items), reverse=True)
    assert whole.items[-1].user is None
