"""What clients of three nodes see of each other: as if there were one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from pusher.errors import PusherBadStatus  # type: ignore[import-untyped]

from cluster.nodes import Cluster, Node
from cluster.publisher import Backend
from seeded import Seeded
from sockets.client import COUNT, MEMBER_ADDED, MEMBER_REMOVED, WATCHLIST, PusherSocket, dial, eventually
from sockets.phoenix.client import PhoenixSocket, direct, knock, lobby

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.needs("redis", "postgresql programs"),
]

TERMINATED: Final = "The application has closed all connections of this user"


class Place(msgspec.Struct, frozen=True):
    """A node, for an application of one's own."""

    host: str
    port: int
    app_id: str
    key: str
    secret: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    async with Cluster(app_settings=["watchlists=true", "client_events=true"]) as cluster:
        yield cluster


class Door:
    """Ways into the cluster; all that was opened is closed with the test."""

    def __init__(self, cluster: Cluster, stack: AsyncExitStack) -> None:
        self.a, self.b, self.c = cluster["a"], cluster["b"], cluster["c"]
        self._stack = stack
        self._jwts: dict[str, str] = {}

    async def pusher(self, place: Node | Place, user: str = "", **about: object) -> PusherSocket:
        """Open a Pusher socket, signed in if a user is told."""
        socket = await (await dial(place)).welcome()
        self._stack.push_async_callback(socket.close)
        if user:
            await socket.sign_in(user, **about)
        return socket

    async def phoenix(self, node: Seeded, uid: str, jwt: str = "") -> PhoenixSocket:
        """Open a Phoenix socket."""
        jwt = jwt or await asyncio.to_thread(node.jwt)
        socket = await knock(node, guardian_token=jwt, unique_identifier=uid)
        self._stack.push_async_callback(socket.close)
        return socket

    def backend(self, place: Node | Place) -> Backend:
        """Give an application's own server."""
        return self._stack.enter_context(Backend(place))

    async def application(self, *settings: str) -> tuple[Place, Place, Place]:
        """Make an application with these settings, and give the three nodes for it."""
        options = [part for setting in settings for part in ("--set", setting)]
        made = json.loads(await asyncio.to_thread(self.a.command, "app", "create", "Own", "--json", *options))
        [pair] = made["key_pairs"]
        one, two, three = (
            Place(node.host, node.port, str(made["id"]), pair["key"], pair["secret"])
            for node in (self.a, self.b, self.c)
        )
        return one, two, three


@pytest_asyncio.fixture(loop_scope="module")
async def door(cluster: Cluster) -> AsyncIterator[Door]:
    async with AsyncExitStack() as stack:
        yield Door(cluster, stack)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Give part of a channel's name that no other test has."""
    return str(abs(hash(request.node.name)))


def member(user: str) -> str:
    return json.dumps({"user_id": user})


async def test_a_member_is_one_however_many_nodes_they_are_on(door: Door, name: str) -> None:
    channel = f"presence-{name}"
    watcher, here, there, bob = [await door.pusher(node) for node in (door.c, door.a, door.b, door.b)]
    await watcher.subscribe(channel, member("watcher"))
    await here.subscribe(channel, member("ann"))
    assert (await watcher.expect(MEMBER_ADDED, channel))["user_id"] == "ann"
    seen = await there.subscribe(channel, member("ann"))
    assert (seen["presence"]["ids"], seen["presence"]["count"]) == (["watcher", "ann"], 2)
    # What comes of bob comes after whatever ann's second connection might have caused.
    await bob.subscribe(channel, member("bob"))
    assert (await watcher.expect(MEMBER_ADDED, channel))["user_id"] == "bob"
    for node in (door.a, door.b, door.c):
        users = (await door.backend(node).ask("users_info", channel))["users"]
        assert [user["id"] for user in users] == ["watcher", "ann", "bob"]
    await here.close()
    await bob.close()
    assert (await watcher.expect(MEMBER_REMOVED, channel))["user_id"] == "bob"
    await there.close()
    assert (await watcher.expect(MEMBER_REMOVED, channel))["user_id"] == "ann"
    assert (await door.backend(door.a).ask("users_info", channel))["users"] == [{"id": "watcher"}]


async def test_a_presence_channel_is_full_for_all_nodes_together(door: Door, name: str) -> None:
    a, b, c = await door.application("max_presence_members=3")
    for place, user in ((a, "1"), (b, "2"), (c, "3")):
        await (await door.pusher(place)).subscribe(f"presence-{name}", member(user))
    late, again = await door.pusher(a), await door.pusher(a)
    await late.ask(f"presence-{name}", member("4"))
    await late.expect("pusher:error")
    await again.subscribe(f"presence-{name}", member("3"))


async def test_every_node_gives_the_same_counts_and_lists(door: Door, name: str) -> None:
    a, b, c = await door.application("subscription_counts=true")
    presence, room = f"presence-{name}", f"room-{name}"
    for place, user in ((a, "1"), (b, "2"), (b, "3"), (c, "3")):
        socket = await door.pusher(place)
        await socket.subscribe(presence, member(user))
        await socket.subscribe(room)
    for place in (a, b, c):
        backend = door.backend(place)
        assert (await backend.ask("channels_info", "presence-", ["user_count"]))["channels"] == {
            presence: {"user_count": 3}
        }
        assert (await backend.ask("channels_info", "room-", ["subscription_count"]))["channels"] == {
            room: {"subscription_count": 4}
        }
        about = await backend.ask("channel_info", presence, ["user_count", "subscription_count"])
        assert about == {"occupied": True, "user_count": 3, "subscription_count": 4}
        assert not (await backend.ask("channel_info", f"none-{name}"))["occupied"]


async def test_the_number_of_subscribers_is_told_on_all_nodes(door: Door, name: str) -> None:
    sockets: list[PusherSocket] = []
    for place in await door.application("subscription_counts=true"):
        sockets.append(await door.pusher(place))
        await sockets[-1].subscribe(name)
        for socket in sockets:
            assert await socket.expect(COUNT, name) == {"subscription_count": len(sockets)}
    await sockets[0].close()
    for socket in sockets[1:]:
        assert await socket.expect(COUNT, name) == {"subscription_count": 2}


async def test_an_event_reaches_everyone_but_the_excluded_socket(door: Door, name: str) -> None:
    one, two, three = [await door.pusher(node) for node in (door.a, door.b, door.b)]
    for socket in (one, two, three):
        await socket.subscribe(name)
    backend = door.backend(door.c)
    await backend.ask("trigger", name, "first", "1", two.socket_id)
    await backend.ask("trigger", name, "second", "2")
    for socket, events in ((one, ["first", "second"]), (two, ["second"]), (three, ["first", "second"])):
        for event in events:
            await socket.expect(event, name)


async def test_a_batch_reaches_every_channel_on_every_node(door: Door, name: str) -> None:
    sockets = [await door.pusher(node) for node in (door.a, door.b, door.c)]
    for number, socket in enumerate(sockets):
        await socket.subscribe(f"{name}-{number}")
    batch = [{"channel": f"{name}-{number}", "name": "hi", "data": str(number)} for number in range(3)]
    await door.backend(door.b).ask("trigger_batch", batch)
    for number, socket in enumerate(sockets):
        assert await socket.expect("hi", f"{name}-{number}") == number


async def test_clients_hear_each_other_across_nodes(door: Door, name: str) -> None:
    channel = f"presence-{name}"
    one, two = await door.pusher(door.a), await door.pusher(door.b)
    await one.subscribe(channel, member("ann"))
    await two.subscribe(channel, member("bob"))
    await one.expect(MEMBER_ADDED)
    for number in range(5):
        await one.send("client-hi", str(number), channel)
    for number in range(5):
        await two.expect_frame({"event": "client-hi", "channel": channel, "data": str(number), "user_id": "ann"})
    await one.expect_nothing()


@pytest.mark.parametrize("kind", ["cache", "private-cache", "presence-cache"])
async def test_a_cache_channel_shows_on_each_node_what_was_published_on_any(door: Door, name: str, kind: str) -> None:
    channel = f"{kind}-{name}"

    async def come(node: Node, user: str) -> PusherSocket:
        socket = await door.pusher(node)
        await socket.subscribe(channel, member(user) if kind.startswith("presence") else None)
        return socket

    first = await come(door.c, "1")
    await first.expect("pusher:cache_miss", channel)
    for number, node in enumerate((door.a, door.b, door.c)):
        await door.backend(node).ask("trigger", channel, "kept", str(number))
        assert await first.expect("kept", channel) == number
    others = [await come(node, user) for node, user in ((door.a, "2"), (door.b, "3"), (door.c, "4"))]
    for socket in others:
        assert await socket.expect("kept", channel) == 2
    about = await door.backend(door.a).ask("channel_info", channel, ["cache"])
    assert about["cache"]["data"] == "2"


async def test_a_user_is_signed_in_everywhere(door: Door, name: str) -> None:
    one, two, other = [await door.pusher(node, user) for node, user in ((door.a, name), (door.b, name), (door.b, "o"))]
    for socket in (one, two):
        await socket.subscribe(f"#server-to-user-{name}")
    await door.backend(door.c).ask("send_to_user", name, "hello", {"for": name})
    for socket in (one, two):
        assert await socket.expect("hello", f"#server-to-user-{name}") == {"for": name}
    await other.expect_nothing()


async def test_who_watches_is_told_of_the_first_connection_and_the_last_on_any_node(door: Door, name: str) -> None:
    def told(state: str, user: str) -> dict[str, Any]:
        return {"events": [{"name": state, "user_ids": [user]}]}

    watcher = await door.pusher(door.c, f"{name}-watcher", watchlist=[name, f"{name}-2"])
    everyone = {"events": [{"name": "offline", "user_ids": [name, f"{name}-2"]}]}
    assert await watcher.expect(WATCHLIST) == everyone
    first = await door.pusher(door.a, name)
    assert await watcher.expect(WATCHLIST) == told("online", name)
    second = await door.pusher(door.b, name)
    late = await door.pusher(door.b, f"{name}-late", watchlist=[name])
    assert await late.expect(WATCHLIST) == told("online", name)
    await first.close()
    mark = await door.pusher(door.a, f"{name}-2")
    assert await watcher.expect(WATCHLIST) == told("online", f"{name}-2")
    await second.close()
    for socket in (watcher, late):
        assert await socket.expect(WATCHLIST) == told("offline", name)
    await mark.close()
    assert await watcher.expect(WATCHLIST) == told("offline", f"{name}-2")


async def test_a_users_connections_are_terminated_on_all_nodes(door: Door, name: str) -> None:
    ends = [await door.pusher(node, name) for node in (door.a, door.b, door.c)]
    stays = [await door.pusher(node, f"{name}x") for node in (door.a, door.b, door.c)]
    await door.backend(door.b).ask("terminate_user_connections", name)
    for socket in ends:
        await socket.expect_end(4009, TERMINATED)
    for socket in stays:
        await socket.expect_nothing()


async def test_phoenix_clients_see_and_hear_each_other_across_nodes(door: Door, name: str) -> None:
    ann, bob, bob_again = [
        await door.phoenix(node, user) for node, user in ((door.a, "ann"), (door.b, "bob"), (door.c, "bob"))
    ]
    topic = lobby(door.a, name)
    assert list(await ann.join(topic)) == ["ann"]
    assert list(await bob.join(topic)) == ["ann", "bob"]
    await ann.expect_diff(topic, joins=["bob"])
    assert list(await bob_again.join(topic)) == ["ann", "bob"]
    await bob.send(topic, "hello", {"n": 1})
    assert await ann.expect(topic, "hello") == {"n": 1}
    assert await bob_again.expect(topic, "hello") == {"n": 1}
    await bob.close()
    await door.backend(door.c).ask("trigger", name, "from pusher", {"n": 2})
    assert await ann.expect(topic, "from pusher") == {"n": 2}
    await bob_again.close()
    await ann.expect_diff(topic, leaves=["bob"])


async def test_pushers_members_and_phoenixs_see_each_other_across_nodes(door: Door, name: str) -> None:
    channel = f"presence-{name}"
    ann = await door.pusher(door.a)
    await ann.subscribe(channel, member("ann"))
    bob = await door.phoenix(door.b, "bob")
    assert list(await bob.join(lobby(door.b, channel))) == ["ann", "bob"]
    assert (await ann.expect(MEMBER_ADDED, channel))["user_id"] == "bob"
    cid = await door.pusher(door.c)
    await cid.subscribe(channel, member("cid"))
    await bob.expect_diff(lobby(door.b, channel), joins=["cid"])
    await bob.close()
    assert (await ann.expect(MEMBER_ADDED, channel))["user_id"] == "cid"
    for socket in (ann, cid):
        assert (await socket.expect(MEMBER_REMOVED, channel))["user_id"] == "bob"


async def test_a_direct_message_finds_its_user_on_any_node(door: Door, name: str) -> None:
    uid = f"bob-{name}"
    ann, bob, pusher = (
        await door.phoenix(door.a, "ann"),
        await door.phoenix(door.b, uid),
        await door.pusher(door.c, uid),
    )
    await ann.join(lobby(door.a, name))
    await bob.join(direct(door.b, uid))
    await pusher.subscribe(f"#server-to-user-{uid}")
    await ann.push(lobby(door.a, name), "direct", {"uid": uid, "event": "psst", "payload": {"n": 1}})
    assert await bob.expect(direct(door.b, uid), "psst") == {"n": 1, "from_uid": "ann"}
    assert await pusher.expect("psst", f"#server-to-user-{uid}") == {"n": 1, "from_uid": "ann"}


async def test_redis_hears_nothing_of_further_subscribers_and_deliveries(
    cluster: Cluster, door: Door, name: str
) -> None:
    """Only of a node's first and last subscriber; and a node without one hears nothing of what is published."""

    def commands() -> int:
        return int(cluster.server.ask("INFO", "stats").split("total_commands_processed:")[1].split()[0])

    first, *others = [await door.pusher(door.a) for _ in range(150)]
    await first.subscribe(name)
    before = await asyncio.to_thread(commands)
    for socket in others:
        await socket.subscribe(name)
    # What is left are the nodes' own signs of life.
    assert await asyncio.to_thread(commands) - before < 100
    before, heard = await asyncio.to_thread(commands), cluster.proxies["c"].received
    backend, data = door.backend(door.b), ["x" * 5000]
    for _ in range(100):
        await backend.ask("trigger", name, "event", data)
    for socket in (first, others[-1]):
        for _ in range(100):
            await socket.expect("event", name)
    assert await asyncio.to_thread(commands) - before < 100 + 100
    assert cluster.proxies["c"].received - heard < 100 * 500


async def test_a_disabled_application_is_closed_on_all_nodes(door: Door, name: str) -> None:
    places = await door.application()
    sockets = [await door.pusher(place) for place in places]
    await asyncio.to_thread(door.a.command, "app", "set", places[0].key, "enabled=false")
    for socket in sockets:
        assert (await socket.expect("pusher:error"))["code"] == 4003
        await socket.expect_close(4003)
    for place in places:
        assert (await (await dial(place)).expect("pusher:error"))["code"] == 4003


async def test_a_changed_setting_holds_on_all_nodes(door: Door, name: str) -> None:
    places = await door.application()
    for place in places:
        await door.backend(place).ask("trigger", name, "event", "0123456789")
    await asyncio.to_thread(door.b.command, "app", "set", places[0].key, "max_event_bytes=5")
    for place in places:
        backend = door.backend(place)

        async def is_refused() -> bool:
            try:
                await backend.ask("trigger", name, "event", "0123456789")  # noqa: B023 - called at once
            except PusherBadStatus as error:
                return "413" in str(error)
            return False

        await eventually(is_refused, "the limit does not hold")


async def test_a_token_that_the_api_of_one_node_ends_ends_sockets_on_others(door: Door, name: str) -> None:
    made = json.loads(
        await asyncio.to_thread(door.a.command, "token", "create", "--user", "admin@example.com", "--json")
    )
    kept = await door.phoenix(door.b, "kept")
    jwt = (await call(door.a, "POST", "/session", token=made["token"]))["jwt"]
    ended = await door.phoenix(door.b, "ended", jwt)
    await call(door.c, "DELETE", f"/users/me/tokens/{made['id']}", jwt=await asyncio.to_thread(door.c.jwt))
    await ended.expect_close(4009)
    await kept.expect_nothing()


async def call(node: Node, method: str, path: str, *, jwt: str = "", **body: object) -> dict[str, Any]:
    """Call the JSON API of a node."""
    headers = {"Authorization": f"Bearer {jwt}"} if jwt else {}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(method, f"{node.url}/api{path}", json=body or None) as answer,
    ):
        text = await answer.text()
        assert answer.ok, text
        return dict(json.loads(text)) if text else {}
