"""A rolling restart: three nodes behind HAProxy are stopped and started one by one, under load.

Stock clients are connected through HAProxy and publishers publish through it. What is shown: for how long any client
was away, what was refused, and that nothing was lost for whoever was there throughout.

    PYTHONPATH=tests python -m cluster.rolling --clients 90
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from cluster.chaos import say
from cluster.checker import check
from cluster.history import Joined, Left, Published, Record
from cluster.nodes import Cluster
from cluster.pages import LIBRARIES, Pages
from cluster.publisher import Publisher
from engine.redis.redisserver import free_port

AWAY: Final = 5.0
"""Seconds that nobody may be away."""

CONFIGURATION: Final = """
global
    maxconn 4000
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 2m
    timeout server 2m
    timeout tunnel 1h
    option redispatch 1
    retries 3
frontend entry
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
    balance leastconn
    option httpchk GET /health
    http-check expect status 200
    default-server check inter 200ms fall 1 rise 1
{servers}
"""


class Entry:
    """Where clients and publishers go: HAProxy, for an application of the cluster."""

    name = "haproxy"

    def __init__(self, cluster: Cluster) -> None:
        first = cluster.nodes[0]
        self.host, self.port = "127.0.0.1", free_port()
        self.app_id, self.key, self.secret = first.app_id, first.key, first.secret
        lines = [f"    server {node.name} 127.0.0.1:{node.port}" for node in cluster.nodes]
        self.configuration = CONFIGURATION.format(port=self.port, servers="\n".join(lines))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Run it."""
        with tempfile.TemporaryDirectory(prefix="hubbub-haproxy-") as folder:
            file = Path(folder, "haproxy.cfg")
            file.write_text(self.configuration)
            process = subprocess.Popen(["haproxy", "-db", "-q", "-f", str(file)], stdin=subprocess.DEVNULL)
            self.pid = process.pid
            try:
                while not self._listens():
                    assert process.poll() is None, "HAProxy did not start"
                    time.sleep(0.05)
                yield
            finally:
                process.terminate()
                process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


async def run(clients: int, rounds: int) -> bool:
    """Do it, print what came of it, and tell whether all was well."""
    history: list[Record] = []
    async with Cluster(is_direct=True, drain_delay=1, drain_wave=max(1, clients // 30)) as cluster:
        entry = Entry(cluster)
        jwt = await asyncio.to_thread(cluster.nodes[0].jwt, channel=True)
        with ExitStack() as opened:
            opened.enter_context(entry.open())
            publishers = [opened.enter_context(Publisher(f"p{n}", entry, history.append)) for n in range(3)]
            async with Pages(history.append, key=entry.key, secret=entry.secret, jwt=jwt) as pages:
                await populate(pages, entry, clients)
                publishing = [asyncio.create_task(one.publish_on([ROOM], pause=0.05)) for one in publishers]
                stops = []
                for node in [node for _ in range(rounds) for node in cluster.nodes]:
                    await asyncio.sleep(2)
                    began = time.monotonic()
                    await asyncio.to_thread(node.stop)
                    stops.append(time.monotonic() - began)
                    await asyncio.to_thread(node.start_again)
                    await cluster.until_well()
                await asyncio.sleep(3)
                for task in publishing:
                    task.cancel()
                await asyncio.gather(*publishing, return_exceptions=True)
                await asyncio.sleep(2)
                await pages.until_joined(*((f"client {number}", ROOM) for number in range(clients)))
    return report(history, stops)


ROOM: Final = "presence-rolling"


async def populate(pages: Pages, entry: Entry, clients: int) -> None:
    """Have so many clients of all kinds in a presence channel."""
    names = [f"client {number}" for number in range(clients)]
    for number, name in enumerate(names):
        library = LIBRARIES[number % len(LIBRARIES)]
        pages.open(name, entry.name, entry.port, user=f"user-{number}", library=library)
        pages.join(name, ROOM)
    await pages.until_joined(*((name, ROOM) for name in names))


def absences(history: Sequence[Record]) -> Iterator[float]:
    """Give for how many seconds each client was away, each time."""
    left: dict[str, int] = {}
    for record in history:
        if isinstance(record, Left):
            left[record.client] = record.at
        elif isinstance(record, Joined) and record.client in left:
            yield (record.at - left.pop(record.client)) / 1e6
    assert not left, f"{len(left)} clients never came back"


def report(history: Sequence[Record], stops: Sequence[float]) -> bool:
    """Print the figures, and tell whether they are good."""
    verdict = check(history)
    away = sorted(absences(history))
    statuses = Counter(record.status for record in history if isinstance(record, Published))
    rows = {
        "nodes restarted": len(stops),
        "seconds that a stop took, at most": round(max(stops), 1),
        "times that a client was away": len(away),
        "seconds away, median": round(statistics.median(away), 2),
        "seconds away, at most": round(away[-1], 2),
        "publishes": verdict.publishes,
        "  answered otherwise than 200": {status: count for status, count in statuses.items() if status != 200},
        "deliveries required": verdict.required,
        "problems": len(verdict.problems),
    }
    for name, value in rows.items():
        say(f"{name:40}{value}")
    if verdict.problems:
        say(str(verdict))
    return away[-1] < AWAY and not verdict.problems


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=1, help="how often all nodes are restarted")
    given = parser.parse_args()
    return 0 if asyncio.run(run(given.clients, given.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
