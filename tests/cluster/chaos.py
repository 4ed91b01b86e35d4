"""Chaos: nodes are killed and frozen, Redis is restarted, links are cut, at random and for minutes, under full life.

After each thing that was done, and made good again, everybody rests for a moment, and the whole history is judged:

    PYTHONPATH=tests python -m cluster.chaos --minutes 10 --seed 6

Prints what was done and what was found; status 0 if nothing was wrong.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import requests
from pusher.errors import PusherError  # type: ignore[import-untyped]

from cluster.checker import Verdict
from cluster.history import Published
from cluster.nodes import Cluster, Redis
from cluster.scene import Scene, started
from engine.redis import redisserver

CHURN = (0.05, 3.0)
PAUSE = 0.1

KINDS: dict[str, Callable[[], Redis]] = {
    "single": lambda: redisserver.Server(options={"client-output-buffer-limit": "pubsub 128kb 64kb 5"}),
    "sentinel": lambda: redisserver.Sentinels(replicas=2),
    "cluster": lambda: redisserver.Cluster(replicas=1),
}
"""The kinds of Redis. The single one hangs up on a node that has been frozen for a while, as others would in hours.
Between nodes and those of several servers there are no proxies."""


class Chaos:
    """What may be done to a cluster, each with an end that is good. `chance` decides to whom and for how long."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self.scene = scene
        self.done: Counter[str] = Counter()
        self.recoveries: dict[str, list[float]] = defaultdict(list)
        """Seconds from the good end of each kind until all nodes said that they were well;"""
        self.returns: dict[str, list[float]] = defaultdict(list)
        """and until all clients were back in their channels;"""
        self.gone: list[float] = []
        """and from a kill until no other node had a member of the killed one, where it was away so long."""
        self._chance = chance
        redis = self.cluster.redis
        self._servers = [redis] if isinstance(redis, redisserver.Server) else redis.servers
        self._is_single = True
        self._kinds: dict[str, Callable[[str], Awaitable[float]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "freeze": self._freeze,
            "redis restart": self._restart_redis,
            "redis freeze": self._freeze_redis,
        }
        if self.cluster.proxies:
            self._kinds |= {"cut": self._cut, "refuse": self._refuse, "drop": self._drop, "delay": self._delay}

    @property
    def cluster(self) -> Cluster:
        return self.scene.cluster

    async def act(self) -> str:
        """Do something, or two things at once, make it good, wait until all are well and back. Gives what it was."""
        kinds = self._chance.sample(list(self._kinds), 2 if self._chance.random() < 0.3 else 1)
        names = self._chance.sample(self.scene.names, len(kinds))
        self.done.update(kinds)
        self._is_single = len(kinds) == 1
        async with AsyncExitStack() as troubles:
            # The last that ends waits until all are well.
            for kind, name in zip(kinds, names, strict=True):
                concerned = () if kind.startswith("redis") else (name,)
                is_link = kind not in ("kill", "stop", "freeze")
                await troubles.enter_async_context(self.cluster.trouble(*concerned, is_link=is_link))
            seconds = await asyncio.gather(*(self._kinds[kind](name) for kind, name in zip(kinds, names, strict=True)))
            ended = time.monotonic()
        what = kinds[0] if self._is_single else "two things at once"
        self.recoveries[what].append(time.monotonic() - ended)
        await self.scene.until_all_are_back()
        self.returns[what].append(time.monotonic() - ended)
        acts = zip(kinds, names, seconds, strict=True)
        return ", ".join(
            f"{kind} {'' if kind.startswith('redis') else name + ' '}for {time:.1f} s" for kind, name, time in acts
        )

    async def _for(self, least: float, most: float) -> float:
        seconds = self._chance.uniform(least, most)
        await asyncio.sleep(seconds)
        return seconds

    async def _kill(self, name: str) -> float:
        began = time.monotonic()
        await asyncio.to_thread(self.cluster[name].kill)
        if self._chance.random() < 0.5:
            # Back before it is missed, or after.
            await self._for(0, 6)
        else:
            await self._until_gone(name)
            if self._is_single:
                self.gone.append(time.monotonic() - began)
        await asyncio.to_thread(self.cluster[name].start_again)
        return time.monotonic() - began

    async def _until_gone(self, name: str) -> None:
        others = [other for other in self.scene.names if other != name]
        until = time.monotonic() + 90  # where something else happens too, it begins anew
        while not await self._is_gone(name, others):
            assert time.monotonic() < until, f"node {name} is a ghost"
            await asyncio.sleep(0.1)

    async def _is_gone(self, name: str, others: list[str]) -> bool:
        try:
            return not any([self.scene.own_users(name) & await self.scene.members(other) for other in others])
        except (PusherError, requests.RequestException):
            return False  # who is asked has trouble of its own

    async def _stop(self, name: str) -> float:
        began = time.monotonic()
        status = await asyncio.to_thread(self.cluster[name].stop)
        assert status == 0, f"node {name} ended with status {status}"
        await self._for(0, 6)
        await asyncio.to_thread(self.cluster[name].start_again)
        return time.monotonic() - began

    async def _freeze(self, name: str) -> float:
        self.cluster[name].freeze()
        seconds = await self._for(1, 25)
        self.cluster[name].thaw()
        return seconds

    async def _restart_redis(self, _: str) -> float:
        server = self._chance.choice(self._servers)
        await asyncio.to_thread(server.kill)
        seconds = await self._for(0, 20)
        await asyncio.to_thread(server.start)
        return seconds

    async def _freeze_redis(self, _: str) -> float:
        server = self._chance.choice(self._servers)
        server.freeze()
        seconds = await self._for(0.5, 15)
        server.thaw()
        return seconds

    async def _cut(self, name: str) -> float:
        self.cluster.proxies[name].cut()
        return 0.0

    async def _refuse(self, name: str) -> float:
        await self.cluster.proxies[name].refuse()
        seconds = await self._for(0.5, 25)
        await self.cluster.proxies[name].heal()
        return seconds

    async def _drop(self, name: str) -> float:
        self.cluster.proxies[name].drop()
        seconds = await self._for(0.5, 25)
        await self.cluster.proxies[name].heal()
        return seconds

    async def _delay(self, name: str) -> float:
        self.cluster.proxies[name].delay = self._chance.uniform(0.01, 0.3)
        seconds = await self._for(2, 8)
        await self.cluster.proxies[name].heal()
        return seconds


async def run(given: argparse.Namespace) -> bool:
    """Do it all, print what came of it, and tell whether all was well."""
    began = time.monotonic()
    options = {"redis": KINDS[given.redis](), "engine_away": given.away, "webhook_grace": 1, "webhook_return": 5}
    async with started(**options) as (cluster, receiver), Scene(cluster, receiver) as scene:
        chaos = Chaos(scene, random.Random(given.seed))
        watching = asyncio.create_task(cluster.watch())
        try:
            while True:
                scene.live(pause=PAUSE, churn=CHURN)
                await asyncio.sleep(3)
                what = await chaos.act()
                verdict = await scene.verdict(quiet=2)
                say(f"{time.monotonic() - began:6.0f} s  {what}: {summary(verdict)}")
                if verdict.problems or time.monotonic() - began > given.minutes * 60:
                    break
        finally:
            watching.cancel()
            if given.logs is not None:
                await asyncio.to_thread(given.logs.write_text, cluster.log)
                await asyncio.to_thread(scene.save, given.logs.with_suffix(".history"))
        report(chaos, verdict, time.monotonic() - began)
        return not verdict.problems


def summary(verdict: Verdict) -> str:
    if not verdict.problems:
        return "well"
    return str(verdict)


def report(chaos: Chaos, verdict: Verdict, seconds: float) -> None:
    """Print the figures."""
    statuses = Counter(record.status for record in chaos.scene.history if isinstance(record, Published))
    rows: dict[str, object] = {
        "seconds": round(seconds),
        "actions": chaos.done.total(),
        **{f"  {kind}": count for kind, count in sorted(chaos.done.items())},
        "troubles that nobody made": chaos.cluster.surprises,
        "publishes": verdict.publishes,
        "  answered 200": verdict.accepted,
        "  refused": sum(count for status, count in statuses.items() if status not in (0, 200)),
        "  not answered": statuses[0],
        "deliveries": verdict.deliveries,
        "  required, all checked": verdict.required,
        "  lost": verdict.count("lost"),
        "  doubles": verdict.count("double"),
        "  out of order": verdict.count("order"),
        "  never published": verdict.count("unknown"),
        "webhooks": verdict.webhooks,
        "  requests repeated byte for byte, events in them": verdict.repeats,
        "  doubles ": verdict.count("webhook double"),
        "  missing or out of turn": verdict.count("webhook") - verdict.count("webhook double"),
        "views compared in the end": verdict.views,
        "  ghosts": verdict.count("ghost"),
        "  missing": verdict.count("missing"),
        "members told twice": verdict.count("told double"),
        "seconds until a killed node's members were gone": spread(chaos.gone),
        **{f"seconds until well after {kind}": spread(found) for kind, found in sorted(chaos.recoveries.items())},
        **{f"seconds until all were back after {kind}": spread(found) for kind, found in sorted(chaos.returns.items())},
    }
    for name, value in rows.items():
        say(f"{name:52}{value}")


def spread(seconds: list[float]) -> str:
    """Give median and most."""
    return f"{statistics.median(seconds):.1f}, at most {max(seconds):.1f}" if seconds else "none"


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--logs", type=Path, help="a file for what the nodes print, beside what clients saw")
    parser.add_argument("--redis", choices=KINDS, default="single")
    parser.add_argument("--away", choices=("refuse", "deliver"), default="refuse")
    return 0 if asyncio.run(run(parser.parse_args())) else 1


if __name__ == "__main__":
    sys.exit(main())
