"""The way out of a connection: what is written arrives once and in order, or nothing of it does, on real sockets."""

import asyncio
import os
import random
import socket
import ssl
import subprocess
import sys
import tracemalloc
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType

import pytest

from native.ends import LIMIT, READ_AT_ONCE, Far, Near, connected, sockets
from native.twins import needs_compiled, twins

families = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["TCP", "Unix"])

SMALL = 16_384  # bytes; the system makes twice as much of it
MANY = 100_000


class Paper:
    """A transport that notes what it is given."""

    def __init__(self, kept: int = 0) -> None:
        self.written: list[bytes] = []
        self.kept = kept
        self.asked = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        self.asked += 1
        return self.kept


class Broken(Paper):
    """A transport with a fault."""

    def write(self, data: bytes) -> None:
        raise RuntimeError("no more of this")


def filled(near: Near, part: bytes) -> int:
    """Write until the transport has to keep something; give how many bytes were written."""
    written = 0
    while not near.transport.get_write_buffer_size():
        near.outlet(part)
        written += len(part)
    return written


# Order


@twins
@families
def test_what_is_written_arrives(runner: asyncio.Runner, native: ModuleType, family: int) -> None:
    async def talk() -> None:
        async with connected(native, family) as (near, far):
            for part in (b"one ", b"", b"two ", b"\x00\xff" * 500):
                assert near.outlet(part) is None
            assert await far.read(1008) == b"one two " + b"\x00\xff" * 500
            near.transport.close()
            assert await far.rest() == b""
            assert await near.lost is None

    runner.run(talk())


@twins
@families
@pytest.mark.parametrize("seed", range(3))
def test_order_stands_however_full_the_socket_is(
    runner: asyncio.Runner, native: ModuleType, family: int, seed: int
) -> None:
    """The reader reads now and then: sends are whole, partial, refused, left to the transport, and whole again."""
    draw = random.Random(seed)
    sent = bytearray()
    heard = bytearray()
    times = {"kept": 0, "clear": 0}

    async def talk() -> None:
        async with connected(native, family, SMALL) as (near, far):
            near.transport.set_write_buffer_limits(high=2**30)
            for _ in range(100):
                for _ in range(draw.randrange(12)):
                    part = len(sent).to_bytes(8) * draw.choice((1, 1, 2, 10, 700, 6000))
                    near.outlet(part)
                    sent.extend(part)
                    times["kept" if near.transport.get_write_buffer_size() else "clear"] += 1
                if draw.random() < 0.3:
                    heard.extend(await far.read(draw.randrange(len(sent) - len(heard) + 1)))
                if draw.random() < 0.2:
                    heard.extend(await far.read(len(sent) - len(heard)))
                await asyncio.sleep(0)
            near.transport.close()
            heard.extend(await far.rest())
            assert await near.lost is None

    runner.run(talk())
    assert heard == sent
    assert min(times.values()) > 20, times


@twins
@families
def test_what_the_transport_was_given_before_goes_first(
    runner: asyncio.Runner, native: ModuleType, family: int
) -> None:
    first, second = b"1" * 3_000_000, b"2" * 1000

    async def talk() -> None:
        async with connected(native, family, SMALL) as (near, far):
            near.transport.write(b"0")
            near.transport.write(first)
            assert near.transport.get_write_buffer_size()
            near.outlet(second)
            assert await far.read(len(first) + 1001) == b"0" + first + second
            near.outlet(b"3")
            assert await far.read(1) == b"3"
            near.transport.close()
            await near.lost

    runner.run(talk())


@twins
def test_what_waits_is_sent_before_the_connection_closes(runner: asyncio.Runner, native: ModuleType) -> None:
    async def talk() -> None:
        async with connected(native, buffer=SMALL) as (near, far):
            size = filled(near, b"x" * 10_000)
            near.outlet(b"last")
            near.outlet.shut()
            near.transport.close()
            near.outlet(b"never")
            assert await far.rest() == b"x" * size + b"last"
            assert await near.lost is None

    runner.run(talk())


@twins
def test_a_half_that_is_ended_gets_what_was_written_and_no_more(runner: asyncio.Runner, native: ModuleType) -> None:
    async def talk() -> None:
        async with connected(native, buffer=SMALL) as (near, far):
            size = filled(near, b"x" * 10_000)
            near.outlet.shut()
            near.transport.write_eof()
            near.outlet(b"never")
            assert await far.rest() == b"x" * size
            near.outlet(b"never")
            near.transport.abort()
            await near.lost

    runner.run(talk())


# Flow


@twins
@families
def test_a_reader_that_is_too_slow_is_noticed_at_the_limit(
    runner: asyncio.Runner, native: ModuleType, family: int
) -> None:
    limit, part = 50_000, b"x" * 1000

    async def talk() -> None:
        async with connected(native, family, SMALL) as (near, far):
            near.transport.set_write_buffer_limits(high=limit, low=0)
            written = filled(near, part)
            while near.transport.get_write_buffer_size() <= limit:
                assert near.told == []
                near.outlet(part)
                written += len(part)
            assert near.told == ["pause"]
            assert near.transport.get_write_buffer_size() <= limit + len(part)
            near.outlet(part)
            assert near.told == ["pause"]
            assert await far.read(written + len(part)) == b"x" * (written + len(part))
            async with asyncio.timeout(LIMIT):
                await near.resumed.wait()
            assert near.told == ["pause", "resume"]
            near.outlet(b"y")
            assert await far.read(1) == b"y"
            near.transport.close()
            await near.lost

    runner.run(talk())


@twins
def test_an_outlet_may_be_shut_from_within_its_own_write(runner: asyncio.Runner, native: ModuleType) -> None:
    async def talk() -> None:
        async with connected(native, buffer=SMALL) as (near, far):
            near.transport.set_write_buffer_limits(high=1000, low=0)
            near.on_pause = near.outlet.shut
            written = 0
            while not near.outlet.is_shut:
                near.outlet(b"x" * 10_000)
                written += 10_000
            near.outlet(b"never")
            near.transport.close()
            assert await far.rest() == b"x" * written
            await near.lost

    runner.run(talk())


# Ends


@twins
def test_what_is_shut_discards(runner: asyncio.Runner, native: ModuleType) -> None:
    async def talk() -> None:
        async with connected(native) as (near, far):
            assert not near.outlet.is_shut
            near.outlet(b"heard")
            near.outlet.shut()
            near.outlet.shut()
            assert near.outlet.is_shut
            near.outlet(b"never")
            near.transport.write(b"last")
            near.transport.close()
            assert await far.rest() == b"heardlast"
            await near.lost

    runner.run(talk())


@twins
@families
@pytest.mark.parametrize("end", ["abort", "close", "reset", "ended"])
def test_nothing_goes_to_another_connection_of_the_same_number(
    runner: asyncio.Runner, native: ModuleType, family: int, end: str
) -> None:
    """One connection ends while it is written to at every step; the next has its file number, and must not hear it."""

    async def talk() -> None:
        async with connected(native, family, SMALL) as (near, far):
            old = near.transport.get_extra_info("socket").fileno()
            filled(near, b"first" * 1000)
            match end:
                case "abort":
                    near.transport.abort()
                case "close":
                    near.transport.close()
                    far.sock.close()
                case "reset":
                    far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    far.sock.close()
                case "ended":
                    far.sock.close()
            taken: list[socket.socket] = []
            async with asyncio.timeout(LIMIT):
                while not near.lost.done():
                    near.outlet(b"first")
                    await asyncio.sleep(0)
            far.sock.close()
            try:
                # Whatever number is free is taken, until the old one is.
                while old not in (sock.fileno() for sock in taken):
                    assert len(taken) < 100
                    taken.extend(sockets(family))
                    near.outlet(b"first")
                    await asyncio.sleep(0)
                for _ in range(10):
                    near.outlet(b"first" * 100)
                    await asyncio.sleep(0)
                for sock in taken:
                    assert Far(sock).at_once() == b""
            finally:
                for sock in taken:
                    sock.close()

    runner.run(talk())


@twins
@families
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_client_that_is_gone_is_no_error_and_the_connection_is_lost(
    runner: asyncio.Runner, native: ModuleType, family: int, is_reset: bool
) -> None:
    async def talk() -> None:
        async with connected(native, family) as (near, far):
            near.transport.pause_reading()  # so that only writing can find out
            if is_reset:
                far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            far.sock.close()
            async with asyncio.timeout(LIMIT):
                while not near.lost.done():
                    near.outlet(b"x")
                    await asyncio.sleep(0)
            assert near.lost.result() is None or isinstance(near.lost.result(), ConnectionError)
            assert near.outlet.is_shut

    runner.run(talk())


@needs_compiled
def test_no_signal_comes_of_a_client_that_is_gone() -> None:
    program = """
import signal, socket
from hubbub.native._native import Outlet
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
class Paper:
    def write(self, data):
        print(data.decode())
    def get_write_buffer_size(self):
        return 0
for far, near in (socket.socketpair(), socket.socketpair()):
    far.close()
    outlet = Outlet(Paper(), near.fileno())
    outlet(b"left")
    outlet(b"to it")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, env=os.environ
    )
    assert done.stdout.split("\n") == ["left", "to it"] * 2 + [""]


# Transports of other kinds


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Give a server's and a client's, for a certificate that was made for the test."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=hubbub.test", "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(certificate)
    return server, client


@twins
@pytest.mark.needs("openssl")
def test_over_tls_everything_is_encrypted_and_arrives(
    runner: asyncio.Runner, native: ModuleType, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, client = contexts
    sent = bytearray()

    def read(sock: socket.socket) -> bytes:
        sock.settimeout(LIMIT)
        heard = b""
        with client.wrap_socket(sock) as far:
            while part := far.recv(READ_AT_ONCE):
                heard += part
        return heard

    async def talk() -> None:
        near_socket, far_socket = sockets(socket.AF_INET, SMALL)
        reading = asyncio.create_task(asyncio.to_thread(read, far_socket))
        near = Near(native)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: near, near_socket, ssl=server)
        for number in range(2000):
            part = number.to_bytes(4) * 100
            near.outlet(part)
            sent.extend(part)
            if number % 100 == 0:
                await asyncio.sleep(0)
        near.transport.close()
        async with asyncio.timeout(LIMIT):
            assert await reading == sent
            await near.lost
        near.outlet(b"never")

    runner.run(talk())


@twins
def test_without_a_file_all_goes_by_the_transport(native: ModuleType) -> None:
    paper = Paper()
    outlet = native.Outlet(paper, -1)
    outlet(b"one")
    outlet(b"two")
    assert paper.written == [b"one", b"two"]
    outlet.shut()
    outlet(b"three")
    assert paper.written == [b"one", b"two"]


@needs_compiled
def test_nothing_passes_what_the_transport_keeps() -> None:
    """The file is asked for no more while the transport says that it keeps something; that is asked only then."""
    from hubbub.native._native import Outlet  # type: ignore[import-not-found]  # noqa: PLC0415

    near, far = sockets(socket.AF_UNIX)
    with closing(near), closing(far):
        paper = Paper(kept=1)
        outlet = Outlet(paper, near.fileno())
        outlet(b"one")
        assert (paper.written, Far(far).at_once()) == ([b"one"], b"")
        paper.kept = 0
        outlet(b"two")
        assert (paper.written, Far(far).at_once(), paper.asked) == ([b"one"], b"two", 2)
        outlet(b"three")
        assert (Far(far).at_once(), paper.asked) == (b"three", 2)


@needs_compiled
def test_a_file_that_is_no_socket_is_left_to_the_transport(tmp_path: Path) -> None:
    from hubbub.native._native import Outlet  # noqa: PLC0415

    with (tmp_path / "file").open("wb") as file:
        paper = Paper()
        outlet = Outlet(paper, file.fileno())
        outlet(b"one")
        outlet(b"two")
        assert paper.written == [b"one", b"two"]
        assert file.tell() == 0


# Misuse


@twins
@pytest.mark.parametrize("data", ["text", 5, [1]], ids=repr)
def test_what_is_no_bytes_is_an_error(runner: asyncio.Runner, native: ModuleType, data: object) -> None:
    async def talk() -> None:
        async with connected(native) as (near, far):
            with pytest.raises(TypeError):
                near.outlet(data)
            near.outlet(b"still")
            assert await far.read(5) == b"still"
            near.transport.close()
            await near.lost

    runner.run(talk())


@needs_compiled
@pytest.mark.parametrize("data", [bytearray(b"x"), memoryview(b"x"), None], ids=lambda data: type(data).__name__)
def test_the_compiled_outlet_takes_bytes_and_nothing_like_them(data: object) -> None:
    from hubbub.native._native import Outlet  # noqa: PLC0415

    paper = Paper()
    with pytest.raises(TypeError, match="an outlet takes bytes, not"):
        Outlet(paper, -1)(data)
    assert paper.written == []


@twins
def test_an_outlet_takes_one_argument(native: ModuleType) -> None:
    outlet = native.Outlet(Paper(), -1)
    for wrong in (outlet, lambda: outlet(b"", b""), lambda: outlet(b"", more=1)):
        with pytest.raises(TypeError):
            wrong()
    for arguments in ((), (Paper(),), (Paper(), -1, 1)):
        with pytest.raises(TypeError):
            native.Outlet(*arguments)


@twins
def test_a_fault_of_the_transport_is_passed_on(native: ModuleType) -> None:
    outlet = native.Outlet(Broken(), -1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no more of this"):
            outlet(b"x")


@needs_compiled
def test_a_fault_in_asking_the_transport_is_passed_on() -> None:
    from hubbub.native._native import Outlet  # noqa: PLC0415

    class Mute(Paper):
        def get_write_buffer_size(self) -> int:
            raise RuntimeError("no answer")

    class Liar(Paper):
        def get_write_buffer_size(self) -> int:
            return "many"  # type: ignore[return-value]

    near, far = sockets(socket.AF_UNIX)
    with closing(near), closing(far):
        with pytest.raises(RuntimeError, match="no answer"):
            Outlet(Mute(), near.fileno())(b"x")
        with pytest.raises(TypeError):
            Outlet(Liar(), near.fileno())(b"x")
        assert Far(far).at_once() == b""


@needs_compiled
def test_a_transport_may_shut_the_outlet_when_it_is_asked() -> None:
    from hubbub.native._native import Outlet  # noqa: PLC0415

    class Leaving(Paper):
        def get_write_buffer_size(self) -> int:
            outlets.pop().shut()
            return self.kept

    near, far = sockets(socket.AF_UNIX)
    with closing(near), closing(far):
        for kept in (0, 1):
            outlet = Outlet(Leaving(kept), near.fileno())
            outlets = [outlet]
            outlet(b"x")
            assert outlet.is_shut
        assert Far(far).at_once() == b""


# Memory


@twins
def test_a_hundred_thousand_writes_leave_nothing_behind(native: ModuleType) -> None:
    near, far = sockets(socket.AF_UNIX)
    paper = Paper()
    data = bytes(range(100))
    with closing(near), closing(far):
        outlet = native.Outlet(paper, near.fileno())

        def write(times: int) -> None:
            for _ in range(times):
                outlet(data)
                far.recv(1000) if native.__name__.endswith("_native") else paper.written.clear()

        write(1000)
        before = sys.getrefcount(data), sys.getrefcount(paper), sys.getrefcount(outlet)
        tracemalloc.start()
        try:
            write(10)
            kept = tracemalloc.get_traced_memory()[0]
            write(MANY)
            grown = tracemalloc.get_traced_memory()[0] - kept
        finally:
            tracemalloc.stop()
        assert (sys.getrefcount(data), sys.getrefcount(paper), sys.getrefcount(outlet)) == before
        assert grown < 10_000


@needs_compiled
def test_writes_that_do_not_fit_or_fail_leave_nothing_behind() -> None:
    from hubbub.native._native import Outlet  # noqa: PLC0415

    near, far = sockets(socket.AF_UNIX, SMALL)
    with closing(near), closing(far):
        paper, broken = Paper(), Broken()
        data = bytes(range(250)) * 4
        outlet, gone = Outlet(paper, near.fileno()), Outlet(broken, -1)

        def write(times: int) -> None:
            for _ in range(times):
                outlet(data)
                if paper.written:  # full: what did not fit is here
                    paper.written.clear()
                    far.recv(READ_AT_ONCE)
                with suppress(RuntimeError):
                    gone(data)

        write(100)
        before = [sys.getrefcount(thing) for thing in (data, paper, broken, outlet, gone)]
        tracemalloc.start()
        try:
            write(100)
            kept = tracemalloc.get_traced_memory()[0]
            write(5000)
            grown = tracemalloc.get_traced_memory()[0] - kept
        finally:
            tracemalloc.stop()
        assert [sys.getrefcount(thing) for thing in (data, paper, broken, outlet, gone)] == before
        assert grown < 10_000


@twins
def test_an_outlet_lets_go_of_its_transport(native: ModuleType) -> None:
    paper = Paper()
    before = sys.getrefcount(paper)
    outlets = [native.Outlet(paper, -1) for _ in range(100)]
    assert sys.getrefcount(paper) == before + 100
    outlets[0].shut()
    assert sys.getrefcount(paper) == before + 99
    outlets.clear()
    assert sys.getrefcount(paper) == before
