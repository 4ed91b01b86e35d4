"""The primaries of a Redis Cluster, as its servers see them."""

import random
from collections.abc import Callable

from hubbub.engine.redis.connection import Complaint
from hubbub.engine.redis.finder import SLOTS, Layout, answers
from hubbub.engine.redis.greeting import Away, Unusable, dial, greet
from hubbub.engine.redis.link import Answer
from hubbub.engine.redis.location import Address, Location


class Cluster:
    """A `Finder` that asks one server after the other. Of what has changed, the servers tell whoever asks for a key."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._known = set(location.addresses)

    async def find(self) -> Layout:
        """See `Finder.find`. Gives what the first server tells, in any order, whose Cluster is whole."""
        trouble: Away | None = None
        for address in random.sample(list(self._known), len(self._known)):
            try:
                layout, others = await self._ask(address)
            except Unusable as unusable:
                trouble = trouble or unusable
            except Away as away:
                trouble = away
            else:
                self._known = {*self._location.addresses, *layout, *others}
                return layout
        assert trouble is not None
        raise trouble

    def follow(self, changed: Callable[[], None]) -> None:
        """Whoever is asked for what it no longer has answers MOVED."""

    async def close(self) -> None:
        """Nothing was begun."""

    async def _ask(self, address: Address) -> tuple[Layout, set[Address]]:
        connection = await dial(address, self._location)
        try:
            await greet(connection, self._location, may_be_replica=True)
            [slots] = await answers(connection, [connection.ask("CLUSTER", "SLOTS")], self._location.timeout)
        finally:
            connection.lose("asked")
        if isinstance(slots, Complaint):
            raise Unusable(f"{address} does not let the user ask for CLUSTER SLOTS")
        if not isinstance(slots, list):
            raise Away(f"{address} says what no Cluster would")
        layout, others = _read(slots, address)
        if sum(len(part) for parts in layout.values() for part in parts) != SLOTS:
            raise Away(f"some slots of the Cluster have no server, says {address}")
        return layout, others


def _read(slots: list[Answer], asked: Address) -> tuple[Layout, set[Address]]:
    """Read what CLUSTER SLOTS says: the primaries, and the replicas."""
    found: dict[Address, list[range]] = {}
    others: set[Address] = set()
    for entry in slots:
        match entry:
            case [int(first), int(last), primary, *replicas]:
                found.setdefault(_address(primary, asked), []).append(range(first, last + 1))
                others.update(_address(replica, asked) for replica in replicas)
            case _:
                raise Away(f"{asked} says what no Cluster would")
    return {address: tuple(sorted(parts, key=lambda part: part.start)) for address, parts in found.items()}, others


def _address(server: Answer, asked: Address) -> Address:
    match server:
        case [bytes(host), int(port), *_] if host not in (b"", b"?"):
            return Address(host.decode(), port)
        case [_, int(port), *_]:  # who does not know its own name is whom we asked
            return Address(asked.host, port)
        case _:
            raise Away(f"{asked} says what no Cluster would")
