"""The commands.

Knows: names, flags and what is printed. Does not know how anything is done: that is imported by the command that needs
it, so that `hubbub --help` stays light.
"""

# ruff: noqa: PLC0415 - see above

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from hubbub.apps import Application
    from hubbub.store import Store

Answer = TypeVar("Answer")

REFUSED = 1
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


# Plain tracebacks: rich ones show local variables, and those may be secrets.
_OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "pretty_exceptions_show_locals": False,
    "rich_markup_mode": None,
}
commands = typer.Typer(cls=Commands, help="The self-hosted realtime server.", **_OPTIONS)
apps = typer.Typer(help="Create and look up applications.", **_OPTIONS)
commands.add_typer(apps, name="app")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def main() -> None:
    """Run the command line; the entry point of the `hubbub` program."""
    commands(prog_name="hubbub")


def _print_version(is_asked: bool) -> None:
    if is_asked:
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
    workers: Annotated[int | None, typer.Option(help="Processes.")] = None,
    show_keys: Annotated[
        bool, typer.Option("--show-keys", help="Print an application's key and secret, in lines ready to paste.")
    ] = False,
) -> None:
    """Run the server until it is told to stop.

    A flag wins over its HUBBUB_… variable, the variable over hubbub.toml. `hubbub settings` lists all settings.
    """
    from hubbub.server import serve as run
    from hubbub.settings import load

    run(load(host=host, port=port, uds=uds, workers=workers), show_keys=show_keys)


@commands.command()
def migrate() -> None:
    """Create the database's tables, or bring them to this version. Does nothing when they are there already."""
    from hubbub.store import migrate as bring_up_to_date

    typer.echo(f"The database is at revision {bring_up_to_date(_database_url())}.")


@commands.command()
def seed() -> None:
    """Create a first user, organization, application and token, if there is no user yet.

    The password and the token are printed this once; only their hashes are kept.
    """
    from hubbub.seed import seed as create_first

    seeded = _ask_store(create_first)
    if seeded is None:
        typer.echo("The database already has users: nothing was changed.")
        return
    _print_fields(
        {
            "E-mail": seeded.email,
            "Password": seeded.password,
            "Token": seeded.token,
            **_names(seeded.application, with_secret=True),
        }
    )
    typer.echo("Password and token are shown this once.")


@commands.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the body of docs/settings.md instead.")] = False,
) -> None:
    """List every setting: its variable, its present value, its default and what it does. Secrets are shown as ****."""
    from hubbub import reference
    from hubbub.settings import load

    if markdown:
        typer.echo(reference.markdown())
    else:
        _print_table(("VARIABLE", "VALUE", "DEFAULT", "MEANING"), reference.rows(load()))


@apps.command("create")
def create_app(
    name: Annotated[str, typer.Argument(help="What people call it.", show_default=False)],
    client_events: Annotated[
        bool, typer.Option("--client-events", help="Let clients send events; short for --set client_events=true.")
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A setting of the application; may be given again for another."
        ),
    ] = None,
    organization: Annotated[
        str | None, typer.Option(metavar="SLUG", help="The organization that owns it. Without one, nobody does.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create an application, and print its id, key and secret."""
    from hubbub.store import UnknownOrganization

    checked = _checked(({"client_events": "true"} if client_events else {}) | dict(map(_assignment, overrides or [])))
    if not 1 <= len(name.strip()) <= 255:
        raise typer.BadParameter("must have 1 to 255 characters", param_hint="NAME")
    try:
        app = _ask_store(
            lambda store: store.create_application(name, organization_slug=organization, overrides=checked)
        )
    except UnknownOrganization as error:
        raise typer.BadParameter(str(error), param_hint="--organization") from None
    if as_json:
        _print_json(_described(app, with_secret=True))
    else:
        _print_fields(_names(app, with_secret=True))


@apps.command("list")
def list_apps(as_json: Json = False) -> None:
    """List the applications that are not archived."""
    found = _ask_store(lambda store: store.applications())
    if as_json:
        _print_json([_described(app, with_secret=False) for app in found])
    elif found:
        lines = [(app.id, app.name, app.key_pairs[-1].key if app.key_pairs else "-") for app in found]
        _print_table(("ID", "NAME", "KEY"), lines)
    else:
        typer.echo("There is no application yet: run `hubbub app create NAME`.")


@apps.command("show")
def show_app(
    id_or_key: Annotated[str, typer.Argument(help="The application's id, or one of its keys.", show_default=False)],
    secret: Annotated[bool, typer.Option("--secret", help="Show the secrets too.")] = False,
    as_json: Json = False,
) -> None:
    """Show an application: its keys, and which of its settings differ from the defaults."""

    async def find(store: "Store") -> "Application | None":
        return await store.application_by_id(id_or_key) or await store.application_by_key(id_or_key)

    app = _ask_store(find)
    if app is None:
        typer.echo(f"There is no application with the id or key {id_or_key!r}.", err=True)
        raise typer.Exit(REFUSED)
    if as_json:
        _print_json(_described(app, with_secret=secret))
        return
    changed = app.settings.model_dump(mode="json", exclude_defaults=True)
    hidden = {} if secret else {"Secret": "**** (--secret shows it)"}
    _print_fields(
        {**_names(app, with_secret=secret), **hidden, **{name: json.dumps(value) for name, value in changed.items()}}
    )


def _database_url() -> str:
    from hubbub.settings import load

    return load().database_url.get_secret_value()


def _ask_store(question: "Callable[[Store], Awaitable[Answer]]") -> Answer:
    """Give the answer of the store of the settings. Raises ConfigurationError when its schema is not current."""
    from hubbub.settings import ConfigurationError
    from hubbub.store import Store, missing_file

    async def ask() -> Answer:
        url = _database_url()
        if (missing := missing_file(url)) is not None:
            raise ConfigurationError(
                f"There is no database at {missing} yet: run `hubbub migrate`, or go to the folder of your server."
            )
        store = Store.open(url)
        try:
            if not await store.is_current():
                raise ConfigurationError("The database's tables are not those of this version: run `hubbub migrate`.")
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    return name.strip(), value.strip()


def _checked(overrides: dict[str, str]) -> dict[str, Any]:
    """Give the values as the application's settings have them; raises BadParameter, which names each wrong one."""
    from pydantic import ValidationError

    from hubbub.settings import AppSettings

    try:
        return AppSettings.model_validate(overrides).model_dump(exclude_unset=True)
    except ValidationError as error:
        faults = [
            f"{fault['loc'][0]}: not a setting of an application, see `hubbub settings`"
            if fault["type"] == "extra_forbidden"
            else f"{fault['loc'][0]}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise typer.BadParameter("; ".join(faults), param_hint="--set") from None


def _described(app: "Application", *, with_secret: bool) -> dict[str, Any]:
    """Give what programs get: all of the application, its secrets only `with_secret`."""
    pairs = [{"key": pair.key} | ({"secret": pair.secret} if with_secret else {}) for pair in app.key_pairs]
    return {"id": app.id, "name": app.name, "key_pairs": pairs, "settings": app.settings.model_dump(mode="json")}


def _names(app: "Application", *, with_secret: bool) -> dict[str, str]:
    """Give what people get: each key, numbered when there are several."""
    fields = {"Application": app.name, "Id": app.id}
    for number, pair in enumerate(app.key_pairs, 1):
        suffix = f" {number}" if len(app.key_pairs) > 1 else ""
        fields[f"Key{suffix}"] = pair.key
        if with_secret:
            fields[f"Secret{suffix}"] = pair.secret
    return fields


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _print_fields(fields: dict[str, str]) -> None:
    width = max(map(len, fields)) + 2
    for name, value in fields.items():
        typer.echo(f"{name + ':':{width}}{value}")


def _print_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        cells = [f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())
