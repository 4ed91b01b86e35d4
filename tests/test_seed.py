import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from hubbub.accounts.passwords import is_password
from hubbub.seed import Seeded, seed
from hubbub.store import Store, migrate


@pytest.fixture
async def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/hubbub.db"
    await asyncio.to_thread(migrate, url)
    return url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = Store.open(url)
    yield store
    await store.close()


@pytest.fixture
async def seeded(store: Store) -> Seeded:
    seeded = await seed(store)
    assert seeded is not None
    return seeded


def test_the_password_and_the_token_are_kept_as_hashes_only(seeded: Seeded, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "hubbub.db")) as connection:
        query = "SELECT email, password_hash, token_hash, prefix FROM users u JOIN user_tokens t ON u.id = t.user_id"
        [(email, password_hash, token_hash, prefix)] = connection.execute(query)
    assert email == seeded.email == "admin@example.com"
    assert is_password(password_hash, seeded.password)
    assert token_hash == hashlib.sha256(seeded.token.encode()).hexdigest()
    assert seeded.token.startswith(prefix)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert password_hash.encode() in files
    assert seeded.password.encode() not in files
    assert seeded.token.encode() not in files


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
