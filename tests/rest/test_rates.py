"""How many events an application may publish in a second, by whichever way."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from rest.driver import Backend, listening
from running import Running
from seeded import ORGANIZATION, Seeded

Start = Callable[..., Running]

LIMIT = 5
PATIENCE = 60.0  # seconds: only reached by what has failed
OVER = (429, f"Over the limit of {LIMIT} events per second for this application")


def events(count: int) -> dict[str, Any]:
    return {"batch": [{"name": "n", "channel": "c", "data": str(number)} for number in range(count)]}


@pytest.fixture
def server(start_server: Start) -> Running:
    return start_server(app_events_per_second=LIMIT)


async def test_a_batch_is_taken_whole_or_not_at_all(server: Running) -> None:
    """Two batches of three at once are one too many, unless a new second begins in between."""
    async with Backend(server) as one, Backend(server) as another, listening(server, "c") as listener:
        accepted, refused = 0, 0
        async with asyncio.timeout(PATIENCE):
            while not refused:
                answers = await asyncio.gather(*(api.post("/batch_events", events(3)) for api in (one, another)))
                refusals = [answer.refusal for answer in answers if answer.status != 200]
                assert set(refusals) <= {OVER}
                accepted, refused = accepted + 2 - len(refusals), len(refusals)
        assert [(await listener.event())[2] for _ in range(3 * accepted)] == ["0", "1", "2"] * accepted


async def test_a_batch_of_more_than_the_limit_passes_when_nothing_else_does(server: Running) -> None:
    async with Backend(server) as api:
        assert (await api.post("/batch_events", events(2 * LIMIT))).status == 200


async def test_every_way_to_publish_counts(start_server: Start) -> None:
    server = start_server(app_events_per_second=1)

    async def two(*ways: Callable[[Backend], Any]) -> None:
        """Publish in two ways at once, again until both fall into one second."""
        async with Backend(server) as one, Backend(server) as another, asyncio.timeout(PATIENCE):
            statuses = set()
            while 429 not in statuses:
                statuses = {answer.status for answer in await asyncio.gather(ways[0](one), ways[1](another))}
                assert statuses <= {200, 202, 429}

    def event(api: Backend) -> Any:
        return api.post("/events", {"name": "n", "channels": ["a", "b"], "data": "d"})

    def old(api: Backend) -> Any:
        return api.post("/channels/a/events", b"d", name="n")

    def batch(api: Backend) -> Any:
        return api.post("/batch_events", events(1))

    await two(event, event)
    await two(old, old)
    await two(batch, old)
    await two(event, batch)


async def test_an_event_counts_once_for_all_of_its_channels(server: Running) -> None:
    async with Backend(server) as api:
        body = {"name": "n", "channels": [f"c-{number}" for number in range(100)], "data": "d"}
        assert (await api.post("/events", body)).status == 200


async def test_what_is_refused_does_not_count_nor_do_questions(start_server: Start) -> None:
    server = start_server(app_events_per_second=1)
    async with Backend(server) as api:
        for _ in range(20):
            assert (await api.post("/events", {"name": "n", "channel": "no name", "data": "d"})).status == 400
            assert (await api.get("/channels")).status == 200
        assert (await api.post("/events", {"name": "n", "channel": "c", "data": "d"})).status == 200


async def test_it_goes_on_in_the_next_second(server: Running) -> None:
    async with Backend(server) as api, listening(server, "c") as listener:
        accepted = 0
        async with asyncio.timeout(PATIENCE):
            while accepted < 4 * LIMIT:
                accepted += (await api.post("/batch_events", events(1))).status == 200
        for _ in range(accepted):
            assert await listener.event() == ("c", "n", "0")


async def test_the_json_api_has_the_same_limit() -> None:
    with Seeded() as server:
        server.command("app", "set", server.key, "events_per_second=1")
        headers = {"Authorization": f"Bearer {server.jwt()}", "Content-Type": "application/json"}
        url = f"{server.url}/api/organizations/{ORGANIZATION}/applications/{server.key}/event/news"

        def publish() -> int:
            request = urllib.request.Request(url, json.dumps({"a": 1}).encode(), headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                text = json.load(error)
                assert text == {"errors": {"detail": "Over the limit of 1 events per second for this application"}}
                return error.code

        statuses = await asyncio.gather(*(asyncio.to_thread(publish) for _ in range(30)))
        assert set(statuses) == {204, 429}
