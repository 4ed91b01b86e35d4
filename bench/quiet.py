"""How long a message of a quiet channel takes beside a channel of ten thousand subscribers.

The large channel is the load generator's. The quiet one, one publisher and one subscriber, is this process alone, which
holds nothing else and is given priority over the generator on their core, so that it measures the server and not its
neighbour. Its messages carry the time at which they were due (no coordinated omission). What it was late itself is
measured too: how long after it was due each request went out, and how long after the kernel had an answer it was read.

    python bench/quiet.py --json FILE
"""

import argparse
import contextlib
import gc
import json
import os
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from line import LIMIT, Line
from publisher import Publisher
from servers import ROOT, Server, hubbub

GENERATOR = ROOT / "bench" / "tools" / "build" / "wsload"
GENERATOR_CORE = 1
QUIET = "quiet"
LARGE = "bench-0"
TARGET = 15.0  # milliseconds, 99 of 100
TIMESTAMPS = 35
"""SO_TIMESTAMPNS of Linux, which Python does not name: the kernel tells when it had what is read."""


class Measured(Struct, frozen=True):
    """Milliseconds of each message: from when it was due until read; sent after it was due; read after it was there."""

    took: list[float]
    sent_late: list[float]
    read_late: list[float]
    cpu: float
    """Share of its core that the server used meanwhile."""


class Spread(Struct, frozen=True):
    """What of many milliseconds there is to say."""

    p50: float
    p99: float
    most: float


def spread(values: list[float]) -> Spread:
    """Look at many."""
    ordered = sorted(values)
    return Spread(ordered[len(ordered) // 2], ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)], ordered[-1])


def take_priority() -> str:
    """Go before all others on this process's core, if that is permitted; tell how far that went."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        return "first of all (SCHED_FIFO)"
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        return "nice -20"
    return "none: what it was late itself counts"


def measure(server: Server, rate: float, seconds: float) -> Measured:
    """Publish `rate` messages a second to the quiet channel, each at its time, and take them.

    Raises TimeoutError for one that does not come.
    """
    line = Line(server)
    line.subscribe(QUIET)
    line.wait("pusher_internal:subscription_succeeded")
    line.connection.setsockopt(socket.SOL_SOCKET, TIMESTAMPS, 1)
    publishers = [Publisher(server) for _ in range(8)]
    count = round(rate * seconds)
    found = Measured([], [], [], 0)
    gc.collect()
    gc.disable()
    spent, began = server.cpu_seconds(), time.monotonic()
    sent = 0
    while len(found.took) < count:
        due = began + sent / rate if sent < count else began + seconds + LIMIT
        busy = [publisher.connection for publisher in publishers if not publisher.is_free]
        readable, _, _ = select.select([line.connection, *busy], [], [], max(due - time.monotonic(), 0))
        if line.connection in readable:
            _take(line, found)
        for publisher in publishers:
            if publisher.connection in readable:
                publisher.take()
        now = time.monotonic()
        if now < due:
            continue
        if sent == count:
            raise TimeoutError(f"{count - len(found.took)} of {count} messages did not come")
        if not any(publisher.is_free for publisher in publishers):
            publishers.append(Publisher(server))
        publisher = next(publisher for publisher in publishers if publisher.is_free)
        publisher.send(QUIET, repr(due))
        found.sent_late.append((time.monotonic() - due) * 1e3)
        sent += 1
    cpu = (server.cpu_seconds() - spent) / (time.monotonic() - began)
    gc.enable()
    for publisher in publishers:
        publisher.close()
    line.close()
    return msgspec.structs.replace(found, cpu=cpu)


def _take(line: Line, found: Measured) -> None:
    """Read what is there, and note when it was due, was there, and is read."""
    data, about, _, _ = line.connection.recvmsg(65_536, 64)
    now, wall = time.monotonic(), time.time()
    for message in line.messages(data):
        found.took.append((now - float(message["data"])) * 1e3)
        for _, kind, value in about:
            if kind == TIMESTAMPS:
                whole, parts = struct.unpack("qq", value)
                found.read_late.append((wall - whole - parts / 1e9) * 1e3)


@contextlib.contextmanager
def large_channel(
    server: Server, subscribers: int, rate: float, output: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the generator beside, once all are subscribed until it is no longer needed; `output` gets its report."""
    arguments = {
        "--port": server.port,
        "--app-id": server.app_id,
        "--key": server.key,
        "--secret": server.secret,
        "--server-pid": server.pid,
        "--mode": "fanout",
        "-n": subscribers,
        "-c": 1,
        "-p": 1,
        "-r": rate,
        "-s": 100,
        "--warmup": 1,
        "--duration": 600,
        "--timeout": 700,
        "--probes": 50,
        "--nap-us": 20_000,
    }
    flat = [str(part) for pair in arguments.items() for part in pair]
    generator = subprocess.Popen([str(GENERATOR), *flat, "--json", "-q"], stdout=output)
    try:
        asking = Publisher(server)
        end = time.monotonic() + 2 * LIMIT
        while asking.get(f"/channels/{LARGE}/stats").get("connection_count") != subscribers:
            if generator.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the load generator did not subscribe all")
            time.sleep(0.2)
        asking.close()
        time.sleep(2)  # its own start
        yield generator
    finally:
        generator.send_signal(signal.SIGINT)
        generator.wait(LIMIT)


class Figures(Struct, frozen=True):
    """What was found with the quiet channel "alone" and "beside" the large one.

    Spreads of all messages of all rounds, the server's share of its core, the rounds themselves, and what the generator
    said of the large channel.
    """

    priority: str
    took: dict[str, Spread]
    sent_late: dict[str, Spread]
    read_late: dict[str, Spread]
    cpu: dict[str, float]
    rounds: dict[str, list[Measured]]
    large: object


def run(checkout: Path, subscribers: int, large_rate: float, rate: float, seconds: float, rounds: int) -> Figures:
    """Measure the quiet channel alone, then beside the large one, each `rounds` times."""
    with hubbub(checkout) as server, tempfile.TemporaryFile() as output:
        # The generator inherits the core, and is started before this process goes before it.
        os.sched_setaffinity(0, {GENERATOR_CORE})
        alone = [measure(server, rate, seconds) for _ in range(rounds)]
        with large_channel(server, subscribers, large_rate, output):
            priority = take_priority()
            beside = []
            for _ in range(rounds):
                beside.append(measure(server, rate, seconds))
                print(f"beside: p99 {spread(beside[-1].took).p99:.2f} ms", file=sys.stderr)
        output.seek(0)
        large = json.loads(output.read())
    found = {"alone": alone, "beside": beside}
    return Figures(
        priority=priority,
        took={kind: spread([each for one in rounds for each in one.took]) for kind, rounds in found.items()},
        sent_late={kind: spread([each for one in rounds for each in one.sent_late]) for kind, rounds in found.items()},
        read_late={kind: spread([each for one in rounds for each in one.read_late]) for kind, rounds in found.items()},
        cpu={kind: statistics.median(one.cpu for one in rounds) for kind, rounds in found.items()},
        rounds=found,
        large=large,
    )


def main() -> int:
    """Measure as the command line says, print the figures, and give 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subscribers", type=int, default=10_000, help="of the large channel")
    parser.add_argument("--large-rate", type=float, default=10, help="messages a second to it")
    parser.add_argument("--rate", type=float, default=50, help="messages a second to the quiet channel")
    parser.add_argument("--seconds", type=float, default=6, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another folder's Hubbub")
    parser.add_argument("--json", type=Path, help="write the raw figures here")
    given = parser.parse_args()
    if not GENERATOR.exists():
        parser.error("the load generator is not built yet: make -C bench/tools")
    figures = run(given.checkout, given.subscribers, given.large_rate, given.rate, given.seconds, given.rounds)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    for kind, took in figures.took.items():
        late = f"sent {figures.sent_late[kind].p99:.2f} and read {figures.read_late[kind].p99:.2f} ms late at p99"
        print(
            f"{kind}: p50 {took.p50:.2f} ms, p99 {took.p99:.2f} ms, most {took.most:.2f} ms"
            f" ({len(figures.rounds[kind])} rounds; {late}; the server used {figures.cpu[kind]:.0%} of its core)"
        )
    print(f"priority of what measures: {figures.priority}; target: p99 of at most {TARGET:g} ms")
    return int(figures.took["beside"].p99 > TARGET)


if __name__ == "__main__":
    raise SystemExit(main())
