"""What readers that never read cost: memory of the server while they stall and after, and the time of one who reads.

Some hundred subscribers of a busy channel stop reading. The server keeps `max_backlog_bytes` for each at most, then
closes it with 4100, and cuts it when it does not answer that. One reader of the same channel reads; its messages carry
the time at which they were due. It is done again and again, since what is not given back would add up.

    python bench/slow_reader.py --json FILE
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from line import Line
from publisher import Publisher
from quiet import Spread, spread
from servers import Server, hubbub

GENERATOR_CORE = 1
CHANNEL = "busy"
CLOSE_TIMEOUT = 1.0  # seconds that one who was told to go may take, until the connection is cut
SIZE = 10_000  # bytes of an event, about
SLACK = 10_000_000
"""Bytes that the server may take besides, for the requests and what an allocator keeps."""


class Round(Struct, frozen=True):
    """What was found in one round: bytes that the server had resident, and milliseconds of each message to who reads.

    Times of the cuts are seconds since the others stopped reading, -1 if they were not cut.
    """

    rss_before: int
    rss_most: int
    rss_after: int
    first_cut: float
    last_cut: float
    before: Spread
    """Of the reader, when all read,"""
    during: Spread
    """when the others do not,"""
    after: Spread
    """and when they have gone."""


class Flood:
    """Large events in an open loop, read by one, and by as many others as are told to."""

    def __init__(self, server: Server, rate: float) -> None:
        self._server = server
        self._rate = rate
        self._publishers = [Publisher(server) for _ in range(8)]
        self._reader = Line(server)
        self._reader.subscribe(CHANNEL)
        self._reader.wait("pusher_internal:subscription_succeeded")
        self._asking = Publisher(server)

    def run(self, seconds: float, others: Sequence[Line]) -> tuple[list[float], list[tuple[float, int, int]]]:
        """Publish for so long; give how long each event took to the one who reads, in milliseconds, and samples.

        A sample is of each half second: seconds since the start, subscribers, and bytes that the server has resident.
        """
        took: list[float] = []
        samples: list[tuple[float, int, int]] = []
        began, sent = time.monotonic(), 0
        while (now := time.monotonic()) < began + seconds:
            due = began + sent / self._rate
            if now >= due:
                publisher = self._publishers[sent % len(self._publishers)]
                if not publisher.is_free:
                    publisher.take()
                publisher.send(CHANNEL, f"{due!r} " + "x" * SIZE)
                sent += 1
            if now - began >= len(samples) / 2:
                count = self._asking.get(f"/channels/{CHANNEL}/stats")["connection_count"]
                samples.append((now - began, count, self._server.rss()))
            took += self._read()
            for line in others:
                line.read()
            time.sleep(0.0002)
        return took, samples

    def close(self) -> None:
        """Hang up."""
        for publisher in (*self._publishers, self._asking):
            publisher.close()
        self._reader.close()

    def _read(self) -> list[float]:
        now = time.monotonic()
        return [(now - float(message["data"].partition(" ")[0])) * 1e3 for message in self._reader.messages()]


def run(server: Server, stalled: int, rate: float, seconds: float) -> Round:
    """Let so many stop reading, and look what becomes of them, of the server, and of the one who reads on."""
    lines = []
    for _ in range(stalled):
        line = Line(server, receive_buffer=16_384)
        line.subscribe(CHANNEL)
        line.wait("pusher_internal:subscription_succeeded")
        lines.append(line)
    flood = Flood(server, rate)
    before, _ = flood.run(min(seconds / 4, 3), lines)
    rss = server.rss()
    during, samples = flood.run(seconds, ())
    full = samples[0][1]
    cuts = [at for at, count, _ in samples if count < full]
    gone = [at for at, count, _ in samples if count == full - stalled]
    for line in lines:
        line.close()
    after, rest = flood.run(2, ())
    flood.close()
    return Round(
        rss_before=rss,
        rss_most=max(resident for _, _, resident in samples),
        rss_after=rest[-1][2],
        first_cut=cuts[0] if cuts else -1,
        last_cut=gone[0] if gone else -1,
        before=spread(before),
        during=spread(during),
        after=spread(after),
    )


def main() -> int:
    """Measure as the command line says, print the figures, and give 1 unless memory was bounded and all were cut."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stalled", type=int, default=100, help="who do not read")
    parser.add_argument("--rate", type=float, default=50, help="events of 10 kB a second")
    parser.add_argument("--seconds", type=float, default=15, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backlog", type=int, default=1_048_576, help="`max_backlog_bytes` of the server")
    parser.add_argument("--json", type=Path, help="write the raw figures here")
    given = parser.parse_args()
    bound = given.stalled * given.backlog + SLACK
    rounds = []
    with hubbub(max_backlog_bytes=given.backlog, close_timeout=CLOSE_TIMEOUT) as server:
        os.sched_setaffinity(0, {GENERATOR_CORE})
        for _ in range(given.rounds):
            rounds.append(run(server, given.stalled, given.rate, given.seconds))
            one = rounds[-1]
            print(
                f"{given.stalled} who do not read: RSS {one.rss_before / 1e6:.1f} MB before,"
                f" {one.rss_most / 1e6:.1f} at most, {one.rss_after / 1e6:.1f} after;"
                + (
                    f" cut {one.first_cut:.1f} to {one.last_cut:.1f} s after they stopped"
                    if one.last_cut >= 0
                    else " not all were cut in that time"
                )
            )
            for when in ("before", "during", "after"):
                took: Spread = getattr(one, when)
                print(f"    who reads, {when}: p50 {took.p50:.2f} ms, p99 {took.p99:.2f} ms, most {took.most:.2f} ms")
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(rounds)))
    grown, kept = max(one.rss_most - one.rss_before for one in rounds), rounds[-1].rss_after - rounds[0].rss_after
    print(
        f"grew by {grown / 1e6:.1f} MB at most (bound {bound / 1e6:.1f}), kept {kept / 1e6:.1f} MB from round to round"
    )
    return int(grown > bound or kept > SLACK or any(one.last_cut < 0 for one in rounds))


if __name__ == "__main__":
    raise SystemExit(main())
