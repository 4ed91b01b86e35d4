"""A real server under valgrind, and what it needed between two marks: instructions, and calls of the kernel.

Knows how such a server is started, told to begin and to end, and how valgrind's files are read. Does not know what is
asked of the server.

callgrind counts every instruction of the process outside the kernel, and counts the same on every machine with the same
programs: no cache, no clock, no neighbour enters. Its parent traces the calls of the kernel on the side. It needs
neither the processor's counters, which virtual machines mostly hide from `perf`, nor the right to trace, which `strace`
needs and containers mostly refuse.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

import msgspec

from hubbub.store import migrate
from speed.client import KEY, LIMIT, SECRET

HERE: Final = Path(__file__).parent

FAMILIES: Final = {
    "read": ("read", "readv", "recvfrom", "recvmsg"),
    "write": ("write", "writev", "sendto", "sendmsg", "sendmmsg"),
    "accept": ("accept", "accept4"),
    "wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2"),
    "other": (
        *("close", "shutdown", "setsockopt", "getsockopt", "getsockname", "getpeername", "getrandom"),
        *("ioctl", "fcntl", "fstat", "dup", "openat", "socket"),
    ),
}
"""The calls of the kernel that are counted, of the thread that serves.

Left out: the clock's, which valgrind makes of what is none elsewhere; memory's and locks', which come now and then; and
how a file is put on epoll's list, which libuv does in one of two ways, as the kernel allows.
"""

_SETTINGS: Final = {
    "HUBBUB_PORT": "0",
    "HUBBUB_APP_ID": "1",
    "HUBBUB_APP_KEY": KEY,
    "HUBBUB_APP_SECRET": SECRET,
    "HUBBUB_APP_CLIENT_EVENTS_PER_SECOND": "1000000",
    "HUBBUB_APP_LEAVES_PER_SECOND": "1000000",
    "HUBBUB_APP_MAX_PRESENCE_MEMBERS": "1000",
    # A machine may take its time: nobody is pinged or given up.
    "HUBBUB_PING_AFTER": "100000",
    "HUBBUB_HEAD_TIMEOUT": "100000",
    "HUBBUB_BODY_TIMEOUT": "100000",
    "HUBBUB_KEEP_ALIVE_TIMEOUT": "100000",
}
_CALL: Final = re.compile(r"SYSCALL\[\d+,1\]\( *\d+\) sys_(\w+)")
_MARK: Final = "getppid"
_TOTAL: Final = re.compile(r"^totals: (\d+)", re.MULTILINE)
_NAME: Final = re.compile(r"^desc: Trigger: Client Request: (\S+)", re.MULTILINE)


class Stretch(msgspec.Struct, frozen=True):
    """What the server needed between two marks: all of it, not for one of what it did."""

    name: str
    instructions: int
    calls: dict[str, int]
    file: Path | None = None
    """callgrind's, while the server lives."""


class Counting:
    """`with Counting() as server:` starts a server whose work is counted; it ends with the block.

    `pure` leaves the compiled module out. `counted=False` leaves out valgrind, but `profile` has the
    time of each Python function. Raises AssertionError, with the server's own words, when it does not start.
    """

    def __init__(self, *, pure: bool = False, counted: bool = True) -> None:
        self._pure = pure
        self._counted = counted
        self._unread = b""
        self.port = 0
        self.is_native = False

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        self._temporary = TemporaryDirectory(prefix="hubbub-speed-")
        self._directory = Path(self._temporary.name)
        try:
            self._start()
            kind, port = self._line().split()
        except BaseException:
            self._end()
            raise
        self.port, self.is_native = int(port), kind == "native"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it. What it had to say goes with the error, if there is one."""
        if error is not None:
            error.add_note(self._words())
        self._end()

    def profile(self, name: str) -> Path:
        """Give the file with the times of the stretches of this name, for `pstats`."""
        return self._directory / f"{name}.profile"

    def tell(self, command: str) -> int:
        """Have the server obey, and wait until it has: everything before this is then over. Give its number, or 0."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return int(self._line().partition(" ")[2] or 0)

    def rest(self) -> None:
        """Wait until the server has nothing left to do: what a turn leaves to the next is done in two."""
        for _ in range(3):
            self.tell("rest")

    @contextmanager
    def stretch(self, name: str) -> Iterator[None]:
        """Count what is done inside under this name."""
        self.rest()
        self.tell(f"begin {name}")
        yield
        self.rest()
        self.tell(f"end {name}")

    def garbage(self) -> int:
        """Give how many objects the server has left to its collector since this was asked last. From then on it rests.

        That takes as long as there is, and the server stands still; and what it costs falls to nobody's count.
        """
        self.rest()
        return self.tell("collect")

    def stretches(self) -> list[Stretch]:
        """Give all stretches so far, in their order."""
        files = sorted(self._directory.glob("callgrind.out.*"), key=lambda file: int(file.suffix[1:]))
        found = []
        with (self._directory / "log").open(errors="replace") as log:
            for file, calls in zip(files, _calls(log), strict=True):
                text = file.read_text()
                name, total = _NAME.search(text), _TOTAL.search(text)
                assert name is not None, file
                assert total is not None, file
                found.append(Stretch(name[1], int(total[1]), calls, file))
        return found

    def _start(self) -> None:
        database = f"sqlite:///{self._directory / 'hubbub.db'}"
        migrate(database)
        library = "-"
        command = []
        if self._counted:
            library = str(self._compile())
            command = [
                *("valgrind", "--tool=callgrind", "--instr-atstart=no", "--trace-syscalls=yes", "--vgdb=no"),
                *(f"--callgrind-out-file={self._directory}/callgrind.out", f"--log-file={self._directory}/log"),
            ]
        # What else is in the environment moves the stack, and with it what is counted; a little.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(HERE.parent)])),
            "PYTHONHASHSEED": "0",
            "HUBBUB_DATABASE_URL": database,
            **({"HUBBUB_PURE": "1"} if self._pure else {}),
            **_SETTINGS,
        }
        with (self._directory / "words").open("wb") as words:
            self._process = subprocess.Popen(
                [*command, sys.executable, "-m", "speed.counted", library],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                bufsize=0,
            )

    def _compile(self) -> Path:
        library = self._directory / "mark.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "mark.c")],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return library

    def _line(self) -> str:
        """Give the next line, without those that the server has for people."""
        assert self._process.stdout is not None
        while True:
            line, end, rest = self._unread.partition(b"\n")
            if not end:
                ready, _, _ = select([self._process.stdout], [], [], LIMIT)
                assert ready, f"the server has not answered for {LIMIT:.0f} s\n{self._words()}"
                data = os.read(self._process.stdout.fileno(), 4096)
                assert data, f"the server ended with status {self._process.wait()}\n{self._words()}"
                self._unread += data
                continue
            self._unread = rest
            if re.match(rb"done( \d+)?$|(native|pure) \d+$", line):
                return line.decode()

    def _words(self) -> str:
        words = self._directory / "words"
        return words.read_text(errors="replace") if words.exists() else ""

    def _end(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self._temporary.cleanup()


def _calls(log: Iterable[str]) -> Iterator[dict[str, int]]:
    """Give the counted calls of each stretch, from what valgrind traced."""
    families = {call: family for family, calls in FAMILIES.items() for call in calls}
    counter: Counter[str] | None = None
    for line in log:
        if (found := _CALL.search(line)) is None:
            continue
        if found[1] == _MARK:
            if counter is not None:
                yield {family: counter[family] for family in FAMILIES}
            counter = Counter() if counter is None else None
        elif counter is not None and found[1] in families:
            counter[families[found[1]]] += 1
