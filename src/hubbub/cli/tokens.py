"""The commands about user tokens, which sign in to the API."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from functools import partial
from typing import Annotated

import typer

from hubbub.cli.asking import ask, everything
from hubbub.cli.printing import OPTIONS, Json, moment, print_json, print_table, remark

commands = typer.Typer(help="Create and invalidate the tokens with which users sign in to the API.", **OPTIONS)

Owner = Annotated[str, typer.Option("--user", metavar="EMAIL", help="Whose it is: an e-mail address or id.")]


@commands.command("create")
def create_token(user: Owner, as_json: Json = False) -> None:
    """Create a token, and print it this once; only its hash is kept."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    made = ask(lambda accounts: accounts.tokens.create(OPERATOR, user), missing=f"user {user!r}, or they are archived")
    if as_json:
        print_json({"token": made.text} | msgspec.to_builtins(made.token))
    else:
        typer.echo(made.text)
        remark("The token is shown this once.")


@commands.command("list")
def list_tokens(user: Owner, as_json: Json = False) -> None:
    """List a user's tokens, the newest first, by the characters they begin with."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    tokens = ask(
        lambda accounts: everything(partial(accounts.tokens.list, OPERATOR, user)),
        missing=f"user {user!r}, or they are archived",
    )
    if as_json:
        print_json(msgspec.to_builtins(tokens))
    elif tokens:
        lines = [(str(one.id), one.prefix, moment(one.created_at), moment(one.invalidated_at)) for one in tokens]
        print_table(("ID", "PREFIX", "CREATED", "INVALIDATED"), lines)
    else:
        typer.echo(f"{user} has no token yet: run `hubbub token create`.")


@commands.command("invalidate")
def invalidate_token(
    token: Annotated[
        str,
        typer.Argument(
            metavar="TOKEN", help="The token; with --user, its first 8 characters or its id do too.", show_default=False
        ),
    ],
    user: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Whose it is: an e-mail address or id. Not needed for a whole token."),
    ] = None,
) -> None:
    """Invalidate a token: it, and what was issued from it, stops working at once, and open sockets are closed."""
    from hubbub.accounts.domain import OPERATOR

    missing = "such token; a part of one needs --user" if user is None else f"such token of a user {user!r}"
    ended = ask(lambda accounts: accounts.tokens.invalidate(OPERATOR, user, token), missing=missing)
    typer.echo(f"The token that begins with {ended.prefix} is invalid.")
