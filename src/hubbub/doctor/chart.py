"""What one look has brought so far: steps and findings, and what later steps need of earlier ones.

Knows how they are written down. Does not know what is looked at.
"""

import secrets
import ssl
import time
from collections.abc import Awaitable, Callable

from hubbub.doctor.faults import CUT
from hubbub.doctor.finding import Fault, Finding, Outcome, Report, Skipped, Step, Symptom, Weight
from hubbub.doctor.line import Answer, Broken, Way
from hubbub.doctor.proxies import recognized
from hubbub.doctor.standing import Limits, Standing
from hubbub.doctor.target import Place, Target

Clock = Callable[[], float]
Tell = Callable[[str], None]
"""Is told, before each step, which comes."""


class Chart:
    """One look at one target. `clock` gives Unix seconds, as this machine has them."""

    def __init__(self, target: Target, clock: Clock = time.time, tell: Tell = lambda _: None) -> None:
        self.target = target
        self.clock = clock
        self.tag = secrets.token_hex(6)
        """What names of channels and sessions of this look have in them."""
        self.addresses: list[str] = []
        """Those that answer, the first is used."""
        self.context: ssl.SSLContext | None = None
        self.proxy: str | None = None
        self.standing: Standing | None = None
        """What the server told of the application, if it is one of Hubbub's."""
        self.silence: float | None = None
        """Seconds for which the server says that a client may say nothing."""
        self._tell = tell
        self._steps: list[Step] = []
        self._findings: dict[str, Finding] = {}
        self._began = time.monotonic()

    @property
    def limits(self) -> Limits:
        """How much may be sent: Pusher's own limits, unless the server has told others."""
        return self.standing.limits if self.standing is not None else Limits()

    async def step(self, name: str, work: Callable[["Chart"], Awaitable[str]]) -> bool:
        """Do one step, which gives a note, and write down what came of it; tell whether it went well, remarks aside."""
        self._tell(name)
        before = self._count()
        try:
            note = await work(self)
        except Symptom as symptom:
            self.note(symptom)
            note = symptom.fault.title
        except Skipped as skipped:
            self._steps.append(Step(name, Outcome.SKIPPED, str(skipped)))
            return False
        except Broken as broken:
            self.note(CUT(f"{name}: {broken.why}"))
            note = CUT.title
        is_ill = self._count() > before
        if is_ill:
            note = next(one.title for one in reversed(self._findings.values()) if one.weight is Weight.FAULT)
        self._steps.append(Step(name, Outcome.ILL if is_ill else Outcome.WELL, note))
        return not is_ill

    def _count(self) -> int:
        return sum(one.weight is Weight.FAULT for one in self._findings.values())

    def note(self, symptom: Symptom) -> None:
        """Write down a finding; of the same one the first."""
        code = symptom.fault.code
        if code not in self._findings:
            self._findings[code] = Finding.of(Symptom(symptom.fault, self.target.redact(symptom.seen)), self.proxy)

    def forget(self, fault: Fault) -> None:
        """Strike out what has turned out to be something else."""
        self._findings.pop(fault.code, None)

    def has(self, *codes: str) -> bool:
        """Tell whether one of these was found."""
        return any(code in self._findings for code in codes)

    def skip(self, name: str, why: str) -> None:
        """Write down a step that was not to be done."""
        self._steps.append(Step(name, Outcome.SKIPPED, why))

    def way(self, place: Place | None = None) -> Way:
        """Give how to reach a place, the one that sockets go to unless told otherwise."""
        target = self.target
        is_api = place is not None and place != target.place
        return Way(
            place or target.place,
            place.host if is_api and place is not None else self.addresses[0],
            self.context,
            target.source,
            target.patience,
        )

    def recognize(self, answer: Answer) -> None:
        """Find out, by an answer, who is in front of the server."""
        self.proxy = self.proxy or recognized(answer)

    def report(self) -> Report:
        """Give all of it."""
        order = [*self._findings.values()]
        seconds = round(time.monotonic() - self._began, 2)
        return Report(self.target.place.url, seconds, self.proxy, self._steps, order)
