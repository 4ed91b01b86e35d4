"""A server from its start to its end: one process, or several workers on one port.

Knows: what is said to who started it, and what is done once for all workers. Does not know what a server is made of.
"""

import asyncio
import atexit
import functools
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Final, TextIO

import uvicorn

from hubbub import systemd
from hubbub.apps import Apps
from hubbub.errors import Refusal
from hubbub.listening.listening import BACKLOG
from hubbub.listening.unix import UnixSocket
from hubbub.logs.output import configure
from hubbub.server import Server, not_listening
from hubbub.settings import ConfigurationError, Settings, secrets_of
from hubbub.siblings import Siblings
from hubbub.snippets.printed import printed
from hubbub.store import Store, is_sqlite, keys_of, migrate
from hubbub.transports.aside import not_told
from hubbub.workers import Workers, bound, shares_ports

REFUSED, MISCONFIGURED = 1, 2
"""Exit statuses of a worker that cannot begin, which are those of the program."""

PATIENCE_SECONDS: Final = 15.0
"""How much longer than its settings say a worker may take to end."""

Say = Callable[[str], None]
"""Tells who started the server."""


def serve(settings: Settings, *, show_keys: bool = False) -> None:
    """Run the server until SIGINT or SIGTERM, then drain.

    `show_keys` prints lines to paste, with an application's secret in them. Raises ConfigurationError when the settings
    cannot be run, Refusal when the database is away at the start, and SystemExit when a worker found either.
    """
    if settings.workers > 1 and settings.engine_url is None:
        raise ConfigurationError(
            f"HUBBUB_WORKERS is {settings.workers}: several processes need an engine that they share. Set"
            " HUBBUB_ENGINE_URL, such as redis://127.0.0.1:6379, or run one worker."
        )
    say = _configure(settings)
    url = settings.database_url.get_secret_value()
    if is_sqlite(url):
        # One machine, one file: nobody else is in the middle of something, so the schema is brought up to date here.
        migrate(url)
    if settings.workers > 1:
        _serve_by_workers(settings, say, show_keys=show_keys)
    else:
        store = Store.open(url, keys_of(settings))

        if systemd.is_told():
            # Its `reload` is for a certificate, and no reason to end where there is none. A terminal's hang-up is one.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        elif signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # and not what `nohup` has made of it
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))

        async def greet(listening: socket.socket) -> None:
            systemd.Heart().beat_with(asyncio.get_running_loop())
            await _greet(settings, store, say, listening, show_keys=show_keys)

        Server(settings, store, say=say, greet=greet).run()


def _serve_by_workers(settings: Settings, say: Say, *, show_keys: bool) -> None:
    has_own_sockets = settings.uds is None and shares_ports()
    unix = None
    try:
        if settings.uds is not None:
            unix = UnixSocket(settings.uds, int(settings.uds_mode, 8))
            # Who knocks waits for the first worker; and another server that begins meanwhile finds somebody here.
            unix.socket.listen(BACKLOG)
        sockets = [unix.socket] if unix else bound(settings.host, settings.port, is_shared=has_own_sockets)
    except OSError as error:
        raise not_listening(settings, error) from None
    settings, _reserved = _reserve(settings)

    async def greet() -> None:
        store = Store.open(settings.database_url.get_secret_value(), keys_of(settings))
        try:
            await _greet(settings, store, say, sockets[0], show_keys=show_keys)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory(prefix="hubbub-") as folder, unix or nullcontext():
        workers = Workers(
            settings.workers,
            sockets,
            functools.partial(_work, settings, Path(folder)),
            ready=lambda: asyncio.run(greet()),
            patience=settings.drain_delay + settings.drain_timeout + PATIENCE_SECONDS,
            has_own_sockets=has_own_sockets,
            beat=systemd.Heart().beat,
        )
        workers.run()
    if workers.status:
        sys.exit(workers.status)
    say("Stopped.")


def _reserve(settings: Settings) -> tuple[Settings, list[socket.socket]]:
    """Give settings by which all workers tell metrics on one port, and what keeps it for them as long as it is held."""
    port = settings.metrics_port
    if port is None:
        return settings, []
    try:
        reserved = bound(settings.metrics_host, port, is_shared=True)
    except OSError as error:
        raise not_told(settings.metrics_host, port, error) from None
    return settings.model_copy(update={"metrics_port": reserved[0].getsockname()[1]}), reserved


def _work(
    settings: Settings,
    folder: Path,
    number: int,
    sockets: list[socket.socket],
    show: Callable[[uvicorn.Server], None],
) -> None:
    """Be a worker; see `workers.Job`."""
    try:
        tell = _configure(settings, number)

        def say(text: str) -> None:
            tell(f"Worker {number}: {text}")

        store = Store.open(settings.database_url.get_secret_value(), keys_of(settings))
        server = Server(settings, store, say=say, siblings=Siblings(folder, number))
        show(server)
        server.run(sockets)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(MISCONFIGURED)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal.message}\n")
        sys.exit(REFUSED)


def _configure(settings: Settings, worker: int | None = None) -> Say:
    """Set up the log and the signals of a process, a `worker` by its number; give what tells who started it."""
    output = configure(form=settings.log_format, level=settings.log_level, worker=worker, secrets=secrets_of(settings))
    atexit.register(_flush, sys.stderr)
    for sign in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again when it has drained: a stop that was asked for is a success, status 0.
        signal.signal(sign, lambda *_: None)
    if settings.log_format == "json":
        return lambda text: _say(output.line(text))
    return _say


async def _greet(settings: Settings, store: Store, say: Say, listening: socket.socket, *, show_keys: bool) -> None:
    """Say where the server listens, and what may be used there."""
    url = _url(settings, listening)
    say(f"Hubbub is listening on {url}")
    systemd.tell("READY=1", f"STATUS=Listening on {url}")
    app = Apps(store, settings.app).declared
    try:
        app = app or next(iter(await store.applications()), None)
    except Refusal:
        return  # the database went away a moment ago, and the log has it
    if app is None:
        say("There is no application yet: run `hubbub app create NAME`.")
    elif show_keys:
        # For eyes, whatever the log is for: there is a secret in it.
        _say(f"\nApplication {app.id}, {app.name}.\n\n{printed(url, app)}\n")


def _url(settings: Settings, listening: socket.socket) -> str:
    if settings.uds is not None:
        return f"unix:{settings.uds}"
    scheme = "https" if settings.tls_certificate is not None else "http"
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _say(text: str) -> None:
    """Tell who started the server, if they still listen; what is for operators goes to the log."""
    with suppress(OSError):  # what could not be written is tried once more
        sys.stdout.write(f"{text}\n")
    _flush(sys.stdout)


def _flush(stream: TextIO) -> None:
    """Write what is left, or give it up: Python would try at its end, and make a failure of a good one (status 120)."""
    try:
        stream.flush()
    except OSError:
        # A pipe or terminal that is gone, a full disk: no reason not to serve.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a name that is no path
            os.dup2(nowhere.fileno(), stream.fileno())
