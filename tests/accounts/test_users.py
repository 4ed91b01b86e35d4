import asyncio

import pytest

from databases import Execute
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.errors import INVALID, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import NewUser, World, answer_to

ANN = {"name": "Ann", "email": "ann@example.com", "password": "long enough"}


async def test_a_new_user_has_a_hashed_password_and_a_confirmed_address(accounts: Accounts, execute: Execute) -> None:
    ann = await accounts.users.create(OPERATOR, **{**ANN, "email": " Ann@Example.com "})
    assert (ann.name, ann.email, ann.is_root, ann.archived_at) == ("Ann", "ann@example.com", False, None)
    [row] = await execute("SELECT password_hash, confirmed_at IS NULL, must_change_password FROM users")
    assert (row[0], bool(row[1]), bool(row[2])) == ("hash of 11 characters", False, False)
    assert await accounts.users.get(OPERATOR, "ANN@example.com") == ann


async def test_all_that_is_wrong_is_told(accounts: Accounts) -> None:
    with pytest.raises(Refusal) as caught:
        await accounts.users.create(OPERATOR, name="", email="ann", password="short", is_root="perhaps")
    errors = caught.value.facts["errors"]
    assert isinstance(errors, dict)
    assert errors.keys() == {"name", "email", "password", "is_root"}


async def test_an_address_is_given_to_one_user_even_at_once(store: Store, url: str) -> None:
    other = Store.open(url)
    answers = await asyncio.gather(
        *(answer_to(Accounts(one).users.create(OPERATOR, **ANN)) for one in (store, other) for _ in range(3))
    )
    await other.close()
    assert (answers.count(None), answers.count(INVALID)) == (1, 5)
    with pytest.raises(Refusal) as caught:
        await Accounts(store).users.create(OPERATOR, **{**ANN, "email": "ANN@example.com"})
    assert caught.value.facts["errors"] == {"email": ["has already been taken"]}


async def test_an_archived_user_keeps_the_address_and_is_listed_apart(world: World, store: Store) -> None:
    users, before = world.accounts.users, await store.last_change()
    archived = await users.archive(world.root, "member@example.com")
    assert archived.archived_at is not None
    assert await users.archive(world.root, "member@example.com") == archived
    assert (await users.list(world.root, archived=True)).items == (archived,)
    assert (await users.list(world.root)).total == 5
    assert await users.unarchive(world.root, str(archived.id)) == world.member.user
    assert [(one.kind, one.subject_id) for one in await store.changes_since(before, 10)] == [("user", archived.id)] * 2


async def test_the_last_root_user_stays(world: World, new_user: NewUser) -> None:
    users = world.accounts.users
    assert await answer_to(users.archive(OPERATOR, "root@example.com")) is INVALID
    await new_user("second", is_root=True)
    answers = await asyncio.gather(
        *(answer_to(users.archive(OPERATOR, f"{name}@example.com")) for name in ("root", "second"))
    )
    assert (answers.count(None), answers.count(INVALID)) == (1, 1)


async def test_a_user_that_is_not_there_is_unknown(world: World) -> None:
    for question in (world.accounts.users.get(world.root, "99"), world.accounts.users.archive(world.root, "no@where")):
        assert await answer_to(question) is UNKNOWN


async def test_one_sees_oneself_as_the_row_is_now(world: World, execute: Execute) -> None:
    await execute("UPDATE users SET name = 'New' WHERE email = 'member@example.com'")
    assert (await world.accounts.users.me(world.member)).name == "New"
    assert await world.accounts.users.me(OPERATOR) == OPERATOR.user


async def test_who_is_root_no_longer_writes_nothing(world: World, execute: Execute) -> None:
    await execute("UPDATE users SET is_root = false WHERE email = 'root@example.com'")
    assert await answer_to(world.accounts.users.create(world.root, **ANN)) is not None
    assert await answer_to(world.accounts.users.get(OPERATOR, "ann@example.com")) is UNKNOWN


def test_the_operator_is_a_root_user_without_a_row() -> None:
    assert OPERATOR.user.is_root
    assert OPERATOR.row_id is None
