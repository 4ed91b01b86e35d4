"""Letters about made-up people, a certificate, and a way to have mail sent as settings say."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from hubbub.accounts.domain import Invitation, Organization, User
from hubbub.accounts.people import Letter
from hubbub.mail.mail import Mail
from hubbub.settings import Settings

from .mailserver import LIMIT

WHEN = datetime(2026, 11, 23, 15, 4, tzinfo=UTC)
ANN = User(id=3, name="Ann", email="ann@example.com", is_root=False, created_at=WHEN)
ACME = Organization(id=1, name="Acme", slug="acme", created_at=WHEN)
INVITED = Invitation(
    id=5,
    organization=ACME,
    email="bob@example.com",
    name="Bob",
    is_admin=False,
    can_publish=True,
    created_at=WHEN,
    expires_at=WHEN,
)
SECRET = "a-text-that-is-good-once"
RESET = Letter(errand="reset", user=ANN, email=ANN.email, text=SECRET)

HOME = "https://hubbub.example.com"
FROM = "Hubbub <hubbub@example.com>"

Open = Callable[..., Mail]


def renamed(name: str) -> Letter:
    """Give a letter to somebody of this name."""
    return msgspec.structs.replace(RESET, user=msgspec.structs.replace(ANN, name=name))


def addressed(email: str) -> Letter:
    """Give a letter to this address."""
    return msgspec.structs.replace(RESET, email=email)


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until the log says so."""
    async with asyncio.timeout(LIMIT):
        while text not in caplog.text:  # noqa: ASYNC110 - nothing tells that something was logged
            await asyncio.sleep(0.01)


@pytest.fixture
async def open_mail(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Open]:
    """Give a way to have mail sent: `open_mail(smtp_url=…, pauses=[0])`. No log may ever show a letter's text."""
    caplog.set_level("DEBUG", "hubbub")
    stops: list[Callable[[], Awaitable[None]]] = []

    def make(*, pauses: list[float] | None = None, most: int | None = None, **settings: object) -> Mail:
        chosen = Settings(**{"mail_from": FROM, **settings})  # type: ignore[arg-type]
        mail = Mail.of(chosen, lambda: HOME)
        if pauses is not None:
            mail = Mail(mail._writing, mail._carrier, pauses, *([] if most is None else [most]))
        stops.append(mail.stop)
        return mail

    yield make
    for stop in stops:
        await stop()
    assert SECRET not in caplog.text
    assert "password" not in caplog.text


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the files of a certificate of 127.0.0.1, its own authority, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    wish = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [*wish.split(), "-out", files[0], "-keyout", files[1]], check=True, capture_output=True, timeout=LIMIT
    )
    return files


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context
