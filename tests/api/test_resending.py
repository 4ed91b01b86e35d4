"""What is sent again reaches its endpoint by the server that runs, whoever asked for it."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator

import pytest

from tenants import Tenants, World
from webhooks.receiver import Received, Receiver


@pytest.fixture(scope="module")
def hooking() -> Iterator[Tenants]:
    """Give the tenants' server, whose webhooks may go to this machine."""
    with Tenants(webhook_private=True) as server:
        yield server


def check(received: Received, world: World) -> None:
    """See that it is what failed once, made anew and signed by the oldest key."""
    assert received.events == [{"name": "channel_occupied", "channel": "chat"}]
    assert abs(received.time_ms / 1000 - time.time()) < 60  # what failed says that it is of 1970
    assert received.is_signed_by(world.application["app_key"], world.application["app_secret"])


async def test_what_the_api_sends_again_arrives(hooking: Tenants) -> None:
    async with Receiver() as receiver:
        world = await asyncio.to_thread(lambda: hooking.with_webhook(hooking.world(), receiver.url))
        there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
        path = f"{there}/webhook_deliveries/{world.slots['delivery']}/resend"
        await asyncio.to_thread(hooking.data, "POST", path, "ada")
        check(await receiver.next(), world)


async def test_what_the_command_line_sends_again_arrives(hooking: Tenants) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    async with Receiver() as receiver:
        world = await asyncio.to_thread(lambda: hooking.with_webhook(hooking.world(), receiver.url))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hubbub", "webhook", "resend-failed", world.slots["application"],
            env={**plain, "HUBBUB_DATABASE_URL": hooking.database_url}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert b"The events of 1 delivery are sent again" in (await process.communicate())[0]
        check(await receiver.next(), world)
