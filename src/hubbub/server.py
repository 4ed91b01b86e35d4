"""The composition root: the one place that knows concrete engines, stores and transports, and puts them together."""

import asyncio
import gc
import logging
import math
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hmac import compare_digest
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.server import ServerState

from hubbub.accounts import endpoint_rule
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.fields import Fields
from hubbub.accounts.policy import Policy
from hubbub.accounts.publishing import Publishing
from hubbub.accounts.sessions import Sessions
from hubbub.api.app import api
from hubbub.api.services import Services as ApiServices
from hubbub.apps import Application, Apps, KeyPair
from hubbub.changes import Change, Changes
from hubbub.demo import Demo
from hubbub.engine.memory import Memory
from hubbub.errors import Refusal
from hubbub.hub.hub import Hub
from hubbub.messages import Event, Member
from hubbub.metrics import CONTENT_TYPE, Metrics
from hubbub.native import IS_COMPILED
from hubbub.node.node import Node
from hubbub.session.doors import Doors
from hubbub.settings import ConfigurationError, Settings
from hubbub.snippets import snippets
from hubbub.store import Store, is_sqlite, migrate
from hubbub.tally import Tally
from hubbub.transports import timeline
from hubbub.transports.answers import Answers
from hubbub.transports.detour import TERMINATE_PATH, answer
from hubbub.transports.fallback import PATHS as FALLBACK_PATHS
from hubbub.transports.fallback import Fallbacks
from hubbub.transports.front import Doorman, Front
from hubbub.transports.longpoll import PATH as LONG_POLL_PATH
from hubbub.transports.longpoll import LongPolls
from hubbub.transports.proxies import Proxies
from hubbub.transports.rest import Rest
from hubbub.transports.services import Services
from hubbub.transports.websocket import WebSocket
from hubbub.transports.wheel import Wheel
from hubbub.web.site import site
from hubbub.webhooks.seam import DECLARED, KINDS, Endpoint, Hooked
from hubbub.webhooks.webhooks import Webhooks

WAVE_SECONDS = 0.1
"""Between two waves of sockets that a stopping server closes."""

REVIEW_SECONDS = 1.0
"""Between two attempts to look again at sessions while the database is away."""

SPARE_FILES = 100
"""Files the process may need besides its sockets."""

_logger = logging.getLogger("hubbub.server")


def serve(settings: Settings, *, show_keys: bool = False) -> None:
    """Run the server until SIGINT or SIGTERM, then drain.

    `show_keys` prints lines to paste, with an application's secret in them. Raises ConfigurationError when the settings
    cannot be run.
    """
    if settings.workers > 1:
        raise ConfigurationError(
            f"HUBBUB_WORKERS is {settings.workers}: several processes need an engine that they share, and this version"
            " has only the one in memory. Run one worker."
        )
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    # The drivers tell every statement with its values at the level debug, secrets among them.
    for chatty in ("uvicorn.error", "alembic", "aiosqlite", "asyncpg", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # warns of any form that a stranger spoilt
    url = settings.database_url.get_secret_value()
    if is_sqlite(url):
        # One node, one file: nobody else can be in the middle of something, so the schema is brought up to date here.
        migrate(url)
    for sign in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again when it has drained: a stop that was asked for is a success, status 0.
        signal.signal(sign, lambda *_: None)
    Server(settings, Store.open(url), show_keys=show_keys).run()


class Server(uvicorn.Server):
    """uvicorn's server with Hubbub's protocols, and a drain in waves."""

    def __init__(self, settings: Settings, store: Store, *, show_keys: bool) -> None:
        self._settings = settings
        self._store = store
        self._show_keys = show_keys
        self._proxies = Proxies(settings.trusted_proxies)
        self._changes = Changes(store)
        secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret is not None else None
        self._sessions = Sessions(store, secret=secret, issuer=settings.jwt_issuer, lifetime=settings.jwt_lifetime)
        self._demo = Demo(self._sessions) if settings.demo else None
        self._apps = Apps(store, settings.app, [self._demo.application] if self._demo is not None else [])
        self._tally = Tally()
        self._metrics = Metrics(self._tally)
        fixed = [self._demo.application.id] if self._demo is not None else []
        self._webhooks = Webhooks(store.outbox, settings, _hooked(settings), fixed=fixed)
        self._services: Services
        self._long_polls: LongPolls
        self._fallbacks: Fallbacks
        self._reviews: set[asyncio.Task[None]] = set()
        self._doorman: Doorman | None = None
        super().__init__(
            uvicorn.Config(
                self._site(),
                host=settings.host,
                port=settings.port,
                uds=str(settings.uds) if settings.uds is not None else None,
                http=self._front,  # type: ignore[arg-type]  # a factory does as well as a class
                ws=self._websocket,  # type: ignore[arg-type]
                loop="uvloop",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                forwarded_allow_ips=settings.trusted_proxies,
                timeout_keep_alive=math.ceil(settings.keep_alive_timeout),
                ssl_certfile=settings.tls_certificate,
                ssl_keyfile=settings.tls_key,
            )
        )
        try:
            self.config.load()
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(f"HUBBUB_TLS_CERTIFICATE, HUBBUB_TLS_KEY: {error}") from None

    # What uvicorn calls

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so. Raises ConfigurationError when the database is not ready for this version."""
        if not await self._store.is_current():
            await self._store.close()
            raise ConfigurationError("The database's tables are not those of this version: run `hubbub migrate`.")
        try:
            await super().startup(sockets)
        except (SystemExit, OSError) as error:
            if self.lifespan.should_exit:
                raise  # what could not be put together, uvicorn has logged
            # Of host and port uvicorn has logged what the system said.
            why = f" ({error.strerror})" if isinstance(error, OSError) else ""
            where = self._settings.uds or f"{self._settings.host}:{self._settings.port}"
            raise ConfigurationError(
                f"Hubbub cannot listen on {where}{why}: choose with --host, --port or --uds, or their variables."
            ) from None
        # What was made to start with stays: the collector need not look at a hundred thousand objects again and again.
        gc.collect()
        gc.freeze()
        if not IS_COMPILED:
            _logger.warning("the compiled module is missing, or not wanted: Python does its work, slower by half")
        url = self._url()
        lines = [f"Hubbub is listening on {url}"]
        app = self._apps.declared or next(iter(await self._store.applications()), None)
        if app is None:
            lines.append("There is no application yet: run `hubbub app create NAME`.")
        elif self._show_keys:
            lines += ["", f"Application {app.id}, {app.name}.", "", snippets(url, app), ""]
        _say("\n".join(lines))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, write what was accepted, close the sockets in waves, then the rest as uvicorn does."""
        for server in self.servers:
            server.close()
        clients = [one for one in list(self.server_state.connections) if isinstance(one, WebSocket) and one.is_open]
        if clients:
            limit = f"{self._settings.drain_timeout:g}"
            _say(f"Stopping: {len(clients)} sockets are told to come back, for {limit} s at most. Once more cuts them.")
        self._webhooks.freeze()
        self._services.doors.node.hub.flush()
        self._long_polls.shutdown()
        self._fallbacks.shutdown()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.drain_timeout
        # However small the waves, the last is sent off at half time, and may still say goodbye.
        most_waves = max(int(self._settings.drain_timeout / 2 / WAVE_SECONDS), 1)
        wave = max(self._settings.drain_wave, math.ceil(len(clients) / most_waves))
        for start in range(0, len(clients), wave):
            for client in clients[start : start + wave]:
                client.shutdown()
            if not self.force_exit:
                await asyncio.sleep(WAVE_SECONDS)
        left = max(end - loop.time(), WAVE_SECONDS)
        self.config.timeout_graceful_shutdown = left  # type: ignore[assignment]  # goes to asyncio.wait_for as it is
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn leaves this out when it is told twice, and the site would end by a traceback.
            await self.lifespan.shutdown()
        _say("Stopped.")

    # Putting together

    @asynccontextmanager
    async def _lifespan(self, _site: object) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        node = Node(Hub(loop.call_soon, self._settings.fanout_slice), Memory(), recorder=self._webhooks)
        wheel = Wheel(loop)
        doors = Doors(
            self._apps,
            node,
            self._settings.activity_timeout,
            _capacity(self._settings),
            self._demo if self._demo is not None else self._sessions,
            tally=self._tally,
        )
        self._services = Services(
            self._settings,
            wheel,
            doors,
            Rest(self._apps, node, tally=self._tally),
            self._proxies,
            Answers(loop.call_soon),
        )
        self._long_polls = LongPolls(self._services)
        self._fallbacks = Fallbacks(self._services)
        self._changes.watch(self._review)
        await self._changes.start()
        await self._webhooks.start()
        await node.start()
        wheel.start()
        yield
        wheel.stop()
        await self._changes.stop()
        for task in self._reviews:
            task.cancel()
        await node.stop()
        await self._webhooks.stop()
        await self._store.close()

    def _site(self) -> Starlette:
        accounts = Accounts(self._store, announce=self._changes.catch_up, policy=Policy.of(self._settings))
        publishing = Publishing(self._sessions, accounts.applications)
        self._changes.watch(lambda _: publishing.forget())
        services = ApiServices(
            accounts=accounts,
            sessions=self._sessions,
            publishing=publishing,
            publish=self._publish,
            members=self._members,
            max_body_bytes=self._settings.max_body_bytes,
        )
        return site(
            self._lifespan,
            api=api(services),
            sockets={
                LONG_POLL_PATH: self._long_poll,
                TERMINATE_PATH: self._terminate,
                **dict.fromkeys(FALLBACK_PATHS, self._fallback),
                timeline.JSONP_PATH: timeline.jsonp,
                timeline.XHR_PATH: timeline.xhr,
            },
            demo=self._demo.issue if self._demo is not None else None,
            metrics=self._show_metrics if self._settings.metrics_token is not None else None,
        )

    # What the site asks of parts that are only there once the loop runs

    async def _publish(self, app: Application, event: Event) -> None:
        try:
            self._services.rest.budget.spend(app)
        except Refusal as refusal:
            self._tally.refused(app.id, refusal)
            raise
        await self._services.doors.node.publish(
            app.id, event, keep=app.settings.cache_ttl, most_kept=app.settings.max_cached_channels
        )

    async def _members(self, app_id: str, channel: str) -> Mapping[str, Member]:
        return await self._services.doors.node.members(app_id, channel)

    async def _show_metrics(self, request: Request) -> Response:
        token = self._settings.metrics_token
        given = request.headers.get("authorization", "").encode("latin-1")
        if token is None or not compare_digest(given, b"Bearer " + token.get_secret_value().encode()):
            return Response("A token is needed, see HUBBUB_METRICS_TOKEN\n", 401, {"WWW-Authenticate": "Bearer"})
        self._metrics.webhooks = self._webhooks.counts()
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _terminate(self, request: Request) -> Response:
        return await answer(self._services.rest, request)

    async def _long_poll(self, request: Request) -> Response:
        return await self._long_polls(request)

    async def _fallback(self, request: Request) -> Response:
        return await self._fallbacks(request)

    async def _review(self, change: Change) -> None:
        try:
            await self._look_again(change)
        except Refusal:
            # The database went away in between. Who asked for the change need not wait for it to come back.
            task = asyncio.ensure_future(self._review_later(change))
            self._reviews.add(task)
            task.add_done_callback(self._reviews.discard)

    async def _look_again(self, change: Change) -> None:
        doors = self._services.doors
        match change.kind:
            case "application":
                await doors.review_application(str(change.subject_id))
                await self._webhooks.refresh(str(change.subject_id))
            case "user":
                await doors.review_user(change.subject_id)

    async def _review_later(self, change: Change) -> None:
        while True:
            await asyncio.sleep(REVIEW_SECONDS)
            try:
                await self._look_again(change)
            except Refusal:
                continue
            return

    def _front(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Front:
        if self._doorman is None:
            self._doorman = Doorman(self._services, config, server_state, app_state)
        return Front(self._services, self._doorman, server_state)

    def _websocket(self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> WebSocket:
        return WebSocket(self._services, server_state)

    def _url(self) -> str:
        if self._settings.uds is not None:
            return f"unix:{self._settings.uds}"
        scheme = "https" if self._settings.tls_certificate is not None else "http"
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _say(text: str) -> None:
    """Tell who started the server; what is for operators goes to the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _hooked(settings: Settings) -> Hooked | None:
    """Give the declared application with its endpoint, or without: it hides a stored one of its id, and its endpoints.

    Raises ConfigurationError for an endpoint that could not be one elsewhere.
    """
    declared = settings.app
    if declared is None:
        return None
    pair = KeyPair(declared.key, declared.secret.get_secret_value())
    if declared.webhook_url is None:
        return Hooked(declared.id, pair, declared.webhook_batches, ())
    fields = Fields()
    url = endpoint_rule.url(fields, declared.webhook_url.get_secret_value(), may_be_private=settings.webhook_private)
    for fault in fields.errors.get("url", ()):
        raise ConfigurationError(f"HUBBUB_APP_WEBHOOK_URL {fault}")
    endpoint = Endpoint(DECLARED, url, frozenset(KINDS))
    return Hooked(declared.id, pair, declared.webhook_batches, (endpoint,))


def _capacity(settings: Settings) -> int:
    """Give how many sockets may be open, having asked for as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = max(hard - SPARE_FILES, 1) if hard != resource.RLIM_INFINITY else 2**31
    if settings.max_connections > most:
        _logger.warning("max_connections is %d, but the process may open %d files", settings.max_connections, hard)
    return settings.max_connections or most
