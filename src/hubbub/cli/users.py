"""The commands about users."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

import secrets
from functools import partial
from typing import Annotated

import typer

from hubbub.cli.asking import ask, everything
from hubbub.cli.printing import OPTIONS, Archived, Json, moment, print_fields, print_json, print_table, remark, yes

commands = typer.Typer(help="Create and archive users.", **OPTIONS)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The user's e-mail address or id.", show_default=False)]


@commands.command("create")
def create_user(
    email: Annotated[str, typer.Option(metavar="EMAIL", help="Where the user gets mail, and the name to sign in by.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What people call the user.")],
    password: Annotated[
        str | None,
        typer.Option(
            metavar="PASSWORD",
            help="8 to 1024 characters. `-` reads a line of stdin. Without it, one is made and printed once.",
        ),
    ] = None,
    is_root: Annotated[bool, typer.Option("--root", help="The user may do everything everywhere.")] = False,
    as_json: Json = False,
) -> None:
    """Create a user, whose e-mail address is taken as confirmed."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    made = secrets.token_urlsafe(15) if password is None else None
    chosen = made or (_read_password() if password == "-" else password)  # noqa: S105 - a word for stdin
    user = ask(
        lambda accounts: accounts.users.create(OPERATOR, name=name, email=email, password=chosen, is_root=is_root)
    )
    if as_json:
        print_json(msgspec.to_builtins(user) | ({} if made is None else {"password": made}))
        return
    printed = {"User": user.name, "Id": str(user.id), "E-mail": user.email}
    print_fields(printed | ({} if made is None else {"Password": made}))
    if made is not None:
        remark("The password is shown this once.")


@commands.command("list")
def list_users(archived: Archived = False, as_json: Json = False) -> None:
    """List the users."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    users = ask(lambda accounts: everything(partial(accounts.users.list, OPERATOR, archived=archived)))
    if as_json:
        print_json(msgspec.to_builtins(users))
    elif users:
        lines = [(str(user.id), user.email, user.name, yes(user.is_root), moment(user.created_at)) for user in users]
        print_table(("ID", "E-MAIL", "NAME", "ROOT", "CREATED"), lines)
    elif archived:
        typer.echo("No user is archived.")
    else:
        typer.echo("There is no user yet: run `hubbub user create`.")


@commands.command("archive")
def archive_user(email: Email) -> None:
    """Archive a user: tokens and sessions stop working at once, and open sockets are closed."""
    from hubbub.accounts.domain import OPERATOR

    user = ask(lambda accounts: accounts.users.archive(OPERATOR, email), missing=f"user {email!r}")
    typer.echo(f"{user.email} is archived.")


@commands.command("unarchive")
def unarchive_user(email: Email) -> None:
    """Bring an archived user back."""
    from hubbub.accounts.domain import OPERATOR

    user = ask(lambda accounts: accounts.users.unarchive(OPERATOR, email), missing=f"user {email!r}")
    typer.echo(f"{user.email} is back.")


@commands.command("two-factor-off")
def switch_off_two_factor(email: Email) -> None:
    """Let a user who has lost their authenticator sign in with the password alone."""
    from hubbub.accounts.domain import OPERATOR

    missing = f"user {email!r}"
    user = ask(lambda accounts: accounts.users.get(OPERATOR, email), missing=missing)
    ask(lambda accounts: accounts.second_factors.switch_off_for(OPERATOR, email), missing=missing)
    typer.echo(f"{user.email} signs in with the password alone.")


def _read_password() -> str:
    """Ask for a password at a terminal, twice and unseen; of anything else read a line."""
    stdin = typer.get_text_stream("stdin")
    if stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    # Bytes that are no UTF-8 become what no password may hold, and are refused as such.
    return stdin.buffer.readline().decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
