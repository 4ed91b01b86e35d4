import asyncio

import pytest
from pyotp import TOTP

from databases import Execute
from hubbub.accounts.domain import OPERATOR, Identity
from hubbub.accounts.people import Halfway
from hubbub.accounts.sessions import Sessions
from hubbub.errors import UNAUTHENTICATED, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import answer_to
from .newcomers import ADDRESS, EMAIL, PASSWORD, Town

NEW = "another horse"


@pytest.fixture
def town(store: Store, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(store, monkeypatch)


@pytest.fixture
async def ann(town: Town) -> Identity:
    return await town.sign_up()


async def forgotten(town: Town) -> str:
    """Give the text of the letter that sets another password."""
    await town.accounts.passwords.ask(EMAIL, address=ADDRESS)
    return town.text("reset")


async def test_a_letter_sets_another_password_once(town: Town, ann: Identity, execute: Execute) -> None:
    text = await forgotten(town)
    assert text not in str(await execute("SELECT * FROM users"))
    await town.accounts.passwords.look(text)
    await town.accounts.passwords.reset(text, password=NEW)
    await town.sign_in(password=NEW)
    assert await answer_to(town.sign_in(password=PASSWORD)) is UNAUTHENTICATED
    assert await answer_to(town.accounts.passwords.reset(text, password=PASSWORD)) is UNKNOWN
    assert await answer_to(town.accounts.passwords.look(text)) is UNKNOWN
    entries = (await town.accounts.audit.list(OPERATOR, None)).items
    assert {"user.reset_password", "user.ask_reset"} <= {entry.action for entry in entries}


async def test_it_ends_what_keeps_in_who_signed_up_with_an_address_of_somebody_elses(town: Town) -> None:
    thief = await town.sign_up()
    token = (await town.accounts.tokens.create_in_browser(thief, password=PASSWORD)).text
    setup = await town.accounts.second_factors.begin(thief, password=PASSWORD)
    await town.accounts.second_factors.confirm(thief, code=TOTP(setup.secret).now(), session_id=0)
    await town.accounts.passwords.reset(await forgotten(town), password=NEW)
    assert await answer_to(Sessions(town.store).issue(token)) is UNAUTHENTICATED
    owner = await town.sign_in(password=NEW)  # without a code
    assert (await town.accounts.second_factors.get(owner.identity)).codes_left == 0


async def test_tokens_and_a_second_factor_stay_with_who_has_shown_the_address(town: Town, ann: Identity) -> None:
    await town.accounts.confirmations.confirm(town.text("confirm"))
    token = (await town.accounts.tokens.create_in_browser(ann, password=PASSWORD)).text
    setup = await town.accounts.second_factors.begin(ann, password=PASSWORD)
    await town.accounts.second_factors.confirm(ann, code=TOTP(setup.secret).now(), session_id=0)
    await town.accounts.passwords.reset(await forgotten(town), password=NEW)
    await Sessions(town.store).issue(token)
    assert isinstance(await town.accounts.sign_ins.sign_in(email=EMAIL, password=NEW, address=ADDRESS), Halfway)


async def test_it_works_once_even_at_once(town: Town, ann: Identity) -> None:
    text = await forgotten(town)
    answers = await asyncio.gather(*(answer_to(town.accounts.passwords.reset(text, password=NEW)) for _ in range(4)))
    assert (answers.count(None), answers.count(UNKNOWN)) == (1, 3)


async def test_with_the_old_password_ends_what_it_opened(town: Town, ann: Identity) -> None:
    before = await town.sign_in()
    cookie = await town.accounts.remembered.issue(ann)
    await town.accounts.confirmations.change_email(ann, email="new@example.com", password=PASSWORD)
    pending = town.text("confirm")
    for _ in range(10):
        await answer_to(town.sign_in(password="wrong horse"))
    await town.accounts.profiles.edit(OPERATOR, EMAIL, must_change_password=True)
    await town.accounts.passwords.reset(await forgotten(town), password=NEW)
    assert await answer_to(town.accounts.remembered.use(cookie.text, address=None)) is UNAUTHENTICATED
    assert await answer_to(town.accounts.sign_ins.resume(ann.user.id, before.at)) is UNAUTHENTICATED
    assert await answer_to(town.accounts.confirmations.confirm(pending)) is UNKNOWN
    after = await town.sign_in(password=NEW)
    assert not after.must_change_password
    known = await town.accounts.profiles.get(after.identity, EMAIL)
    assert (known.locked_at, known.failed_attempts, known.unconfirmed_email) == (None, 0, None)
    assert known.confirmed_at is not None  # the letter was read at that address


async def test_a_letter_expires_and_the_newest_counts(town: Town, ann: Identity, execute: Execute) -> None:
    first, second = await forgotten(town), await forgotten(town)
    assert await answer_to(town.accounts.passwords.look(first)) is UNKNOWN
    await town.accounts.passwords.look(second)
    await execute("UPDATE users SET reset_sent_at = '2001-01-01 00:00:00'")
    assert await answer_to(town.accounts.passwords.reset(second, password=NEW)) is UNKNOWN


@pytest.mark.parametrize("email", ["nobody@example.com", "1", "", None, 3, "\0@x", "gone@example.com"])
async def test_asking_tells_nobody_who_is_known(town: Town, ann: Identity, email: object) -> None:
    await town.sign_up("gone@example.com")
    await town.accounts.users.archive(OPERATOR, "gone@example.com")
    town.letters.clear()
    await town.accounts.passwords.ask(email)
    assert town.letters == []


@pytest.mark.parametrize("password", ["short", EMAIL, None, "x" * 1025])
async def test_the_rule_is_that_of_signing_up(town: Town, ann: Identity, password: object) -> None:
    text = await forgotten(town)
    for question, field in (
        (town.accounts.passwords.reset(text, password=password), "password"),
        (town.accounts.passwords.change(ann, old=PASSWORD, new=password), "new_password"),
    ):
        with pytest.raises(Refusal) as caught:
            await question
        assert list(caught.value.facts["errors"]) == [field]  # type: ignore[call-overload]
    await town.accounts.passwords.look(text)


async def test_one_changes_ones_own_by_the_old_one(town: Town, ann: Identity) -> None:
    cookie = await town.accounts.remembered.issue(ann)
    await town.accounts.profiles.edit(OPERATOR, EMAIL, must_change_password=True)
    changed = await town.accounts.passwords.change(ann, old=PASSWORD, new=NEW)
    assert (changed.user, changed.must_change_password) == (ann.user, False)
    assert await answer_to(town.accounts.remembered.use(cookie.text, address=None)) is UNAUTHENTICATED
    assert not (await town.sign_in(password=NEW)).must_change_password
    with pytest.raises(Refusal) as caught:
        await town.accounts.passwords.change(changed.identity, old=NEW, new=NEW)
    assert caught.value.facts["errors"] == {"new_password": ["must be another one"]}


async def test_a_wrong_old_one_counts_as_a_failure(town: Town, ann: Identity) -> None:
    for number in range(10):
        with pytest.raises(Refusal) as caught:
            await town.accounts.passwords.change(ann, old="wrong horse", new=NEW)
        assert caught.value.facts["errors"] == {"old_password": ["is not yours"]}
        assert (await town.accounts.profiles.get(ann, EMAIL)).failed_attempts == number + 1
    town.text("unlock")
    with pytest.raises(Refusal):
        await town.accounts.passwords.change(ann, old=PASSWORD, new=NEW)


async def test_of_two_changes_at_once_one_counts(town: Town, ann: Identity) -> None:
    answers = await asyncio.gather(
        *(answer_to(town.accounts.passwords.change(ann, old=PASSWORD, new=f"{NEW} {number}")) for number in range(3))
    )
    assert answers.count(None) == 1


async def test_the_operator_has_no_password(town: Town) -> None:
    assert await answer_to(town.accounts.passwords.change(OPERATOR, old="", new=NEW)) is UNKNOWN
