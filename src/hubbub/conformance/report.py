"""What came of a run, as people read it and as programs do.

Knows results, and how they are written: a table for a terminal, Markdown, JSON. Does not know how cases are run.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hubbub.conformance.case import Outcome, Result
from hubbub.conformance.features import FEATURES
from hubbub.conformance.target import Target

COLUMNS = ("feature", "cases", "passed", "failed", "skipped", "unspecified")


class Row(msgspec.Struct, frozen=True):
    """One line of the table: a feature, and how many of its cases came to what."""

    feature: str
    cases: int
    passed: int
    failed: int
    skipped: int
    unspecified: int

    @classmethod
    def of(cls, feature: str, results: Iterable[Result]) -> "Row":
        """Count results."""
        outcomes = [result.outcome for result in results]
        return cls(
            feature,
            len(outcomes),
            outcomes.count(Outcome.PASSED),
            outcomes.count(Outcome.FAILED),
            outcomes.count(Outcome.SKIPPED),
            outcomes.count(Outcome.UNSPECIFIED),
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's cells, in the order of COLUMNS."""
        return tuple(str(getattr(self, column)) for column in COLUMNS)


class Report(msgspec.Struct, frozen=True):
    """One run against one server.

    `suite` is the program's version; `began` is in UTC. As JSON it also has `totals` and `features`, rows of the table.
    """

    server: str
    suite: str
    began: datetime
    seconds: float
    results: list[Result]

    @classmethod
    def of(cls, target: Target, suite: str, began: datetime, results: Sequence[Result]) -> "Report":
        """Make the report of a run that ends now."""
        seconds = (datetime.now(UTC) - began).total_seconds()
        ordered = sorted(results, key=lambda result: FEATURES.index(result.feature))
        return cls(target.socket_url, suite, began, round(seconds, 1), ordered)

    @property
    def rows(self) -> list[Row]:
        """The table: a row for each feature that has cases."""
        present = {result.feature for result in self.results}
        return [
            Row.of(feature, [result for result in self.results if result.feature == feature])
            for feature in FEATURES
            if feature in present
        ]

    @property
    def total(self) -> Row:
        """All of it in one row."""
        return Row.of("all", self.results)

    @property
    def verdict(self) -> str:
        """The last line."""
        return f"{self.total.passed} passed, {self.total.failed} failed"

    def of_outcome(self, outcome: Outcome) -> list[Result]:
        """Give the results of one outcome."""
        return [result for result in self.results if result.outcome is outcome]

    def lines(self) -> Iterable[str]:
        """Give the report as lines for a terminal: the table, what failed, was skipped or is open, the verdict."""
        yield from _table([COLUMNS, *(row.cells for row in self.rows), self.total.cells])
        for result in self.of_outcome(Outcome.FAILED):
            yield from ("", f"FAILED {result.feature}: {result.name}")
            yield from (f"  expected  {_line(result.expected)}", f"  came      {_line(result.came)}")
        for outcome in (Outcome.SKIPPED, Outcome.UNSPECIFIED):
            if told := self.of_outcome(outcome):
                yield from ("", f"{outcome.value}:")
                yield from (f"  {result.feature}: {result.name}: {_line(result.note)}" for result in told)
        yield from ("", self.verdict)

    def markdown(self) -> str:
        """Give the report as Markdown."""
        lines = [
            f"# Conformance of {self.server}",
            "",
            f"{self.began:%Y-%m-%d %H:%M} UTC, {self.suite}, {self.seconds:g} s.",
            "",
            f"**{self.verdict}**, {self.total.skipped} skipped, {self.total.unspecified} unspecified.",
            "",
            "| " + " | ".join(COLUMNS) + " |",
            "|---|" + "---:|" * (len(COLUMNS) - 1),
            *("| " + " | ".join(row.cells) + " |" for row in [*self.rows, self.total]),
        ]
        if failed := self.of_outcome(Outcome.FAILED):
            lines += ["", "## Failed", "", "| feature | case | expected | came |", "|---|---|---|---|"]
            lines += [
                f"| {one.feature} | {_cell(one.name)} | {_cell(one.expected)} | {_cell(one.came)} |" for one in failed
            ]
        for outcome, title in ((Outcome.SKIPPED, "why"), (Outcome.UNSPECIFIED, "seen")):
            if told := self.of_outcome(outcome):
                lines += ["", f"## {outcome.value.title()}", "", f"| feature | case | {title} |", "|---|---|---|"]
                lines += [f"| {one.feature} | {_cell(one.name)} | {_cell(one.note)} |" for one in told]
        return "\n".join([*lines, ""])

    def json(self) -> bytes:
        """Give the report as JSON, indented."""
        whole = msgspec.to_builtins(self)
        whole["totals"] = msgspec.to_builtins(self.total)
        whole["features"] = msgspec.to_builtins(self.rows)
        return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"

    def write(self, file: Path) -> None:
        """Write the report to the files of `files`. Raises OSError when that cannot be done."""
        markdown, json = files(file)
        markdown.write_text(self.markdown())
        json.write_bytes(self.json())


def files(file: Path) -> tuple[Path, Path]:
    """Give the files that `--report FILE` means: Markdown and JSON beside each other, FILE.md and FILE.json.

    An ending .md or .json that FILE has already is not doubled, and either means both.
    """
    base = file.with_suffix("") if file.suffix in (".md", ".json") else file
    return base.with_name(f"{base.name}.md"), base.with_name(f"{base.name}.json")


def _table(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *numbers in lines:
        cells = [f"{first:{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:], strict=True))]
        yield "  ".join(cells)


def _line(text: str) -> str:
    """Give text that keeps to one line of a terminal, whatever a server has said."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _cell(text: str) -> str:
    """Give text that stays in its cell and is shown as it is."""
    escaped = _line(text).replace("\\", "\\\\").replace("|", "\\|")
    for letter in "<>*_`[]":
        escaped = escaped.replace(letter, f"\\{letter}")
    return escaped
