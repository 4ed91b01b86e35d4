"""Time that passes otherwise than it should: Redis' clock jumps, or Redis is away for longer than a node may be."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.hosts import until
from engine.redis.party import INTERVAL, Guest, Party
from engine.redis.redisserver import Server
from hubbub.engine.redis.lease import MISSED
from hubbub.engine.redis.servers import LONGEST_PAUSE
from hubbub.messages import Envelope, Event, MemberRemoved

pytestmark = pytest.mark.needs("redis")

SHIFTED = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long seconds(void)
{
    char text[32] = "";
    int file = open(getenv("CLOCK_OFFSET"), O_RDONLY);
    if (file >= 0 && read(file, text, sizeof text - 1) < 0)
        text[0] = 0;
    if (file >= 0)
        close(file);
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int status = (int)syscall(SYS_clock_gettime, clock, time);
    if (status == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += seconds();
    return status;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""
"""What is loaded before the C library: the clock on the wall is so many seconds off, the other clocks are not.

libfaketime does not get on with the allocator of Debian's Redis.
"""

LONGER = 2 * MISSED * INTERVAL
"""Seconds in which a node that says nothing is taken out."""

DAY = 86_400  # seconds

Jump = Callable[[int], None]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("shim")
    source, library = folder / "shifted.c", folder / "shifted.so"
    source.write_text(SHIFTED)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.fixture
def clock(shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Jump]]:
    """Give a Redis, and a way to set its clock: `jump(2 * DAY)` from the right time on."""
    file = tmp_path / "offset"

    def jump(seconds: int) -> None:
        file.write_text(str(seconds))

    jump(0)
    monkeypatch.setenv("CLOCK_OFFSET", str(file))
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    with Server() as server:
        yield server, jump


def removed(guest: Guest) -> list[str]:
    return [fact.member.user_id for fact in guest.told if isinstance(fact, MemberRemoved)]


async def test_clocks_that_jump_take_nobody_out_and_hide_nobody(clock: tuple[Server, Jump]) -> None:
    server, jump = clock
    async with Party(server.url) as party:
        one, two, dies = await party.many(3)
        names = {guest.node for guest in party.guests}
        await one.join("presence-x", "ann")
        await two.join("presence-x", "bob")
        await dies.join("presence-x", "cid")
        for number, by in enumerate((30 * DAY, -30 * DAY, 0)):
            jump(by)
            assert abs(int(server.ask("TIME")[0]) - time.time() - by) < DAY, "the clock did not jump"
            await asyncio.sleep(LONGER)
            await one.join("presence-x", f"later-{number}")
            await two.engine.keep(Envelope("1", Event("presence-x", "n", str(number))), 60, 100)
            await until(lambda user=f"later-{number}": user in two.users("presence-x"))  # type: ignore[misc]
            await until(lambda number=number: any(getattr(fact, "data", "") == str(number) for fact in one.told))  # type: ignore[misc]
        assert {guest.node for guest in party.guests} == names, "somebody was taken for gone"
        for guest in party.guests:
            assert guest.gone == removed(guest) == []
            assert guest.engine.membership.gaps == 0
        await party.kill(dies)
        await until(lambda: removed(one) == removed(two) == ["cid"])
        party.without_faults()


async def test_an_empty_redis_with_an_earlier_clock_is_told_all_again(clock: tuple[Server, Jump]) -> None:
    server, jump = clock
    async with Party(server.url) as party:
        one, two = await party.many(2)
        await one.join("presence-x", "ann")
        await two.join("presence-x", "bob")
        server.kill()
        await until(lambda: all(guest.engine.away is not None for guest in party.guests))
        jump(-30 * DAY)
        server.start()
        await until(lambda: all(guest.engine.away is None for guest in party.guests))
        await two.join("presence-x", "cid")
        await until(lambda: one.users("presence-x") == two.users("presence-x") and len(one.users("presence-x")) == 3)
        assert removed(one) == removed(two) == []
        party.without_faults()


async def test_nobody_is_gone_because_redis_was_for_longer_than_a_node_may_be() -> None:
    # Nodes come back one after the other, up to a pause apart; who is back must give the others that time.
    interval = 2 * LONGEST_PAUSE / MISSED
    longer = 1.25 * MISSED * interval
    with Server() as server:
        async with Party(server.url) as party:
            guests = [await party.guest(timeout=1, interval=interval) for _ in range(3)]
            for guest in guests:
                await until(lambda guest=guest: guest.engine.membership.nodes == 3)  # type: ignore[misc]
                await guest.join("presence-x", f"user-{guest.node}")
            names = {guest.node for guest in guests}
            server.freeze()
            await until(lambda: all(guest.engine.away is not None for guest in guests))
            await asyncio.sleep(longer)
            server.thaw()
            await until(lambda: all(guest.engine.away is None for guest in guests))
            await asyncio.sleep(longer)
            assert {guest.node for guest in guests} == names
            for guest in guests:
                assert guest.gone == removed(guest) == []
                assert guest.engine.membership.gaps == 1
            party.without_faults()
