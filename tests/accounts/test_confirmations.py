import pytest

from databases import Execute
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import Profile
from hubbub.errors import INVALID, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import answer_to
from .newcomers import ADDRESS, EMAIL, PASSWORD, Town

NEW = "new@example.com"


@pytest.fixture
def town(store: Store, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(store, monkeypatch)


async def profile(town: Town) -> Profile:
    return (await town.accounts.register.users(OPERATOR)).items[0]


async def test_a_letter_confirms_once(town: Town) -> None:
    ann = await town.sign_up()
    text = town.text("confirm")
    assert await town.accounts.confirmations.confirm(text, address=ADDRESS) == ann.user
    assert (await profile(town)).confirmed_at is not None
    assert await answer_to(town.accounts.confirmations.confirm(text)) is UNKNOWN
    entry = (await town.accounts.audit.list(OPERATOR, None)).items[0]
    assert (entry.action, entry.address) == ("user.confirm", ADDRESS)


async def test_the_first_confirmation_bids_welcome(town: Town) -> None:
    ann = await town.sign_up()
    await town.accounts.confirmations.confirm(town.text("confirm"))
    letter = town.letters[-1]
    assert (letter.errand, letter.user, letter.email, letter.text) == ("welcome", ann.user, EMAIL, "")
    await town.accounts.confirmations.change_email(ann, email=NEW, password=PASSWORD)
    await town.accounts.confirmations.confirm(town.text("confirm"))
    assert [letter.errand for letter in town.letters] == ["confirm", "welcome", "confirm"]


@pytest.mark.parametrize("text", ["", "nope", "\ud800", "\0"])
async def test_any_other_text_confirms_nothing(town: Town, text: str) -> None:
    await town.sign_up()
    assert await answer_to(town.accounts.confirmations.confirm(text)) is UNKNOWN


async def test_a_letter_expires_and_another_can_be_had(town: Town, execute: Execute) -> None:
    await town.sign_up()
    await execute("UPDATE users SET confirmation_sent_at = '2001-01-01 00:00:00'")
    old = town.text("confirm")
    assert await answer_to(town.accounts.confirmations.confirm(old)) is UNKNOWN
    await town.accounts.confirmations.ask(" Ann@example.com")
    assert await answer_to(town.accounts.confirmations.confirm(old)) is UNKNOWN
    await town.accounts.confirmations.confirm(town.text("confirm"))


@pytest.mark.parametrize("email", ["nobody@example.com", "1", "", None, 3, "\0@x", "x" * 1000 + "@x"])
async def test_asking_tells_nobody_who_is_known(town: Town, email: object) -> None:
    await town.sign_up()
    town.letters.clear()
    await town.accounts.confirmations.ask(email)
    assert town.letters == []


async def test_who_is_confirmed_or_archived_gets_no_other(town: Town) -> None:
    await town.sign_up()
    text = town.text("confirm")
    await town.accounts.users.archive(OPERATOR, EMAIL)
    town.letters.clear()
    await town.accounts.confirmations.ask(EMAIL)
    assert await answer_to(town.accounts.confirmations.confirm(text)) is UNKNOWN
    await town.accounts.users.unarchive(OPERATOR, EMAIL)
    await town.accounts.confirmations.confirm(text)
    await town.accounts.confirmations.ask(EMAIL)
    assert [letter.errand for letter in town.letters] == ["welcome"]


async def test_a_new_address_counts_when_it_is_confirmed(town: Town) -> None:
    ann = await town.sign_up()
    first = town.text("confirm")
    await town.accounts.passwords.ask(EMAIL)
    reset = town.text("reset")
    await town.accounts.confirmations.change_email(ann, email="New@example.com", password=PASSWORD)
    assert town.letters[-1].email == NEW
    before = await profile(town)
    assert (before.user.email, before.unconfirmed_email) == (EMAIL, NEW)
    await town.accounts.confirmations.ask(EMAIL)
    assert town.letters[-1].email == NEW  # who reads the mail of the old one must not confirm the new one
    assert await answer_to(town.accounts.confirmations.confirm(first)) is UNKNOWN
    assert (await town.accounts.confirmations.confirm(town.text("confirm"))).email == NEW
    after = await profile(town)
    assert (after.user.email, after.unconfirmed_email) == (NEW, None)
    assert await answer_to(town.accounts.passwords.look(reset)) is UNKNOWN


async def test_of_an_address_that_is_taken_its_owner_is_told_and_nobody_else(town: Town) -> None:
    ann, bob = await town.sign_up(), await town.sign_up("bob@example.com")
    change = town.accounts.confirmations.change_email
    for email in (EMAIL, "nowhere"):
        with pytest.raises(Refusal) as caught:
            await change(ann, email=email, password=PASSWORD)
        assert list(caught.value.facts["errors"]) == ["email"]  # type: ignore[call-overload]
    await change(ann, email="bob@example.com", password=PASSWORD)
    letter = town.letters[-1]
    assert (letter.errand, letter.user, letter.email, letter.text) == ("already", bob.user, "bob@example.com", "")
    assert (await town.accounts.profiles.get(ann, EMAIL)).unconfirmed_email == "bob@example.com"
    await town.accounts.confirmations.ask(EMAIL)  # goes to Bob, and is good for nothing
    assert town.letters[-1].email == "bob@example.com"
    assert await answer_to(town.accounts.confirmations.confirm(town.text("confirm"))) is INVALID
    await town.accounts.users.archive(OPERATOR, "bob@example.com")
    town.letters.clear()
    await change(ann, email="bob@example.com", password=PASSWORD)
    assert town.letters == []


async def test_an_address_that_gets_taken_meanwhile_is_refused(town: Town) -> None:
    ann = await town.sign_up()
    change = town.accounts.confirmations.change_email
    await change(ann, email=NEW, password=PASSWORD)
    text = town.text("confirm")
    await town.sign_up(NEW)
    assert await answer_to(town.accounts.confirmations.confirm(text)) is INVALID


async def test_a_change_of_address_needs_the_password_and_a_row(town: Town) -> None:
    ann = await town.sign_up()
    town.letters.clear()
    with pytest.raises(Refusal) as caught:
        await town.accounts.confirmations.change_email(ann, email=NEW, password="wrong horse")
    assert caught.value.facts["errors"] == {"password": ["is not yours"]}
    assert town.letters == []
    assert (await profile(town)).failed_attempts == 1
    assert await answer_to(town.accounts.confirmations.change_email(OPERATOR, email=NEW, password="")) is UNKNOWN
