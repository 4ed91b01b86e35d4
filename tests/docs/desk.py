"""A reader's desk: a shell in an empty folder, terminals beside it, a browser.

Knows how the steps of a page are taken. Does not know what any page is about.
"""

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from playwright.sync_api import Browser, Page

from docs.blocks import ROOT, Step
from engine.redis.redisserver import free_port

LIMIT = 60.0  # seconds that only a failure takes

PORTS: Final = ("4000", "4001", "8000", "8001", "3000", "3001", "6001")
"""Ports that documents name. Each stands for one that is free where the test runs."""

HERE: Final = ROOT / "tests/docs"
MODULES: Final = HERE / "node_modules"
"""What pages install by npm. A desk is a folder beside it: Next.js takes no link to it."""

_END = "=== end of a block ==="

# A block fails if one of its commands does, as a reader would see. What it sets, the next ones have.
_TAKE = """\
FAILED=; trap 'FAILED=$?' ERR; set -E
. {name} </dev/null
trap - ERR; printf '\\n%s %s\\n' '{end}' "${{FAILED:-0}}"
"""

RUNNERS: Final = {"python": (".py", "python"), "js": (".mjs", "node")}


class Desk:
    """`with Desk(ports, variables, browser) as desk:` takes steps, one after the other."""

    def __init__(self, ports: Mapping[str, int], variables: Mapping[str, str], browser: Callable[[], Browser]) -> None:
        self._ports = {port: str(ports[port] if port in ports else free_port()) for port in PORTS}
        self._variables = variables
        self._browser = browser
        self._page: Page | None = None
        self._beside: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._printed = ""
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix=".desk-", dir=HERE))
        self._marks = self._folder / ".desk"
        self._marks.mkdir()
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all that was started, and with a failure say what it said."""
        for process, _ in reversed(self._beside):
            _end(process)
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        _end(self._shell)
        self._reader.join(LIMIT)
        if self._page is not None:
            self._page.context.close()
        if error is not None:
            for _, output in self._beside:
                error.add_note(f"--- {output.name}\n{output.read_text(errors='replace')}")
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self, step: Step) -> None:
        """Do what a step says. Raises with its place if it does not work."""
        try:
            getattr(self, f"_{step.verb}")(step)
        except BaseException as error:
            error.add_note(f"at {step.place}")
            raise

    def _run(self, step: Step) -> None:
        if step.language in RUNNERS:
            suffix, program = RUNNERS[step.language]
            (self._folder / f"block-{step.line}{suffix}").write_text(self._here(step.text), encoding="utf-8")
            code = f"{program} {self._folder}/block-{step.line}{suffix}\n"
        else:
            code = self._here(step.text)
        (self._marks / f"{step.line}.sh").write_text(code, encoding="utf-8")
        self._say(_TAKE.format(name=self._marks / f"{step.line}.sh", end=_END))
        status, self._printed = self._heard()
        assert status == 0, f"{step.text}\nended with status {status}:\n{self._printed}"

    def _background(self, step: Step) -> None:
        script, output = self._marks / f"{step.line}.sh", self._marks / f"{step.line}.out"
        script.write_text(self._here(step.text), encoding="utf-8")
        where = self._where()
        with output.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "--noprofile", "--norc", str(script)],
                cwd=where,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._beside.append((process, output))
        self._wait(step.about, [output])

    def _file(self, step: Step) -> None:
        path = self._where() / step.about
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(step.text), encoding="utf-8")

    def _append(self, step: Step) -> None:
        with (self._where() / step.about).open("a", encoding="utf-8") as file:
            file.write("\n" + self._here(step.text))

    def _prints(self, step: Step) -> None:
        pattern = ".*".join(re.escape(part) for part in self._here(step.text).strip().split("…"))
        assert re.fullmatch(pattern, self._printed.strip(), re.DOTALL), f"{self._printed}\ninstead of\n{step.text}"

    def _waits(self, step: Step) -> None:
        self._wait(self._here(step.about), [output for _, output in self._beside])

    def _visit(self, step: Step) -> None:
        if self._page is None:
            self._page = self._browser().new_context().new_page()
            self._page.set_default_timeout(LIMIT * 1000)
        self._page.goto(self._here(step.about))

    def _sees(self, step: Step) -> None:
        assert self._page is not None, "nothing was visited"
        self._page.get_by_text(step.about).first.wait_for()

    def _wait(self, text: str, outputs: list[Path]) -> None:
        end = time.monotonic() + LIMIT
        while not any(text in output.read_text(errors="replace") for output in outputs):
            ended = [process.returncode for process, _ in self._beside if process.poll() not in (None, 0)]
            assert not ended, f"something in the background ended with status {ended}"
            assert time.monotonic() < end, f"nobody says {text!r}"
            time.sleep(0.02)

    def _here(self, text: str) -> str:
        """Give a text with the ports that are meant here."""
        for port, here in self._ports.items():
            text = re.sub(rf"(?<![\w.]){port}(?!\w)", here, text)
        return text

    def _where(self) -> Path:
        """Give the folder that the reader has gone to."""
        self._say(f"pwd; printf '\\n%s 0\\n' '{_END}'\n")
        return Path(self._heard()[1].strip())

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("HUBBUB_", "PUSHER_"))}
        path = f"{Path(sys.executable).parent}:{own['PATH']}"
        # A server that a page starts listens on what stands for Hubbub's own port.
        return own | {
            "HUBBUB_PORT": self._ports["4000"],
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "NEXT_TELEMETRY_DISABLED": "1",
            **self._variables,
        }

    def _say(self, code: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(code)
        self._shell.stdin.flush()

    def _heard(self) -> tuple[int, str]:
        lines: list[str] = []
        while True:
            line = self._lines.get(timeout=LIMIT)
            assert line is not None, f"the shell ended\n{''.join(lines)}"
            if line.startswith(_END):
                return int(line.removeprefix(_END)), "".join(lines)
            lines.append(line)

    def _read(self) -> None:
        assert self._shell.stdout is not None
        with self._shell.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a process and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
