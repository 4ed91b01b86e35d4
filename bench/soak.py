"""An hour of coming and going, while memory, descriptors and threads of the server must stay what they are.

Some dozens of visitors at a time connect, subscribe, publish, speak, leave and break off, in both protocols; what they
must hear is checked all the time, and who is present at quiet moments (`visitors.py`, `town.py`). A process beside
samples the server. The first sixth of the time is for warming up; what the second and the last sixth had is compared.

Beside them a crowd comes and goes in waves (`crowd.py`), as many in an hour as a busy day brings. At the end nobody is
there, and all gauges of `/metrics` must be what they were at the start.

    python bench/soak.py --minutes 60 --connections 1000000 --json FILE
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import aiohttp
import msgspec
from msgspec import Struct

from crowd import Crowd
from gauges import TOKEN, differences, gauges
from line import Line
from servers import ROOT, Server, hubbub
from town import FLOOD, LIMIT, STEADY, Town
from visitors import Visitor, be_deaf, visit, visit_by_phoenix

ROUGH_SHARE = 0.03
"""What RSS may have grown from the second sixth to the last, as a part of it;"""
ROUGH_BYTES = 3_000_000
"""or this, if it is more: an allocator that serves thousands of visits gives and takes so much."""


class Sample(Struct, frozen=True):
    """The server at a moment: seconds since the start, bytes, counts, milliseconds of a ping's way and back."""

    at: float
    rss: int
    pss: int
    """Depends on what other processes of the machine share, and is kept for what it is."""
    private: int
    descriptors: int
    sockets: int
    """Of the descriptors."""
    threads: int
    tasks: int
    """Of asyncio, as the server says."""
    database: int
    cpu_seconds: float
    ping_p50: float
    ping_most: float


class Trend(Struct, frozen=True):
    """Whether something stays: medians of the second and the last sixth, the slope by hour and its standard error."""

    second_sixth: float
    last_sixth: float
    slope_by_hour: float
    slope_error: float
    is_flat: bool


class Report(Struct, frozen=True):
    """What the soak found."""

    minutes: float
    done: dict[str, int]
    failures: list[str]
    trends: dict[str, Trend]
    gauges: dict[str, float]
    """What `/metrics` said when all had gone."""
    samples: list[Sample]


# Sampling


def sample(server: Server, database: Path, every: float, file: Path, seconds: float, is_over: Event) -> None:
    """Sample every so many seconds, as lines of JSON in `file`, until the time is over. For a process of its own."""
    began = time.monotonic()
    line = Line(server)
    with file.open("wb") as rows:
        while time.monotonic() < began + seconds:
            ends = time.monotonic() + every
            pings = []
            while time.monotonic() < ends:
                asked = time.monotonic()
                line.send("pusher:ping", {})
                line.wait("pusher:pong")
                pings.append((time.monotonic() - asked) * 1e3)
                if is_over.wait(0.1):
                    return
            rows.write(msgspec.json.encode(_look_at(server, database, time.monotonic() - began, pings)) + b"\n")
            rows.flush()


def _look_at(server: Server, database: Path, at: float, pings: list[float]) -> Sample:
    process = Path(f"/proc/{server.pid}")
    descriptors, sockets = _open_files(server)
    memory = dict(re.findall(r"^(\w+):\s+(\d+) kB", (process / "smaps_rollup").read_text(), re.MULTILINE))
    return Sample(
        at=at,
        rss=int(memory["Rss"]) * 1024,
        pss=int(memory["Pss"]) * 1024,
        private=(int(memory["Private_Clean"]) + int(memory["Private_Dirty"])) * 1024,
        descriptors=descriptors,
        sockets=sockets,
        threads=len(list((process / "task").iterdir())),
        tasks=int(next((value for name, value in gauges(server).items() if name.startswith("hubbub_tasks")), 0)),
        database=sum(path.stat().st_size for path in database.parent.glob(f"{database.name}*")),
        cpu_seconds=server.cpu_seconds(),
        ping_p50=statistics.median(pings),
        ping_most=max(pings),
    )


def _open_files(server: Server) -> tuple[int, int]:
    """Count what is open, and the sockets among that."""
    names = []
    for entry in Path(f"/proc/{server.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            names.append(str(entry.readlink()))
    return len(names), sum(name.startswith("socket:") for name in names)


# Judging


def trend(samples: Sequence[Sample], values: Sequence[float], slack: float) -> Trend:
    """Compare the second sixth with the last, which may have `slack` more, and fit a line from the second sixth on."""
    sixth = len(values) // 6
    early, late = statistics.median(values[sixth : 2 * sixth]), statistics.median(values[-sixth:])
    hours = [one.at / 3600 for one in samples[sixth:]]
    kept = values[sixth:]
    slope, start = statistics.linear_regression(hours, kept)
    mean = statistics.fmean(hours)
    rest = sum((value - slope * hour - start) ** 2 for hour, value in zip(hours, kept, strict=True))
    error = (rest / max(len(kept) - 2, 1) / sum((hour - mean) ** 2 for hour in hours)) ** 0.5
    return Trend(early, late, slope, error, late - early <= slack)


def judge(samples: list[Sample]) -> dict[str, Trend]:
    """Say of everything that must stay whether it does."""
    rss, private = [float(one.rss) for one in samples], [float(one.private) for one in samples]
    slack = max(ROUGH_BYTES, ROUGH_SHARE * statistics.median(rss))
    others = [float(one.descriptors - one.sockets) for one in samples]
    sockets = [float(one.sockets) for one in samples]
    return {
        "rss": trend(samples, rss, slack),
        "private memory": trend(samples, private, slack),
        "descriptors but sockets": trend(samples, others, 1),
        "sockets": trend(samples, sockets, 0.15 * statistics.median(sockets)),
        "tasks": trend(samples, [float(one.tasks) for one in samples], 3),
        "threads": trend(samples, [float(one.threads) for one in samples], 1),
        "database": trend(samples, [float(one.database) for one in samples], 1_000_000),
    }


# Coming and going


async def live(town: Town, seconds: float, visitors: int, look_every: float) -> None:
    """Let visitors come and go for so many seconds, and look at the books now and then."""
    warden = await Visitor.come(town)
    warden.user = "warden"
    for channel in STEADY:
        await warden.subscribe(channel)
    end = time.monotonic() + seconds

    async def keep_coming(once: Callable[[Town], Coroutine[Any, Any, None]]) -> None:
        while time.monotonic() < end:
            await town.guard(once(town), once.__name__)
            await asyncio.sleep(random.uniform(0, 0.5))

    news = [asyncio.create_task(town.guard(town.tell_news(channel, 0.25), channel)) for channel in STEADY]
    news.append(asyncio.create_task(town.guard(town.flood(0.03), FLOOD)))
    kinds = [visit] * visitors + [visit_by_phoenix] * (visitors // 6) + [be_deaf] * 2
    tasks = [asyncio.create_task(keep_coming(kind)) for kind in kinds]
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(look_every, left))
        await town.look(warden.heard, warden.members)
        print(f"{max(end - time.monotonic(), 0):5.0f} s left: {dict(town.done)}", file=sys.stderr)
    await asyncio.gather(*tasks)
    await town.look(warden.heard, warden.members)
    for task in news:
        task.cancel()
    await asyncio.gather(*news, return_exceptions=True)
    await warden.prove()
    await warden.go("close")


async def soak(server: Server, jwt: str, seconds: float, visitors: int, look_every: float) -> Town:
    """Live in a town; give it, with its books."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(LIMIT)) as http:
        town = Town(server, http, jwt)
        await town.guard(live(town, seconds, visitors, look_every), "the town")
        return town


@contextmanager
def seeded(checkout: Path, core: int | None, folder: Path) -> Iterator[tuple[Server, str, Server]]:
    """Start a server with an application of its database, which both protocols may use.

    Gives it, a token for Phoenix clients, and the same server with the application that is declared.
    """
    url = f"sqlite:///{folder / 'hubbub.db'}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    environment |= {"HUBBUB_DATABASE_URL": url, "PYTHONPATH": str(checkout / "src")}

    def command(*arguments: str) -> str:
        done = [sys.executable, "-m", "hubbub", *arguments]
        return subprocess.run(done, env=environment, cwd=folder, capture_output=True, text=True, check=True).stdout

    command("migrate")
    fields = dict(re.findall(r"^(\w+): +(\S+)$", command("seed"), re.MULTILINE))
    command("app", "set", fields["Id"], "client_events=true", "client_events_per_second=100", "cache_ttl=60")
    # The declared application is another, so that it does not hide this one.
    with hubbub(
        checkout,
        core=core,
        database_url=url,
        app_id="other",
        ping_after=20,
        pong_timeout=15,
        max_backlog_bytes=100_000,
        deflate=True,
        metrics_token=TOKEN,
        incident_limit=1000,  # so that the error log is full when the comparing begins
        app_max_presence_members=1000,
    ) as declared:
        server = msgspec.structs.replace(declared, app_id=fields["Id"], key=fields["Key"], secret=fields["Secret"])
        form = urlencode({"token": fields["Token"], "app_key": server.key}).encode()
        with urlopen(f"http://127.0.0.1:{server.port}/api/session", form) as answer:
            jwt = json.loads(answer.read())["jwt"]
        yield server, jwt, msgspec.structs.replace(declared, app_id="other")


def run(minutes: float, every: float, visitors: int, connections: int, checkout: Path, core: int | None) -> Report:
    """Soak a server of its own."""
    processes = multiprocessing.get_context("spawn")
    is_over = processes.Event()
    with tempfile.TemporaryDirectory(prefix="bench-soak-") as name, seeded(checkout, core, Path(name)) as found:
        server, jwt, declared = found
        file, (_, sockets), stood = Path(name, "samples"), _open_files(server), gauges(server)
        database = Path(name, "hubbub.db")
        sampler = processes.Process(target=sample, args=(server, database, every, file, minutes * 60, is_over))
        sampler.start()
        crowd = Crowd(declared, connections, minutes * 60 * 0.97)
        coming = threading.Thread(target=crowd.come)
        coming.start()
        try:
            town = asyncio.run(soak(server, jwt, minutes * 60, visitors, min(60, minutes * 10)))
            coming.join()
        finally:
            is_over.set()
            sampler.join()
        samples = [msgspec.json.decode(row, type=Sample) for row in file.read_bytes().splitlines()]
        stand = gauges(server)
        end = time.monotonic() + LIMIT
        while (differences(stood, stand) or _open_files(server)[1] > sockets) and time.monotonic() < end:
            time.sleep(0.5)
            stand = gauges(server)
        for difference in differences(stood, stand):
            town.fail(f"when all had gone: {difference}")
        if (left := _open_files(server)[1]) > sockets:
            town.fail(f"{sockets} sockets before, {left} when all had gone")
    done = {**town.done, **{f"{what} of the crowd": count for what, count in crowd.done.items()}}
    return Report(minutes, done, town.failures + crowd.failures, judge(samples), stand, samples)


def main() -> int:
    """Soak as the command line says, print what was found, and give 1 unless all stayed as it was and as promised."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=3, help="seconds between two samples")
    parser.add_argument("--visitors", type=int, default=100, help="at a time")
    parser.add_argument("--connections", type=int, default=1_000_000, help="of the crowd, in all the time")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another folder's Hubbub")
    parser.add_argument("--core", type=int, help="pin the server to it; it is not pinned unless told")
    parser.add_argument("--json", type=Path, help="write what was found here")
    given = parser.parse_args()
    if given.minutes < 1:
        parser.error("--minutes: 1 at least, or there is nothing to compare")
    report = run(given.minutes, given.every, given.visitors, given.connections, given.checkout, given.core)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    print(", ".join(f"{count} × {what}" for what, count in sorted(report.done.items())))
    for what, one in report.trends.items():
        print(
            f"{what}: {one.second_sixth:,.0f} in the second sixth, {one.last_sixth:,.0f} in the last,"
            f" {one.slope_by_hour:+,.0f} ± {one.slope_error:,.0f} an hour: {'flat' if one.is_flat else 'NOT FLAT'}"
        )
    samples = report.samples
    share = (samples[-1].cpu_seconds - samples[0].cpu_seconds) / (samples[-1].at - samples[0].at)
    usual, worst = statistics.median(one.ping_p50 for one in samples), max(one.ping_most for one in samples)
    print(f"the server used {share:.0%} of a core; a ping's way and back: median {usual:.1f} ms, worst {worst:.1f} ms")
    print(", ".join(f"{name} {value:g}" for name, value in report.gauges.items()))
    for failure in report.failures:
        print(f"FAILED {failure}")
    return int(bool(report.failures) or not all(one.is_flat for one in report.trends.values()))


if __name__ == "__main__":
    raise SystemExit(main())
