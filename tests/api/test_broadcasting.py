"""Broadcasts, as those who listen get them, and who is present, as those who ask are told."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from sockets.client import PusherSocket, dial
from tenants import Tenants, World


@pytest.fixture(scope="module")
def world(tenants: Tenants) -> World:
    return tenants.world()


@pytest.fixture(scope="module")
def event(world: World) -> str:
    return f"/organizations/{world.acme['slug']}/applications/{world.application['app_key']}/event"


@pytest.fixture
async def listener(tenants: Tenants, world: World) -> AsyncIterator[PusherSocket]:
    async with AsyncExitStack() as end:
        socket = await dial(tenants, f"/app/{world.slots['key']}?protocol=7")
        end.push_async_callback(socket.close)
        yield await socket.welcome()


@pytest.mark.parametrize(
    "given",
    [
        {"params": {"name": "John", "message": "Hello"}},
        {"data": {"name": "John", "message": "Hello"}},
        {"json": {"name": "John", "message": "Hello"}},
        {"params": {"name": "John"}, "json": {"message": "Hello"}},
        {"data": {"payload": '{"name": "John", "message": "Hello"}', "other": "x"}},
        {"json": {"payload": {"name": "John", "message": "Hello"}, "other": "x"}},
        {"files": {"name": (None, "John"), "message": (None, "Hello")}},
    ],
    ids="+".join,
)
async def test_a_broadcast_reaches_who_listens(
    tenants: Tenants, event: str, listener: PusherSocket, given: dict[str, Any]
) -> None:
    await listener.subscribe("general")
    answer = tenants.call("POST", f"{event}/new_message", "pete", **given)
    assert (answer.status_code, answer.content) == (204, b"")
    assert await listener.expect("new_message", "general") == {"name": "John", "message": "Hello"}


async def test_json_keeps_its_types_and_a_form_its_texts(tenants: Tenants, event: str, listener: PusherSocket) -> None:
    await listener.subscribe("orders")
    given = {"topic": "orders", "count": 5, "lines": [{"sku": None}], "on": True}
    assert tenants.call("POST", f"{event}/placed", "ada", json=given).status_code == 204
    assert await listener.expect("placed", "orders") == {"count": 5, "lines": [{"sku": None}], "on": True}
    form = {"topic": "orders", "count": "5", "buyer[name]": "Jane", "tags[]": "new"}
    assert tenants.call("POST", f"{event}/placed", "ada", data=form).status_code == 204
    assert await listener.expect("placed", "orders") == {"count": "5", "buyer": {"name": "Jane"}, "tags": ["new"]}


async def test_a_topic_gets_only_its_own(tenants: Tenants, event: str, listener: PusherSocket) -> None:
    await listener.subscribe("general")
    assert tenants.call("POST", f"{event}/placed", "ada", params={"topic": "orders"}).status_code == 204
    await listener.expect_nothing()


async def test_nothing_crosses_to_another_application(tenants: Tenants, event: str, listener: PusherSocket) -> None:
    await listener.subscribe("general")
    other = tenants.world()
    path = f"/organizations/{other.acme['slug']}/applications/{other.application['id']}/event/x"
    assert tenants.call("POST", path, "ada").status_code == 204
    await listener.expect_nothing()


async def test_the_data_is_compact_json_text(tenants: Tenants, event: str, listener: PusherSocket) -> None:
    await listener.subscribe("compact")
    assert tenants.call("POST", f"{event}/x", "ada", json={"topic": "compact", "a": ["é", 1.5]}).status_code == 204
    frame = await listener.receive()
    assert frame["data"] == '{"a":["é",1.5]}'


async def test_members_of_a_presence_channel_are_listed(tenants: Tenants, event: str, world: World) -> None:
    tenants.key, tenants.secret = world.application["app_key"], world.application["app_secret"]
    topic = "presence-room"
    assert tenants.data("GET", f"{event}/presence_list", "rita", params={"topic": topic}) == {}
    socket = await dial(tenants)
    await socket.welcome()
    await socket.subscribe(topic, json.dumps({"user_id": "jane", "user_info": {"name": "Jane"}}))
    listed = tenants.data("GET", f"{event}/presence_list", "rita", params={"topic": topic})
    assert list(listed) == ["jane"]
    (meta,) = listed["jane"]["metas"]
    assert set(meta) >= {"phx_ref", "online_at"}
    assert meta["phx_ref"]
    assert 1_600_000_000_000 < meta["online_at"] < 4_000_000_000_000
    assert tenants.data("POST", f"{event}/presence_list", "rita", data={"topic": topic}) == listed
    await socket.close()
