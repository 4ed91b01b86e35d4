"""A terminal: the bar while it runs, the table when it is over.

Knows rich. Does not know how anything is measured.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hubbub.bench.outcome import UNITS
from hubbub.bench.plan import Plan
from hubbub.bench.report import Report

WIDE = 200
"""Columns of what is no terminal: nothing is wrapped or cut for a file."""

NARROW = 120
"""Columns that a terminal is taken to have at least: in fewer, figures would be cut, and not only wrapped."""

LEFT = 2
"""Columns of the table with words; those after them but `timed` have numbers."""


class Bar:
    """Shows how far it is, on stderr; nothing when that is no terminal."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, count="")
        self._cases = count
        self._case = 0

    def begin(self, plan: Plan) -> None:
        """A case begins."""
        self._case += 1
        said = f"{self._case}/{self._cases} {plan.case}"
        self._progress.reset(self._task, total=None, description=said, count="connecting")

    def tell(self, plan: Plan, share: float, units: int) -> None:
        """It is so far."""
        count = f"{units:,} {UNITS[plan.case]}"
        self._progress.update(self._task, total=1, completed=share, count=count)


@contextmanager
def bar(count: int) -> Iterator[Bar]:
    """Give the bar for so many cases. It is gone when they are over."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bar(progress, count)


def show(report: Report) -> None:
    """Print a report on stdout."""
    console = Console(highlight=False)
    console.width = max(console.width, NARROW) if console.is_terminal else WIDE
    console.print(Text(report.title))
    if report.rows:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for number, column in enumerate(report.columns):
            is_word = number < LEFT or column == "timed"
            table.add_column(column, justify="left" if is_word else "right", no_wrap=number != 1)
        for row in report.rows:
            table.add_row(*map(Text, row))
        console.print(table)
    for note in report.notes:
        console.print(Text(note))
