"""A case: one sentence about a Pusher server that is true or false of this one, and how that is found out.

Knows what a case is and what may come of it. Does not know how cases are run.
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypedDict, TypeVar, Unpack

import msgspec

from hubbub.conformance.checks import Failed, Skipped, check, equal
from hubbub.conformance.features import FEATURES
from hubbub.conformance.scene import Scene

__all__ = ["Case", "Failed", "Outcome", "Result", "Skipped", "Topic", "check", "equal", "sentence"]


class Outcome(Enum):
    """What may come of a case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNSPECIFIED = "unspecified"
    """Pusher's documentation does not say what is right: what was seen is noted, and does not count."""


class Result(msgspec.Struct, frozen=True):
    """What came of one case.

    `expected` and `came` belong to FAILED; `note` is the reason of SKIPPED, and what was seen of UNSPECIFIED.
    """

    feature: str
    name: str
    outcome: Outcome
    seconds: float
    expected: str = ""
    came: str = ""
    note: str = ""


Run = Callable[[Scene], Awaitable[str | None]]
Function = TypeVar("Function", bound=Callable[[Scene], Awaitable[str | None]])


class Case(msgspec.Struct, frozen=True):
    """One case. `run` raises Failed or Skipped, or returns; that of an unspecified one returns what it saw.

    `is_alone`: nothing else is asked of the server meanwhile. `is_rough`: it may bring a weak server down; it runs
    alone, after all others, and a server that is gone is given time to come back. `is_slow`: it waits for minutes, and
    is skipped unless that was asked for. `limit`: seconds that the case may take in all, if more than usual.
    """

    feature: str
    name: str
    run: Run
    is_specified: bool = True
    is_alone: bool = False
    is_rough: bool = False
    is_slow: bool = False
    limit: float | None = None


class Options(TypedDict, total=False):
    """How a case is run: `is_alone`, `is_rough`, `is_slow` and `limit` of Case."""

    alone: bool
    rough: bool
    slow: bool
    limit: float | None


class Topic:
    """The cases of one file, in their order."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def case(self, feature: str, **options: Unpack[Options]) -> Callable[[Function], Function]:
        """Make a function a case; its docstring is the sentence. It returns None if that is true, or raises."""

        def add(function: Function) -> Function:
            self.add(feature, sentence(function), function, **options)
            return function

        return add

    def observe(self, feature: str, **options: Unpack[Options]) -> Callable[[Function], Function]:
        """Make a function a look at what Pusher leaves open. It returns what was seen; Failed is something seen too."""

        def add(function: Function) -> Function:
            self.add_observation(feature, sentence(function), function, **options)
            return function

        return add

    def add(self, feature: str, name: str, run: Run, **options: Unpack[Options]) -> None:
        """Add a case that is one of a list: `topic.add("Trigger", f"{n} channels are taken", partial(take, n))`."""
        self._keep(_made(feature, name, run, options, is_specified=True))

    def add_observation(self, feature: str, name: str, run: Run, **options: Unpack[Options]) -> None:
        """Add a look at what Pusher leaves open that is one of a list."""
        self._keep(_made(feature, name, run, options, is_specified=False))

    def _keep(self, case: Case) -> None:
        if case.feature not in FEATURES:
            raise ValueError(f"{case.feature!r} is no feature of features.py")
        if any(case.name == other.name and case.feature == other.feature for other in self.cases):
            raise ValueError(f"two cases of {case.feature} are called {case.name!r}")
        self.cases.append(case)


def _made(feature: str, name: str, run: Run, options: Options, *, is_specified: bool) -> Case:
    return Case(
        feature,
        name,
        run,
        is_specified,
        is_alone=options.get("alone", False),
        is_rough=options.get("rough", False),
        is_slow=options.get("slow", False),
        limit=options.get("limit"),
    )


def sentence(function: Callable[..., object]) -> str:
    """Give the sentence that a function's docstring is, on one line and without its full stop."""
    return " ".join((function.__doc__ or "").split()).removesuffix(".")
