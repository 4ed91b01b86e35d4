"""What is asked of the server while it is counted: each case so many times, in several rounds."""

import json
from collections.abc import Callable
from typing import Final

import msgspec

from speed.client import BATCHES, DATA, EVENTS, Connection
from speed.counting import Counting, Stretch

LISTENERS: Final = 250
MEMBERS: Final = 100
ROUNDS: Final = 5
NOTHING: Final = "nothing"
REFERENCE: Final = "reference"


class Scene:
    """The connections that the cases need; they are made before anything is counted."""

    def __init__(self, server: Counting) -> None:
        self.server = server
        self.api = Connection(server.port)
        self.opened: list[Connection] = []
        self.listeners: list[Connection] = []
        self.entered = 0

    def prepare(self) -> None:
        """Connect those who listen."""
        self.listeners = [self.open().subscribe("room") for _ in range(LISTENERS)]
        members = self.listeners[:MEMBERS]
        for number, member in enumerate(members):
            member.subscribe("presence-room", f"user-{number}")
            for earlier in members[:number]:
                earlier.expect("pusher_internal:member_added")
        self.guest = self.open()
        self.pair = [self.open().subscribe("private-pair") for _ in range(2)]

    def close(self) -> None:
        """Close everything."""
        for connection in (self.api, *self.opened, *self.listeners, self.guest, *self.pair):
            connection.close()

    def open(self) -> Connection:
        """Connect one more."""
        return Connection(self.server.port).upgrade()

    def publish(self, channel: str) -> None:
        """Publish an event of 80 letters."""
        self.api.post(EVENTS, json.dumps({"name": "message", "channels": [channel], "data": DATA}).encode())


def _publish(scene: Scene) -> None:
    scene.publish("quiet")


def _batch(scene: Scene) -> None:
    events = [{"name": "message", "channel": f"quiet-{number}", "data": DATA} for number in range(10)]
    scene.api.post(BATCHES, json.dumps({"batch": events}).encode())


def _fan_out(scene: Scene) -> None:
    scene.publish("room")
    for listener in scene.listeners:
        listener.expect("message")


def _client_event(scene: Scene) -> None:
    sender, receiver = scene.pair
    sender.say({"event": "client-message", "channel": "private-pair", "data": {"text": "x" * 80}})
    receiver.expect("client-message")


def _connect(scene: Scene) -> None:
    scene.opened.append(scene.open().subscribe("lobby"))


def _connect_private(scene: Scene) -> None:
    scene.opened.append(scene.open().subscribe("private-lobby"))


def _connect_presence(scene: Scene) -> None:
    scene.entered += 1
    scene.opened.append(scene.open().subscribe(f"presence-{scene.entered}", "somebody"))


def _leave(scene: Scene) -> None:
    scene.opened.pop().leave()


def _member(scene: Scene) -> None:
    scene.guest.subscribe("presence-room", "guest")
    for member in scene.listeners[:MEMBERS]:
        member.expect("pusher_internal:member_added")
    scene.guest.say({"event": "pusher:unsubscribe", "data": {"channel": "presence-room"}})
    for member in scene.listeners[:MEMBERS]:
        member.expect("pusher_internal:member_removed")


class Case(msgspec.Struct, frozen=True):
    """Something the server is asked to do, `times` times in a stretch."""

    name: str
    unit: str
    """What is counted: one of these."""
    times: int
    run: Callable[[Scene], None]
    warm: int = 25
    """Times it is done before anything is counted: Python runs the faster, the more often."""
    without: str = ""
    """The case whose instructions are taken off, for only what comes on top is of interest."""
    share: int = 1
    """Parts the rest of the instructions is divided into."""
    apart: int = 0
    """Things the server hears of in one turn of its loop or in two, as the machine pleases, such as a connection and
    its first bytes."""


CASES: Final = (
    Case("publish", "a signed publish that nobody hears", 20, _publish),
    Case("batch", "a signed batch of ten that nobody hears", 5, _batch),
    Case(
        "fan-out",
        f"a publish to {LISTENERS}; the instructions are those of one delivery",
        4,
        _fan_out,
        without="publish",
        share=LISTENERS,
    ),
    Case("client-event", "an event from one client to another", 20, _client_event),
    Case("connect", "a connection that subscribes to a public channel", 10, _connect, apart=1),
    Case("connect-private", "a connection that subscribes to a private channel", 10, _connect_private, apart=1),
    Case(
        "connect-presence",
        "a connection that subscribes to a presence channel of its own",
        10,
        _connect_presence,
        apart=1,
    ),
    Case("leave", "a goodbye of one of those connections", 30, _leave, warm=75, apart=2),
    Case("member", f"a join and a leave that {MEMBERS} members are told", 4, _member, warm=10),
)
"""In the order in which they are run: who connected is there to leave."""


class Need(msgspec.Struct, frozen=True):
    """What one unit of a case needs."""

    instructions: float
    references: float
    """The same in units of the work in reference.py."""
    calls: dict[str, float]
    """Calls of the kernel, by family."""


class Found(msgspec.Struct, frozen=True):
    """What was counted."""

    is_native: bool
    reference: float
    """Instructions of the work in reference.py, done once."""
    needs: dict[str, Need]


def count(*, pure: bool = False) -> Found:
    """Count all cases. Raises AssertionError when the server does something else than it should."""
    with Counting(pure=pure) as server:
        scene = Scene(server)
        scene.prepare()
        play(scene)
        stretches = server.stretches()
        scene.close()
    return found(stretches, is_native=server.is_native)


REFERENCES: Final = 50
"""Times the reference is done in a stretch."""


def play(scene: Scene, rounds: int = ROUNDS) -> None:
    """Warm up, and go through the cases, each round through all."""
    server = scene.server
    for case in CASES:
        for _ in range(case.warm):
            case.run(scene)
    server.tell(f"reference {REFERENCES}")
    server.tell("start")
    for _ in range(rounds):
        with server.stretch(NOTHING):
            pass
        with server.stretch(REFERENCE):
            server.tell(f"reference {REFERENCES}")
        for case in CASES:
            with server.stretch(case.name):
                for _ in range(case.times):
                    case.run(scene)


def found(stretches: list[Stretch], *, is_native: bool) -> Found:
    """Give what one of each needs: of all rounds the least, for a timer's turn or a collection only adds."""
    instructions = {
        name: min(stretch.instructions for stretch in stretches if stretch.name == name)
        for name in {stretch.name for stretch in stretches}
    }
    idle = instructions[NOTHING]
    reference = (instructions[REFERENCE] - idle) / REFERENCES
    each = {case.name: (instructions[case.name] - idle) / case.times for case in CASES}
    needs = {}
    for case in CASES:
        own = (each[case.name] - each.get(case.without, 0)) / case.share
        needs[case.name] = Need(own, own / reference, _calls(stretches, case))
    return Found(is_native, reference, needs)


def _calls(stretches: list[Stretch], case: Case) -> dict[str, float]:
    def least(name: str, family: str) -> int:
        return min(stretch.calls[family] for stretch in stretches if stretch.name == name)

    return {family: (least(case.name, family) - least(NOTHING, family)) / case.times for family in stretches[0].calls}
