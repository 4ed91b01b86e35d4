"""What processes of this machine use: CPU and memory, from /proc.

Knows Linux. Does not know which processes these are.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

_PROC: Final = Path("/proc")
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Gone(Exception):
    """A process cannot be looked at; says why."""


class Usage(msgspec.Struct, frozen=True):
    """Seconds of CPU that were used so far, and bytes of memory that are now. The clock has steps of 10 ms."""

    cpu: float
    rss: int

    def since(self, earlier: "Usage") -> "Usage":
        """Give what has come since."""
        return Usage(self.cpu - earlier.cpu, self.rss - earlier.rss)


class Ticks(msgspec.Struct, frozen=True):
    """What all cores of this machine have done so far: time that nobody used, and all time."""

    idle: int
    all: int


class Looks(msgspec.Struct, frozen=True):
    """What two looks at a machine tell: what the server has used between them, and the share that nobody used."""

    used: Usage | None = None
    idle: float | None = None


class Look(msgspec.Struct, frozen=True):
    """One look: at the processes of a server, if they are known, and at the machine, if it tells."""

    server: Usage | None
    machine: Ticks | None

    @classmethod
    def at(cls, pids: Sequence[int]) -> "Look":
        """Look. Raises Gone."""
        return cls(usage(pids) if pids else None, ticks())

    def since(self, earlier: "Look") -> Looks:
        """Compare with an earlier one."""
        used = self.server.since(earlier.server) if self.server and earlier.server else None
        if self.machine is None or earlier.machine is None or self.machine.all <= earlier.machine.all:
            return Looks(used)
        return Looks(used, (self.machine.idle - earlier.machine.idle) / (self.machine.all - earlier.machine.all))


def usage(pids: Sequence[int]) -> Usage:
    """Give the sum of several processes, their threads included, their children not. Raises Gone."""
    cpu, rss = 0, 0
    for pid in pids:
        try:
            # The name in parentheses may hold anything, so fields are counted from behind it.
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            reason = "there is no such process" if _PROC.joinpath("self").exists() else "this machine has no /proc"
            raise Gone(f"{pid}: {reason}") from None
        except OSError as error:
            raise Gone(f"{pid}: {error.strerror}") from None
        cpu += int(fields[11]) + int(fields[12])
        rss += int(fields[21])
    return Usage(cpu * _TICK, rss * _PAGE)


def ticks() -> Ticks | None:
    """Give what the cores have done so far; None where that is not told."""
    try:
        first, *numbers = (_PROC / "stat").read_text().partition("\n")[0].split()
    except OSError:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are counted among users
    return Ticks(int(numbers[3]) + int(numbers[4]), sum(map(int, numbers[:8]))) if first == "cpu" else None


def processor() -> str:
    """Give the name of this machine's processor; empty when it does not say."""
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
