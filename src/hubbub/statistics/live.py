"""How an application stands at this moment, on all nodes together; nothing is done while nobody asks.

Knows: what nodes are asked, and how their answers are added. Does not know how they are asked.
"""

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from hubbub.hub.meters import Meter

KIND: Final = "figures"
"""What nodes are asked for."""


class Live(msgspec.Struct, frozen=True):
    """Numbers of now, and numbers that only grow: what they have grown by between two looks is what happened.

    `at` is in Unix milliseconds, by the clock of who asked. `connections` are those that are open, by kind; a channel
    that has subscribers on several nodes is one of each of these.
    """

    at: int
    connections: dict[str, int]
    events: int
    client_events: int
    deliveries: int
    channels: int
    nodes: int = 1


def here(meter: Meter | None, channels: int) -> Live:
    """Give how it stands on this node, which has so many of its channels."""
    if meter is None:
        return Live(_now(), {}, 0, 0, 0, 0)
    events, client_events, _, deliveries, *_ = meter.read()
    return Live(_now(), meter.open_by_way(), events, client_events, deliveries, channels)


def added(answers: Sequence[bytes]) -> Live:
    """Put together what nodes answered."""
    all_of_them = [msgspec.msgpack.decode(answer, type=Live) for answer in answers]
    connections: dict[str, int] = {}
    for one in all_of_them:
        for kind, count in one.connections.items():
            connections[kind] = connections.get(kind, 0) + count
    return Live(
        _now(),
        connections,
        sum(one.events for one in all_of_them),
        sum(one.client_events for one in all_of_them),
        sum(one.deliveries for one in all_of_them),
        sum(one.channels for one in all_of_them),
        len(all_of_them),
    )


def _now() -> int:
    return time.time_ns() // 1_000_000
