"""Several processes on one port: all serve as one, and who dies, is renewed or is stopped takes nobody along."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import IO

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from websockets.sync.client import connect as connect_to

from conftest import Start
from engine.redis.redisserver import Server, free_port
from running import STOP_LIMIT, Running
from sockets.client import LIMIT, PusherSocket, dial

TOKEN = "a-token-for-metrics"
LISTENING = "Hubbub is listening on"
PATIENCE = 90.0  # seconds
LONG = 600  # seconds that no test waits
CROWD = 24
"""Sockets of which two workers get some each, but once in eight million times."""

pytestmark = pytest.mark.needs("redis")


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    """Give the Redis of all tests here."""
    with Server() as server:
        yield server


@pytest.fixture
def start_workers(start_server: Start, redis: Server, request: pytest.FixtureRequest) -> Start:
    """Give a way to start two workers: `start_workers(drain_delay=1)`."""
    prefix = re.sub(r"\W", "-", request.node.name)[:64]

    def start(**settings: object) -> Running:
        given = {"workers": 2, "engine_url": redis.url, "engine_prefix": prefix, "metrics_token": TOKEN, **settings}
        return start_server(**given)

    return start


@asynccontextmanager
async def crowd(server: Running, size: int = CROWD) -> AsyncIterator[list[PusherSocket]]:
    """Give sockets that have been welcomed."""
    async with AsyncExitStack() as stack:
        sockets = await asyncio.gather(*(dial(server) for _ in range(size)))
        for one in sockets:
            await stack.enter_async_context(one.connection)
            await one.welcome()
        yield sockets


@contextmanager
def program(folder: Path, **settings: object) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start two workers in a session of their own; give the first process and what all of them print."""
    others = {"workers": 2, "app_id": "1", "app_key": "key", "app_secret": "s3cret", **settings}
    process = subprocess.Popen(
        [sys.executable, "-m", "hubbub", "serve"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
        | {f"HUBBUB_{name.upper()}": str(value) for name, value in others.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with closing(process.stdout):
        try:
            yield process, process.stdout
        finally:
            process.kill()  # its workers end with it
            process.wait()


def line_with(output: IO[str], text: str) -> str:
    """Give the first line that holds a text."""
    for line in output:
        if text in line:
            return line
    raise AssertionError(f"it ended without saying: {text}")


def workers_of(server: Running) -> set[int]:
    """Give the processes that serve, or will."""
    found = set()
    for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
        try:
            if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
                found.add(int(pid))
        except OSError:
            continue  # it has ended meanwhile
    return found


async def by_worker(server: Running, name: str) -> dict[int, float]:
    """Give a metric of each worker that tells one, by its number."""
    request = urllib.request.Request(f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    def ask() -> str:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return str(answer.read().decode())

    text = await asyncio.to_thread(ask)
    found = re.findall(rf'^{name}\{{worker="(\d+)"\}} (\S+)$', text, re.MULTILINE)
    return {int(number): float(value) for number, value in found}


async def eventually(try_it: Callable[[], Awaitable[bool]], problem: str) -> None:
    """Try until it succeeds: processes are started meanwhile, on a machine that may be busy."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await try_it():  # noqa: ASYNC110 - another process tells nobody
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(problem) from None


async def becomes(is_so: Callable[[], bool], problem: str) -> None:
    """Wait for something that another process does."""

    async def look() -> bool:
        return await asyncio.to_thread(is_so)

    await eventually(look, problem)


async def all_serve(server: Running, count: int = 2) -> None:
    """Wait until so many workers serve, and know of each other."""

    async def look() -> bool:
        return await by_worker(server, "hubbub_nodes") == dict.fromkeys(range(1, count + 1), count)

    await eventually(look, f"there are not {count} workers")


async def test_all_workers_serve_as_one(start_workers: Start, backend: Callable[..., Pusher]) -> None:
    server = start_workers()
    async with crowd(server) as sockets:
        await asyncio.gather(*(one.subscribe("room") for one in sockets))
        spread = await by_worker(server, "hubbub_connections")
        assert spread.keys() == {1, 2}
        assert sum(spread.values()) == CROWD
        assert min(spread.values()) > 0, "one worker has all of them"
        publisher = backend(server)
        for number in range(10):
            await asyncio.to_thread(publisher.trigger, "room", "n", str(number))
        for one in sockets:
            assert [await one.expect("n", "room") for _ in range(10)] == list(range(10))
        info = await asyncio.to_thread(publisher.channels_info)
        assert set(info["channels"]) == {"room"}
    assert server.log.count(LISTENING) == 1
    assert len(workers_of(server)) == 2


async def test_a_session_without_a_socket_may_come_to_any_worker_with_each_request(start_workers: Start) -> None:
    server = start_workers()

    def ask(session: int, transport: str, body: bytes = b"") -> bytes:
        # Each by a connection of its own: the kernel chooses anew.
        url = f"{server.url}/pusher/app/{server.key}/1/session-{session}/{transport}?protocol=7"
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=LIMIT) as answer:
            return bytes(answer.read())

    def hear(session: int, text: bytes) -> None:
        """Poll until the session has said it, which takes two polls at most."""
        assert text in ask(session, "xhr") or text in ask(session, "xhr")

    def live(session: int) -> None:
        hear(session, b"connection_established")
        for channel in "abc":
            said = json.dumps([json.dumps({"event": "pusher:subscribe", "data": {"channel": channel}})])
            ask(session, "xhr_send", said.encode())
            hear(session, b"subscription_succeeded")

    await asyncio.gather(*(asyncio.to_thread(live, session) for session in range(4)))


async def test_a_worker_that_dies_is_replaced_and_takes_nobody_else_along(start_workers: Start) -> None:
    server = start_workers()
    async with crowd(server) as sockets:
        before = workers_of(server)
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)
        await becomes(
            lambda: killed not in workers_of(server) and len(workers_of(server)) == 2, "nobody took its place"
        )
        # Who was with the other one is still there.
        assert 0 < len([one for one in sockets if one.connection.close_code is None]) < CROWD
        assert before < workers_of(server)

    async def both_serve() -> bool:
        return (await by_worker(server, "hubbub_connections")).keys() == {1, 2}

    await eventually(both_serve, "the new one does not serve")
    assert "ended with status -9: another is started now" in server.log


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_all_workers(start_workers: Start, sign: signal.Signals) -> None:
    server = start_workers(drain_wave=3)
    async with crowd(server) as sockets:
        os.kill(server.pid, sign)
        for one in sockets:
            await one.expect_close(4200)
    await becomes(lambda: server.status is not None, "it does not end")
    assert server.status == 0
    await becomes(lambda: "Stopped." in server.log.splitlines(), "it does not say so")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port))


def test_an_interrupt_at_the_terminal_reaches_all_and_a_second_one_cuts_short(tmp_path: Path, redis: Server) -> None:
    settings = {"engine_url": redis.url, "engine_prefix": "ctrl-c", "drain_timeout": LONG, "close_timeout": LONG}
    with program(tmp_path, port=0, **settings) as (process, output):
        port = int(line_with(output, LISTENING).rpartition(":")[2])
        with closing(socket.create_connection(("127.0.0.1", port))) as mute:
            mute.settimeout(LIMIT)
            mute.sendall(
                b"GET /app/key?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            while b"connection_established" not in mute.recv(4096):
                pass
            os.killpg(process.pid, signal.SIGINT)
            line_with(output, "Stopping: 1 sockets")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(STOP_LIMIT) == 0
            assert "Traceback" not in output.read()


async def test_workers_are_renewed_one_by_one_and_nobody_is_turned_away(start_workers: Start) -> None:
    server = start_workers()
    before = workers_of(server)
    async with crowd(server) as sockets:
        os.kill(server.pid, signal.SIGHUP)
        knocks = 0
        seen = set(before)
        async with asyncio.timeout(PATIENCE):
            while workers_of(server) & before or len(workers_of(server)) != 2:
                seen |= workers_of(server)
                late = await (await dial(server)).welcome()
                knocks += 1
                await late.connection.close()
        assert knocks > 10
        assert len(workers_of(server) & seen) == 2
        for one in sockets:
            await one.expect_close(4200)
    await all_serve(server)


async def test_one_that_dies_while_it_is_renewed_leaves_none_fewer(start_workers: Start) -> None:
    server = await asyncio.to_thread(start_workers)
    before = workers_of(server)
    os.kill(server.pid, signal.SIGHUP)
    await becomes(lambda: len(workers_of(server)) == 3, "no worker is renewed")
    first = next(json.loads(line)["pid"] for line in server.output if '"Serving","worker":1,' in line)
    os.kill(first, signal.SIGKILL)
    await becomes(lambda: not Path(f"/proc/{first}").exists(), "nobody has looked after the one that died")
    os.kill(server.pid, signal.SIGHUP)
    await becomes(lambda: len(workers_of(server)) == 2 and not workers_of(server) & before, "they are not all new")
    await all_serve(server)


async def test_there_may_be_more_and_fewer_of_them(start_workers: Start) -> None:
    server = start_workers()
    os.kill(server.pid, signal.SIGTTIN)
    await all_serve(server, 3)
    os.kill(server.pid, signal.SIGTTOU)
    await becomes(lambda: len(workers_of(server)) == 2, "none of them goes")
    await all_serve(server)


async def test_workers_end_when_the_first_process_is_killed(start_workers: Start) -> None:
    with Server() as redis:
        server = Running(workers=2, engine_url=redis.url)
        server.__enter__()
        try:
            workers = workers_of(server)
            async with crowd(server) as sockets:
                os.kill(server.pid, signal.SIGKILL)
                for one in sockets:
                    await one.expect_close(4200)
            await becomes(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "they live on")
        finally:
            # What ended by itself is what this test is about.
            with pytest.raises(AssertionError, match="ended by itself with status -9"):
                server.__exit__(None, None, None)


def test_what_one_worker_cannot_use_ends_all_with_one_message(redis: Server) -> None:
    with (
        Server(password="s3cret-word") as guarded,
        pytest.raises(AssertionError, match="ended with status 2") as ended,
        Running(workers=3, engine_url=f"redis://:wrong-word@127.0.0.1:{guarded.port}"),
    ):
        pass
    said = str(ended.value)
    assert said.count("HUBBUB_ENGINE_URL") == 1, said
    assert "Traceback" not in said
    assert "wrong-word" not in said


def test_a_port_that_is_taken_is_refused(start_workers: Start) -> None:
    server = start_workers()
    for count in (1, 2):
        with pytest.raises(AssertionError, match="ended with status 2") as ended:
            start_workers(workers=count, port=server.port)
        assert f"Hubbub cannot listen on 127.0.0.1:{server.port}" in str(ended.value)


def test_a_server_waits_for_an_engine_that_is_away_and_can_be_stopped_meanwhile(tmp_path: Path) -> None:
    with program(tmp_path, port=0, engine_url=f"redis://127.0.0.1:{free_port()}") as (process, output):
        line_with(output, "Redis is not there yet")
        process.terminate()
        assert process.wait(STOP_LIMIT) == 0
        rest = output.read()
        assert "Traceback" not in rest
        assert rest.splitlines()[-1] == "Stopped."


def test_all_workers_listen_on_one_unix_socket(tmp_path: Path, redis: Server) -> None:
    path = tmp_path / "hubbub.sock"
    with program(tmp_path, uds=path, engine_url=redis.url, engine_prefix="uds") as (process, output):
        assert line_with(output, LISTENING) == f"{LISTENING} unix:{path}\n"
        for _ in range(8):
            with closing(socket.socket(socket.AF_UNIX)) as connection:
                connection.connect(str(path))
                with connect_to("ws://localhost/app/key?protocol=7", sock=connection) as client:
                    assert "connection_established" in str(client.recv(LIMIT))
        process.terminate()
        assert process.wait(STOP_LIMIT) == 0
        assert "Traceback" not in output.read()
