"""The command that looks at a deployment from outside, by hubbub.doctor."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubbub.cli.printing import REFUSED, Json

if TYPE_CHECKING:
    from hubbub.doctor.target import Application, Place

INTERRUPTED = 130


def doctor(  # noqa: PLR0913 - each is a flag
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL]",
            help="Where clients connect, such as https://ws.example.com. Without it: the public_url of the settings.",
        ),
    ] = None,
    *,
    app_id: Annotated[str, typer.Option(metavar="ID", help="Id of an application there.")] = "",
    key: Annotated[str, typer.Option(metavar="KEY", help="Its key.")] = "",
    secret: Annotated[
        str,
        typer.Option(
            metavar="SECRET",
            envvar="DOCTOR_SECRET",
            help="Its secret; - reads it from standard input, where others cannot see it.",
        ),
    ] = "",
    origin: Annotated[
        str | None, typer.Option(metavar="ORIGIN", help="A page's origin that is to be let in: https://example.com.")
    ] = None,
    api: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the signed API is, if elsewhere, as at Pusher.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="For how long to watch a silent socket at most. Unless told: as long as a client may be silent.",
            min=0.0,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not watch a silent socket.")] = False,
    patience: Annotated[float, typer.Option(metavar="SECONDS", help="How long an answer may take.", min=0.1)] = 10.0,
    address: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Connect to this one in place of what the DNS says. Repeatable."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Address of this machine to connect from.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file of an authority to trust besides the system's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at a deployment from outside, as clients do, and name each fault with its remedy.

    Ends with 0 when there is none, 1 when there are some, 2 when it was used wrongly. Without an application only the
    way there is looked at; with one, events go to a channel of its own. https://… is taken where no scheme is given.
    """
    import asyncio

    from hubbub.doctor import screen
    from hubbub.doctor.target import Application, Target
    from hubbub.doctor.visit import diagnose

    if ca is not None and not ca.is_file():
        raise _wrong("--ca", f"there is no file {ca}")
    app = Application(app_id, key, _read(secret))
    if app.secret and not (app.id and app.key):
        raise _wrong("--secret", "--app-id and --key are needed with it")
    if url is None:
        url, app = _configured(app)
    target = Target(
        place=_place("URL", url),
        api=_place("--api", api) if api is not None else None,
        app=app,
        origin=origin,
        patience=patience,
        wait=0.0 if quick else wait,
        addresses=tuple(address or ()),
        source=source,
        ca=str(ca) if ca is not None else None,
    )
    try:
        with screen.progress() as tell:
            report = asyncio.run(diagnose(target, tell=tell))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(report.json().decode(), nl=False)
    else:
        screen.show(report)
    if not report.is_well:
        raise typer.Exit(REFUSED)


def _configured(app: "Application") -> "tuple[str, Application]":
    """Give the address of the settings, and the application that they declare unless another was told."""
    from hubbub.doctor.target import Application
    from hubbub.settings import load

    settings = load()
    if not app.key and settings.app is not None:
        declared = settings.app
        app = Application(declared.id, declared.key, declared.secret.get_secret_value())
    return settings.reached_at(settings.port), app


def _place(flag: str, url: str) -> "Place":
    from hubbub.doctor.target import AddressError, Place

    try:
        return Place.of(url)
    except AddressError as error:
        raise _wrong(flag, str(error)) from None


def _read(secret: str) -> str:
    if secret == "-":  # noqa: S105 - which is none
        return sys.stdin.readline().rstrip("\r\n")
    return secret


def _wrong(flag: str, problem: str) -> typer.BadParameter:
    return typer.BadParameter(problem, param_hint=flag)
