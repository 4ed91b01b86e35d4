"""Sessions of the HTTP fallbacks whose requests come to three nodes in turn: as if they were one."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from sockets.client import SUCCEEDED, Dial, RawSocket, eventually
from sockets.conftest import Publish
from sockets.fallbacks.client import LARGEST_STREAM, event
from sockets.fallbacks.conftest import Fall
from sockets.fallbacks.test_fallback_jsonp import messages, opened, send
from sockets.forwarding.conftest import StartNodes, at
from sockets.forwarding.nodes import Nodes

pytestmark = pytest.mark.needs("redis")

EVENTS = 60


async def test_all_nodes_are_asked_and_one_answers(server: Nodes, fall: Fall, publish: Publish, name: str) -> None:
    before = list(server.balancer.counts)
    session = await fall(server).open()
    await session.subscribe(name)
    for number in range(6):
        publish(server[number % 3], name, "news", str(number))
        assert await session.poll() == [event("news", name, str(number))]
    assert all(after > count for after, count in zip(server.balancer.counts, before, strict=True))


async def test_polls_bring_everything_once_and_in_order(server: Nodes, fall: Fall, publish: Publish, name: str) -> None:
    session = await fall(server).open()
    await session.subscribe(name)

    def publish_all() -> None:
        for number in range(EVENTS):
            publish(server[0], name, "news", str(number))

    publishing = asyncio.create_task(asyncio.to_thread(publish_all))
    heard: list[str] = []
    while len(heard) < EVENTS:
        heard += [frame["data"] for frame in await session.poll()]
    await publishing
    assert heard == [str(number) for number in range(EVENTS)]


async def test_streams_bring_everything_once_and_in_order_and_go_on_elsewhere(
    server: Nodes, fall: Fall, publish: Publish, name: str
) -> None:
    """Two megabytes: more than a stream holds, and than a node may be ahead of its client."""
    session = fall(server)
    sent = [f"{number}: {'x' * 9_000}" for number in range(220)]
    heard: list[str] = []
    streams = 0
    publishing: asyncio.Task[None] | None = None

    def publish_all() -> None:
        for text in sent:
            publish(server[0], name, "news", text)

    while len(heard) < len(sent):
        async with session.stream() as stream:
            streams += 1
            if streams == 1:
                await stream.expect("o")
                session.greet((await stream.frames())[0])
                await session.send(session.subscription(name))
                assert (await stream.frames())[0]["event"] == SUCCEEDED
                publishing = asyncio.create_task(asyncio.to_thread(publish_all))
            while len(heard) < len(sent) and (line := await stream.line()):
                heard += [json.loads(text)["data"] for text in json.loads(line[1:])]
            assert stream.read > LARGEST_STREAM or len(heard) == len(sent)
    assert publishing is not None
    await publishing
    assert heard == sent
    assert streams > 3


async def test_scripts_and_forms_reach_their_session(server: Nodes, fall: Fall, publish: Publish, name: str) -> None:
    session = await opened(fall(server, key=None))
    await send(session, session.subscription(name))
    assert [frame["event"] for frame in await messages(session)] == [SUCCEEDED]
    heard: list[str] = []
    for number in range(10):
        publish(server[number % 3], name, "news", str(number))
        heard += [frame["data"] for frame in await messages(session)]
    assert heard == [str(number) for number in range(10)]


async def test_what_a_client_sends_arrives_once_and_in_order(server: Nodes, fall: Fall, name: str) -> None:
    ann, bob = await fall(server).open(), await fall(server).open()
    room = f"private-{name}"
    await ann.subscribe(room)
    await bob.subscribe(room)
    for number in range(20):
        await ann.send({"event": "client-said", "channel": room, "data": str(number)})
    heard: list[str] = []
    while len(heard) < 20:
        heard += [frame["data"] for frame in await bob.poll()]
    assert heard == [str(number) for number in range(20)]


async def test_large_bodies_arrive(server: Nodes, fall: Fall, name: str) -> None:
    ann, bob = await fall(server).open(), await fall(server).open()
    room = f"private-{name}"
    await ann.subscribe(room)
    await bob.subscribe(room)
    text = "große Wörter, 大きい言葉 " * 250
    frames = [{"event": "client-book", "channel": room, "data": f"{number} {text}"} for number in range(10)]
    for node in server.all:
        await at(ann, node).send(*frames)
        heard: list[str] = []
        while len(heard) < len(frames):
            heard += [frame["data"] for frame in await bob.poll()]
        assert heard == [frame["data"] for frame in frames]
        async with ann.http.post(f"{at(ann, node).url}/xhr_send", data=b"x" * 400_000) as answer:
            assert answer.status == 413


async def test_of_two_who_open_a_session_at_two_nodes_at_once_one_wins(server: Nodes, fall: Fall) -> None:
    for _ in range(10):
        session = fall(server)
        async with AsyncExitStack() as stack:
            opening = (stack.enter_async_context(at(session, node).stream()) for node in server.all)
            lines = [await stream.line() for stream in await asyncio.gather(*opening)]
            taken = 'c[2010,"Another connection still open"]'
            assert sorted(lines) == [taken, taken, "o"]


async def test_a_second_stream_elsewhere_is_sent_away(server: Nodes, fall: Fall) -> None:
    session = fall(server[0])
    async with session.stream() as stream:
        await stream.expect("o")
        async with at(session, server[1]).stream() as second:
            assert await second.expect_close(2010) == "Another connection still open"


async def test_a_client_that_breaks_off_its_stream_is_gone(server: Nodes, fall: Fall, connect: Dial, name: str) -> None:
    room = f"presence-{name}"
    ann = await connect(server[2])
    await ann.subscribe(room, '{"user_id":"ann"}')
    bob = await fall(server[0]).open()
    there = at(bob, server[1])
    async with there.stream() as stream:
        await there.send(bob.subscription(room, '{"user_id":"bob"}'))
        assert (await stream.frames())[0]["event"] == SUCCEEDED
        await ann.expect("pusher_internal:member_added")
        stream.break_off()
    await ann.expect("pusher_internal:member_removed")


async def test_a_client_that_breaks_off_its_poll_is_gone(server: Nodes, fall: Fall, connect: Dial, name: str) -> None:
    room = f"presence-{name}"
    ann = await connect(server[2])
    await ann.subscribe(room, '{"user_id":"ann"}')
    bob = await fall(server[0]).open()
    await bob.subscribe(room, '{"user_id":"bob"}')
    await ann.expect("pusher_internal:member_added")
    waiting = await at(bob, server[1]).waiting()
    waiting.cancel()
    await ann.expect("pusher_internal:member_removed")


async def test_one_who_does_not_read_is_given_up(start_nodes: StartNodes, fall: Fall, publish: Publish) -> None:
    nodes = start_nodes(max_backlog_bytes=200_000, close_timeout=0.5)
    session = await fall(nodes[0]).open()
    await session.subscribe("flood")
    path = at(session, nodes[1]).url.removeprefix(nodes[1].url)
    async with RawSocket.open(nodes[1], receive_buffer=4096) as slow:
        head = f"POST {path}/xhr_streaming?protocol=7 HTTP/1.1\r\nHost: {nodes.host}\r\nConnection: close\r\n"
        await slow.send(f"{head}Content-Length: 0\r\n\r\n".encode())
        await slow.head()

        async def is_gone() -> bool:
            for _ in range(20):
                await asyncio.to_thread(publish, nodes[0], "flood", "event", "x" * 9_000)
            status, _ = await session.request("POST", "xhr_send", b"[]")
            return status == 404

        await eventually(is_gone, "the session is kept")
        await slow.expect_hang_up()


async def test_an_unknown_session_is_unknown_everywhere_and_leaves_nothing_behind(
    start_nodes: StartNodes, fall: Fall
) -> None:
    nodes = start_nodes()
    for _ in range(3):
        session = fall(nodes)
        for node in nodes.all:
            assert (await at(session, node).request("POST", "xhr_send", b"[]"))[0] == 404

    async def is_empty() -> bool:
        return nodes.claims() == 0

    await eventually(is_empty, "claims are left behind")
    session = await fall(nodes).open()
    assert nodes.claims() == 1


async def test_a_session_that_has_ended_is_given_back_and_may_begin_elsewhere(
    start_nodes: StartNodes, fall: Fall
) -> None:
    nodes = start_nodes()
    session = fall(nodes[0], key="wrong")
    lines = await session.lines()
    while not lines[-1].startswith("c[4001"):
        lines += await session.lines()
    assert lines[0] == "o"

    async def is_empty() -> bool:
        return nodes.claims() == 0

    await eventually(is_empty, "the claim is left behind")
    assert (await at(session, nodes[1]).lines())[0] == "o"


async def test_a_page_of_another_origin_is_refused_by_the_node_that_has_the_session(
    start_nodes: StartNodes, fall: Fall
) -> None:
    """Whose first request may have been a form: who asks is told by each request's own headers."""
    nodes = start_nodes(app_allowed_origins="https://example.org")
    session = fall(nodes)
    lines = await session.lines()
    while not lines[-1].startswith("c[4009"):
        lines += await session.lines()
    assert lines[0] == "o"
