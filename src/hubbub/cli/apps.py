"""The commands about applications."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hubbub.cli.asking import ask, everything, unless_missing
from hubbub.cli.printing import (
    OPTIONS,
    Archived,
    Json,
    print_fields,
    print_json,
    print_table,
    refuse,
    remark,
)

if TYPE_CHECKING:
    from hubbub.accounts.accounts import Accounts
    from hubbub.accounts.applications import Applications
    from hubbub.accounts.domain import HeldApplication
    from hubbub.cli.card import Card
    from hubbub.settings import DeclaredApp

Answer = TypeVar("Answer")

commands = typer.Typer(help="Create, look up and change applications.", **OPTIONS)

IdOrKey = Annotated[
    str, typer.Argument(metavar="ID_OR_KEY", help="The application's id, or one of its keys.", show_default=False)
]
Assignments = Annotated[
    list[str],
    typer.Argument(metavar="NAME=VALUE...", help="Settings; without a value: back to the default.", show_default=False),
]


@commands.command("create")
def create_app(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.", show_default=False)],
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
        str | None,
        typer.Option(
            "--org", "--organization", metavar="SLUG", help="The organization that owns it. Without one, nobody does."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create an application, and print its id, key and secret."""
    from hubbub.accounts.domain import OPERATOR
    from hubbub.cli.card import Card

    settings = ({"client_events": "true"} if client_events else {}) | _assigned(overrides or [], "--set")

    async def create(accounts: "Accounts") -> Card:
        made = await accounts.applications.create(OPERATOR, organization, name=name, settings=settings)
        return await _card(accounts, made)

    card = ask(create, missing=f"organization {organization!r}, or it is archived")
    if as_json:
        print_json(card.described(with_secret=True))
    else:
        print_fields(card.names(with_secret=True))


@commands.command("list")
def list_apps(archived: Archived = False, as_json: Json = False) -> None:
    """List the applications, and the one that HUBBUB_APP_ID declares."""
    from hubbub.accounts.domain import OPERATOR, Page
    from hubbub.cli.card import Card

    async def look(accounts: "Accounts") -> list[Card]:
        async def page(*, limit: int, offset: int) -> Page[Card]:
            found = await accounts.applications.list(OPERATOR, None, archived=archived, limit=limit, offset=offset)
            holders = await accounts.applications.holders(OPERATOR, [app.id for app in found.items])
            return Page(tuple(Card.of_held(app, holders[app.id]) for app in found.items), found.total)

        return await everything(page)

    declared = None if archived else _declared()
    cards = [Card.of_declared(declared)] if declared is not None else []
    cards += ask(look)
    if as_json:
        print_json([card.described(with_secret=False) for card in cards])
    elif cards:
        print_table(("ID", "NAME", "KEY", "OWNER", "LENT TO"), [card.line() for card in cards])
    elif archived:
        typer.echo("No application is archived.")
    else:
        typer.echo("There is no application yet: run `hubbub app create NAME`.")


@commands.command("show")
def show_app(
    id_or_key: IdOrKey,
    secret: Annotated[bool, typer.Option("--secret", help="Show the secrets too.")] = False,
    as_json: Json = False,
) -> None:
    """Show an application: its keys, who holds it, and which of its settings differ from the defaults."""
    from hubbub.accounts.domain import OPERATOR
    from hubbub.cli.card import Card

    async def look(accounts: "Accounts") -> Card:
        return await _card(accounts, await accounts.applications.get(OPERATOR, None, id_or_key))

    declared = _declared()
    if declared is not None and id_or_key in (declared.id, declared.key):
        card = Card.of_declared(declared)
    else:
        card = ask(look, missing=_application(id_or_key))
    if as_json:
        print_json(card.described(with_secret=secret))
        return
    hidden = {} if secret else {"Secret": "**** (--secret shows it)"}
    print_fields({**card.names(with_secret=secret), **hidden, **card.details()})


@commands.command("set")
def set_app(id_or_key: IdOrKey, assignments: Assignments) -> None:
    """Change settings of an application; `hubbub settings` lists them. Open sockets follow at once."""
    from hubbub.accounts.domain import OPERATOR

    settings = _assigned(assignments, "NAME=VALUE")
    app = _change(id_or_key, lambda apps: apps.update(OPERATOR, None, id_or_key, settings=settings))
    typer.echo(f"Application {app.id} is changed.")


@commands.command("rotate")
def rotate_app(id_or_key: IdOrKey, as_json: Json = False) -> None:
    """Give an application another key and secret, and print them. The old ones stay valid until they are revoked."""
    from hubbub.accounts.domain import OPERATOR

    app = _change(id_or_key, lambda apps: apps.rotate(OPERATOR, None, id_or_key))
    if as_json:
        print_json({"id": str(app.id), "key": app.app_key, "secret": app.app_secret})
        return
    print_fields({"Id": str(app.id), "Key": app.app_key or "-", "Secret": app.app_secret or "-"})
    remark("The old keys stay valid too, until `hubbub app revoke KEY`.")


@commands.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key that is to end.", show_default=False)],
) -> None:
    """End one of an application's keys, and the secret with it. Its sockets are closed at once."""
    from hubbub.accounts.domain import OPERATOR

    app = _change(key, lambda apps: apps.revoke(OPERATOR, None, key, key))
    typer.echo(f"Key {key} of application {app.id} is revoked.")


@commands.command("archive")
def archive_app(id_or_key: IdOrKey) -> None:
    """Archive an application: it stops working at once, open sockets included."""
    from hubbub.accounts.domain import OPERATOR

    app = _change(id_or_key, lambda apps: apps.archive(OPERATOR, None, id_or_key), missing=_application(id_or_key))
    typer.echo(f"Application {app.id} is archived.")


@commands.command("unarchive")
def unarchive_app(id_or_key: IdOrKey) -> None:
    """Bring an archived application back."""
    from hubbub.accounts.domain import OPERATOR

    app = _change(id_or_key, lambda apps: apps.unarchive(OPERATOR, None, id_or_key), missing=_application(id_or_key))
    typer.echo(f"Application {app.id} is back.")


@commands.command("lend")
def lend_app(
    id_or_key: IdOrKey, to: Annotated[str, typer.Option(metavar="SLUG", help="The organization that may use it.")]
) -> None:
    """Lend an application: another organization may use it, without seeing its secret."""
    from hubbub.accounts.domain import OPERATOR

    loan = _change(id_or_key, lambda apps: apps.lend(OPERATOR, None, id_or_key, to=to))
    typer.echo(f"{loan.organization.slug} may use application {id_or_key}.")


@commands.command("take-back")
def take_back_app(
    id_or_key: IdOrKey,
    borrower: Annotated[str, typer.Option("--from", metavar="SLUG", help="The organization that borrows it.")],
) -> None:
    """End a loan: the sockets of the borrower's users are closed at once."""
    from hubbub.accounts.domain import OPERATOR

    async def take_back(apps: "Applications") -> None:
        with unless_missing(_application(id_or_key)):
            await apps.get(OPERATOR, None, id_or_key)
        await apps.take_back(OPERATOR, None, id_or_key, borrower)

    _change(id_or_key, take_back, missing=f"loan of application {id_or_key} to {borrower!r}")
    typer.echo(f"{borrower} may no longer use application {id_or_key}.")


def _change(
    id_or_key: str, question: "Callable[[Applications], Awaitable[Answer]]", *, missing: str | None = None
) -> Answer:
    """Give the answer of a use-case that changes an application of the database; the declared one is refused."""
    declared = _declared()
    if declared is not None and id_or_key in (declared.id, declared.key):
        refuse(f"Application {declared.id} is declared by settings: change those instead.")
    return ask(
        lambda accounts: question(accounts.applications),
        missing=missing or f"{_application(id_or_key)}, or it is archived",
    )


def _declared() -> "DeclaredApp | None":
    from hubbub.settings import load

    return load().app


async def _card(accounts: "Accounts", app: "HeldApplication") -> "Card":
    from hubbub.accounts.domain import OPERATOR
    from hubbub.cli.card import Card

    return Card.of_held(app, (await accounts.applications.holders(OPERATOR, [app.id]))[app.id])


def _application(id_or_key: str) -> str:
    return f"application with the id or key {id_or_key!r}"


def _assigned(texts: list[str], where: str) -> dict[str, str | None]:
    """Give settings by name; None for one that is to be the default. The use-case checks them."""
    settings: dict[str, str | None] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=where)
        settings[name.strip()] = value.strip() or None
    return settings
