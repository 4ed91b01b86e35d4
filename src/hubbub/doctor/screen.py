"""A terminal: what is being looked at while it runs, then what was found.

Knows rich. Does not know how anything is found out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hubbub.doctor.finding import Finding, Outcome, Report, Step, Weight

WIDE = 200
"""Columns of what is no terminal: lines are not broken for a file."""

READABLE = 100
"""Columns beyond which prose is no longer easily read."""

_MARKS = {Outcome.WELL: ("✓", "green"), Outcome.ILL: ("✗", "red"), Outcome.SKIPPED: ("–", "dim")}
_COLOURS = {Weight.FAULT: "red", Weight.REMARK: "yellow"}


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show on stderr what comes next; nothing when that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield lambda name: status.update(Text(name, style="dim"))


def show(report: Report) -> None:
    """Print a report on stdout."""
    console = Console(highlight=False)
    console.width = min(console.width, READABLE) if console.is_terminal else WIDE
    console.print(Text(report.url, style="bold"))
    console.print(_steps(report.steps))
    for finding in report.findings:
        console.print()
        console.print(_finding(finding))
    console.print()
    console.print(_verdict(report))


def _steps(steps: list[Step]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column()
    for step in steps:
        mark, colour = _MARKS[step.outcome]
        style = "dim" if step.outcome is Outcome.SKIPPED else ""
        table.add_row(Text(mark, style=colour), Text(step.name, style=style), Text(step.note, style="dim"))
    return Padding(table, (1, 0, 0, 2), expand=False)


def _finding(finding: Finding) -> RenderableType:
    colour = _COLOURS[finding.weight]
    head = Text.assemble((finding.title, f"bold {colour}"), ("  ", ""), (finding.code, "dim"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("seen", Text(finding.seen))
    table.add_row("means", Text(finding.meaning))
    table.add_row("remedy", Text(finding.remedy))
    for proxy, lines in finding.lines.items():
        table.add_row(proxy, Text(lines, style="cyan"))
    return Group(head, Padding(table, (0, 0, 0, 2), expand=False))


def _verdict(report: Report) -> Text:
    faults, remarks = len(report.faults), len(report.findings) - len(report.faults)
    said = [f"{faults} fault{'s' * (faults != 1)}" if faults else "No fault was found"]
    if remarks:
        said.append(f"{remarks} remark{'s' * (remarks != 1)}")
    return Text(f"{', '.join(said)}, in {report.seconds:.1f} s.", style="bold red" if faults else "bold green")
