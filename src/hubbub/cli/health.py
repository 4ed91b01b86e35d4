"""The command that asks a server on this machine how it is: for those who start processes, and have no curl."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubbub.cli.printing import REFUSED, refuse

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from hubbub.settings import Settings

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - asked, not bound


def health(
    port: Annotated[int | None, typer.Option(help="Port that it listens on.")] = None,
    host: Annotated[str | None, typer.Option(help="Address that it listens on.")] = None,
    uds: Annotated[Path | None, typer.Option(help="Unix socket that it listens on.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask whether it answers at all, even while it stops.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long it may take.")] = 3.0,
) -> None:
    """Ask the server on this machine whether it can be sent clients: status 0 if so, 1 if not or if nobody answers.

    Settings say where it listens, as they do for `hubbub serve`.
    """
    import http.client

    from hubbub.settings import load

    settings = load(host=host, port=port, uds=uds)
    if settings.uds is None and settings.port == 0:
        refuse("Port 0 is any: say by --port on which the server listens.")
    connection = _connection(settings, timeout)
    try:
        connection.request("GET", "/health/live" if live else "/health/ready")
        answer = connection.getresponse()
        told = answer.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        refuse(f"Nobody answers: {error or type(error).__name__}")
    finally:
        connection.close()
    typer.echo(told)
    if answer.status != http.client.OK:
        raise typer.Exit(REFUSED)


def _connection(settings: "Settings", timeout: float) -> "HTTPConnection":
    import http.client
    import socket
    import ssl

    if settings.uds is not None:
        connection = http.client.HTTPConnection("localhost", timeout=timeout)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
        connection.connect = lambda: None  # type: ignore[method-assign]
        try:
            connection.sock.connect(str(settings.uds))
        except OSError as error:
            connection.close()
            refuse(f"Nobody answers: {error}")
        return connection
    host = ANYWHERE.get(settings.host, settings.host)
    if settings.tls_certificate is None:
        return http.client.HTTPConnection(host, settings.port, timeout=timeout)
    # The certificate is for another name than this, and nothing that is said is a secret.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, settings.port, timeout=timeout, context=context)
