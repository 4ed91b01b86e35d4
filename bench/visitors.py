"""Those who come, do something, prove that they heard what they must have heard, and go in one of many ways.

Each keeps the books of the town as it acts. Knows Pusher's and Phoenix's messages as clients send them.
"""

import asyncio
import contextlib
import hmac
import itertools
import json
import random
import socket
import struct
from collections import Counter
from typing import Any, Final, Self
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from line import Line
from town import FLOOD, LIMIT, STEADY, Town

WAYS: Final = ("close", "close", "close", "vanish", "reset", "reset")
"""How a visitor goes: goodbye; the end of the stream; a reset; no answer to pings until the server hangs up."""

DEAF_SECONDS: Final = 30.0
"""In which the flood is far more than the server keeps for one client."""

_numbers = itertools.count(1)


class Visitor:
    """A Pusher client. `seen` has the newest event's number by channel."""

    def __init__(self, town: Town, connection: ClientConnection) -> None:
        self.town = town
        self.number = next(_numbers)
        self.user = f"user-{random.randrange(100)}"
        self.seen: dict[str, int] = {}
        self.heard: Counter[str] = Counter()
        self.members: dict[str, set[str]] = {}
        self.is_silent = False
        self._floor: dict[str, int] = {}  # what must be seen has a larger number
        self._connection = connection
        self._socket_id = ""
        self._waiting: dict[tuple[str, str], asyncio.Future[Any]] = {}
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def come(cls, town: Town) -> Self:
        """Connect, and be welcome."""
        server = town.server
        url = f"ws://127.0.0.1:{server.port}/app/{server.key}?protocol=7"
        connection = await _dial(url, is_deflated=random.random() < 0.3)
        welcome = json.loads(await asyncio.wait_for(connection.recv(), LIMIT))
        visitor = cls(town, connection)
        visitor._socket_id = json.loads(welcome["data"])["socket_id"]
        town.done["connect"] += 1
        town.done["connect deflated"] += bool(connection.protocol.extensions)
        return visitor

    # Doing

    async def subscribe(self, channel: str) -> None:
        """Subscribe, and wait until that is done."""
        data = {"channel": channel}
        signed = f"{self._socket_id}:{channel}"
        if channel.startswith("presence-"):
            data["channel_data"] = json.dumps({"user_id": self.user, "user_info": {"name": self.user}})
            signed += f":{data['channel_data']}"
        if channel.startswith(("private-", "presence-")):
            data["auth"] = self._sign(signed)
        await self._ask("pusher:subscribe", data, "pusher_internal:subscription_succeeded", channel)
        if channel in self.town.present:
            self.town.present[channel][self.user] += 1
        self.town.done["subscribe"] += 1

    async def sign_in(self) -> None:
        """Sign in, as somebody who is nobody else."""
        user_data = json.dumps({"id": f"guest-{self.number}"})
        auth = self._sign(f"{self._socket_id}::user::{user_data}")
        await self._ask("pusher:signin", {"auth": auth, "user_data": user_data}, "pusher:signin_success")
        self.town.done["sign in"] += 1

    async def unsubscribe(self, channel: str) -> None:
        """Leave a channel; nothing of it may come after what was said since has been answered."""
        await self._send("pusher:unsubscribe", {"channel": channel})
        await self.ping()
        del self._floor[channel]
        self.seen.pop(channel, None)
        self._forget(channel)
        self.town.done["unsubscribe"] += 1

    async def say(self, channel: str) -> None:
        """Send a client event; it counts once what was said after it has been answered."""
        await self._send("client-said", {"by": self.number}, channel)
        await self.ping()
        self.town.said[channel] += 1
        self.town.done["client event"] += 1

    async def ping(self) -> None:
        """Wait for the answer to a ping."""
        await self._ask("pusher:ping", {}, "pusher:pong")

    async def prove(self) -> None:
        """Wait for all that was accepted until now in this visitor's channels; note a failure if it stays away."""
        wanted = {channel: self.town.accepted.get(channel, 0) for channel in self._floor}
        for channel, number in wanted.items():
            try:
                async with asyncio.timeout(LIMIT):
                    while self._floor[channel] < number > self.seen.get(channel, 0):
                        self._news.clear()
                        await self._news.wait()
            except TimeoutError:
                self.town.fail(f"{channel}: saw {self.seen.get(channel)}, and {number} was accepted")
        self.town.done["proof"] += 1

    async def go(self, way: str) -> None:
        """Go in one of the WAYS, and keep the books. Whoever goes silently stays until the server hangs up, by 4201."""
        self.town.done[way] += 1
        if way == "silent":
            self.is_silent = True
            async with asyncio.timeout(2 * LIMIT + 20):
                await self._reading
            if self._connection.close_code != 4201:
                self.town.fail(f"one who answers no ping was closed with {self._connection.close_code}")
        elif way == "close":
            await asyncio.wait_for(self._connection.close(), LIMIT)
        else:
            if way == "reset":
                raw = self._connection.transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._connection.transport.abort()
        async with asyncio.timeout(LIMIT):
            await self._reading
        for channel in list(self._floor):
            self._forget(channel)

    # Hearing

    async def _read(self) -> None:
        try:
            async for text in self._connection:
                await self._hear(json.loads(text))
        except ConnectionClosed:
            pass
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError(f"closed with {self._connection.close_code}"))

    async def _hear(self, message: dict[str, Any]) -> None:
        event, channel, data = message["event"], message.get("channel", ""), message.get("data", "")
        self.town.done["delivery"] += 1
        if event == "pusher:ping":
            if not self.is_silent:
                await self._send("pusher:pong", {})
        elif event == "news":
            self._take_news(channel, json.loads(data)["n"])
        elif event == "client-said":
            self.heard[channel] += 1
        elif event == "pusher_internal:member_added":
            self.members[channel].add(json.loads(data)["user_id"])
        elif event == "pusher_internal:member_removed":
            self.members[channel].discard(json.loads(data)["user_id"])
        elif (waiting := self._waiting.pop((event, channel), None)) is not None:
            if event == "pusher_internal:subscription_succeeded":
                self._floor[channel] = self.town.begun.get(channel, 0)
                if channel in self.town.present:
                    self.members[channel] = set(json.loads(data)["presence"]["ids"])
            waiting.set_result(data)
        elif event != "pusher:cache_miss":
            self.town.fail(f"unexpected: {message}")

    def _take_news(self, channel: str, number: int) -> None:
        last = self.seen.get(channel)
        if channel not in self._floor:
            self.town.fail(f"{channel}: {number} came to one who had left")
        elif last is not None and number != last + 1:
            self.town.fail(f"{channel}: {number} came after {last}")
        self.seen[channel] = number
        self._news.set()

    # How it is done

    async def _send(self, event: str, data: object, channel: str | None = None) -> None:
        message = {"event": event, "data": data} | ({} if channel is None else {"channel": channel})
        await self._connection.send(json.dumps(message))

    async def _ask(self, event: str, data: object, answer: str, channel: str = "") -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[answer, channel] = future
        await self._send(event, data)
        return await asyncio.wait_for(future, LIMIT)

    def _sign(self, text: str) -> str:
        server = self.town.server
        return f"{server.key}:{hmac.digest(server.secret.encode(), text.encode(), 'sha256').hex()}"

    def _forget(self, channel: str) -> None:
        if channel in self.town.present:
            self.town.present[channel][self.user] -= 1


class Guest:
    """A Phoenix client of one topic, which it joins as one of few users."""

    def __init__(self, town: Town, connection: ClientConnection, user: str) -> None:
        self._town = town
        self._connection = connection
        self._user = user

    @classmethod
    async def come(cls, town: Town) -> Self:
        """Connect."""
        server, user = town.server, f"user-{random.randrange(100)}"
        query = f"app_key={server.key}&guardian_token={quote(town.jwt)}&unique_identifier={user}&vsn=2.0.0"
        connection = await _dial(f"ws://127.0.0.1:{server.port}/socket/websocket?{query}")
        town.done["Phoenix connect"] += 1
        return cls(town, connection, user)

    async def stay(self, channel: str, news: int) -> None:
        """Join a channel, hear so many events in their order, and go, with or without a word."""
        topic = f"lobby:{self._town.server.key}:{channel}"
        await self._send(topic, "phx_join", "1")
        await self._reply(topic, "1")
        if channel in self._town.present:
            self._town.present[channel][self._user] += 1
        last = None
        for _ in range(news):
            while (message := await self._receive())[3] != "news":
                pass
            number = message[4]["n"]
            if last is not None and number != last + 1:
                self._town.fail(f"{channel}, Phoenix: {number} came after {last}")
            last = number
        if random.random() < 0.5:
            await self._send(topic, "phx_leave", "2")
            await self._reply(topic, "2")
            await asyncio.wait_for(self._connection.close(), LIMIT)
        else:
            self._connection.transport.abort()
            await asyncio.wait_for(self._connection.wait_closed(), LIMIT)
        if channel in self._town.present:
            self._town.present[channel][self._user] -= 1
        self._town.done["Phoenix visit"] += 1

    async def _send(self, topic: str, event: str, ref: str) -> None:
        await self._connection.send(json.dumps(["1", ref, topic, event, {}]))

    async def _receive(self) -> list[Any]:
        message = json.loads(await asyncio.wait_for(self._connection.recv(), LIMIT))
        assert isinstance(message, list), message
        self._town.done["delivery"] += 1
        return message

    async def _reply(self, topic: str, ref: str) -> None:
        while (message := await self._receive())[1] != ref or message[3] != "phx_reply":
            pass
        if message[4]["status"] != "ok":
            self._town.fail(f"{topic}: {message}")


async def visit(town: Town) -> None:
    """Come, do this and that for some seconds, prove what was heard, and go."""
    async with town.act():
        visitor = await Visitor.come(town)
        own = f"{random.choice(('news', 'private', 'presence'))}-own-{visitor.number}"
        channels = [*random.sample(STEADY, 2), own]
        for channel in channels:
            await visitor.subscribe(channel)
        if random.random() < 0.2:
            await visitor.sign_in()
    for _ in range(random.randrange(4)):
        await asyncio.sleep(random.uniform(0.1, 1))
        async with town.act():
            channel = random.choice(channels)
            if channel.startswith(("private-", "presence-")) and random.random() < 0.7:
                await visitor.say(channel)
            else:
                await visitor.unsubscribe(channel)
                await visitor.subscribe(channel)
    async with town.act():
        await visitor.prove()
        way = random.choice(WAYS) if random.random() < 0.9 else "silent"
        if way != "silent":
            await visitor.go(way)
            return
    await visitor.go("silent")  # the others need not wait for that


async def visit_by_phoenix(town: Town) -> None:
    """Come by the other protocol, to a public channel or a presence channel."""
    async with town.act():
        guest = await Guest.come(town)
        await guest.stay(random.choice([name for name in STEADY if name.startswith(("news-", "presence-"))]), 3)


async def be_deaf(town: Town) -> None:
    """Subscribe to a channel of large events, and read none of them: who does so is cut off."""
    line = await asyncio.to_thread(Line, town.server, receive_buffer=4096)
    line.subscribe(FLOOD)
    with contextlib.suppress(OSError):  # of one who has been cut off
        for _ in range(10):
            line.send("pusher:pong", {})  # it is alive
            await asyncio.sleep(DEAF_SECONDS / 10)
    async with asyncio.timeout(LIMIT):
        while not line.is_over:  # what the kernel has taken is still sent, a small window at a time
            line.read()
            await asyncio.sleep(0.002)
    if line.code not in (None, 4100):
        town.fail(f"one who does not read was closed with {line.code}")
    line.close()
    town.done["deaf"] += 1


async def _dial(url: str, *, is_deflated: bool = False) -> ClientConnection:
    compression = "deflate" if is_deflated else None
    return await connect(
        url,
        compression=compression,
        open_timeout=LIMIT,
        close_timeout=LIMIT,
        ping_interval=None,
        max_queue=None,
        proxy=None,
    )
