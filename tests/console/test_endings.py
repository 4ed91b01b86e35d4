"""The end of a connection is one entry of the error log, whoever ended it."""

import json

from console.conftest import Be, Chat, aside
from console.test_errors import find
from sockets.client import Dial
from tenants import Tenants, World


async def test_who_is_cut_off_by_a_change_is_noted_once(
    server: Tenants, world: World, be: Be, chat: Chat, connect: Dial
) -> None:
    socket = await connect(chat)
    await socket.claim(json.dumps({"id": "42"}))
    await socket.expect("pusher:signin_success")
    there = f"/organizations/{world.slots['organization']}/applications/{chat.app_id}"
    await aside(lambda: server.data("PATCH", there, "ada", json={"application": {"settings": {"enabled": False}}}))
    page = await find(be("ada"), f"{chat.path}/errors", "app disabled (4003)", user_id="42")
    assert page.text.count(f'<span class="mono">{socket.socket_id}</span>') == 1
