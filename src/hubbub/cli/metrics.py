"""The metrics: every one of them, and what it means."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from typing import Annotated

import typer

from hubbub.cli.printing import print_table


def metrics(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the body of docs/metrics.md instead.")] = False,
) -> None:
    """List every metric of /metrics: its name, its type, its labels and what it means."""
    from hubbub.metrics import page

    if markdown:
        typer.echo(page.markdown())
    else:
        print_table(("METRIC", "TYPE", "LABELS", "MEANING"), page.rows())
