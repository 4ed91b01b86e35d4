"""What a comparison gave: its samples as they are stored, what comes of them, and the table.

Knows what the figures of `cases.py` are divided by, and the form of `bench/results/NAME.json`. Starts nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from cases import CASES, Case, Report


class Sample(Struct, frozen=True):
    """One measurement: of which case, of it or the one beside it, in which round, of which server or the floor.

    `report` is all that was said. `clean` is false if anything was lost, dropped or refused.
    """

    case: str
    part: str
    round: int
    server: str
    figure: float
    clean: bool
    report: Report


class Middle(Struct, frozen=True):
    """A median, and between what it lies."""

    median: float
    least: float
    greatest: float


class Result(Struct, frozen=True):
    """What came of a case for one server: the medians of its ratios and its figures, over how many rounds.

    Without what it is divided by, the ratios are none. `times` is the figure in multiples of soketi's. `met` says
    whether the target is reached, and nothing was lost.
    """

    case: str
    server: str
    ratio: Middle | None
    figure: float
    times: Middle | None
    rounds: int
    clean: bool
    met: bool


class Record(Struct):
    """A whole comparison, as it is stored."""

    made: str
    machine: dict[str, str]
    seconds: float
    results: list[Result]
    samples: list[Sample]


def results(samples: Sequence[Sample]) -> list[Result]:
    """What comes of the samples, case by case and server by server."""
    found = []
    for case in CASES:
        of_case = [sample for sample in samples if sample.case == case.name]
        for server in ("hubbub", "soketi"):
            own = [sample for sample in of_case if sample.server == server and not sample.part]
            if not own:
                continue
            rounds = [[sample for sample in of_case if sample.round == turn] for turn in sorted({s.round for s in own})]
            ratio = _middle([ratio_of(case, server, samples) for samples in rounds])
            clean = all(sample.clean for sample in of_case if sample.server == server)
            found.append(
                Result(
                    case=case.name,
                    server=server,
                    ratio=ratio,
                    figure=median(sample.figure for sample in own),
                    times=_middle([_times(case, server, samples) for samples in rounds]),
                    rounds=len(own),
                    clean=clean,
                    met=clean and ratio is not None and case.is_met(ratio.median),
                )
            )
    return found


def _middle(values: Sequence[float | None]) -> Middle | None:
    known = [value for value in values if value is not None]
    return Middle(median(known), min(known), max(known)) if known else None


def _times(case: Case, server: str, samples: Sequence[Sample]) -> float | None:
    """A round's figure in multiples of soketi's; of a case that is relative itself, its ratio in multiples."""
    if case.by == "floor":
        return _divided(ratio_of(case, server, samples), ratio_of(case, "soketi", samples))
    figures = {sample.server: sample.figure for sample in samples if not sample.part}
    return _divided(figures.get(server), figures.get("soketi"))


def ratio_of(case: Case, server: str, samples: Sequence[Sample]) -> float | None:
    """What one round gave: None if what it is divided by was not measured."""
    figures = {(sample.server, sample.part): sample.figure for sample in samples}
    beside = case.beside.name if case.beside is not None else ""
    figure = figures.get((server, ""))
    match case.by:
        case "nothing":
            return figure
        case "soketi":
            return _divided(figure, figures.get(("soketi", beside)))
        case "floor" if beside:
            at_few = _divided(figures.get((server, beside)), figures.get(("floor", beside)))
            return _divided(_divided(figure, figures.get(("floor", ""))), at_few)
        case "floor":
            return _divided(figure, figures.get(("floor", "")))


def _divided(figure: float | None, by: float | None) -> float | None:
    return figure / by if figure is not None and by else None


def table(found: Sequence[Result]) -> str:
    """The results as a Markdown table, a line a case."""
    by = {(result.case, result.server): result for result in found}
    lines = [
        "| case | target | Hubbub: median | least – greatest | soketi: median | Hubbub ÷ soketi | rounds |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        own, other = by.get((case.name, "hubbub")), by.get((case.name, "soketi"))
        some = own or other
        if some is None:
            continue
        target = f"{'≤' if case.most else '≥'} {number(case, case.target)}"
        missed = "" if own is None or own.ratio is None or own.met else " (missed)" if own.clean else " (not clean)"
        spread = f"{number(case, own.ratio.least)} – {number(case, own.ratio.greatest)}" if own and own.ratio else "–"
        times = f"{own.times.median:.2f}" if own and own.times else "–"
        lines.append(
            f"| {case.title} | {target} | {_median(case, own)}{missed} | {spread} | {_median(case, other)} "
            f"| {times} | {some.rounds} |"
        )
    return "\n".join(lines)


def _median(case: Case, result: Result | None) -> str:
    if result is None:
        return "–"
    if result.ratio is None:
        return f"{result.figure:,.0f} {case.unit}"
    return number(case, result.ratio.median)


def number(case: Case, value: float | None) -> str:
    """A ratio as the table shows it, or the bytes that take its place."""
    if value is None:
        return "–"
    return f"{value:,.0f} bytes" if case.by == "nothing" else f"{value:.2f}"


def load(path: Path) -> Record:
    """A stored comparison. Raises msgspec.DecodeError if it is none."""
    return msgspec.json.decode(path.read_bytes(), type=Record)


def store(record: Record, path: Path) -> None:
    """Write a comparison, a sample a line."""
    path.write_bytes(msgspec.json.encode(record).replace(b'{"case"', b'\n{"case"') + b"\n")
