"""What it costs that there are several nodes: time between them, and CPU, measured by the load generator `wsload`.

    PYTHONPATH=tests python -m cluster.latency

First two nodes: one is published to, the other has all subscribers, so that each delivery goes through Redis. Then the
same deliveries on one node without Redis and on three, through HAProxy both times; counted is the CPU of the nodes
alone. What a publish costs each further node is the less for a delivery, the more subscribers hear it.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from cluster.chaos import say
from cluster.nodes import Cluster
from cluster.rolling import Entry

TOOL: Final = Path(__file__).parents[2] / "bench" / "tools" / "build" / "wsload"

CORES: Final = sorted(os.sched_getaffinity(0))
"""Nodes that are compared work on the first, all else elsewhere: who shares a core with whom would count for more."""

CHEAP: Final = ("--probes", 50, "--nap-us", 20_000)
"""Most subscribers are read now and then, so that the generator takes little of the machine."""

TARGET_P99: Final = 10.0  # milliseconds between nodes
TARGET_CPU: Final = 1.25  # times as much for each delivery


async def load(cluster: Cluster, *options: object, pids: Sequence[int]) -> dict[str, Any]:
    """Run the generator, and give what it measured."""
    first = cluster.nodes[0]
    about = ["--app-id", first.app_id, "--key", first.key, "--secret", first.secret, "--json", "-q"]
    servers = [part for pid in pids for part in ("--server-pid", str(pid))]
    elsewhere = ["taskset", "-c", ",".join(map(str, CORES[1:] or CORES))]
    command = [*elsewhere, str(TOOL), *about, *servers, *map(str, options)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


async def between(rate: int, subscribers: int, channels: int, seconds: int) -> dict[str, Any]:
    """Measure from one node to another."""
    async with Cluster(count=2, is_direct=True) as cluster:
        origin, destination = cluster.nodes
        ports = ("--port", destination.port, "--http-port", origin.port)
        shape = ("-n", subscribers, "-c", channels, "-p", 8, "-r", rate, "-d", seconds)
        return await load(cluster, *ports, *shape, pids=[node.pid for node in cluster.nodes])


async def together(count: int, rate: int, subscribers: int, channels: int, seconds: int) -> dict[str, Any]:
    """Measure on so many nodes that share the subscribers and the publishes."""
    async with Cluster(count=count, has_engine=count > 1, is_direct=True) as cluster:
        entry = Entry(cluster)
        with ExitStack() as opened:
            opened.enter_context(entry.open())
            await asyncio.sleep(1)
            shape = ("-n", subscribers, "-c", channels, "-p", 6, "-r", rate, "-d", seconds)
            first, *others = CORES
            for node in cluster.nodes:
                os.sched_setaffinity(node.pid, {first})
            for pid in (entry.pid, cluster.server.pid):
                os.sched_setaffinity(pid, others or {first})
            pids = [node.pid for node in cluster.nodes]
            return await load(cluster, "--port", entry.port, *shape, *CHEAP, pids=pids)


async def run(given: argparse.Namespace) -> bool:
    """Measure it all, print it, and tell whether the targets are met."""
    found = await between(given.rate, given.subscribers, given.subscribers, given.seconds)
    assert not found["loss"], found
    p50, p99 = (found["latency_us"][name] / 1e3 for name in ("p50", "p99"))
    say(
        f"{given.rate} publishes/s from one node to another: p50 {p50:.2f} ms, p99 {p99:.2f} ms "
        f"of {found['received']} deliveries"
    )
    ratios = [await compare(fan, given) for fan in given.fans]
    return p99 < TARGET_P99 and ratios[-1] <= TARGET_CPU


async def compare(fan: int, given: argparse.Namespace) -> float:
    """Measure so many subscribers of one channel on one node and on three; gives how much more CPU a delivery takes."""
    costs: dict[int, list[float]] = {1: [], 3: []}
    rate = given.deliveries // fan
    for _ in range(given.rounds):
        for count, seen in costs.items():
            found = await together(count, rate, fan, 1, given.seconds)
            assert not found["loss"], found
            seen.append(found["server"]["cpu_s"] / found["deliveries_window"] * 1e6)
    one, three = (statistics.median(seen) for seen in costs.values())
    say(
        f"{rate} publishes/s to {fan} subscribers: {one:.1f} µs of CPU a delivery on 1 node, {three:.1f} µs on 3, "
        f"{three / one:.2f} times as much"
    )
    return three / one


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1000, help="publishes a second from one node to another")
    parser.add_argument("--subscribers", type=int, default=10, help="of as many channels, on the other node")
    parser.add_argument("--fans", type=int, nargs="+", default=[30, 300, 1000], help="subscribers of one channel")
    parser.add_argument("--deliveries", type=int, default=60_000, help="a second, on one node and on three")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    return 0 if asyncio.run(run(parser.parse_args())) else 1


if __name__ == "__main__":
    sys.exit(main())
