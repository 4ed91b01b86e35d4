import asyncio

import pytest

from databases import Execute
from hubbub.accounts.domain import OPERATOR, Identity
from hubbub.accounts.policy import Policy
from hubbub.errors import UNAUTHENTICATED, UNKNOWN
from hubbub.store import Store

from .conftest import answer_to
from .newcomers import ADDRESS, EMAIL, PASSWORD, Town


@pytest.fixture
def town(store: Store, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(store, monkeypatch)


@pytest.fixture
async def ann(town: Town) -> Identity:
    return await town.sign_up()


async def later(execute: Execute) -> None:
    """Let all cookies have been used a while ago."""
    await execute("UPDATE remembered_sign_ins SET used_at = '2001-01-01 00:00:00'")


async def use(town: Town, text: str) -> str:
    """Use a cookie, and give the text of the next one."""
    return (await town.accounts.remembered.use(text, address=ADDRESS))[1].text


async def refusal(town: Town, text: str) -> object:
    return await answer_to(town.accounts.remembered.use(text, address=ADDRESS))


async def test_a_cookie_signs_in_and_changes_with_use(town: Town, ann: Identity, execute: Execute) -> None:
    cookie = await town.accounts.remembered.issue(ann)
    await later(execute)
    signed_in, following = await town.accounts.remembered.use(cookie.text, address="192.0.2.9")
    assert (signed_in.user, signed_in.must_change_password) == (ann.user, False)
    assert following.text != cookie.text
    assert following.text.partition(".")[0] == cookie.text.partition(".")[0]
    assert following.expires_at == cookie.expires_at
    known = await town.accounts.profiles.get(ann, EMAIL)
    assert (known.sign_in_count, known.current_sign_in_address) == (2, "192.0.2.9")
    await later(execute)
    assert await use(town, following.text) not in {cookie.text, following.text}


async def test_neither_series_nor_token_is_kept(town: Town, ann: Identity, execute: Execute) -> None:
    cookie = await town.accounts.remembered.issue(ann)
    [row] = await execute("SELECT * FROM remembered_sign_ins")
    for part in cookie.text.split("."):
        assert len(part) >= 43
        assert part not in str(row)
        assert part not in repr(cookie)
    async with town.store.reading() as work:
        assert str(row.token_hash) not in repr(await work.remembered.by_series(row.series_hash))


async def test_an_old_token_of_a_known_series_ends_all(town: Town, ann: Identity, execute: Execute) -> None:
    stolen, other = [(await town.accounts.remembered.issue(ann)).text for _ in range(2)]
    bob = await town.sign_up("bob@example.com")
    bobs = (await town.accounts.remembered.issue(bob)).text
    await later(execute)
    newest = await use(town, stolen)
    await later(execute)
    assert await refusal(town, stolen) is UNAUTHENTICATED
    assert (await town.accounts.audit.list(OPERATOR, None)).items[0].action == "remembered.theft"
    for text in (stolen, newest, other):
        assert await refusal(town, text) is UNAUTHENTICATED
    await use(town, bobs)


async def test_a_token_that_never_was_ends_all_too(town: Town, ann: Identity) -> None:
    text = (await town.accounts.remembered.issue(ann)).text
    assert await refusal(town, text.partition(".")[0] + ".x") is UNAUTHENTICATED
    assert (await town.accounts.remembered.list(ann)).total == 0


async def test_many_tabs_at_once_end_up_with_one_cookie(town: Town, ann: Identity, execute: Execute, url: str) -> None:
    text = (await town.accounts.remembered.issue(ann)).text
    await later(execute)
    other = Store.open(url)
    here, there = town.accounts.remembered, type(town.accounts)(other).remembered
    answers = await asyncio.gather(*(one.use(text, address=ADDRESS) for one in (here, there) for _ in range(3)))
    assert len({cookie.text for _, cookie in answers}) == 1
    following = answers[0][1].text
    assert following != text
    assert await use(town, following) == following  # it changes once in a while
    late, _ = await there.use(text, address=ADDRESS)  # a tab that is still behind
    await other.close()
    assert late.user == ann.user
    assert (await town.accounts.profiles.get(ann, EMAIL)).sign_in_count == 2


async def test_a_new_cookie_is_used_at_once_by_nobody_else(town: Town, ann: Identity) -> None:
    text = (await town.accounts.remembered.issue(ann)).text
    assert await use(town, text) == text


@pytest.mark.parametrize("text", ["", ".", "nope", "a.b", "\ud800.\0", "x" * 10_000, "ü.ü"])
async def test_any_other_text_signs_nobody_in(town: Town, ann: Identity, text: str) -> None:
    await town.accounts.remembered.issue(ann)
    assert await refusal(town, text) is UNAUTHENTICATED
    await town.accounts.remembered.forget(text)
    assert (await town.accounts.remembered.list(ann)).total == 1


async def test_it_expires_and_is_then_forgotten(town: Town, ann: Identity, execute: Execute) -> None:
    cookie = await town.under(Policy()).remembered.issue(ann)
    await execute("UPDATE remembered_sign_ins SET expires_at = '2001-01-01 00:00:00'")
    assert await refusal(town, cookie.text) is UNAUTHENTICATED
    [one] = await execute("SELECT id FROM remembered_sign_ins")
    assert await answer_to(town.accounts.remembered.end(ann, str(one.id))) is UNKNOWN
    assert (await town.accounts.remembered.list(ann)).items == ()
    await town.accounts.remembered.issue(ann)
    assert len(await execute("SELECT id FROM remembered_sign_ins")) == 1


async def test_one_sees_and_ends_ones_own(town: Town, ann: Identity) -> None:
    remembered = town.accounts.remembered
    texts = [(await remembered.issue(ann)).text for _ in range(3)]
    bob = await town.sign_up("bob@example.com")
    newest, middle, oldest = (await remembered.list(ann)).items
    assert newest.id > middle.id > oldest.id
    assert (await remembered.list(ann, limit=1, offset=1)).items == (middle,)
    assert (await remembered.list(bob)).items == ()
    assert await answer_to(remembered.end(bob, str(middle.id))) is UNKNOWN
    await remembered.end(ann, str(middle.id))
    for reference in (str(middle.id), "nope", "2147483648", "\0", ""):
        assert await answer_to(remembered.end(ann, reference)) is UNKNOWN
    assert await refusal(town, texts[1]) is UNAUTHENTICATED
    await remembered.forget(texts[0])
    assert (await remembered.list(ann)).items == (newest,)
    await remembered.end_all(ann)
    assert await refusal(town, texts[2]) is UNAUTHENTICATED


async def test_who_is_archived_or_must_confirm_stays_out(town: Town, ann: Identity) -> None:
    text = (await town.accounts.remembered.issue(ann)).text
    strict = town.under(Policy(require_confirmation=True)).remembered
    assert await answer_to(strict.use(text, address=None)) is UNAUTHENTICATED
    await town.accounts.users.archive(OPERATOR, EMAIL)
    assert await refusal(town, text) is UNAUTHENTICATED
    await town.accounts.users.unarchive(OPERATOR, EMAIL)
    await use(town, text)


async def test_a_lock_is_against_guesses_alone(town: Town, ann: Identity) -> None:
    text = (await town.accounts.remembered.issue(ann)).text
    for _ in range(10):
        await answer_to(town.sign_in(password="wrong horse"))
    assert await answer_to(town.sign_in(password=PASSWORD)) is UNAUTHENTICATED
    await use(town, text)


async def test_the_operator_has_no_browser(town: Town) -> None:
    assert await answer_to(town.accounts.remembered.issue(OPERATOR)) is UNKNOWN
