import pytest

from hubbub.accounts.domain import OPERATOR
from hubbub.errors import FORBIDDEN, UNKNOWN, Reason

from .conftest import BORROWER, OWNER, World, answer_to


async def test_it_is_kept_who_sends_which_event_where(world: World) -> None:
    await world.accounts.sending.note(world.member, OWNER, world.app_id, event="news", channels=("a", "b"))
    entry = (await world.accounts.audit.list(world.admin, OWNER)).items[0]
    assert (entry.action, entry.subject) == ("event.send", f"application:{world.app_id}")
    assert entry.user == world.member.user
    assert entry.application_id == world.app.id
    assert entry.details == {"event": "news", "channels": ["a", "b"]}


async def test_what_a_borrower_sends_is_kept_with_the_borrower(world: World) -> None:
    await world.accounts.sending.note(world.borrower, BORROWER, world.app_id, event="news", channels=["a"])
    assert (await world.accounts.audit.list(world.borrower, BORROWER)).items[0].action == "event.send"
    assert "event.send" not in [one.action for one in (await world.accounts.audit.list(world.admin, OWNER)).items]


async def test_of_many_channels_some_are_named(world: World) -> None:
    channels = [f"c{number}" for number in range(100)]
    await world.accounts.sending.note(world.root, None, world.app_id, event="news", channels=channels)
    details = (await world.accounts.audit.list(OPERATOR, None)).items[0].details
    assert details == {"event": "news", "channels": channels[:20], "more_channels": 80}


@pytest.mark.parametrize(("role", "reason"), [("reader", FORBIDDEN), ("borrower", UNKNOWN), ("outsider", UNKNOWN)])
async def test_who_may_not_publish_may_not_send(world: World, role: str, reason: Reason) -> None:
    noted = world.accounts.sending.note(world.of(role), OWNER, world.app_id, event="news", channels=["a"])
    assert await answer_to(noted) is reason
    assert (await world.accounts.audit.list(OPERATOR, None)).items[0].action != "event.send"


async def test_an_archived_application_sends_nothing(world: World) -> None:
    await world.accounts.applications.archive(world.admin, OWNER, world.app_id)
    noted = world.accounts.sending.note(world.admin, OWNER, world.app_id, event="news", channels=["a"])
    assert await answer_to(noted) is UNKNOWN


async def test_the_declared_application_is_for_root(world: World) -> None:
    await world.accounts.sending.note_declared(world.root, "declared", event="news", channels=["a"])
    entry = (await world.accounts.audit.list(OPERATOR, None)).items[0]
    assert (entry.action, entry.subject, entry.application_id) == ("event.send", "application:declared", None)
    noted = world.accounts.sending.note_declared(world.admin, "declared", event="news", channels=["a"])
    assert await answer_to(noted) is FORBIDDEN
