"""The primary of a service, as the Sentinels that watch it say.

Knows how they are asked and listened to, and that one of them may be wrong. Does not connect to the primary.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hubbub.engine.redis.connection import Complaint, Connection
from hubbub.engine.redis.finder import EVERYTHING, Layout, answers
from hubbub.engine.redis.greeting import Away, Unusable, dial
from hubbub.engine.redis.link import Answer
from hubbub.engine.redis.location import Address, Location
from hubbub.errors import Refusal

PAUSE: Final = 5.0
"""Seconds after which a Sentinel that was lost is listened to again, at most."""

SWITCHED: Final = "+switch-master"


class Sentinels:
    """A `Finder` that does what most Sentinels say."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._listening: list[asyncio.Task[None]] = []

    async def find(self) -> Layout:
        """See `Finder.find`. Asks all at once, and takes what most say: one that was cut off may know only the last."""
        asked = [asyncio.create_task(self._ask(address)) for address in self._location.addresses]
        named: Counter[Address] = Counter()
        troubles: list[Away] = []
        try:
            for answer in asyncio.as_completed(asked):
                try:
                    named[await answer] += 1
                except Away as trouble:
                    troubles.append(trouble)
                if named and named.most_common(1)[0][1] * 2 > len(asked):
                    break
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        if named:
            return {named.most_common(1)[0][0]: EVERYTHING}
        # Nothing helps where all refuse us; if one is merely away, it may know better.
        raise next((trouble for trouble in troubles if not isinstance(trouble, Unusable)), troubles[0])

    def follow(self, changed: Callable[[], None]) -> None:
        """See `Finder.follow`.

        A primary that was replaced while it was well is told so ten seconds later; until then it takes what we write,
        and forgets it.
        """
        self._listening = [asyncio.create_task(self._listen(address, changed)) for address in self._location.addresses]

    async def close(self) -> None:
        """See `Finder.close`."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    async def _listen(self, address: Address, changed: Callable[[], None]) -> None:
        while True:
            with suppress(Away, Refusal):  # its trouble is told where it is asked
                connection = await self._reach(address)
                try:
                    await self._hear(connection, changed)
                finally:
                    connection.lose("heard")
            await asyncio.sleep(random.uniform(0, PAUSE))  # noqa: S311

    async def _hear(self, connection: Connection, changed: Callable[[], None]) -> None:
        """Listen to a Sentinel until it is lost."""
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        service = self._location.service.encode()

        def pushed(answer: list[Answer]) -> bool:
            if answer[0] != b"message":
                return False
            # "<master name> <oldip> <oldport> <newip> <newport>": Sentinel's documentation, "Pub/sub messages".
            if isinstance(answer[2], bytes) and answer[2].partition(b" ")[0] == service:
                changed()
            return True

        def judge(complaint: Complaint) -> Exception:
            connection.lose("not ready")
            return Away("not ready")

        connection.watch(lost.set_result, judge, lambda: connection.tell("PING"), pushed)
        await connection.ask("SUBSCRIBE", SWITCHED)
        changed()  # perhaps before we listened
        await lost

    async def _ask(self, address: Address) -> Address:
        connection = await self._reach(address)
        try:
            asked = connection.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._location.service)
            [answer] = await answers(connection, [asked], self._location.timeout)
        finally:
            connection.lose("asked")
        match answer:
            case [bytes(host), bytes(port)]:
                return Address(host.decode(), int(port))
            case None:
                raise Unusable(f"the Sentinel at {address} knows no service of this name")
            case Complaint() if answer.code == "NOAUTH":
                raise Unusable(f"the Sentinel at {address} asks for a password: add ?sentinel_password=…")
            case Complaint() if answer.code == "ERR":
                raise Unusable(f"{address} is no Sentinel")
            case _:
                raise Away(f"the Sentinel at {address} is not ready")

    async def _reach(self, address: Address) -> Connection:
        """Connect to a Sentinel, as a user where there is one for it. Not by HELLO, which old ones do not know."""
        connection = await dial(address, self._location)
        login = self._location.sentinel_login
        if login.password is None:
            return connection
        words = ("AUTH", login.password) if login.user == "default" else ("AUTH", login.user, login.password)
        [answer] = await answers(connection, [connection.ask(*words)], self._location.timeout)
        if isinstance(answer, Complaint):
            connection.lose("refused")
            raise Unusable(f"the Sentinel at {address} refuses the user or the password")
        return connection
