"""Gauges are what is there: after clients have come, gone, and been cut off in every way."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from hubbub.channels import kind_of
from metrics.scrape import TOKEN, Scrape, look
from running import Running
from sockets.client import PusherSocket, dial, eventually

OF_THE_MACHINE = ("process_", "python_", "hubbub_tasks", "hubbub_database_connections", "hubbub_writer_queue")
"""What is another a moment later, whatever clients do."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Give a server to which nobody else goes."""
    with Running(
        metrics_token=TOKEN,
        max_backlog_bytes=200_000_000,
        app_max_event_bytes=50_000,
        app_leaves_per_second=1_000_000,
    ) as running:
        yield running


async def becomes(server: Running, is_so: Callable[[Scrape], bool], problem: str) -> Scrape:
    """Look until something is so."""
    last: list[Scrape] = []

    async def attempt() -> bool:
        last[:] = [await asyncio.to_thread(look, server)]
        return is_so(last[0])

    await eventually(attempt, problem)
    return last[0]


class Crowd:
    """Clients, and what they are subscribed to by all that they have been told."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.held: dict[PusherSocket, set[str]] = {}
        self.came = 0
        self.left = 0

    async def come(self) -> PusherSocket:
        one = await dial(self.server)
        await one.welcome()
        self.held[one] = set()
        self.came += 1
        return one

    async def join(self, one: PusherSocket, channel: str) -> None:
        data = f'{{"user_id":"user {self.came % 7}"}}' if channel.startswith("presence-") else None
        await one.ask(channel, data)
        while (await one.receive())["event"] != "pusher_internal:subscription_succeeded":
            pass
        self.held[one].add(channel)

    async def drop(self, one: PusherSocket, channel: str) -> None:
        await one.send("pusher:unsubscribe", {"channel": channel})
        self.held[one].discard(channel)

    async def leave(self, one: PusherSocket) -> None:
        del self.held[one]
        self.left += 1
        await one.connection.close()

    def be_cut(self, one: PusherSocket) -> None:
        """Vanish without a word: by a reset."""
        del self.held[one]
        self.left += 1
        transport = one.connection.transport
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        transport.abort()

    def is_what(self, told: Scrape) -> bool:
        """Tell whether a look shows just this crowd."""
        channels = {channel for held in self.held.values() for channel in held}
        kinds = Counter(kind_of(channel).value for channel in channels)
        subscriptions = Counter(kind_of(channel).value for held in self.held.values() for channel in held)
        return (
            told("hubbub_connections") == len(self.held)
            and (not self.held or told("hubbub_app_connections", app="1", protocol="ws") == len(self.held))
            and told("hubbub_sockets", kind="websocket") == len(self.held)
            and told("hubbub_connections_opened_total", protocol="ws") == self.came
            and told("hubbub_closes_total") == self.left
            and all(
                told("hubbub_channels", kind=kind) == kinds[kind]
                and told("hubbub_subscriptions", kind=kind) == subscriptions[kind]
                for kind in ("public", "private", "presence", "encrypted", "user")
            )
            and (not channels or told("hubbub_app_channels", app="1") == len(channels))
            and (not channels or told("hubbub_app_subscriptions", app="1") == subscriptions.total())
        )


@asynccontextmanager
async def crowd(server: Running) -> AsyncIterator[Crowd]:
    made = Crowd(server)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(lambda: _close_all(made))
        yield made


async def _close_all(made: Crowd) -> None:
    for one in list(made.held):
        await made.leave(one)


def of_load(told: Scrape) -> dict[str, float]:
    """Give all gauges that are of what clients do. The look itself has a connection and a task."""
    return {
        f"{name}{labels}": value
        for (name, labels), value in told.samples.items()
        if told.families.get(name) is not None
        and told.families[name].type == "gauge"
        and not name.startswith(OF_THE_MACHINE)
    }


async def test_after_churn_each_gauge_is_what_is_there_and_at_the_end_what_was_at_first(server: Running) -> None:
    before = await asyncio.to_thread(look, server)
    channels = ["room", "cache-room", "private-a", "private-b", "presence-x", "presence-y", "private-encrypted-e"]
    async with crowd(server) as clients:
        for number in range(42):
            one = await clients.come()
            for step in range(number % 4):
                await clients.join(one, channels[(number + step) % len(channels)])
        await becomes(server, clients.is_what, "clients who came are not told of")
        for number, one in enumerate(list(clients.held)):
            match number % 5:
                case 0:
                    await clients.leave(one)
                case 1:
                    clients.be_cut(one)
                case 2 if clients.held[one]:
                    await clients.drop(one, min(clients.held[one]))
                case 3:
                    await clients.join(one, f"private-own-{number}")
        told = await becomes(server, clients.is_what, "clients who went are told of")
        cut = sum(number % 5 == 1 for number in range(42))
        assert told("hubbub_closes_total", code="1006", reason="connection_lost") == cut
        assert told("hubbub_closes_total", code="1000", reason="client") == clients.left - cut
    after = await becomes(server, clients.is_what, "somebody is left")
    assert after("hubbub_presence_members") == 0
    assert after("hubbub_tasks") < before("hubbub_tasks") + 5  # what is done now and then has some

    found: dict[str, tuple[float, float]] = {}

    async def is_as_before() -> bool:
        now, then = of_load(await asyncio.to_thread(look, server)), of_load(before)
        both = {name: (then.get(name, 0.0), now.get(name, 0.0)) for name in {*then, *now}}
        found.clear()
        found.update({name: values for name, values in both.items() if values[0] != values[1]})
        return not found

    try:
        await eventually(is_as_before, "a gauge did not come back")
    except AssertionError as error:
        error.add_note(str(found))
        raise


async def test_members_are_counted_once_however_many_connections_they_have(server: Running) -> None:
    async with crowd(server) as clients:
        ones = [await clients.come() for _ in range(4)]
        for number, one in enumerate(ones):
            await one.ask("presence-many", f'{{"user_id":"{number % 2}"}}')
            while (await one.receive())["event"] != "pusher_internal:subscription_succeeded":
                pass
        told = await asyncio.to_thread(look, server)
        assert told("hubbub_presence_members") == 2
        assert told("hubbub_subscriptions", kind="presence") == 4


async def test_what_waits_for_a_slow_reader_is_seen_while_it_waits(
    server: Running, backend: Callable[..., Pusher]
) -> None:
    api = backend(server)
    async with crowd(server) as clients:
        slow = await clients.come()
        await clients.join(slow, "slow")
        slow.connection.transport.pause_reading()

        def say_much() -> None:
            for _ in range(60):
                api.trigger("slow", "n", "x" * 30_000)

        async def say_more() -> bool:
            await asyncio.to_thread(say_much)  # a socket's buffers hold megabytes
            told = await asyncio.to_thread(look, server)
            return told("hubbub_slow_readers") == 1 and told("hubbub_unread_bytes") > 0

        await eventually(say_more, "nothing waits for it")
        told = await asyncio.to_thread(look, server)
        assert told("hubbub_unread_bytes_most") == told("hubbub_unread_bytes")
        clients.be_cut(slow)
        await becomes(server, lambda told: told("hubbub_unread_bytes") == told("hubbub_slow_readers") == 0, "it waits")


async def test_what_is_counted_of_messages_is_what_was_said_and_heard(
    server: Running, backend: Callable[..., Pusher]
) -> None:
    names = ("events", "client_events", "deliveries", "message_bytes_in", "message_bytes_out")
    before = await asyncio.to_thread(look, server)
    async with crowd(server) as clients:
        ones = [await clients.come() for _ in range(3)]
        for one in ones:
            await clients.join(one, "private-talk")
        await asyncio.to_thread(backend(server).trigger, "private-talk", "n", "x" * 100)
        await ones[0].send("client-n", "y" * 50, "private-talk")
        heard = [await ones[1].receive() for _ in range(2)]
        assert {one["event"] for one in heard} == {"n", "client-n"}
        for one in (ones[0], ones[2]):
            await one.receive()
        await ones[2].receive()
    after = await asyncio.to_thread(look, server)
    events, client_events, deliveries, bytes_in, bytes_out = (
        after(f"hubbub_{name}_total") - before(f"hubbub_{name}_total") for name in names
    )
    assert (events, client_events, deliveries) == (1, 1, 3 + 2)
    assert bytes_in == 100 + len("y" * 50)
    assert bytes_out > 3 * 100 + 2 * 50
    assert after("hubbub_app_messages_total", app="1", direction="out") == after("hubbub_deliveries_total")


def test_the_process_is_seen_as_the_system_sees_it(server: Running) -> None:
    of_process = Path(f"/proc/{server.pid}")
    told = look(server)
    limits = (of_process / "limits").read_text()
    most = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3]
    assert told("process_max_fds") == int(most)
    pages = int((of_process / "statm").read_text().split()[1])
    assert told("process_resident_memory_bytes") == pytest.approx(pages * os.sysconf("SC_PAGESIZE"), rel=0.2)
    # Those of the look itself are a socket, and the folder that is counted.
    assert 0 <= told("process_open_fds") - len(list((of_process / "fd").iterdir())) <= 10


async def test_how_long_it_takes_is_counted(server: Running, backend: Callable[..., Pusher]) -> None:
    before = await asyncio.to_thread(look, server)
    api = backend(server)

    async def is_timed() -> bool:
        await asyncio.to_thread(api.trigger, "timed", "n", "x")
        now = await asyncio.to_thread(look, server)
        return all(
            now(f"{name}_count") > before(f"{name}_count") and 0 < now(f"{name}_sum") < 60
            for name in ("hubbub_publish_seconds", "hubbub_request_seconds", "hubbub_loop_lag_seconds")
        )

    async with crowd(server) as clients:
        await clients.join(await clients.come(), "timed")
        await eventually(is_timed, "nothing is timed")

        async def is_delivered() -> bool:
            await asyncio.to_thread(api.trigger, "timed", "n", "x")
            now = await asyncio.to_thread(look, server)
            return now("hubbub_delivery_seconds_count") > before("hubbub_delivery_seconds_count")

        await eventually(is_delivered, "no delivery is timed")
    told = await asyncio.to_thread(look, server)
    for name in ("hubbub_publish_seconds", "hubbub_delivery_seconds", "hubbub_database_seconds"):
        assert told(f"{name}_bucket", le="+Inf") == told(f"{name}_count")
