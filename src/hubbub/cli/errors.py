"""The command that explains a refusal."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from typing import Annotated

import typer

from hubbub.cli.printing import Json, print_fields, print_json, print_table, refuse


def errors(
    what: Annotated[
        str, typer.Argument(metavar="[WHAT]", help="A name, a code, an HTTP status, or words of the text.")
    ] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the body of docs/errors.md instead.")] = False,
    as_json: Json = False,
) -> None:
    """Explain a refusal: what it means, and what to do. Without WHAT, list all of them."""
    from hubbub.console import catalogue
    from hubbub.console.explanations import EXPLANATIONS

    if markdown:
        typer.echo(catalogue.markdown())
        return
    found = catalogue.find(what) if what else list(EXPLANATIONS)
    if not found:
        refuse(
            f"No refusal has the name, the code, the status or the words {what!r}: `hubbub errors` lists all of them."
        )
    known = [catalogue.facts(reason) for reason in found]
    if as_json:
        print_json(known)
    elif what:
        for number, fact in enumerate(known):
            if number:
                typer.echo("")
            print_fields(fact)
    else:
        rows = [(fact["Name"], fact["Code"], fact["HTTP"], fact["Text"]) for fact in known]
        print_table(("NAME", "CODE", "HTTP", "TEXT"), rows)
