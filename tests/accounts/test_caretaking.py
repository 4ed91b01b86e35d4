"""What root users do for users who cannot help themselves."""

from datetime import UTC, datetime

import pytest

from hubbub.accounts import caretaking
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import Letter
from hubbub.errors import FORBIDDEN, INVALID, UNKNOWN
from hubbub.store import Store

from .conftest import World, answer_to


class Box:
    """Keeps the letters."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def __call__(self, letter: Letter) -> None:
        self.letters.append(letter)


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caretaking, "hash_password", lambda password: f"hash of {password}")


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def accounts(store: Store, box: Box) -> Accounts:
    return Accounts(store, post=box)


async def test_a_new_user_is_mailed_a_letter_that_sets_the_password(world: World, box: Box) -> None:
    made = await world.accounts.caretaking.create(world.root, name="New", email="New@example.com")
    assert (made.user.email, made.user.is_root, made.password) == ("new@example.com", False, None)
    [letter] = box.letters
    assert (letter.errand, letter.user, letter.email) == ("reset", made.user, "new@example.com")
    await world.accounts.passwords.look(letter.text)
    assert not (await world.accounts.profiles.get(OPERATOR, "new@example.com")).must_change_password
    [entry] = (await world.accounts.records.entries(OPERATOR, user=str(world.root.user.id))).items
    assert (entry.action, entry.subject) == ("user.create", f"user:{made.user.id}")


@pytest.mark.parametrize("given", [None, "a password of theirs"])
async def test_a_new_user_may_have_a_password_that_must_be_changed(
    world: World, store: Store, box: Box, given: str | None
) -> None:
    made = await world.accounts.caretaking.create(
        world.root, name="New", email="new@example.com", is_root="true", by_letter="false", password=given
    )
    assert made.user.is_root
    assert made.password == given if given is not None else len(made.password or "") >= 16
    assert (made.password or "?") not in repr(made)
    assert box.letters == []
    assert (await world.accounts.profiles.get(OPERATOR, "new@example.com")).must_change_password
    async with store.reading() as work:
        found = await work.people.by_email("new@example.com")
    assert found is not None
    assert found.password_hash == f"hash of {made.password}"


async def test_a_new_user_has_a_name_and_an_address_of_their_own(world: World, box: Box) -> None:
    create = world.accounts.caretaking.create
    assert await answer_to(create(world.root, name="", email="nowhere")) is INVALID
    assert await answer_to(create(world.root, name="Ann", email="ADMIN@example.com")) is INVALID
    short = create(world.root, name="Ann", email="ann@example.com", by_letter=False, password="short")
    assert await answer_to(short) is INVALID
    for who in (world.admin, world.member):
        assert await answer_to(create(who, name="Ann", email="ann@example.com")) is FORBIDDEN
    assert box.letters == []
    assert (await world.accounts.records.counts(OPERATOR)).users == 6


async def test_who_is_locked_out_is_let_in_again(world: World, store: Store) -> None:
    number = world.member.user.id
    async with store.work() as work:
        await work.people.change(number, failed_attempts=9, locked_at=datetime.now(UTC))
    found = await world.accounts.register.users(OPERATOR, traits={"is_locked": True})
    assert [one.user for one in found.items] == [world.member.user]
    await world.accounts.caretaking.unlock(world.root, "member@example.com")
    await world.accounts.caretaking.unlock(world.root, "member@example.com")  # as it is
    profile = await world.accounts.profiles.get(OPERATOR, str(number))
    assert (profile.failed_attempts, profile.locked_at) == (0, None)
    assert (await world.accounts.records.entries(OPERATOR, search="user.unlock")).total == 1


async def test_a_letter_is_sent_to_who_has_forgotten_the_password(world: World, box: Box) -> None:
    await world.accounts.caretaking.send_reset(world.root, str(world.member.user.id))
    [letter] = box.letters
    assert (letter.errand, letter.email) == ("reset", "member@example.com")
    await world.accounts.passwords.look(letter.text)
    await world.accounts.users.archive(OPERATOR, "member@example.com")
    assert await answer_to(world.accounts.caretaking.send_reset(world.root, "member@example.com")) is INVALID
    assert len(box.letters) == 1


async def test_an_address_is_taken_as_confirmed(world: World, store: Store) -> None:
    async with store.work() as work:
        await work.people.add(name="New", email="new@example.com", password_hash="none")
    for _ in range(2):
        user = await world.accounts.caretaking.confirm(world.root, "new@example.com")
        assert user.confirmed_at is not None
    assert (await world.accounts.records.entries(OPERATOR, search="user.confirm")).total == 1


async def test_nobody_else_takes_care_of_anybody(world: World) -> None:
    care = world.accounts.caretaking
    for deed in (care.unlock, care.confirm, care.send_reset):
        assert await answer_to(deed(world.root, "nobody@example.com")) is UNKNOWN
        for who in (world.admin, world.member):
            assert await answer_to(deed(who, "member@example.com")) is FORBIDDEN
