"""The command that checks any Pusher server, by the suite of hubbub.conformance."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubbub.cli.printing import REFUSED, remark

if TYPE_CHECKING:
    from hubbub.conformance.target import Application, Target

NOT_RUN = 2

Secret = Annotated[
    str,
    typer.Option(
        metavar="SECRET",
        envvar="CONFORMANCE_SECRET",
        help="Its secret; - reads it from standard input, where others cannot see it.",
    ),
]


def conformance(  # noqa: PLR0913 - each is a flag
    *,
    app_id: Annotated[str, typer.Option(metavar="ID", help="Id of an application there.")],
    key: Annotated[str, typer.Option(metavar="KEY", help="Its key.")],
    secret: Secret,
    host: Annotated[str, typer.Option(help="Where the server under test listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.", min=1, max=65535)] = 4000,
    tls: Annotated[bool, typer.Option("--tls", help="It takes TLS. SSL_CERT_FILE names another authority.")] = False,
    api_host: Annotated[str | None, typer.Option(help="Where its HTTP API is, if elsewhere.")] = None,
    api_port: Annotated[int | None, typer.Option(help="The port of that.", min=1, max=65535)] = None,
    second_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="A key of the same application that was made after --key.")
    ] = None,
    second_secret: Annotated[
        str | None,
        typer.Option(
            metavar="SECRET", envvar="CONFORMANCE_SECOND_SECRET", help="Its secret; - reads it, as the next line."
        ),
    ] = None,
    other_app_id: Annotated[str | None, typer.Option(metavar="ID", help="Id of a second application there.")] = None,
    other_key: Annotated[str | None, typer.Option(metavar="KEY", help="Its key.")] = None,
    other_secret: Annotated[
        str | None,
        typer.Option(
            metavar="SECRET", envvar="CONFORMANCE_OTHER_SECRET", help="Its secret; - reads it, as the next line."
        ),
    ] = None,
    webhook_port: Annotated[
        int | None,
        typer.Option(help="Where the server sends webhooks of the first application.", min=1, max=65535),
    ] = None,
    webhook_host: Annotated[str, typer.Option(help="The address to hear them at.")] = "127.0.0.1",
    without: Annotated[
        str,
        typer.Option(
            metavar="SWITCH,…",
            help="What the application has switched off, or the server not: client-events, subscription-counts,"
            " watchlists, cache, user-authentication.",
        ),
    ] = "",
    key_of: Annotated[
        list[str] | None,
        typer.Option(metavar="SETTING=KEY", help="Key of an application with a special setting. Repeatable."),
    ] = None,
    id_of: Annotated[
        list[str] | None, typer.Option(metavar="SETTING=ID", help="Id of the same application. Repeatable.")
    ] = None,
    secret_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SETTING=SECRET",
            envvar="CONFORMANCE_SECRETS_OF",
            help="Its secret. Repeatable; the variable takes several, with blanks between.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="FEATURE", help="Only features with this in their name. Repeatable.")
    ] = None,
    slow: Annotated[bool, typer.Option("--slow", help="Also run what takes minutes.")] = False,
    patience: Annotated[float, typer.Option(metavar="SECONDS", help="How long an answer may take.", min=0.1)] = 5.0,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the report to FILE.md and FILE.json.")
    ] = None,
) -> None:
    """Check a Pusher server, of any make, for what Pusher Channels documents.

    Prints a table, and what was expected and came of each case that failed. Ends with 0 when none failed, 1 when some
    did, and 2 when the suite could not be run. It uses channels and users
    of its own making.
    """
    from hubbub.conformance.target import Target

    target = Target(
        host=host,
        port=port,
        app=_application(app_id, key, secret),
        tls=tls,
        api_host=api_host,
        api_port=api_port,
        second=_second(app_id, second_key, second_secret),
        other=_other(other_app_id, other_key, other_secret),
        webhook_host=webhook_host,
        webhook_port=webhook_port,
        without=_switches(without),
        special=_special(key_of or [], id_of or [], secret_of or []),
        patience=patience,
        slow=slow,
    )
    _run(target, only or [], report)


def _run(target: "Target", only: list[str], file: Path | None) -> None:
    """Run the suite, print the report, and end the program with its status."""
    import asyncio
    from datetime import UTC, datetime
    from importlib.metadata import PackageNotFoundError, version

    from hubbub.conformance import report as reports
    from hubbub.conformance.cases import all_cases
    from hubbub.conformance.features import matching
    from hubbub.conformance.suite import NotRun, run

    if file is not None and not file.absolute().parent.is_dir():
        raise _wrong("--report", f"there is no folder {file.parent}")
    cases = all_cases()
    if only:
        try:
            wanted = matching(only)
        except ValueError as error:
            raise _wrong("--only", str(error)) from None
        cases = [case for case in cases if case.feature in wanted]
    try:
        suite = f"hubbub {version('hubbub')}"
    except PackageNotFoundError:  # run from its source, without being installed
        suite = "hubbub"
    if sys.stderr.isatty():
        remark(f"{len(cases)} cases are asked of {target.socket_url}; a few of them take seconds.")
    began = datetime.now(UTC)
    try:
        results = asyncio.run(run(target, cases))
    except NotRun as problem:
        remark(f"The suite was not run: {problem}.")
        raise typer.Exit(NOT_RUN) from None
    made = reports.Report.of(target, suite, began, results)
    if file is not None:
        made.write(file)
    for line in made.lines():
        typer.echo(line)
    if made.total.failed:
        raise typer.Exit(REFUSED)


def _application(app_id: str, key: str, secret: str, flag: str = "--secret") -> "Application":
    from hubbub.conformance.target import Application

    if secret == "-":  # noqa: S105 - which is none
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise _wrong(flag, "it is empty")
    return Application(app_id, key, secret)


def _second(app_id: str, key: str | None, secret: str | None) -> "Application | None":
    if key is None:
        return None
    if secret is None:
        raise _wrong("--second-key", "--second-key and --second-secret are needed together")
    return _application(app_id, key, secret, "--second-secret")


def _other(app_id: str | None, key: str | None, secret: str | None) -> "Application | None":
    if app_id is None and key is None:
        return None
    if app_id is None or key is None or secret is None:
        raise _wrong("--other-app-id", "--other-app-id, --other-key and --other-secret are needed together")
    return _application(app_id, key, secret, "--other-secret")


def _switches(text: str) -> frozenset[str]:
    from hubbub.conformance.target import SWITCHES

    given = {switch.strip() for switch in text.split(",")} - {""}
    if unknown := given - set(SWITCHES):
        raise _wrong("--without", f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(SWITCHES)}")
    return frozenset(given)


def _special(key_of: list[str], id_of: list[str], secret_of: list[str]) -> "dict[str, Application]":
    from hubbub.conformance.target import Application

    keys = _by_setting("--key-of", "KEY", key_of)
    ids = _by_setting("--id-of", "ID", id_of)
    secrets = _by_setting("--secret-of", "SECRET", secret_of)
    if without := (ids.keys() | secrets.keys()) - keys.keys():
        raise _wrong("--key-of", f"needed too for: {', '.join(sorted(without))}")
    return {setting: Application(ids.get(setting, ""), key, secrets.get(setting, "")) for setting, key in keys.items()}


def _by_setting(flag: str, what: str, given: list[str]) -> dict[str, str]:
    from hubbub.conformance.target import SPECIAL

    found = dict(one.partition("=")[::2] for one in given)
    if not set(found) <= set(SPECIAL) or not all(found.values()):
        raise _wrong(flag, f"say SETTING={what}; settings are: {', '.join(SPECIAL)}")
    return found


def _wrong(flag: str, problem: str) -> typer.BadParameter:
    return typer.BadParameter(problem, param_hint=flag)
