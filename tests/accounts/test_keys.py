from typing import Any

import pytest
from argon2 import PasswordHasher

from databases import Execute
from hubbub.accounts import passwords
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import Letter
from hubbub.accounts.policy import Policy
from hubbub.errors import FORBIDDEN, INVALID, UNKNOWN
from hubbub.store import Store

from .conftest import OWNER, World, answer_to

PASSWORD = "correct horse"


@pytest.fixture
def letters() -> list[Letter]:
    return []


@pytest.fixture
def accounts(store: Store, letters: list[Letter], monkeypatch: pytest.MonkeyPatch) -> Accounts:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))

    async def post(letter: Letter) -> None:
        letters.append(letter)

    return Accounts(store, post=post, policy=Policy(lock_after=3))


@pytest.fixture(autouse=True)
async def _known_password(world: World, execute: Execute) -> None:
    await execute("UPDATE users SET password_hash = :known", known=passwords.hash_password(PASSWORD))


async def failures(execute: Execute, name: str) -> int:
    [[count]] = await execute("SELECT failed_attempts FROM users WHERE name = :name", name=name)
    return int(count)


async def actions(world: World) -> list[Any]:
    return [entry.action for entry in (await world.accounts.audit.list(world.admin, OWNER)).items]


async def test_secrets_are_shown_by_password_and_that_is_audited(world: World) -> None:
    before = await actions(world)
    shown = await world.accounts.keys.show(world.admin, OWNER, world.app_id, password=PASSWORD)
    assert shown == world.app
    assert shown.app_secret
    assert await actions(world) == ["application.show_secrets", *before]
    assert await world.accounts.keys.show(world.root, None, world.app_id, password=PASSWORD) == world.app


async def test_a_pair_is_added_by_password(world: World) -> None:
    after = await world.accounts.keys.add(world.admin, OWNER, world.app_id, password=PASSWORD)
    assert [pair.key for pair in after.key_pairs][:1] == [world.app.app_key]
    assert len(after.key_pairs) == 2
    assert "application.rotate" in await actions(world)


async def test_wrong_passwords_count_and_lock(world: World, execute: Execute, letters: list[Letter]) -> None:
    keys = world.accounts.keys
    assert await answer_to(keys.show(world.admin, OWNER, world.app_id, password="wrong")) is INVALID
    assert await failures(execute, "admin") == 1
    await keys.show(world.admin, OWNER, world.app_id, password=PASSWORD)
    assert await failures(execute, "admin") == 0
    for given in ("wrong", None, ["list"]):
        assert await answer_to(keys.add(world.admin, OWNER, world.app_id, password=given)) is INVALID
    assert [letter.errand for letter in letters] == ["unlock"]
    assert await answer_to(keys.show(world.admin, OWNER, world.app_id, password=PASSWORD)) is INVALID
    assert "application.show_secrets" in await actions(world)
    assert len((await world.accounts.applications.get(world.admin, OWNER, world.app_id)).key_pairs) == 1


@pytest.mark.parametrize(
    ("role", "reason"),
    [("member", FORBIDDEN), ("reader", FORBIDDEN), ("borrower", UNKNOWN), ("outsider", UNKNOWN)],
)
async def test_who_may_not_is_told_so_whatever_the_password(
    world: World, execute: Execute, role: str, reason: object
) -> None:
    for password in (PASSWORD, "wrong"):
        for use in (world.accounts.keys.show, world.accounts.keys.add):
            assert await answer_to(use(world.of(role), OWNER, world.app_id, password=password)) is reason
    assert await failures(execute, role) == 0


async def test_a_borrowers_admin_is_none_of_the_owners(world: World) -> None:
    shown = world.accounts.keys.show(world.borrower, "globex", world.app_id, password=PASSWORD)
    assert await answer_to(shown) is FORBIDDEN


async def test_the_operator_has_no_password(world: World) -> None:
    assert await answer_to(world.accounts.keys.show(OPERATOR, None, world.app_id, password="")) is UNKNOWN


async def test_an_archived_application_shows_nothing(world: World) -> None:
    await world.accounts.applications.archive(world.admin, OWNER, world.app_id)
    assert await answer_to(world.accounts.keys.show(world.admin, OWNER, world.app_id, password=PASSWORD)) is UNKNOWN
