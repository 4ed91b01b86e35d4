"""What joins and leaves of a large presence channel cost, frame for frame, beside a plain fan-out.

A thousand members sit in a presence channel while others come and go, by subscriptions of open connections or by
connections of their own: each time all are told. The same thousand are subscribed to a public channel, where as many
messages a second are published, of the same sizes on the wire. The server's CPU time by frame received is compared, in
alternating windows. What a join costs besides, the list of a thousand members to begin with, counts as the join's.

    python bench/presence.py --json FILE
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from line import LIMIT, Line
from publisher import Publisher
from servers import ROOT, Server, hubbub

GENERATOR_CORE = 1
ROOM = "presence-room"
HALL = "hall"
SETTLED = "settled"
SWEEP = 0.02  # seconds between two looks at each socket
TARGET = 1.2

_numbers = itertools.count()


class Window(Struct, frozen=True):
    """One measured window: how many changes or messages, the frames they made, and the server's CPU time."""

    changes: int
    frames: int
    cpu_seconds: float
    seconds: float

    @property
    def microseconds(self) -> float:
        """CPU time of the server by frame."""
        return self.cpu_seconds / self.frames * 1e6


class Guests:
    """Those who come and go: every second change is a join, and half of them are there at a time.

    Each comes as somebody new, so that no change is hidden by another of the same user. With `reconnects` each comes by
    a connection of its own, which it closes when it leaves.
    """

    def __init__(self, server: Server, count: int, *, reconnects: bool) -> None:
        self._server = server
        self._reconnects = reconnects
        self._away: deque[Line] = deque() if reconnects else deque(Line(server) for _ in range(count))
        self._there: deque[Line] = deque()
        self._leaving: list[Line] = []
        self._frames = 0
        self._comes = True
        for _ in range(count // 2):
            self._come()

    def change(self) -> None:
        """Let one come, or the one who has been there longest go."""
        if self._comes:
            self._come()
        else:
            self._go()
        self._comes = not self._comes

    def read(self) -> int:
        """Give how many frames they were told of others so far."""
        for line in (*self._away, *self._there, *self._leaving):
            self._frames += line.read()
        for line in [line for line in self._leaving if line.is_over]:
            line.close()
            self._leaving.remove(line)
        return self._frames

    def close(self) -> None:
        """Hang up."""
        for line in (*self._away, *self._there, *self._leaving):
            line.close()

    def _come(self) -> None:
        line = Line(self._server) if self._reconnects else self._away.popleft()
        line.subscribe(ROOM, person(next(_numbers)))
        self._frames -= 1  # the answer, which is not told to others
        self._there.append(line)

    def _go(self) -> None:
        line = self._there.popleft()
        if self._reconnects:
            line.end()
            self._leaving.append(line)
        else:
            line.unsubscribe(ROOM)
            self._away.append(line)


def measure(
    server: Server,
    members: list[Line],
    change: Callable[[], None],
    others: Callable[[], int],
    rate: float,
    seconds: float,
) -> Window:
    """Make `rate` changes a second, each of which every member is told, and wait until all were.

    `others` gives how many frames those who are no members were told so far. Raises RuntimeError for a frame that does
    not come.
    """
    changes = round(rate * seconds)
    wanted = changes * len(members)
    before, also, got, done = others(), 0, 0, 0
    spent = server.cpu_seconds()
    began = swept = time.monotonic()
    while got < wanted:
        now = time.monotonic()
        due = began + done / rate if done < changes else began + seconds + LIMIT
        if now >= due:
            if done == changes:
                raise RuntimeError(f"{wanted - got} of {wanted} frames did not come in {now - began:.0f} s")
            change()
            done += 1
        elif now - swept >= SWEEP:
            swept = now
            got += sum(line.read() for line in members)
            also = others() - before
        else:
            time.sleep(max(min(swept + SWEEP, due) - now, 0))
    seconds = time.monotonic() - began
    spent = server.cpu_seconds() - spent
    return Window(changes=changes, frames=got + also, cpu_seconds=spent, seconds=seconds)


def person(number: int) -> str:
    """Write the `channel_data` of a member."""
    return json.dumps({"user_id": f"member-{number:06}", "user_info": {"name": f"Member {number:06}"}})


def sizes() -> tuple[int, int]:
    """Give the bytes of data that make a public event as long as a `member_added` and as a `member_removed` is."""
    who = json.loads(person(0))
    frames = (("member_added", who), ("member_removed", {"user_id": who["user_id"]}))
    plain = len(_compact({"event": "event", "channel": HALL, "data": ""}))
    added, removed = (
        len(_compact({"event": f"pusher_internal:{event}", "channel": ROOM, "data": _compact(data)})) - plain
        for event, data in frames
    )
    return added, removed


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


class Speaker:
    """Publishes to the public channel, now as much as a join tells, now as much as a leave."""

    def __init__(self, server: Server) -> None:
        self._publishers = [Publisher(server) for _ in range(4)]
        self._data = deque("x" * size for size in sizes())

    def change(self) -> None:
        """Publish."""
        publisher = self._publishers[0]
        if not publisher.is_free:
            publisher.take()
        publisher.send(HALL, self._data[0])
        self._data.rotate()
        self._publishers.append(self._publishers.pop(0))

    def close(self) -> None:
        """Hang up."""
        for publisher in self._publishers:
            publisher.close()


def settle(server: Server, lines: list[Line], present: int) -> None:
    """Wait until so many are present, and until the members have taken all that they were told."""
    asking = Publisher(server)
    end = time.monotonic() + LIMIT
    while asking.get(f"/channels/{ROOM}", info="user_count")["user_count"] != present:
        if time.monotonic() > end:
            raise RuntimeError(f"there are not {present} members")
        time.sleep(0.05)
    asking.publish(ROOM, "", SETTLED)
    for line in lines:
        line.wait(SETTLED)
    asking.close()


def run(checkout: Path, members: int, guests: int, rate: float, seconds: float, rounds: int) -> dict[str, list[Window]]:
    """Measure in alternating windows, after one that does not count."""
    found: dict[str, list[Window]] = {"plain": [], "subscriptions": [], "connections": []}
    with hubbub(checkout, app_max_presence_members=2 * members, ping_after=3600) as server:
        lines: list[Line] = []
        for _ in range(members):
            line = Line(server)
            line.subscribe(HALL)
            line.subscribe(ROOM, person(next(_numbers)))
            line.wait("pusher_internal:subscription_succeeded")
            lines.append(line)
        settle(server, lines, members)
        speaker = Speaker(server)
        for turn in range(rounds + 1):
            for kind, windows in found.items():
                if kind == "plain":
                    window = measure(server, lines, speaker.change, lambda: 0, rate, seconds)
                else:
                    coming = Guests(server, guests, reconnects=kind == "connections")
                    settle(server, lines, members + guests // 2)
                    window = measure(server, lines, coming.change, coming.read, rate, seconds)
                    coming.close()
                    settle(server, lines, members)
                if turn:
                    windows.append(window)
                    print(f"{kind:14}{window.microseconds:7.2f} µs a frame, {window.frames} frames", file=sys.stderr)
        speaker.close()
        for line in lines:
            line.close()
    return found


class Summary(Struct, frozen=True):
    """Medians in µs of CPU by frame, and what each is to the plain fan-out of the same round, by kind; the windows."""

    microseconds: dict[str, float]
    ratios: dict[str, float]
    windows: dict[str, list[Window]]


def summary(found: dict[str, list[Window]]) -> Summary:
    """Put windows together."""
    plain = [window.microseconds for window in found["plain"]]
    each = {kind: [window.microseconds for window in windows] for kind, windows in found.items()}
    ratios = {
        kind: statistics.median(one / beside for one, beside in zip(values, plain, strict=True))
        for kind, values in each.items()
        if kind != "plain"
    }
    return Summary({kind: statistics.median(values) for kind, values in each.items()}, ratios, found)


def main() -> int:
    """Measure as the command line says, print the figures, and give 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--guests", type=int, default=20, help="who come and go")
    parser.add_argument("--rate", type=float, default=60, help="joins and leaves, or messages, a second")
    parser.add_argument("--seconds", type=float, default=4, help="of a window")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another folder's Hubbub")
    parser.add_argument("--json", type=Path, help="write the raw figures here")
    given = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    figures = summary(run(given.checkout, given.members, given.guests, given.rate, given.seconds, given.rounds))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    print(f"plain fan-out: {figures.microseconds['plain']:.2f} µs of CPU a frame")
    for kind, ratio in figures.ratios.items():
        print(f"joins and leaves by {kind}: {figures.microseconds[kind]:.2f} µs, {ratio:.3f} of it (target {TARGET})")
    return int(max(figures.ratios.values()) > TARGET)


if __name__ == "__main__":
    raise SystemExit(main())
