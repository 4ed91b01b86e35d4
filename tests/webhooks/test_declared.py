"""An application of the database that has the id of the declared one hears nothing of it."""

import asyncio
import json

from running import Running
from sockets.client import Dial
from webhooks.conftest import Receive


def create(server: Running, name: str, url: str) -> tuple[str, str, str]:
    """Create an application with a webhook; give its id, key and secret. Its key names it: its id may be another's."""
    made = json.loads(server.command("app", "create", name, "--json"))
    pair = made["key_pairs"][-1]
    server.command("webhook", "add", pair["key"], url)
    return str(made["id"]), pair["key"], pair["secret"]


async def test_a_stored_application_with_its_id_does_not_overhear_the_declared_one(
    connect: Dial, receive: Receive
) -> None:
    overhearing, control = await receive(), await receive()
    with Running(app_id="1", webhook_private=True) as server:
        stored, key, _ = create(server, "hidden", overhearing.url)
        assert stored == server.app_id
        _, other_key, other_secret = create(server, "other", control.url)
        declared = await connect(server)
        await declared.subscribe("private-room")
        await declared.send("client-secret", "x", "private-room")
        await declared.expect_nothing()
        server.key, server.secret = other_key, other_secret
        other = await connect(server)
        # The server learns of the new endpoint from the journal, a little after the command has ended.
        for number in range(90):
            await other.subscribe(f"room-{number}")
            await asyncio.sleep(0.1)
            if control.requests:
                break
        assert all(event["channel"].startswith("room-") for event in (await control.next()).events)
        assert overhearing.requests == []
        assert "Nothing was sent yet" in server.command("webhook", "deliveries", key)
