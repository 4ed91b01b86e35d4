"""Other spellings of a path, with a good signature for one's own application: none may lead to another's."""

import asyncio
from collections.abc import Iterator

import pytest

from rest.driver import Keys, Line, raw, target
from seeded import Seeded


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    with Seeded() as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/apps/{own}/../{other}/channels",
        "/apps/{own}/%2e%2e/{other}/channels",
        "/apps/{own}/..%2f{other}/channels",
        "/apps/{own}%2f..%2f{other}/channels",
        "/apps/./{other}/channels",
        "/apps//{other}/channels",
        "//apps/{other}/channels",
        "/Apps/{other}/channels",
        "/apps/{other};{own}/channels",
        "/apps/{own};/../{other}/channels",
        "/apps/{other}%00/channels",
        "/apps/{other}%20/channels",
        "/apps/{other}/",
        "/apps/{other}/channels",
        "/apps/{other}/channels/",
        "/apps/{other}/channels%3f",
        "/apps/{other}/channels#{own}",
        "/apps/0{other}/channels",
        "/apps/+{other}/channels",
        "/apps/{other}.0/channels",
        "/apps/%252e%252e/{other}/channels",
        "/apps/{own}\\..\\{other}/channels",
        "/%61pps/{other}/channels",
    ],
)
async def test_no_spelling_of_a_path_leads_to_another_application(server: Seeded, path: str) -> None:
    other = await asyncio.to_thread(server.create_app)
    asked = path.format(own=server.app_id, other=other)
    async with Line(server) as line:
        answer = await line.ask(raw("GET", target(Keys.of(server), "GET", asked)))
        assert 400 <= answer.status < 500, answer
        # And the same connection goes on for who asks as one should, or is closed.
        if answer.headers.get("connection") != "close":
            good = target(Keys.of(server), "GET", f"/apps/{server.app_id}/channels")
            assert (await line.ask(raw("GET", good))).status == 200
