"""The program: its commands about the server itself, and the groups of the others."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hubbub.cli import apps, imports, master_keys, organizations, tokens, users, webhooks
from hubbub.cli.asking import ask_store, database_url
from hubbub.cli.audit import audit
from hubbub.cli.backups import backup, restore
from hubbub.cli.bench import bench
from hubbub.cli.conformance import conformance
from hubbub.cli.doctor import doctor
from hubbub.cli.errors import errors
from hubbub.cli.health import health
from hubbub.cli.metrics import metrics
from hubbub.cli.printing import OPTIONS, REFUSED, print_fields, print_table

MISCONFIGURED = 2


class Commands(TyperGroup):
    """All commands. What is no bug is one message on stderr: status 1 for a refusal, 2 for a wrong setting."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        from hubbub.errors import Refusal
        from hubbub.settings import ConfigurationError

        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(MISCONFIGURED) from None
        except Refusal as refusal:
            typer.echo(refusal.message, err=True)
            raise typer.Exit(REFUSED) from None


commands = typer.Typer(cls=Commands, help="The self-hosted realtime server.", **OPTIONS)


def main() -> None:
    """Run the command line; the entry point of the `hubbub` program."""
    if isinstance(sys.stdout, TextIOWrapper):
        # People have names that not every terminal can show.
        sys.stdout.reconfigure(errors="backslashreplace")
    commands(prog_name="hubbub")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"hubbub {version('hubbub')}")
        except PackageNotFoundError:  # run from its source, without being installed
            typer.echo("hubbub, not installed")
        raise typer.Exit


@commands.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


@commands.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    uds: Annotated[Path | None, typer.Option(help="Unix socket to listen on, in place of host and port.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; more than one needs HUBBUB_ENGINE_URL.")] = None,
    demo: Annotated[bool | None, typer.Option("--demo", help="Let any visitor of the home page chat there.")] = None,
    show_keys: Annotated[
        bool, typer.Option("--show-keys", help="Print an application's key and secret, in lines ready to paste.")
    ] = False,
) -> None:
    """Run the server until it is told to stop.

    A flag wins over its HUBBUB_… variable, the variable over hubbub.toml. `hubbub settings` lists all settings.
    """
    from hubbub.serve import serve as run
    from hubbub.settings import load

    run(load(host=host, port=port, uds=uds, workers=workers, demo=demo), show_keys=show_keys)


@commands.command()
def migrate() -> None:
    """Create the database's tables, or bring them to this version. Does nothing when they are there already."""
    from hubbub.store import migrate as bring_up_to_date

    typer.echo(f"The database is at revision {bring_up_to_date(database_url())}.")


@commands.command()
def seed() -> None:
    """Create a first user, organization, application and token, if there is no user yet.

    The password and the token are printed this once; only their hashes are kept.
    """
    from hubbub.cli.card import Card
    from hubbub.seed import seed as create_first

    seeded = ask_store(create_first)
    if seeded is None:
        typer.echo("The database already has users: nothing was changed.")
        return
    print_fields(
        {
            "E-mail": seeded.email,
            "Password": seeded.password,
            "Token": seeded.token,
            **Card.of_seeded(seeded.application).names(with_secret=True),
        }
    )
    typer.echo("Password and token are shown this once.")


@commands.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the body of docs/settings.md instead.")] = False,
    limits: Annotated[bool, typer.Option("--limits", help="Print the body of docs/limits.md instead.")] = False,
    env: Annotated[bool, typer.Option("--env", help="Print a file of variables to fill in instead.")] = False,
) -> None:
    """List every setting: its variable, its present value, its default and what it does. Secrets are shown as ****."""
    from hubbub import reference
    from hubbub.settings import load

    if limits:
        from hubbub.limits import markdown as limits_page

        typer.echo(limits_page())
    elif markdown:
        typer.echo(reference.markdown())
    elif env:
        typer.echo(reference.variables())
    else:
        print_table(("VARIABLE", "VALUE", "DEFAULT", "MEANING"), reference.rows(load()))


commands.command()(health)
commands.command()(backup)
commands.command()(restore)
commands.command()(metrics)
commands.command()(conformance)
commands.command()(bench)
commands.command()(audit)
commands.command()(doctor)
commands.command()(errors)
commands.add_typer(apps.commands, name="app")
commands.add_typer(organizations.commands, name="org")
commands.add_typer(users.commands, name="user")
commands.add_typer(tokens.commands, name="token")
commands.add_typer(webhooks.commands, name="webhook")
commands.add_typer(imports.commands, name="import")
commands.add_typer(master_keys.commands, name="master-key")
