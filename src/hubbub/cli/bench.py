"""The command that measures any Pusher server, by the loads of hubbub.bench."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubbub.cli.printing import REFUSED, refuse

if TYPE_CHECKING:
    from hubbub.bench.plan import Case
    from hubbub.bench.session import Wish

INTERRUPTED = 130

CASES = "connect, publish, fan-out, latency, client-events"


def bench(  # noqa: PLR0913 - each is a flag
    *,
    app_id: Annotated[str, typer.Option(metavar="ID", help="Id of an application there.")],
    key: Annotated[str, typer.Option(metavar="KEY", help="Its key.")],
    secret: Annotated[
        str,
        typer.Option(
            metavar="SECRET",
            envvar="BENCH_SECRET",
            help="Its secret; - reads it from standard input, where others cannot see it.",
        ),
    ],
    host: Annotated[str, typer.Option(help="Where the server listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.", min=1, max=65535)] = 4000,
    tls: Annotated[bool, typer.Option("--tls", help="It takes TLS. SSL_CERT_FILE names another authority.")] = False,
    api_host: Annotated[str | None, typer.Option(help="Where its HTTP API is, if elsewhere.")] = None,
    api_port: Annotated[int | None, typer.Option(help="The port of that.", min=1, max=65535)] = None,
    case: Annotated[
        list[str] | None, typer.Option(metavar="CASE", help=f"Only this one of: {CASES}. Repeatable.")
    ] = None,
    connections: Annotated[int | None, typer.Option(help="Subscribers, in each case.", min=1, max=1_000_000)] = None,
    channels: Annotated[int | None, typer.Option(help="Channels they are spread over.", min=1, max=1_000_000)] = None,
    kind: Annotated[str, typer.Option(help="Channels of connect: public, private or presence.")] = "public",
    at_once: Annotated[int, typer.Option(help="Connections opened side by side.", min=1)] = 64,
    publishers: Annotated[
        int | None, typer.Option(help="HTTP connections, with one request each.", min=1, max=10_000)
    ] = None,
    in_flight: Annotated[
        int | None, typer.Option(help="Messages of fan-out on their way to the subscribers at once.", min=1)
    ] = None,
    batch: Annotated[int, typer.Option(help="Events of a request in the second part of publish.", min=1)] = 10,
    size: Annotated[int, typer.Option(help="Bytes of an event's data.", min=32)] = 100,
    rate: Annotated[
        float | None, typer.Option(help="Messages per second of latency, in all.", min=0.01, max=1e6)
    ] = None,
    client_rate: Annotated[
        float | None,
        typer.Option(help="Client events per second of one connection; servers allow 10 or so.", min=0.01, max=1e6),
    ] = None,
    duration: Annotated[float, typer.Option(help="Seconds that each case is measured.", min=0.1, max=1e6)] = 3.0,
    warm_up: Annotated[float, typer.Option(help="Seconds before that.", min=0, max=1e6)] = 1.0,
    processes: Annotated[
        int | None, typer.Option(help="Processes that make the load; one for each core but one.", min=1, max=256)
    ] = None,
    server_pid: Annotated[
        list[int] | None,
        typer.Option(metavar="PID", help="A process of the server, on this machine: its CPU and memory. Repeatable."),
    ] = None,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long an answer may take.", min=0.1, max=1e6)
    ] = 10.0,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write all figures to FILE.")] = None,
) -> None:
    """Measure a running Pusher server, of any make: connecting, publishing, fan-out, latency, client events.

    Prints a table. Ends with 0 when it ran, 1 when the server could not be reached or refused, 2 when it was used
    wrongly, and 130 after Ctrl-C, with what there was. It uses channels of its own making; whatever is limited on the
    server is limited here too.
    """
    from hubbub.bench.plan import Kind, Sizes
    from hubbub.bench.report import Machine
    from hubbub.bench.session import Wish
    from hubbub.bench.target import Application, Target

    if secret == "-":  # noqa: S105 - which is none
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise _wrong("--secret", "it is empty")
    if kind not in list(Kind):
        raise _wrong("--kind", f"there is no {kind}; there are: {', '.join(Kind)}")
    if json is not None and not json.absolute().parent.is_dir():
        raise _wrong("--json", f"there is no folder {json.parent}")
    sizes = Sizes(
        connections=connections,
        channels=channels,
        publishers=publishers,
        in_flight=in_flight,
        rate=rate,
        client_rate=client_rate,
        batch=batch,
        size=size,
        kind=Kind(kind),
        at_once=at_once,
        duration=duration,
        warm_up=warm_up,
    )
    target = Target(
        host=host,
        port=port,
        app=Application(app_id, key, secret),
        tls=tls,
        api_host=api_host,
        api_port=api_port,
        patience=patience,
    )
    wish = Wish(
        target=target,
        cases=_cases(case or []),
        sizes=sizes,
        processes=processes or Machine.here().room,
        pids=server_pid or [],
    )
    _run(wish, json)


def _run(wish: "Wish", file: Path | None) -> None:
    """Measure, print the report, and end the program with its status."""
    import asyncio

    from hubbub.bench import screen, session
    from hubbub.bench.files import TooFew
    from hubbub.bench.meeting import NotRun
    from hubbub.bench.usage import Gone

    try:
        session.check(wish)
    except TooFew as problem:
        raise _wrong("--connections", str(problem)) from None
    except Gone as problem:
        raise _wrong("--server-pid", str(problem)) from None
    try:
        report = asyncio.run(session.measure(wish, screen.bar))
    except NotRun as problem:
        refuse(f"Nothing was measured: {problem}")
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if report.outcomes or not report.problem:
        screen.show(report)
    if file is not None:
        try:
            file.write_bytes(report.json())
        except OSError as error:
            refuse(f"{file} cannot be written: {error.strerror}.")
    if report.problem:
        refuse(f"The benchmark broke off: {report.problem}")
    if report.is_interrupted:
        raise typer.Exit(INTERRUPTED)
    if any(outcome.is_void for outcome in report.outcomes):
        raise typer.Exit(REFUSED)


def _cases(given: list[str]) -> "list[Case]":
    from hubbub.bench.plan import Case

    if unknown := set(given) - set(Case):
        raise _wrong("--case", f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(Case)}")
    return [case for case in Case if case in given]


def _wrong(flag: str, problem: str) -> typer.BadParameter:
    return typer.BadParameter(problem, param_hint=flag)
