"""That what a server does wrong is seen, by a server that does it on purpose."""

import asyncio
import itertools
from pathlib import Path

import pytest

from bench.asking import Run, ask, only
from bench.faulty import Faulty, frame

FEW = ("--connections", "4", "--duration", "0.4", "--warm-up", "0", "--patience", "5", "--publishers", "2")


async def run(faulty: Faulty, tmp_path: Path, *arguments: str) -> Run:
    async with faulty.serving():
        where = ("--port", str(faulty.port), "--app-id", "1", "--key", "key")
        return await asyncio.to_thread(ask, tmp_path, *where, *FEW, *arguments, secret="secret")


async def test_a_server_without_faults_has_none(tmp_path: Path) -> None:
    faulty = Faulty()
    outcome = (await run(faulty, tmp_path, *only("fan-out"))).of("fan-out")
    assert outcome["received"] == outcome["accepted"] * 4 > 0
    assert (outcome["lost"], outcome["duplicates"], outcome["disordered"], outcome["stalls"]) == (0, 0, 0, 0)
    # One client looked first.
    assert (faulty.open_sockets, faulty.clean_closes) == (0, 5)


async def test_each_lost_delivery_is_counted(tmp_path: Path) -> None:
    seen = {"all": 0, "lost": 0}

    def lose(message: bytes) -> list[bytes]:
        seen["all"] += 1
        seen["lost"] += seen["all"] % 5 == 0
        return [] if seen["all"] % 5 == 0 else [frame(message)]

    done = await run(Faulty(lose), tmp_path, *only("latency"), "--channels", "1", "--rate", "50")
    outcome = done.of("latency")
    assert (outcome["lost"], outcome["expected"]) == (seen["lost"], seen["all"])
    assert f"deliveries lost: {seen['lost']} of {seen['all']}" in done.out


async def test_losses_do_not_stop_a_fan_out(tmp_path: Path) -> None:
    rule = ("--in-flight", "1", "--duration", "2.5")
    numbers = itertools.count()
    faulty = Faulty(lambda message: [frame(message)] if next(numbers) % 5 else [])
    outcome = (await run(faulty, tmp_path, *only("fan-out"), *rule)).of("fan-out")
    assert outcome["lost"] > 0
    assert outcome["stalls"] > 0


async def test_each_delivery_that_comes_twice_is_counted(tmp_path: Path) -> None:
    faulty = Faulty(lambda message: [frame(message)] * 2)
    outcome = (await run(faulty, tmp_path, *only("fan-out"))).of("fan-out")
    assert outcome["received"] == outcome["duplicates"] == outcome["expected"] > 0


async def test_deliveries_out_of_order_are_counted(tmp_path: Path) -> None:
    kept: list[bytes] = []

    def swap(message: bytes) -> list[bytes]:
        kept.append(message)
        return [] if len(kept) % 2 else [frame(kept[-1]), frame(kept[-2])]

    one = ("--connections", "1", "--publishers", "1", "--rate", "50")
    outcome = (await run(Faulty(swap), tmp_path, *only("latency"), *one)).of("latency")
    assert outcome["disordered"] == outcome["received"] // 2 > 0
    assert outcome["duplicates"] == 0


async def test_messages_in_pieces_are_read_as_whole_ones(tmp_path: Path) -> None:
    numbers = itertools.count()

    def tear(message: bytes) -> list[bytes]:
        at = next(numbers) % 90
        return [frame(message[:at], 1, 0), frame(b"", 9), frame(message[at:95], 0, 0), frame(message[95:], 0)]

    faulty = Faulty(tear)
    outcome = (await run(faulty, tmp_path, *only("fan-out"))).of("fan-out")
    assert outcome["received"] == outcome["accepted"] * 4 > 0
    assert outcome["duplicates"] == 0


@pytest.mark.parametrize("case", ["publish", "latency"])
async def test_a_server_that_ends_the_connection_with_each_answer_is_measured_all_the_same(
    tmp_path: Path, case: str
) -> None:
    done = await run(Faulty(is_closing=True), tmp_path, *only(case), "--batch", "1")
    outcome = done.of(case)
    assert (outcome["unanswered"], outcome["lost"], outcome["refused"]) == (0, 0, {}), done
    assert outcome["accepted"] > 2


async def test_what_was_not_answered_is_told(tmp_path: Path) -> None:
    done = await run(Faulty(hangs_up_every=7), tmp_path, *only("publish"), "--batch", "1")
    assert done.of("publish")["unanswered"] > 0
    assert "events without an answer, taken or not: " in done.out


async def test_an_api_that_breaks_down_is_told(tmp_path: Path) -> None:
    done = await run(Faulty(status=500), tmp_path, *only("publish"))
    assert done.status == 1
    assert "refuses to publish: 500 {}" in done.said


async def test_connections_that_the_server_ends_are_told_with_the_reason(tmp_path: Path) -> None:
    done = await run(Faulty(closes_after=5), tmp_path, *only("fan-out"))
    assert done.of("fan-out")["ended"] == {"4100 Over capacity": 4}
    assert "4 × a connection ended meanwhile: 4100 Over capacity" in done.out
