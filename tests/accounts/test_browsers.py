import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from databases import Execute
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import Entered
from hubbub.accounts.policy import Policy
from hubbub.errors import UNAUTHENTICATED, UNKNOWN, Reason
from hubbub.store import Store

from .conftest import answer_to
from .newcomers import ADDRESS, EMAIL, PASSWORD, Town

AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
NEW = "another horse"


@pytest.fixture
async def town(store: Store, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = Town(store, monkeypatch)
    await town.sign_up()
    return town


async def enter(town: Town, *, remember: bool = False, email: str = EMAIL, password: str = PASSWORD) -> Entered:
    """Sign in with a browser of its own."""
    came_in = await town.sign_in(email=email, password=password)
    return await town.accounts.browsers.enter(came_in, remember=remember, address=ADDRESS, agent=AGENT)


async def refusal(town: Town, entered: Entered) -> Reason | None:
    return await answer_to(town.accounts.browsers.resume(entered.text, address=ADDRESS))


async def test_a_browser_that_signed_in_is_known_by_its_cookie(town: Town, execute: Execute) -> None:
    entered = await enter(town)
    found = await town.accounts.browsers.resume(entered.text, address="192.0.2.9")
    assert (found.session_id, found.must_change_password, found.is_remembered) == (entered.session_id, False, False)
    assert (found.identity.user.email, found.identity.address, found.identity.grant.token_id) == (
        EMAIL,
        "192.0.2.9",
        None,
    )
    [row] = await execute("SELECT * FROM browser_sessions")
    assert entered.text not in str(row)
    assert entered.text not in repr(entered)
    assert len(entered.text) >= 43


@pytest.mark.parametrize("text", ["", "nope", "\ud800", "\0", "x" * 10_000])
async def test_any_other_text_is_nobodys(town: Town, text: str) -> None:
    await enter(town)
    assert await answer_to(town.accounts.browsers.resume(text, address=None)) is UNAUTHENTICATED


async def test_what_is_done_in_it_is_kept_with_where_from(town: Town) -> None:
    found = await town.accounts.browsers.resume((await enter(town)).text, address="2001:db8::7")
    await town.accounts.organizations.create(found.identity, name="Acme")
    await town.accounts.profiles.rename(found.identity, name="Anna")
    entries = (await town.accounts.audit.list(OPERATOR, None, limit=2)).items
    assert [(one.action, one.address) for one in entries] == [
        ("user.rename", "2001:db8::7"), ("organization.create", "2001:db8::7"),
    ]  # fmt: skip


async def test_one_that_does_nothing_for_a_while_ends(town: Town, execute: Execute) -> None:
    entered = await enter(town)
    late = datetime.now(UTC) - timedelta(hours=11)
    await execute("UPDATE browser_sessions SET used_at = :late", late=_bound(town, late))
    assert await refusal(town, entered) is None  # and it was used now
    await execute("UPDATE browser_sessions SET used_at = '2001-01-01 00:00:00'")
    assert await refusal(town, entered) is UNAUTHENTICATED
    await enter(town)
    assert len(await execute("SELECT id FROM browser_sessions")) == 1


async def test_its_use_is_noted_once_a_minute(town: Town, execute: Execute) -> None:
    entered = await enter(town)
    who = (await town.accounts.browsers.resume(entered.text, address="192.0.2.9")).identity
    [seen] = await town.accounts.browsers.list(who)
    assert (seen.address, seen.user_agent) == (ADDRESS, AGENT)
    before = datetime.now(UTC) - timedelta(seconds=90)
    await execute("UPDATE browser_sessions SET used_at = :before", before=_bound(town, before))
    await town.accounts.browsers.resume(entered.text, address="192.0.2.9" + "x" * 100)
    [seen] = await town.accounts.browsers.list(who)
    assert (seen.address or "").startswith("192.0.2.9xx")
    assert seen.used_at > before


def _bound(town: Town, time: datetime) -> object:
    """Give a time as the database of this test takes it."""
    is_sqlite = town.store._connections._reading.dialect.name == "sqlite"
    return time.replace(tzinfo=None).isoformat(" ") if is_sqlite else time


async def test_archiving_the_user_ends_it(town: Town) -> None:
    entered = await enter(town)
    await town.accounts.users.archive(OPERATOR, EMAIL)
    assert await refusal(town, entered) is UNAUTHENTICATED


async def test_who_must_be_confirmed_by_now_is_not_in(town: Town) -> None:
    entered = await enter(town)
    strict = town.under(Policy(require_confirmation=True)).browsers
    assert await answer_to(strict.resume(entered.text, address=None)) is UNAUTHENTICATED


async def test_whether_the_password_must_be_changed_is_told(town: Town) -> None:
    entered = await enter(town)
    await town.accounts.profiles.edit(OPERATOR, EMAIL, must_change_password=True)
    assert (await town.accounts.browsers.resume(entered.text, address=None)).must_change_password


async def test_another_password_ends_all_and_who_changed_it_gets_another(town: Town, execute: Execute) -> None:
    here, there, staying = await enter(town), await enter(town), await enter(town, remember=True)
    who = (await town.accounts.browsers.resume(here.text, address=ADDRESS)).identity
    changed = await town.accounts.passwords.change(who, old=PASSWORD, new=NEW)
    after = await town.accounts.browsers.open(changed, address=ADDRESS, agent=AGENT)
    assert [await refusal(town, one) for one in (here, there, staying)] == [UNAUTHENTICATED] * 3
    assert staying.cookie is not None
    assert await answer_to(town.accounts.remembered.use(staying.cookie.text, address=None)) is UNAUTHENTICATED
    assert await refusal(town, after) is None
    assert after.text != here.text
    assert len(await execute("SELECT id FROM browser_sessions")) == 1


async def test_a_sign_in_from_before_a_change_of_password_opens_nothing(town: Town) -> None:
    came_in = await town.sign_in()
    await town.accounts.passwords.ask(EMAIL)
    await town.accounts.passwords.reset(town.text("reset"), password=NEW)
    entered = await town.accounts.browsers.enter(came_in, address=ADDRESS, agent=AGENT)
    assert await refusal(town, entered) is UNAUTHENTICATED


async def test_one_lists_and_ends_ones_own(town: Town) -> None:
    here, there = await enter(town), await enter(town)
    await town.sign_up("bob@example.com")
    bobs = await enter(town, email="bob@example.com")
    who = (await town.accounts.browsers.resume(here.text, address=ADDRESS)).identity
    assert [one.id for one in await town.accounts.browsers.list(who)] == [there.session_id, here.session_id]
    for session in (str(bobs.session_id), "99", "", "x", "0"):
        assert await answer_to(town.accounts.browsers.end(who, session)) is UNKNOWN
    await town.accounts.browsers.end(who, str(there.session_id))
    assert await refusal(town, there) is UNAUTHENTICATED
    assert [await refusal(town, one) for one in (here, bobs)] == [None, None]
    entry = (await town.accounts.audit.list(OPERATOR, None)).items[0]
    assert (entry.action, entry.subject, entry.address) == ("browser.end", f"browser:{there.session_id}", ADDRESS)


async def test_one_ends_all_others(town: Town) -> None:
    here, others = await enter(town, remember=True), [await enter(town), await enter(town, remember=True)]
    found = await town.accounts.browsers.resume(here.text, address=ADDRESS)
    await town.accounts.browsers.end_others(found.identity, found.session_id)
    assert [await refusal(town, one) for one in (here, *others)] == [None, UNAUTHENTICATED, UNAUTHENTICATED]
    assert (await town.accounts.remembered.list(found.identity)).total == 1


async def test_signing_out_ends_it_and_what_stays_signed_in(town: Town) -> None:
    entered, other = await enter(town, remember=True), await enter(town, remember=True)
    assert entered.cookie is not None
    assert other.cookie is not None
    await town.accounts.browsers.leave(entered.text, address=ADDRESS)
    assert await refusal(town, entered) is UNAUTHENTICATED
    assert await answer_to(town.accounts.remembered.use(entered.cookie.text, address=None)) is UNAUTHENTICATED
    await town.accounts.remembered.use(other.cookie.text, address=None)
    await town.accounts.browsers.leave("nobody's", address=ADDRESS)
    assert (await town.accounts.audit.list(OPERATOR, None)).items[0].action == "user.sign_out"


async def test_one_that_stays_signed_in_is_one_browser_however_often_it_comes_back(
    town: Town, execute: Execute
) -> None:
    entered = await enter(town, remember=True)
    assert entered.cookie is not None
    await execute("UPDATE browser_sessions SET used_at = '2001-01-01 00:00:00'")
    assert await refusal(town, entered) is UNAUTHENTICATED
    other = await enter(town)
    who = (await town.accounts.browsers.resume(other.text, address=ADDRESS)).identity
    assert len(await town.accounts.browsers.list(who)) == 2  # it could come back
    texts, text = [], entered.cookie.text
    for _ in range(2):
        await execute("UPDATE remembered_sign_ins SET used_at = '2001-01-01 00:00:00'")
        signed_in, cookie = await town.accounts.remembered.use(text, address=ADDRESS)
        text = cookie.text
        back = await town.accounts.browsers.open(signed_in, address=ADDRESS, agent=AGENT, remembered=cookie)
        assert (await town.accounts.browsers.resume(back.text, address=ADDRESS)).is_remembered
        texts.append(back)
    assert [one.id for one in await town.accounts.browsers.list(who)] == [back.session_id, other.session_id]
    assert len(await execute("SELECT id FROM browser_sessions")) == 3
    await town.accounts.browsers.end(who, str(back.session_id))
    assert [await refusal(town, one) for one in texts] == [UNAUTHENTICATED, UNAUTHENTICATED]
    assert await answer_to(town.accounts.remembered.use(cookie.text, address=None)) is UNAUTHENTICATED


async def test_all_tabs_of_one_that_comes_back_have_one_session(town: Town, url: str, execute: Execute) -> None:
    entered = await enter(town, remember=True)
    await execute("UPDATE remembered_sign_ins SET used_at = '2001-01-01 00:00:00'")
    await execute("UPDATE browser_sessions SET used_at = '2001-01-01 00:00:00'")
    other = Store.open(url)

    async def come_back(accounts: Accounts) -> Entered:
        assert entered.cookie is not None
        signed_in, cookie = await accounts.remembered.use(entered.cookie.text, address=ADDRESS)
        return await accounts.browsers.open(signed_in, address=ADDRESS, agent=AGENT, remembered=cookie)

    tabs = await asyncio.gather(*(come_back(one) for one in (town.accounts, Accounts(other)) for _ in range(3)))
    await other.close()
    assert len({tab.text for tab in tabs}) == 1
    assert tabs[0].text != entered.text
    assert await refusal(town, tabs[0]) is None
    assert len(await execute("SELECT id FROM browser_sessions")) == 1


async def test_what_was_copied_ends_the_browser_that_stays_signed_in(town: Town) -> None:
    entered = await enter(town, remember=True)
    assert entered.cookie is not None
    series = entered.cookie.text.partition(".")[0]
    assert await answer_to(town.accounts.remembered.use(f"{series}.x", address=None)) is UNAUTHENTICATED
    assert await refusal(town, entered) is UNAUTHENTICATED


async def test_many_requests_at_once_are_one_browsers(town: Town, url: str, execute: Execute) -> None:
    entered = await enter(town)
    before = datetime.now(UTC) - timedelta(minutes=5)
    await execute("UPDATE browser_sessions SET used_at = :before", before=_bound(town, before))
    other = Store.open(url)
    there = Accounts(other)
    found = await asyncio.gather(
        *(one.browsers.resume(entered.text, address=ADDRESS) for one in (town.accounts, there) for _ in range(4))
    )
    await other.close()
    assert {one.session_id for one in found} == {entered.session_id}
