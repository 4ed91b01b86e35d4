import hashlib
from uuid import UUID

import pytest

from databases import Execute
from hubbub.accounts.passwords import is_password
from hubbub.seed import Seeded, seed
from hubbub.store import Store, models


@pytest.fixture
async def seeded(store: Store) -> Seeded:
    seeded = await seed(store)
    assert seeded is not None
    return seeded


async def test_the_password_and_the_token_are_kept_as_hashes_only(seeded: Seeded, execute: Execute) -> None:
    query = "SELECT email, password_hash, token_hash, prefix FROM users u JOIN user_tokens t ON u.id = t.user_id"
    [(email, password_hash, token_hash, prefix)] = await execute(query)
    assert email == seeded.email == "admin@example.com"
    assert is_password(password_hash, seeded.password)
    assert token_hash == hashlib.sha256(seeded.token.encode()).hexdigest()
    assert seeded.token.startswith(prefix)
    kept = str([await execute(f"SELECT * FROM {table}") for table in models.Row.metadata.tables])
    assert password_hash in kept
    assert seeded.password not in kept
    assert seeded.token not in kept


async def test_the_password_and_the_token_cannot_be_guessed(seeded: Seeded) -> None:
    assert len(seeded.password) == 20  # 15 random bytes
    assert UUID(seeded.token).version == 4


async def test_the_application_can_be_used_at_once(store: Store, seeded: Seeded) -> None:
    assert await store.application_by_key(seeded.application.key_pairs[0].key) == seeded.application
    assert seeded.application.settings.client_events


async def test_seeding_again_does_nothing(store: Store, seeded: Seeded) -> None:
    assert await seed(store) is None
    assert await store.applications() == [seeded.application]


async def test_no_secret_is_printed_by_accident(seeded: Seeded) -> None:
    text = repr(seeded)
    assert seeded.password not in text
    assert seeded.token not in text
    assert seeded.application.key_pairs[0].secret not in text
