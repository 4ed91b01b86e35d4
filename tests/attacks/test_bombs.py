"""What becomes much more when it is unpacked."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rest.driver import Keys, Line, raw, target
from seeded import Seeded

BODY = b'{"name":"n","channel":"c","data":"' + b"x" * 50_000_000 + b'"}'


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    with Seeded() as running:
        yield running


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
@pytest.mark.parametrize("path", ["/apps/{id}/events", "/api/session", "/sign-in"])
async def test_a_body_is_never_unpacked(server: Seeded, coding: str, path: str) -> None:
    """It is what it is: no JSON, and not the one that was signed."""
    packed = zlib.compress(BODY) if coding == "deflate" else gzip.compress(BODY)
    asked = path.format(id=server.app_id)
    before = _memory(server)
    async with Line(server) as line:
        signed = target(Keys.of(server), "POST", asked, packed)
        answer = await line.ask(raw("POST", signed, packed, f"Content-Encoding: {coding}"))
        assert 400 <= answer.status < 500
    assert _memory(server) - before < len(BODY) // 2


def _memory(server: Seeded) -> int:
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4096
