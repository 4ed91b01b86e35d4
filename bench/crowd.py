"""A crowd that comes and goes in waves, a thousand at a time, and hears a burst of messages: `wsload`, over and over.

Knows how often that is to be done in how much time. What each of a crowd hears is counted, not looked at: visitors do
that (`visitors.py`). It uses the application that settings declare, so that the town's books stay as they are.
"""

import itertools
import json
import subprocess
import time
from collections import Counter
from typing import Any, Final

from msgspec import Struct, field

from servers import ROOT, Server

WSLOAD: Final = ROOT / "bench" / "tools" / "build" / "wsload"
WAVE: Final = 1000
"""Who come at once, subscribe, one in twenty of each channel, and leave when all are there."""
LISTENERS: Final = 200
BURST: Final = 50
"""Events that as many listeners hear after each wave."""
KINDS: Final = ("", "private-", "presence-")
SECONDS: Final = 60.0
"""In which a wave or a burst must be over."""


class Crowd(Struct):
    """`connections` in all, in so many `seconds`. `failures` is what was not as promised."""

    server: Server
    connections: int
    seconds: float
    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def come(self) -> None:
        """Come and go until all have been there, evenly over the time; later ones hurry after one that was slow."""
        began = time.monotonic()
        rounds = -(-self.connections // (WAVE + LISTENERS))
        for number, kind in zip(range(rounds), itertools.cycle(KINDS)):
            self._wave(kind)
            self._burst(kind)
            time.sleep(max(began + self.seconds * (number + 1) / rounds - time.monotonic(), 0))

    def _wave(self, kind: str) -> None:
        load = ("--mode", "connect", "-n", str(WAVE), "-c", "50", "--settle", "0.1", "--conn-timeout", str(SECONDS))
        told = self._run(*load, "--channel-prefix", f"{kind}crowd-")
        self.done["connect"] += (ready := int(told.get("ready", 0)))
        if ready != WAVE:
            self._fail(f"{ready} of {WAVE} connected")

    def _burst(self, kind: str) -> None:
        who = ("-n", str(LISTENERS), "-c", "1", "-p", "1", "-w", "4", "--channel-prefix", f"{kind}burst-")
        what = ("--count", str(BURST), "-s", "100", "--warmup", "0", "--settle", "0.1", "--conn-timeout", str(SECONDS))
        told = self._run("--mode", "fanout", *who, *what)
        self.done["connect"] += int(told.get("ready", 0))
        self.done["delivery"] += (heard := int(told.get("received", 0)))
        strange = {name: told.get(name) for name in ("loss", "dup", "out_of_order", "drops", "proto_errors")}
        if heard != LISTENERS * BURST or any(strange.values()):
            self._fail(f"{heard} of {LISTENERS * BURST} heard, {strange}")

    def _run(self, *load: str) -> dict[str, Any]:
        server = self.server
        who = ("--port", str(server.port), "--app-id", server.app_id, "--key", server.key, "--secret", server.secret)
        done = subprocess.run([str(WSLOAD), *who, "--json", "-q", *load], capture_output=True, text=True, check=False)
        if done.returncode:
            self._fail(f"wsload: {done.returncode} {done.stderr.strip()[-200:]}")
        told: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        return told

    def _fail(self, problem: str) -> None:
        self.done["failure"] += 1
        if len(self.failures) < 100:
            self.failures.append(f"{time.strftime('%H:%M:%S')} the crowd: {problem}")
