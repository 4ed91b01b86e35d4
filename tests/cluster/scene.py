"""A scene: clients of all kinds on all nodes, who publish, come and go; what they saw; whether it was right.

Several scenes may be played on one cluster, one after the other, for each has channels of its own.
"""

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import requests
from pusher.errors import PusherError  # type: ignore[import-untyped]

from cluster.checker import Verdict, check
from cluster.history import Counted, Hooked, Joined, Kept, Listed, Present, Record, now
from cluster.nodes import Cluster
from cluster.pages import LIBRARIES, ONLINE, Pages
from cluster.publisher import Backend, Publisher
from sockets.client import COUNT, dial
from webhooks.receiver import Receiver

LIMIT: Final = 40.0
"""Seconds in which a cluster must have come to rest."""

_numbers = itertools.count(1)


class Scene:
    """`async with Scene(cluster, receiver) as scene:` has everybody connected and in the channels that all share.

    On each node there are three clients, one of each library, and a user who is on all nodes.
    """

    def __init__(self, cluster: Cluster, receiver: Receiver, *, seed: int = 6) -> None:
        self.cluster = cluster
        self.history: list[Record] = []
        self.token = f"scene{next(_numbers)}"
        self.rooms = [self.channel(kind) for kind in ("room", "private", "cache", "presence")]
        """The channels in which everybody is."""
        self.guests = [f"guest-{self.token}-{number}" for number in range(3)]
        """Users who sign in and are gone again, and are watched on each node."""
        self.chance = random.Random(seed)
        self.publishers: list[Publisher] = []
        self._receiver = receiver
        self._taken = len(receiver.requests)
        self._backends: dict[str, Backend] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._wanderers: dict[str, str] = {}  # and the channels that they are in, or about to be

    def channel(self, kind: str, name: str = "hall") -> str:
        """Name a channel of this scene."""
        return f"{kind}-{self.token}-{name}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            first = self.cluster.nodes[0]
            jwt = await asyncio.to_thread(first.jwt, channel=True)
            self.pages = await stack.enter_async_context(
                Pages(self.history.append, key=first.key, secret=first.secret, jwt=jwt)
            )
            for node in self.cluster.nodes:
                self._backends[node.name] = stack.enter_context(Backend(node))
                publisher = Publisher(f"publisher {node.name}", node, self.history.append)
                self.publishers.append(stack.enter_context(publisher))
            stack.push_async_callback(self.end)
            self.cluster.record = self.history.append
            await self._populate()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, at)

    # Who is there

    async def _populate(self) -> None:
        clients: list[str] = []
        for name in self.names:
            clients += [self.open(f"{library} {name}", name, library=library) for library in LIBRARIES]
            clients.append(self.open(f"everywhere {name}", name, user="everywhere"))
            self.open(f"watcher {name}", name, is_user=True, watchlist=self.guests)
        await self.pages.until_connected(*clients)
        for client in clients:
            for room in self.rooms:
                self.pages.join(client, room)
        self._residents = list(itertools.product(clients, self.rooms))
        await self.until_all_are_back()

    async def until_all_are_back(self) -> None:
        """Wait until all who are here to stay are in their channels."""
        await self.pages.until_joined(*self._residents)

    @property
    def names(self) -> list[str]:
        """The names of the nodes: those of three also where there is only one."""
        return ["a", "b", "c"] if len(self.cluster.nodes) == 1 else [node.name for node in self.cluster.nodes]

    def open(self, client: str, node: str, *, user: str | None = None, **about: Any) -> str:
        """Let a client connect to a node, as a user of its own unless told, and give its name. `about` as for Pages."""
        self.pages.open(client, node, self.cluster[node].port, user=user or client.replace(" ", "-"), **about)
        return client

    # What is done

    def start(self, doing: Coroutine[Any, Any, None]) -> None:
        """Let something be done until the scene ends, or `end` is called."""
        self._tasks.append(asyncio.create_task(doing))

    def live(self, *, pause: float, churn: tuple[float, float]) -> None:
        """Let a publisher at each node publish all the time, and clients of each come and go.

        Of those that join and leave one is, on all nodes, the same user; and so are those that sign in and disconnect.
        `pause` are seconds between two events of a publisher, `churn` the least and most between coming and going.
        """
        for publisher in self.publishers:
            self.start(publisher.publish_on(self.rooms, pause=pause))
        for name in self.names:
            for library in LIBRARIES[:2]:
                self.start(self._wander(f"wanderer {library} {name}", name, library, churn))
            self.start(self._wander(f"nomad {name}", name, "pusher", churn, user="nomad"))
            self.start(self._visit(name, churn))

    async def _wander(
        self, client: str, node: str, library: str, churn: tuple[float, float], *, user: str | None = None
    ) -> None:
        """Come and go until cancelled, in channels that few are in."""
        if client not in self._wanderers:
            self._wanderers[client] = ""
            self.open(client, node, library=library, user=user)
        while True:
            if channel := self._wanderers[client]:
                self.pages.leave(client, channel)
                self._wanderers[client] = ""
                await asyncio.sleep(self.chance.uniform(*churn))
            lane = f"lane{self.chance.randrange(3)}"
            channel = self._wanderers[client] = self.channel(self.chance.choice(("presence", "room")), lane)
            self.pages.join(client, channel)
            await self.pages.until_joined((client, channel), limit=None)
            await asyncio.sleep(self.chance.uniform(*churn))

    async def _visit(self, node: str, churn: tuple[float, float]) -> None:
        """Sign in as one of the guests, and disconnect, until cancelled."""
        while True:
            client = f"visitor {next(_numbers)}"
            try:
                self.open(client, node, user=self.chance.choice(self.guests), is_user=True)
                await self.pages.until_joined((client, ONLINE), limit=None)
                await asyncio.sleep(self.chance.uniform(*churn))
            finally:
                self.pages.close(client)
            await asyncio.sleep(self.chance.uniform(*churn))

    async def end(self) -> None:
        """End all that `start` began. Raises what one of them has failed by."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    # What is seen

    async def verdict(self, *, quiet: float = 1.0) -> Verdict:
        """Wait until everything is at rest and agrees, or LIMIT is over, and judge.

        `quiet` are seconds, beyond the grace of webhooks, that must be waited for what might come twice.
        """
        await self.end()
        await asyncio.sleep(self.cluster.grace + quiet)
        until = time.monotonic() + LIMIT
        while True:
            try:
                views = await self._views()
            except (PusherError, requests.RequestException):
                # On a machine that is too busy a node may have lost Redis.
                assert time.monotonic() < until, "nodes do not answer"
                await self.cluster.until_well()
                continue
            seen = [*self.history, *self._hooks(), *views]
            # Elsewhere: what this loop passes on between nodes and Redis must not wait.
            verdict = await asyncio.to_thread(check, seen, grace=self.cluster.grace)
            if not verdict.problems or time.monotonic() > until:
                return verdict
            await asyncio.sleep(0.5)

    def save(self, file: Path) -> None:
        """Keep all that was seen as lines of JSON."""
        file.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in self.history))

    async def expect_good(self, *, quiet: float = 1.0) -> Verdict:
        """Give the verdict, which must be that nothing is wrong."""
        verdict = await self.verdict(quiet=quiet)
        assert not verdict.problems, f"{verdict}\n{self.cluster.log}"
        return verdict

    def own_users(self, node: str) -> set[str]:
        """Give the users who are on this node only, in the presence channel that everybody is in."""
        return {f"{library}-{node}" for library in LIBRARIES}

    async def members(self, node: str) -> set[str]:
        """Give the members of that channel as a node's API has them."""
        answer = await self._backends[self.cluster[node].name].ask("users_info", self.rooms[-1])
        return {user["id"] for user in answer["users"]}

    async def _views(self) -> list[Record]:
        """Give what each node and each client says of what is there."""
        channels = sorted({record.channel for record in self.history if isinstance(record, Joined)} - {ONLINE})
        told: list[Record] = []
        for node in self.cluster.nodes:
            if node.is_up:
                told += await self._views_of(node.name, channels)
        began = len(self.history)
        await self.pages.look()
        told += [record for record in self.history[began:] if isinstance(record, Present)]
        self.history[began:] = [record for record in self.history[began:] if not isinstance(record, Present)]
        return told

    async def _views_of(self, name: str, channels: Iterable[str]) -> list[Record]:
        backend, source = self._backends[name], f"node {name}"
        listed = (await backend.ask("channels_info", None, ["subscription_count"]))["channels"]
        told: list[Record] = [
            Listed(source=source, part=self.token, channels=[found for found in listed if self.token in found])
        ]
        if kept := await self._kept(name):
            told.append(kept)
        for channel in channels:
            about = await backend.ask("channel_info", channel, ["subscription_count"])
            told.append(
                Counted(source=source, channel=channel, what="subscription_count", count=about["subscription_count"])
            )
            if channel.startswith("presence-"):
                users = [user["id"] for user in (await backend.ask("users_info", channel))["users"]]
                told.append(Present(source=source, channel=channel, users=users))
                about = await backend.ask("channel_info", channel, ["user_count"])
                told.append(Counted(source=source, channel=channel, what="user_count", count=about["user_count"]))
        return told

    async def _kept(self, name: str) -> Record | None:
        """Give what a newcomer to a node is shown of the cache channel, which must be what its API says."""
        [channel] = [room for room in self.rooms if room.startswith("cache-")]
        about = await self._backends[name].ask("channel_info", channel, ["cache"])
        newcomer = await (await dial(self.cluster[name])).welcome()
        try:
            await newcomer.subscribe(channel)
            shown = await newcomer.receive()
            while shown["event"] == COUNT:
                shown = await newcomer.receive()
        finally:
            await newcomer.close()
        if shown["event"] == "pusher:cache_miss":
            return Kept(source=f"node {name}", channel=channel, publisher="", number=0)
        assert about["cache"]["data"] == shown["data"], "the API and newcomers see different events"
        return Kept(source=f"node {name}", channel=channel, **json.loads(shown["data"]))

    def _hooks(self) -> list[Record]:
        """Give the events of webhooks that were taken so far."""
        # Times of requests are by the clock on the wall.
        shift = now() - int(time.time() * 1e6)
        return [
            Hooked(
                at=int(request.at * 1e6) + shift,
                request=f"{request.header('X-Pusher-Signature')} {number}",
                name=event["name"],
                channel=event["channel"],
                user=event.get("user_id", ""),
            )
            for request in self._receiver.requests[self._taken :]
            for number, event in enumerate(request.events)
            if self.token in event["channel"]
        ]


@asynccontextmanager
async def started(**options: Any) -> AsyncIterator[tuple[Cluster, Receiver]]:
    """Start a cluster, with options as for itself, whose webhooks go to a receiver."""
    async with (
        Receiver() as receiver,
        Cluster(hook_url=receiver.url, **options) as cluster,
    ):
        yield cluster, receiver
