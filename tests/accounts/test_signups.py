import asyncio
import threading

import pytest

from databases import Execute
from hubbub.accounts import signups
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.passwords import hash_password
from hubbub.accounts.policy import Policy
from hubbub.errors import FORBIDDEN, INVALID, Refusal
from hubbub.settings import Settings
from hubbub.store import Store

from .conftest import answer_to
from .newcomers import ADDRESS, EMAIL, PASSWORD, Town

ANN = {"name": "Ann", "email": EMAIL, "password": PASSWORD}


@pytest.fixture
def town(store: Store, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(store, monkeypatch)


async def test_a_newcomer_is_not_confirmed_and_gets_a_letter(town: Town, execute: Execute) -> None:
    made = await town.accounts.sign_ups.sign_up(name=" Ann ", email=" ANN@example.com", password=PASSWORD)
    assert (made.user.name, made.user.email, made.user.is_root, made.organization) == ("Ann", EMAIL, False, None)
    [letter] = town.letters
    assert (letter.errand, letter.user, letter.email) == ("confirm", made.user, EMAIL)
    [row] = await execute("SELECT * FROM users WHERE confirmed_at IS NULL")
    assert letter.text not in str(row)
    assert PASSWORD not in str(row)
    assert letter.text not in repr(letter)


async def test_an_organization_comes_with_its_admin(town: Town) -> None:
    made = await town.accounts.sign_ups.sign_up(**ANN, organization="Acme Inc.", address=ADDRESS)
    again = await town.accounts.sign_ups.sign_up(
        name="Bob", email="bob@example.com", password=PASSWORD, organization="Acme Inc."
    )
    assert made.organization is not None
    assert again.organization is not None
    assert (made.organization.slug, again.organization.slug) == ("acme-inc", "acme-inc-2")
    ann = (await town.sign_in()).identity
    [enrollment] = (await town.accounts.enrollments.list(ann, "acme-inc")).items
    assert (enrollment.user, enrollment.is_admin, enrollment.can_publish) == (made.user, True, True)
    [entry] = (await town.accounts.audit.list(ann, "acme-inc")).items
    assert (entry.action, entry.user, entry.address) == ("organization.create", made.user, ADDRESS)


async def test_all_that_is_wrong_is_told_and_nothing_is_made(town: Town, execute: Execute) -> None:
    with pytest.raises(Refusal) as caught:
        await town.accounts.sign_ups.sign_up(name="", email="ann", password="short", organization=3)
    errors = caught.value.facts["errors"]
    assert isinstance(errors, dict)
    assert errors.keys() == {"name", "email", "password", "organization"}
    assert await execute("SELECT id FROM users") == []


@pytest.mark.parametrize("password", ["x" * 7, "x" * 1025, EMAIL, " ANN@example.com ", None, 12345678])
async def test_not_every_text_is_a_password(town: Town, password: object) -> None:
    with pytest.raises(Refusal) as caught:
        await town.accounts.sign_ups.sign_up(name="Ann", email=EMAIL, password=password)
    assert list(caught.value.facts["errors"]) == ["password"]  # type: ignore[call-overload]


async def test_an_address_is_given_to_one_newcomer_even_at_once(town: Town) -> None:
    answers = await asyncio.gather(*(answer_to(town.accounts.sign_ups.sign_up(**ANN)) for _ in range(4)))
    assert (answers.count(None), answers.count(INVALID), len(town.letters)) == (1, 3, 1)
    with pytest.raises(Refusal) as caught:
        await town.accounts.sign_ups.sign_up(**{**ANN, "email": "ANN@EXAMPLE.COM"})
    assert caught.value.facts["errors"] == {"email": ["has already been taken"]}


async def test_who_asks_is_not_told_whether_the_address_is_taken_but_its_owner_is(town: Town, execute: Execute) -> None:
    ask = town.accounts.sign_ups.ask
    await ask(**ANN, organization="Acme", address=ADDRESS)
    await ask(**{**ANN, "name": "Mallory", "email": "ANN@example.com"}, organization="Other", address="192.0.2.66")
    assert [(one.errand, one.email, one.text == "") for one in town.letters] == [
        ("confirm", EMAIL, False), ("already", EMAIL, True),
    ]  # fmt: skip
    assert await execute("SELECT name FROM users") == [("Ann",)]
    assert await execute("SELECT name FROM organizations") == [("Acme",)]
    [again, *_] = (await town.accounts.audit.list(OPERATOR, None)).items
    assert (again.user, again.action, again.address) == (None, "user.sign_up_again", "192.0.2.66")
    await town.accounts.users.archive(OPERATOR, EMAIL)
    await ask(**ANN)
    assert len(town.letters) == 2
    assert await answer_to(ask(name="", email=EMAIL, password=PASSWORD)) is INVALID


async def test_asking_costs_the_same_work_for_an_address_that_is_taken(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def counted(password: str) -> str:
        hashed.append(password)
        return hash_password(password)

    monkeypatch.setattr(signups, "hash_password", counted)
    for _ in range(2):
        await town.accounts.sign_ups.ask(**ANN)
    assert len(hashed) == 2


async def test_signing_up_may_be_switched_off(town: Town) -> None:
    assert not town.under(Policy(sign_up=False)).sign_ups.are_open
    assert await answer_to(town.under(Policy(sign_up=False)).sign_ups.ask(**ANN)) is FORBIDDEN
    assert await answer_to(town.under(Policy(sign_up=False)).sign_ups.sign_up(**ANN)) is FORBIDDEN


async def test_others_write_while_a_password_is_hashed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(password: str) -> str:
        begun.set()
        assert may_end.wait(10)
        return hash_password(password)

    bob = await town.sign_up("bob@example.com")
    monkeypatch.setattr(signups, "hash_password", slow)
    signing_up = asyncio.create_task(town.accounts.sign_ups.sign_up(**ANN))
    await asyncio.to_thread(begun.wait, 10)
    await town.accounts.organizations.create(bob, name="Meanwhile")
    assert not signing_up.done()
    may_end.set()
    await signing_up


def test_the_policy_is_that_of_the_settings() -> None:
    assert Policy.of(Settings()) == Policy()
