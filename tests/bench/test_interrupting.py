"""Ctrl-C, and what else ends a run early: what there is is printed, and nothing is left behind."""

import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from bench.asking import LIMIT, Run, at, command, environment, left_behind
from running import Running

Begin = Callable[..., AbstractContextManager["Begun"]]


class Begun:
    """A run with a terminal on stderr, where its bar is."""

    def __init__(self, process: "subprocess.Popen[str]", terminal: int, report: Path) -> None:
        self.process = process
        self._terminal = terminal
        self._report = report
        self._shown = b""

    def wait_for(self, words: bytes) -> None:
        """Read the terminal until it shows something that matches. Fails when the program ends before."""
        while re.search(words, self._shown) is None:
            try:
                self._shown += os.read(self._terminal, 4096)
            except OSError:  # EIO: nobody has the other end
                raise AssertionError(f"{words!r} is not in {self._shown.decode(errors='replace')}") from None

    def workers(self) -> list[int]:
        """Give the processes that it has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def end(self) -> Run:
        """Wait until it has ended."""
        out, _ = self.process.communicate(timeout=LIMIT)
        return Run(self.process.returncode, out, self._shown.decode(errors="replace"), self._report)


@pytest.fixture
def begin(server: Running, tmp_path: Path) -> Begin:
    @contextmanager
    def begun(*arguments: str) -> Iterator[Begun]:
        ours, theirs = pty.openpty()
        report = tmp_path / "bench.json"
        process = subprocess.Popen(
            command(*at(server), *arguments, "--json", str(report)),
            env={**environment(server.secret), "TERM": "xterm", "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        try:
            yield Begun(process, ours, report)
        finally:
            process.kill()
            process.communicate()
            os.close(ours)

    return begun


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_was_measured_so_far_is_printed(
    begin: Begin, server: Running, backend: Callable[..., Pusher], processes: str, how: signal.Signals
) -> None:
    long = ("--duration", "300", "--warm-up", "0", "--connections", "10", "--processes", processes)
    with begin("--case", "fan-out", "--case", "latency", *long) as begun:
        begun.wait_for(rb"[1-9][\d,]* deliveries")
        workers = begun.workers()
        begun.process.send_signal(how)
        run = begun.end()
    assert len(workers) == int(processes)
    assert run.status == 130, run
    assert "fan-out: interrupted after " in run.out
    assert run.report["is_interrupted"] is True
    outcome = run.of("fan-out")
    assert outcome["received"] == outcome["accepted"] * 10
    assert len(run.report["outcomes"]) == 1
    assert [pid for pid in workers if is_alive(pid)] == []
    assert left_behind(backend(server)) == []


def test_connecting_can_be_interrupted(begin: Begin) -> None:
    with begin("--case", "connect", "--connections", "3000", "--at-once", "1", "--warm-up", "0") as begun:
        begun.wait_for(rb"[1-9][\d,]* connections")
        begun.process.send_signal(signal.SIGINT)
        run = begun.end()
    assert run.status == 130, run
    assert 0 < run.of("connect")["opened"] < 3000
    assert "of 3000 connections were made" in run.out


def test_a_process_that_is_killed_is_told(begin: Begin) -> None:
    first_short = ("--case", "connect", "--case", "latency", "--connections", "10", "--warm-up", "0")
    with begin(*first_short, "--duration", "300", "--processes", "2") as begun:
        begun.wait_for(rb"[1-9][\d,]* deliveries")
        first, second = begun.workers()
        os.kill(second, signal.SIGKILL)
        run = begun.end()
        begun.wait_for(rb"The benchmark broke off: process 2 of the benchmark ended by itself, status -9")
    assert run.status == 1, run
    assert run.of("connect")["opened"] == 10
    assert "connect" in run.out
    assert not is_alive(first)


def test_processes_end_with_the_program(begin: Begin) -> None:
    with begin("--case", "latency", "--duration", "300", "--warm-up", "0") as begun:
        begun.wait_for(rb"[1-9][\d,]* deliveries")
        [worker] = begun.workers()
        descriptor = os.pidfd_open(worker)
        begun.process.kill()
        begun.end()
    # The worker is nobody's child now; its descriptor becomes readable when it ends.
    readable, _, _ = select.select([descriptor], [], [], 15)
    os.close(descriptor)
    assert readable
