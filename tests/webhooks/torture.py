"""Torture: an endpoint that fails at random, a server that is killed again and again, and clients that come back.

As a program it runs as long as it takes and prints what became of every event, with status 0 if none was lost:

    PYTHONPATH=tests python -m webhooks.torture --events 10000 --kills 5

An event counts as accepted when another subscriber saw it relayed. It counts as delivered when the endpoint took it:
when it answered 200, or took it and hung up before the answer, as endpoints do that die at the wrong moment.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from sockets.client import SUCCEEDED, PusherSocket, dial
from webhooks.mortal import Mortal
from webhooks.receiver import Received, Receiver, hang

AT_ONCE = 20
"""Events that a client sends before it waits for them to be relayed."""

PATIENCE = 330.0
"""Seconds without anything new after which what is missing is lost: longer than a delivery's window."""

LOST_CONNECTION = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, AssertionError)


class Plan(msgspec.Struct, frozen=True):
    """How much of everything. `failing` is the part of requests that the endpoint fails."""

    events: int = 10_000
    kills: int = 5
    pairs: int = 10
    channels: int = 10
    failing: float = 0.3
    seed: int = 4
    is_batched: bool = True
    database_url: str | None = None


class Report(msgspec.Struct, frozen=True):
    """What became of the events, and of channels' comings and goings."""

    accepted: int
    delivered: int
    lost: int
    requests: int
    taken: int
    failed_by_endpoint: int
    duplicates: int
    recognisable: int
    order_violations: int
    occupied: int
    vacated: int
    turns_violated: int
    still_occupied: int
    kills: int
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, nothing came in another order, and every duplicate can be recognised."""
        return (
            self.accepted > 0
            and not (self.lost or self.order_violations or self.turns_violated or self.still_occupied)
            and self.duplicates == self.recognisable
        )


class FailingEndpoint(Receiver):
    """Takes requests, or fails them at random in every way there is."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(always=self._answer_at_random)
        self._chance = random.Random(plan.seed)
        self._failing = plan.failing
        self.taken: list[Received] = []
        self.last_news = time.monotonic()

    async def _answer_at_random(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = self.requests[-1]  # nothing was awaited since it was put there
        way = self._chance.choice(("500", "hang up", "hang", "lose")) if self._chance.random() < self._failing else ""
        if way in ("", "lose"):
            self.taken.append(received)
            self.last_news = time.monotonic()
        match way:
            case "500":
                writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            case "hang up" | "lose":
                writer.close()
            case "hang":
                await hang(reader, writer)
            case _:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class Pair:
    """Two clients in the same channels: what one says, the other hears, until enough was heard."""

    def __init__(self, server: Mortal, channels: Sequence[str], share: int) -> None:
        self._server = server
        self._channels = channels
        self._share = share
        self._next = dict.fromkeys(channels, 0)
        self.heard: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Say what there is to say, through however many connections."""
        while len(self.heard) < self._share:
            try:
                await self._talk()
            except LOST_CONNECTION:
                await asyncio.sleep(0.1)

    async def _talk(self) -> None:
        async with connected(self._server) as listener, connected(self._server) as speaker:
            await self._enter(listener)
            await self._enter(speaker)
            while len(self.heard) < self._share:
                said = []
                for _ in range(AT_ONCE):
                    channel = random.choice(self._channels)
                    number = self._next[channel]
                    self._next[channel] += 1
                    said.append((channel, number))
                    await speaker.send("client-said", str(number), channel)
                while said[-1] not in self.heard:
                    frame = await listener.receive()
                    if frame["event"] == "client-said":
                        self.heard.add((frame["channel"], int(frame["data"])))

    async def _enter(self, socket: PusherSocket) -> None:
        for channel in self._channels:
            await socket.ask(channel)
        waiting = set(self._channels)
        while waiting:
            frame = await socket.receive()
            if frame["event"] == SUCCEEDED:
                waiting.discard(frame["channel"])
            elif frame["event"] == "client-said":
                self.heard.add((frame["channel"], int(frame["data"])))


@asynccontextmanager
async def connected(server: Mortal) -> AsyncIterator[PusherSocket]:
    """Give a socket that has been welcomed, and is cut in the end."""
    socket = await dial(server)
    try:
        yield await socket.welcome()
    finally:
        socket.cut()


async def come_and_go(server: Mortal, channel: str, chance: random.Random) -> None:
    """Subscribe and unsubscribe until cancelled, sometimes within the grace and sometimes not."""
    while True:
        try:
            async with connected(server) as socket:
                while True:
                    await socket.subscribe(channel)
                    await asyncio.sleep(chance.uniform(0, 0.8))
                    await socket.unsubscribe(channel)
                    await asyncio.sleep(chance.uniform(0, 0.8))
        except LOST_CONNECTION:
            await asyncio.sleep(0.1)


async def torture(plan: Plan) -> Report:
    """Do it all, and say what became of it."""
    began = time.monotonic()
    chance = random.Random(plan.seed)
    async with FailingEndpoint(plan) as endpoint:
        settings: dict[str, object] = {
            "app_client_events_per_second": 1_000_000,
            "app_webhook_batches": plan.is_batched,
            "webhook_grace": 0.3,
            "webhook_return": 10,
            "webhook_timeout": 1,
        }
        if plan.database_url is not None:
            settings["database_url"] = plan.database_url
        with Mortal(endpoint.url, **settings) as server:
            pairs = [
                Pair(
                    server,
                    [f"private-{pair}-{number}" for number in range(plan.channels)],
                    plan.events // plan.pairs,
                )
                for pair in range(plan.pairs)
            ]
            wanderers = [
                asyncio.create_task(come_and_go(server, f"room-{number}", chance)) for number in range(plan.pairs)
            ]
            talking = [asyncio.create_task(pair.run()) for pair in pairs]
            await _kill_meanwhile(server, pairs, plan, chance)
            await asyncio.gather(*talking)
            for wanderer in wanderers:
                wanderer.cancel()
            await asyncio.gather(*wanderers, return_exceptions=True)
            accepted = set[tuple[str, int]]().union(*(pair.heard for pair in pairs))
            endpoint.last_news = time.monotonic()
            while not _is_all_there(endpoint, accepted):
                if time.monotonic() - endpoint.last_news > PATIENCE:
                    break
                await asyncio.sleep(0.2)
            return _report(endpoint, accepted, server.kills, time.monotonic() - began)


async def _kill_meanwhile(server: Mortal, pairs: Sequence[Pair], plan: Plan, chance: random.Random) -> None:
    for number in range(plan.kills):
        enough = plan.events * (number + 1) // (plan.kills + 1)
        while sum(len(pair.heard) for pair in pairs) < enough:  # noqa: ASYNC110 - as much as was heard is no event
            await asyncio.sleep(0.01)
        await asyncio.sleep(chance.uniform(0, 0.3))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start_again)


def _first_told(endpoint: FailingEndpoint) -> list[dict[str, str]]:
    """Give the events that the endpoint took, without requests that it had taken before."""
    bodies = dict.fromkeys(received.body for received in endpoint.taken)
    return [event for body in bodies for event in json.loads(body)["events"]]


def _is_all_there(endpoint: FailingEndpoint, accepted: set[tuple[str, int]]) -> bool:
    told = _first_told(endpoint)
    said = {(event["channel"], int(event["data"])) for event in told if event["name"] == "client_event"}
    turns = _turns(told)
    return accepted <= said and bool(turns) and all(names[-1] == "channel_vacated" for names in turns.values())


def _turns(told: list[dict[str, str]]) -> dict[str, list[str]]:
    """Give what was told of each channel's occupation."""
    turns: dict[str, list[str]] = defaultdict(list)
    for event in told:
        if event["name"] in ("channel_occupied", "channel_vacated"):
            turns[event["channel"]].append(event["name"])
    return turns


def _disorder(numbers: Sequence[tuple[str, int]]) -> int:
    """Count the numbers that came after a greater one of their channel."""
    greatest: dict[str, int] = defaultdict(lambda: -1)
    count = 0
    for channel, number in numbers:
        count += number <= greatest[channel]
        greatest[channel] = max(greatest[channel], number)
    return count


def _report(endpoint: FailingEndpoint, accepted: set[tuple[str, int]], kills: int, seconds: float) -> Report:
    told = _first_told(endpoint)
    said = [(event["channel"], int(event["data"])) for event in told if event["name"] == "client_event"]
    bodies_of: dict[tuple[str, ...], list[bytes]] = defaultdict(list)
    for received in endpoint.taken:
        for event in received.events:
            if event["name"] == "client_event":
                bodies_of[event["channel"], event["data"]].append(received.body)
    turns = _turns(told)
    turn = ("channel_occupied", "channel_vacated")
    return Report(
        accepted=len(accepted),
        delivered=len(accepted & set(said)),
        lost=len(accepted - set(said)),
        requests=len(endpoint.requests),
        taken=len(endpoint.taken),
        failed_by_endpoint=len(endpoint.requests) - len(endpoint.taken),
        duplicates=sum(len(bodies) - 1 for bodies in bodies_of.values()),
        recognisable=sum(bodies.count(bodies[0]) - 1 for bodies in bodies_of.values()),
        order_violations=_disorder(said),
        occupied=sum(names.count("channel_occupied") for names in turns.values()),
        vacated=sum(names.count("channel_vacated") for names in turns.values()),
        turns_violated=sum(name != turn[at % 2] for names in turns.values() for at, name in enumerate(names)),
        still_occupied=sum(names[-1] == "channel_occupied" for names in turns.values()),
        kills=kills,
        seconds=round(seconds, 1),
    )


def main() -> int:
    """Run it with the counts of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Plan()
    for name in ("events", "kills", "pairs", "channels", "failing", "seed"):
        value = getattr(usual, name)
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--no-batches", dest="is_batched", action="store_false")
    parser.add_argument("--database-url", help="an empty database of PostgreSQL, migrated; SQLite unless told")
    report = asyncio.run(torture(Plan(**vars(parser.parse_args()))))
    for name, value in msgspec.structs.asdict(report).items():
        sys.stdout.write(f"{name.replace('_', ' '):32}{value}\n")
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
