"""Several processes on one port, by uvicorn's supervisor: started, looked after, renewed one by one, and stopped.

Knows: processes, signals, and the sockets that are shared. Does not know what a worker does: that is its job.

    first ──serves──> all ──each dies──> started again, a little later each time that it fails at once
      └─ends──> the end, with its status

A worker is told to end by SIGTERM when all do, and by SIGINT when it alone does.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess, Process

STEADY_SECONDS = 10.0
"""Who has lived for so long did not fail at its start."""

LONGEST_WAIT = 30.0
"""Seconds until the next try where one start after the other fails."""

SILENT_SECONDS = 30.0
"""Who gives no sign of life for so long is hung, and killed. A start on a busy machine takes several."""

_logger = logging.getLogger("hubbub.workers")

Job = Callable[[int, list[socket.socket], Callable[[uvicorn.Server], None]], None]
"""What a worker does, by its number and sockets. It hands its server over before it runs it. Is pickled."""


class Worker(Process):
    """One process. The parent has this object, and so has the process itself."""

    def __init__(
        self, number: int, config: uvicorn.Config, sockets: list[socket.socket], job: Job, *, has_own_sockets: bool
    ) -> None:
        self.number = number
        self.began = self.heard = time.monotonic()
        self.is_serving = False
        self.is_leaving = False
        self._is_asked = False
        self._job = job
        self._has_own_sockets = has_own_sockets
        super().__init__(config, sockets)

    @property
    def age(self) -> float:
        """For how many seconds it has been there."""
        return time.monotonic() - self.began

    def look(self) -> bool:
        """Tell whether it lives, as far as it has told by now, and ask it again."""
        if not self.process.is_alive():
            return False
        try:
            while self.parent_conn.poll():
                self.is_serving = self.parent_conn.recv()
                self.heard, self._is_asked = time.monotonic(), False
            if not self._is_asked:
                self.parent_conn.send(b"ping")
                self._is_asked = True
        except (OSError, EOFError):
            pass  # it ends, and the next look sees that
        return time.monotonic() - self.heard < SILENT_SECONDS

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal, if it is there to hear it."""
        if self.process.exitcode is None and self.process.pid is not None:
            os.kill(self.process.pid, sign)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Do the job; called in the process itself."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal's goes to all: it is for the parent
        threading.Thread(target=_end_with_parent, daemon=True).start()
        given = sockets or []
        self._job(self.number, [_alike(one) for one in given] if self._has_own_sockets else given, self._show)

    def _show(self, server: uvicorn.Server) -> None:
        self._server = server
        threading.Thread(target=self.always_pong, daemon=True).start()


class Workers(Multiprocess):
    """`run` starts `count` of them, and comes back when all have ended; `status` is the exit status then.

    `ready` is called once, when all serve, `beat` twice a second. Who does not end `patience` seconds after it was told
    to is killed. With `has_own_sockets` each listens on sockets of its own, bound as those given, which must not listen
    then.
    """

    def __init__(
        self,
        count: int,
        sockets: list[socket.socket],
        job: Job,
        *,
        ready: Callable[[], None],
        patience: float,
        has_own_sockets: bool,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(uvicorn.Config("hubbub", workers=count, log_config=None), sockets)
        self.status = 0
        self._job = job
        self._ready = ready
        self._beat = beat
        self._patience = patience
        self._has_own_sockets = has_own_sockets
        self._workers: list[Worker] = []
        self._due: dict[int, float] = {1: 0.0}
        self._failures: Counter[int] = Counter()
        self._aging: list[Worker] = []
        self._heir: Worker | None = None
        self._elder: Worker | None = None  # whom it is to take the place of, who may have died by now
        self._has_begun = False
        self._is_ready = False

    # What uvicorn's supervisor calls

    def init_processes(self) -> None:
        """Start the first. What is wrong with the settings is said once, by the one who finds it."""
        self._start_due()

    def keep_subprocess_alive(self) -> None:
        """Look after all of them, twice a second."""
        self._beat()
        if self.should_exit.is_set():
            return
        for worker in list(self._workers):
            if not worker.look():
                self._bury(worker)
        serving = sum(worker.is_serving and not worker.is_leaving for worker in self._workers)
        if not self._has_begun and serving:
            self._has_begun = True
            self._due.update(dict.fromkeys(range(2, self.processes_num + 1), 0.0))
        if not self._is_ready and serving == self.processes_num:
            self._is_ready = True
            self._ready()
        self._start_due()
        self._renew()

    def terminate_all(self) -> None:
        """Tell all to end. Whoever knocks from now on hears that nobody is there, when the last listens no more."""
        for one in self.sockets:
            one.close()
        for worker in self._workers:
            worker.send(signal.SIGTERM)

    def join_all(self) -> None:
        """Wait for all to end. SIGINT goes on to them: it cuts the wait short."""
        end = time.monotonic() + self._patience
        while left := [worker for worker in self._workers if worker.process.is_alive()]:
            if signal.SIGINT in self.signal_queue:
                for worker in left:
                    worker.send(signal.SIGINT)
            self.signal_queue.clear()
            if time.monotonic() > end:
                for worker in left:
                    _logger.error("Worker %d (process %s) does not end: it is killed", worker.number, worker.pid)
                    worker.kill()
                    worker.join()
            time.sleep(0.05)

    def handle_hup(self) -> None:
        """Renew all workers, one after the other: each goes when the one in its place serves."""
        self._aging = [worker for worker in self._workers if not worker.is_leaving and worker is not self._heir]

    def handle_ttin(self) -> None:
        """Have one more."""
        self.processes_num += 1
        self._due[self.processes_num] = 0.0

    def handle_ttou(self) -> None:
        """Have one fewer, but one."""
        if self.processes_num > 1:
            self._due.pop(self.processes_num, None)
            for worker in self._workers:
                if worker.number == self.processes_num:
                    self._dismiss(worker)
            self.processes_num -= 1

    # One worker

    def _start(self, number: int) -> Worker:
        worker = Worker(number, self.config, self.sockets, self._job, has_own_sockets=self._has_own_sockets)
        # Ctrl-C is for the parent until the process can take it; there would be a traceback.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        worker.start()
        signal.signal(signal.SIGINT, before)
        self._workers.append(worker)
        return worker

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, at in self._due.items() if at <= now]:
            del self._due[number]
            self._start(number)

    def _bury(self, worker: Worker) -> None:
        """See to it that a worker has ended, and another takes its place."""
        is_hung = worker.process.is_alive()
        worker.kill()
        worker.join()
        self._workers.remove(worker)
        if worker.is_leaving:
            if worker is self._heir:
                self._heir = None
            return
        if self._heir is not None and worker is self._elder:
            return  # the next one is on its way
        how = "gave no sign of life" if is_hung else f"ended with status {worker.exitcode}"
        if worker is self._heir:
            self._heir, self._aging = None, []
            if self._elder in self._workers:
                _logger.error("Worker %d, to be renewed, %s: the one before goes on", worker.number, how)
                return
        if not worker.is_serving and not any(other.is_serving for other in self._workers):
            # Nobody serves and this one cannot: so would the next. It has said why, unless it was killed.
            if is_hung or worker.exitcode is None or worker.exitcode <= 0:
                place = (worker.number, worker.pid)
                _logger.error("Worker %d (process %s) %s before it served, and no other serves: the end", *place, how)
            self.status = worker.exitcode if worker.exitcode is not None and worker.exitcode > 0 else 1
            self.should_exit.set()
            return
        self._failures[worker.number] = 0 if worker.age > STEADY_SECONDS else self._failures[worker.number] + 1
        failures = self._failures[worker.number]
        wait = min(2.0 ** (failures - 2), LONGEST_WAIT) if failures > 1 else 0.0
        self._due[worker.number] = time.monotonic() + wait
        _logger.error(
            "Worker %d (process %s) %s: another is started %s",
            *(worker.number, worker.pid, how, f"in {wait:g} s" if wait else "now"),
        )

    def _dismiss(self, worker: Worker) -> None:
        worker.is_leaving = True
        worker.send(signal.SIGINT if worker.is_serving else signal.SIGTERM)

    def _renew(self) -> None:
        """Take the next step in renewing the workers."""
        if self._heir is not None:
            if not self._heir.is_serving:
                return
            self._heir = None
            if self._elder in self._workers and not self._elder.is_leaving:
                self._dismiss(self._elder)
        # Whoever died meanwhile is new already.
        self._aging = [worker for worker in self._aging if worker in self._workers and not worker.is_leaving]
        if self._aging and not any(worker.is_leaving for worker in self._workers):
            self._elder = self._aging[0]
            self._heir = self._start(self._elder.number)


def bound(host: str, port: int, *, is_shared: bool) -> list[socket.socket]:
    """Give sockets bound to all addresses of a host; they do not listen. Port 0 is the same free one for each.

    With `is_shared` others may be bound alike; nobody else may be there before. Raises OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    for family, _, _, _, address in dict.fromkeys(found):
        at = (address[0], port, *address[2:])
        if is_shared:
            # Who shares a port would be let in beside another server that does so too, and not be told.
            _bind(family, at, is_shared=False).close()
        sockets.append(_bind(family, at, is_shared=is_shared))
        port = port or sockets[0].getsockname()[1]
    return sockets


def shares_ports() -> bool:
    """Tell whether the system spreads connections over all who listen on one port."""
    return sys.platform == "linux"


def _bind(family: socket.AddressFamily, address: Any, *, is_shared: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


def _alike(given: socket.socket) -> socket.socket:
    """Give a socket of one's own in place of a given one, bound to the same."""
    with given:
        return _bind(given.family, given.getsockname(), is_shared=True)


def _end_with_parent() -> None:
    """End this process, in peace, when the parent has ended without saying so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
