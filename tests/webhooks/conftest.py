"""What the tests of webhooks share: receivers, and webhooks on a database of either kind."""

import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import postgres
from hubbub.apps import KeyPair
from hubbub.settings import Settings
from hubbub.store import Store, migrate
from hubbub.webhooks.seam import KINDS, Endpoint, Hooked
from hubbub.webhooks.webhooks import Webhooks
from sockets.conftest import _dial, connect
from webhooks.receiver import Receiver

APP = "1"
PAIR = KeyPair("hook-key", "hook-secret")
ALL = frozenset(KINDS)
KINDS_TEXT = json.dumps(KINDS)

__all__ = ["_dial", "connect"]  # fixtures

Receive = Callable[..., Awaitable[Receiver]]
Open = Callable[..., Awaitable[Webhooks]]


def hooked(*endpoints: Endpoint, is_batched: bool = True, pair: KeyPair = PAIR) -> Hooked:
    """Give an application with these endpoints."""
    return Hooked(APP, pair, is_batched, endpoints)


def settings(**values: object) -> Settings:
    """Give settings under which endpoints may be here."""
    return Settings.model_validate({"webhook_private": True, "webhook_grace": 0.2, **values})


@pytest.fixture
async def receive() -> AsyncIterator[Receive]:
    """Give a way to open receivers: `await receive(always=500)`. They are closed with the test."""
    async with AsyncExitStack() as stack:

        async def opened(**options: object) -> Receiver:
            return await stack.enter_async_context(Receiver(**options))  # type: ignore[arg-type]

        yield opened


@pytest.fixture
async def receiver(receive: Receive) -> Receiver:
    """Give one receiver."""
    return await receive()


@pytest.fixture
async def open_webhooks(store: Store) -> AsyncIterator[Open]:
    """Give a way to start webhooks of the declared application: `await open_webhooks(endpoint, …, webhook_window=5)`.

    They are stopped with the test.
    """
    async with AsyncExitStack() as stack:

        async def opened(
            *endpoints: Endpoint, is_batched: bool = True, pair: KeyPair = PAIR, **values: object
        ) -> Webhooks:
            declared = hooked(*endpoints, is_batched=is_batched, pair=pair) if endpoints else None
            webhooks = Webhooks(store.outbox, settings(**values), declared)
            await webhooks.start()
            stack.push_async_callback(webhooks.stop)
            return webhooks

        yield opened


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    """Give a PostgreSQL server of this test's own, with all tables."""
    with postgres.Cluster() as cluster:
        migrate(cluster.url)
        yield cluster


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the files of a certificate that nobody vouches for, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    ask = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*ask.split(), "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def to(receiver: Receiver, endpoint_id: int = 0, kinds: frozenset[str] = ALL, **more: object) -> Endpoint:
    """Give the endpoint that a receiver is."""
    return Endpoint(endpoint_id, receiver.url, kinds, **more)  # type: ignore[arg-type]
