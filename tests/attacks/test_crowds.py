"""One client that wants everything, and many that want one thing."""

import json
from collections.abc import Iterator

import pytest

from running import Running
from sockets.client import Dial

MANY = 50


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(app_max_subscriptions=MANY, app_max_presence_members=5) as running:
        yield running


async def test_channels_without_end_cost_no_more_than_the_limit(server: Running, connect: Dial) -> None:
    """One who asks for ten thousand gets as many as there may be, a refusal for each other, and stays."""
    greedy = await connect(server)
    got = refused = 0
    for start in range(0, 10_000, 500):
        for number in range(start, start + 500):
            await greedy.ask(f"channel-{number}")
        for _ in range(500):
            match (await greedy.receive())["event"]:
                case "pusher_internal:subscription_succeeded":
                    got += 1
                case "pusher:error":
                    refused += 1
                    await greedy.expect("pusher:subscription_error")
    assert (got, refused) == (MANY, 10_000 - MANY)
    await greedy.expect_nothing()


async def test_a_presence_channel_takes_no_more_members_than_it_may(server: Running, connect: Dial) -> None:
    crowd = [await connect(server) for _ in range(8)]
    for number, one in enumerate(crowd):
        await one.ask("presence-full", json.dumps({"user_id": str(number)}))
        event = (await one.receive())["event"]
        assert event == ("pusher_internal:subscription_succeeded" if number < 5 else "pusher:error")


async def test_what_a_member_says_of_itself_has_a_limit(server: Running, connect: Dial) -> None:
    proud = await connect(server)
    for data in (
        json.dumps({"user_id": "1", "user_info": {"about": "x" * 60_000}}),
        json.dumps({"user_id": "x" * 10_000}),
    ):
        await proud.ask("presence-proud", data)
        assert (await proud.receive())["event"] == "pusher:error"
        await proud.expect("pusher:subscription_error")
    await proud.expect_nothing()
