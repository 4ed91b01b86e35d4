"""Facts are written down before they count."""

import asyncio

from hubbub.engine.memory import Memory
from hubbub.hub.hub import Hub
from hubbub.messages import (
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    Occupied,
    Vacated,
)
from hubbub.node.node import Node
from node.watched import Notary, Watched
from recording import Recording


async def test_everything_is_written_down_before_it_counts(watched: Watched) -> None:
    ann, bob = Recording(), Recording()
    await watched.join(ann)
    await watched.join(bob, user="bob")
    await watched.node.relay("1", Event("presence-x", "client-n", "x", "ann"), ann, "1.1")
    await watched.node.publish("1", Event("presence-x", "n", "x"))
    await watched.leave(ann)
    await watched.leave(bob, user="bob")
    assert watched.notary.written == [
        (Occupied("presence-x"), ""),
        (MemberAdded("presence-x", Member("ann")), ""),
        (MemberAdded("presence-x", Member("bob")), ""),
        (Event("presence-x", "client-n", "x", "ann"), "1.1"),
        (MemberRemoved("presence-x", Member("ann")), ""),
        (MemberRemoved("presence-x", Member("bob")), ""),
        (Vacated("presence-x"), ""),
    ]
    assert watched.notary.told_before == []


async def test_nothing_is_heard_of_a_clients_event_that_is_being_written_down() -> None:
    class Slow(Notary):
        def __init__(self) -> None:
            super().__init__([])
            self.is_written = asyncio.Event()

        async def record(self, app_id: str, *facts: Fact, socket_id: str = "") -> None:
            if any(isinstance(fact, Event) for fact in facts):
                await self.is_written.wait()

    notary, listener = Slow(), Recording()
    node = Node(Hub(asyncio.get_running_loop().call_soon), Memory(), recorder=notary)
    await node.start()
    await node.join("1", "private-x", listener, None, 0)
    saying = asyncio.ensure_future(node.relay("1", Event("private-x", "client-n", "said"), Recording(), "1.1"))
    for _ in range(5):
        await asyncio.sleep(0)
    node.hub.flush()
    assert listener.heard == ["Subscribed"]
    notary.is_written.set()
    await saying
    node.hub.flush()
    assert listener.heard == ["Subscribed", "said"]


async def test_applications_it_does_not_concern_are_not_written_down(watched: Watched) -> None:
    client = Recording()
    await watched.node.join("2", "room", client, None, 0)
    await watched.node.leave("2", "room", client, None)
    assert watched.notary.written == []
    assert watched.facts == [Occupied("room"), Vacated("room")]


# While the cluster cannot be reached
