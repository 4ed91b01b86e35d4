"""`python bench/chart.py`: draws a stored comparison as bars, Hubbub in multiples of soketi, into an SVG.

Knows the drawing. What the figures mean is known to `cases.py`, what came of them to `record.py`. The same figures give
the same file, byte for byte. It has its own background and two sets of colours, so it reads well on light and dark
pages, and tells its figures in words to whom they are read out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from msgspec import Struct

from cases import CASES, Case
from record import Middle, Record, load
from servers import ROOT

RESULT = ROOT / "bench" / "results" / "comparison.json"
CHART = ROOT / "docs" / "bench.svg"

WIDTH, MARGIN = 760, 20
NAMES = 290  # where the bars begin: what stands left of them is right-aligned to it
BARS = 340  # as long as the longest is
TOP, ROW, BAR = 86, 40, 12

# Colours by the page's: text, faint text, background, lines, Hubbub's bars, soketi's.
_LIGHT = ("#1f2328", "#59636e", "#ffffff", "#d1d9e0", "#1f6feb", "#8c959f")
_DARK = ("#f0f6fc", "#9198a1", "#0d1117", "#3d444d", "#58a6ff", "#6e7681")


class Bar(Struct, frozen=True):
    """One case: its title, how many times as good as soketi Hubbub is, and between what that lies."""

    title: str
    times: Middle


def bars(record: Record) -> list[Bar]:
    """What can be drawn: each case that both servers were measured in, and that belongs on the chart."""
    times = {result.case: result.times for result in record.results if result.server == "hubbub"}
    return [
        Bar(case.short, _better(case, middle))
        for case in CASES
        if case.is_drawn and (middle := times.get(case.name)) is not None
    ]


def draw(record: Record) -> str:
    """The SVG. Raises ValueError if there is nothing to draw."""
    drawn = bars(record)
    if not drawn:
        raise ValueError("no case of this file has figures of both servers")
    longest = max(1.0, *(bar.times.greatest for bar in drawn))
    height = TOP + ROW * len(drawn) + 52
    told = "; ".join(f"{bar.title}: {_factor(bar.times.median)}" for bar in drawn)
    machine = record.machine
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"',
        '     role="img" aria-labelledby="title description">',
        '  <title id="title">Hubbub beside soketi</title>',
        f'  <desc id="description">{escape(f"How many times as much as soketi Hubbub does: {told}.")}</desc>',
        "  <style>",
        '    text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }',
        "    .title { font-size: 17px; font-weight: 600 } .small { font-size: 12px } .number { font-weight: 600 }",
        f"    {_colours(*_LIGHT)}",
        f"    @media (prefers-color-scheme: dark) {{ {_colours(*_DARK)} }}",
        "  </style>",
        f'  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'  <text class="title" x="{MARGIN}" y="34">Work per CPU-second, in multiples of soketi</text>',
        f'  <rect class="hubbub" x="{MARGIN}" y="50" width="{BAR}" height="{BAR}" rx="2"/>',
        f'  <text x="{MARGIN + 18}" y="61">Hubbub</text>',
        f'  <rect class="soketi" x="{MARGIN + 90}" y="50" width="{BAR}" height="{BAR}" rx="2"/>',
        f'  <text x="{MARGIN + 108}" y="61">soketi {escape(machine.get("soketi", ""))} = 1</text>',
    ]
    for place, bar in enumerate(drawn):
        lines += _row(bar, TOP + ROW * place, BARS / longest)
    lines += [
        f'  <line class="axis" x1="{NAMES}" y1="{TOP - 6}" x2="{NAMES}" y2="{TOP + ROW * len(drawn) - 4}"/>',
        f'  <text class="small" x="{MARGIN}" y="{height - 36}">{escape(_how(record))}</text>',
        f'  <text class="small" x="{MARGIN}" y="{height - 18}">{escape(_where(record))}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _colours(text: str, faint: str, page: str, line: str, ours: str, theirs: str) -> str:
    return (
        f"text {{ fill: {text} }} .small {{ fill: {faint} }} .page {{ fill: {page}; stroke: {line} }} "
        f".axis {{ stroke: {line} }} .spread {{ stroke: {text} }} "
        f".hubbub {{ fill: {ours} }} .soketi {{ fill: {theirs} }}"
    )


def _row(bar: Bar, top: int, scale: float) -> list[str]:
    ours, least, greatest = (value * scale for value in (bar.times.median, bar.times.least, bar.times.greatest))
    middle, beyond = top + BAR / 2, NAMES + max(greatest, ours) + 8
    span = f'x1="{NAMES + least:.1f}" y1="{middle:g}" x2="{NAMES + greatest:.1f}" y2="{middle:g}"'
    return [
        f'  <text x="{NAMES - 10}" y="{top + BAR + 5}" text-anchor="end">{escape(bar.title)}</text>',
        f'  <rect class="hubbub" x="{NAMES}" y="{top}" width="{ours:.1f}" height="{BAR}" rx="2"/>',
        f'  <rect class="soketi" x="{NAMES}" y="{top + BAR + 2}" width="{scale:.1f}" height="{BAR}" rx="2"/>',
        f'  <line class="spread" {span}/>',
        f'  <text class="number" x="{beyond:.1f}" y="{top + BAR - 1}">{_factor(bar.times.median)}</text>',
    ]


def _better(case: Case, times: Middle) -> Middle:
    """Multiples of which more is better: of memory, how many connections fit where one of soketi's does."""
    if not case.most:
        return times
    return Middle(1 / times.median, 1 / times.greatest, 1 / times.least)


def _factor(times: float) -> str:
    return f"{times:.0f}×" if times >= 10 else f"{times:.1f}×"


def _how(record: Record) -> str:
    rounds = max(result.rounds for result in record.results)
    return f"Medians of {rounds} alternating rounds, one process each, on one core. The lines span least to greatest."


def _where(record: Record) -> str:
    named = [record.machine[name] for name in ("processor", "python") if name in record.machine]
    named += [f"Node.js {record.machine['node'].removeprefix('v')}"] if "node" in record.machine else []
    return f"{record.made.partition(' ')[0]}: {', '.join(named)}. How to repeat it: bench/README.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw one file into another."""
    parser = argparse.ArgumentParser(prog="python bench/chart.py", description="A stored comparison as an SVG.")
    parser.add_argument("result", type=Path, nargs="?", default=RESULT, help="made by compare.py")
    parser.add_argument("chart", type=Path, nargs="?", default=CHART, help="to write")
    options = parser.parse_args(arguments)
    try:
        drawn = draw(load(options.result))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    options.chart.write_text(drawn)


if __name__ == "__main__":
    main()
