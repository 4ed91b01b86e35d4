"""The composition root: the one place that knows concrete engines, stores and transports, and puts them together."""

import asyncio
import functools
import gc
import math
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from secrets import token_urlsafe
from types import FrameType
from typing import Any, Final, TypeVar

import msgspec
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
from hubbub.checkup import Checkup
from hubbub.console.console import Console
from hubbub.console.incidents import ROLE as INCIDENTS
from hubbub.console.incidents import Incidents
from hubbub.console.inspector import Inspector
from hubbub.console.recent import Recent
from hubbub.demo import SECRET_NAME, Demo
from hubbub.engine.memory import Memory
from hubbub.engine.seam import Engine
from hubbub.errors import EVENT_RATE, Reason, Refusal
from hubbub.gathering import Gathering
from hubbub.health import Told, health, ready
from hubbub.health import live as alive
from hubbub.hub.hub import Hub
from hubbub.identity import identity
from hubbub.listening.listening import Listening
from hubbub.logs import named
from hubbub.mail.mail import Mail
from hubbub.messages import Event, Member
from hubbub.metrics.exposition import Exposition, Health
from hubbub.metrics.observation import Observation, Parts
from hubbub.metrics.timing import Timing
from hubbub.native import IS_COMPILED
from hubbub.node.node import LOST, Node
from hubbub.retention import Retention
from hubbub.session.doors import Doors
from hubbub.session.lines import Lines
from hubbub.settings import ConfigurationError, Settings
from hubbub.siblings import Siblings
from hubbub.statistics import live
from hubbub.statistics.collector import Collector, Sources
from hubbub.statistics.statistics import Statistics
from hubbub.statistics.stopwatch import Stopwatch
from hubbub.store import Store
from hubbub.tally import Tally
from hubbub.taps.incident import NOTHING, Sort
from hubbub.taps.taps import Taps
from hubbub.tracing.choice import tracing_of
from hubbub.transports import timeline
from hubbub.transports.access import Answer, Requests, recorded
from hubbub.transports.addresses import Addresses
from hubbub.transports.answers import Answers
from hubbub.transports.aside import Aside
from hubbub.transports.detour import TERMINATE_PATH, answer
from hubbub.transports.fallback import PATHS as FALLBACK_PATHS
from hubbub.transports.fallback import Fallbacks
from hubbub.transports.forwarding import Forwarding
from hubbub.transports.front import Doorman, Front, used_for
from hubbub.transports.longpoll import PATH as LONG_POLL_PATH
from hubbub.transports.longpoll import LongPolls
from hubbub.transports.proxies import Proxies
from hubbub.transports.rest import Rest
from hubbub.transports.services import Services
from hubbub.transports.websocket import WebSocket
from hubbub.transports.wheel import Wheel
from hubbub.triggers import Trigger
from hubbub.web.guard import SECRET_NAME as GUARD_SECRET_NAME
from hubbub.web.guard import Guard
from hubbub.web.services import Services as PageServices
from hubbub.web.site import site
from hubbub.web.throttle import Throttle
from hubbub.webhooks.seam import DECLARED, KINDS, NEWS, Endpoint, Hooked
from hubbub.webhooks.webhooks import Webhooks

WAVE_SECONDS = 0.1
"""Between two waves of sockets that a stopping server closes."""

REVIEW_SECONDS = 1.0
"""Between two attempts to look again at sessions while the database is away."""

SPARE_FILES = 100
"""Files the process may need besides its sockets."""

CHANGES: Final = "changes"
"""News that a node announces: the journal has a new entry."""

_logger = named("hubbub.server")
T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class Server(uvicorn.Server):
    """uvicorn's server with Hubbub's protocols, and a drain in waves.

    It tells who started it by `say` how it ends, and calls `greet` with a socket when it listens. `siblings` are the
    other workers, if this is one of several on the same port. Raises ConfigurationError.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        say: Callable[[str], None],
        greet: Callable[[socket.socket], Awaitable[None]] | None = None,
        siblings: Siblings | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._say = say
        self._greet = greet
        self._siblings = siblings
        self._proxies = Proxies(settings.trusted_proxies)
        self._addresses = Addresses.of(settings)
        self._listening = Listening(settings)
        self._changes = Changes(store)
        secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret is not None else None
        self._sessions = Sessions(store, secret=secret, issuer=settings.jwt_issuer, lifetime=settings.jwt_lifetime)
        self._demo = Demo(self._sessions) if settings.demo else None
        self._apps = Apps(store, settings.app, [self._demo.application] if self._demo is not None else [])
        self._tally = Tally()
        self._taps = Taps()
        self._incidents = Incidents(store.incidents, settings)
        self._taps.log = self._recent = Recent(self._incidents)
        self._guard = Guard()
        self._mail = Mail.of(settings, self._public_url)
        self._engine = _engine(settings)
        self._tracing = tracing_of(settings, _label())
        fixed = [self._demo.application.id] if self._demo is not None else []
        self._webhooks = Webhooks(
            store.outbox,
            settings,
            _hooked(settings),
            fixed=fixed,
            cluster=self._engine,
            taps=self._taps,
            tracer=self._tracing,
        )
        self._services: Services
        self._long_polls: LongPolls
        self._fallbacks: Fallbacks
        self._forwarding: Forwarding
        self._gathering: Gathering
        self._console: Console
        self._inspector: Inspector
        self._statistics: Statistics
        self._checkup: Checkup
        self._tasks: set[asyncio.Task[None]] = set()
        self._undo = AsyncExitStack()
        self._ends_by: int | None = None
        self._doorman: Doorman | None = None
        self._observation: Observation
        self._health: Health = {
            "/health": lambda: health(is_draining=self.should_exit, away=self._away()),
            "/health/live": alive,
            "/health/ready": self._ready,
        }
        self._exposition = Exposition(lambda: self._observation, siblings, settings.metrics_token)
        self._aside = Aside.of(settings, self._exposition.site(self._health))
        self._timing = Timing(self._site())
        super().__init__(
            uvicorn.Config(
                Requests(self._timing, has_access_log=settings.access_log),
                http=self._front,  # type: ignore[arg-type]  # a factory does as well as a class
                ws=self._websocket,  # type: ignore[arg-type]
                loop="uvloop",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # `transports/asgi.py` reads them, as all transports do
                timeout_keep_alive=math.ceil(settings.keep_alive_timeout),
            )
        )
        self.config.load()

    # What uvicorn calls

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and listen. Raises ConfigurationError when the database or the engine cannot be used as it is."""
        beginning = asyncio.ensure_future(self._begin())
        while not (await asyncio.wait([beginning], timeout=0.1))[0]:
            if self.should_exit:
                beginning.cancel()  # it may wait for an engine that is away
        if beginning.cancelled():
            return
        beginning.result()
        front = functools.partial(self._front, self.config, self.server_state, {})
        try:
            self.servers = await self._listening.open(front, sockets)
        except OSError as error:
            await self._undo.aclose()
            raise not_listening(self._settings, error) from None
        self.started = True
        # What was made to start with stays: the collector need not look at a hundred thousand objects again and again.
        gc.collect()
        gc.freeze()
        if not IS_COMPILED:
            _logger.warning("the compiled module is missing, or not wanted: Python does its work, slower by half")
        if self._greet is not None:
            await self._greet(self.servers[0].sockets[0])
        _logger.info("Serving", **identity(self._settings))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end at a signal; from now on `/health` says so."""
        if self._ends_by is None:
            self._ends_by = sig
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, write what was accepted, close the sockets in waves, then the rest as uvicorn does."""
        if self._ends_by == signal.SIGTERM:
            await self._linger()
        for server in self.servers:
            server.close()
        self._listening.close()
        for one in sockets or []:
            one.close()
        clients = [one for one in list(self.server_state.connections) if isinstance(one, WebSocket) and one.is_open]
        if clients:
            limit = f"{self._settings.drain_timeout:g}"
            self._say(
                f"Stopping: {len(clients)} sockets are told to come back, for {limit} s at most. Once more cuts them."
            )
        self._console.shutdown()
        self._webhooks.freeze()
        self._services.doors.node.hub.flush()
        self._long_polls.shutdown()
        self._fallbacks.shutdown()
        self._forwarding.shutdown()
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
        await self._undo.aclose()
        self._say("Stopped.")

    async def _linger(self) -> None:
        """Go on as before for `drain_delay`: load balancers hear from `/health` that nobody is to be sent here."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.drain_delay
        if self._settings.drain_delay:
            self._say(f"Draining: /health answers 503, and all else goes on for {self._settings.drain_delay:g} s.")
        counter = 0
        while (left := end - loop.time()) > 0 and not self.force_exit:
            await asyncio.sleep(min(left, 0.1))
            counter += 1
            await self.on_tick(counter)

    # Putting together

    async def _begin(self) -> None:
        """Make what needs the loop, and start what runs beside requests; `_undo` ends it all again.

        Raises ConfigurationError and STORE_UNAVAILABLE, having ended what had begun.
        """
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._store.close)
            undo.push_async_callback(self._mail.stop)
            await self._check_database()
            if self._demo is not None:
                self._demo.share(await self._store.server_secret(SECRET_NAME, token_urlsafe(32)))
            self._guard.share(await self._store.server_secret(GUARD_SECRET_NAME, token_urlsafe(32)))
            node = self._node(loop, undo)
            stopwatch = self._count(node.hub, loop, undo)  # it ends when nothing is counted any more
            answers = Answers(loop.call_soon)
            wheel = Wheel(loop, answers.sampling.soon)
            doors = Doors(
                self._apps,
                node,
                self._settings.activity_timeout,
                _capacity(self._settings),
                self._demo if self._demo is not None else self._sessions,
                tally=self._tally,
                taps=self._taps,
                lines=_lines(self._settings),
            )
            rest = Rest(self._apps, node, tally=self._tally, taps=self._taps, checkup=self._checkup.of)
            self._services = Services(
                self._settings,
                wheel,
                doors,
                rest,
                self._proxies,
                answers,
                self._addresses,
                self._answer(rest),
            )
            self._long_polls = LongPolls(self._services)
            self._fallbacks = Fallbacks(self._services)
            self._forwarding = Forwarding(self._services, {"phoenix": self._long_polls, "pusher": self._fallbacks})
            label = _label()
            self._gathering = Gathering(node)
            self._console = Console(node, self._taps, label)
            self._inspector = Inspector(self._gathering, doors, self._recent, label)
            self._changes.watch(self._review)
            self._changes.watch(lambda _: self._console.ask_again())
            node.listen(CHANGES, lambda _: self._run(self._changes.catch_up()))
            node.listen(NEWS, self._webhooks.hear)
            node.listen(LOST, lambda _: self._webhooks.unsettle())
            await self._changes.start()
            undo.push_async_callback(self._quieten)
            await node.start()
            self._incidents.start(label, lambda: node.is_alone or node.leads(INCIDENTS))
            undo.push_async_callback(self._incidents.stop)
            await undo.enter_async_context(Retention(self._store, self._settings.audit_retention))
            undo.push_async_callback(node.stop)
            self._gathering.answer_with(live.KIND, self._tell_live)
            self._gathering.start()
            undo.push_async_callback(self._gathering.stop)
            self._console.start()
            undo.push_async_callback(self._console.stop)
            self._forwarding.start()
            undo.push_async_callback(self._forwarding.stop)
            undo.callback(doors.quota.stop)
            await self._webhooks.start()
            undo.push_async_callback(self._webhooks.stop)
            # Nobody is told of changes any more when the parts begin to end: this is the second time it is said.
            undo.push_async_callback(self._quieten)
            wheel.start()
            undo.callback(wheel.stop)
            await self._show(stopwatch, undo)
            self._undo = undo.pop_all()

    async def _check_database(self) -> None:
        if not await self._store.is_current():
            raise ConfigurationError("The database's tables are not those of this version: run `hubbub migrate`.")
        if plainly := await self._store.sealing.check():
            _logger.warning(
                "A master key is set, but %d secrets in the database are in plain text: run `hubbub master-key seal`"
                " when all servers have the key",
                plainly,
            )

    def _node(self, loop: asyncio.AbstractEventLoop, undo: AsyncExitStack) -> Node:
        delivers_alone = self._settings.engine_away == "deliver"
        hub = (Hub if self._tracing is None else self._tracing.hub)(loop.call_soon, self._settings.fanout_slice)
        if self._tracing is None:
            return Node(hub, self._engine, recorder=self._webhooks, taps=self._taps, delivers_alone=delivers_alone)
        undo.push_async_callback(self._tracing.stop)
        engine = self._tracing.engine(self._engine)
        return self._tracing.node(hub, engine, recorder=self._webhooks, taps=self._taps, delivers_alone=delivers_alone)

    def _answer(self, rest: Rest) -> Answer | None:
        """Give what answers the signed API, if that is more than `rest` itself."""
        answer = rest.answer if self._tracing is None else self._tracing.answers(rest.answer)
        if self._settings.access_log:
            return recorded(answer)
        return None if self._tracing is None else answer

    def _count(self, hub: Hub, loop: asyncio.AbstractEventLoop, undo: AsyncExitStack) -> Stopwatch:
        """Begin the statistics of what all parts count; give what times messages."""
        stopwatch = Stopwatch(loop.call_soon, loop.call_later)
        hub.begin_with(stopwatch.begin)
        tally = self._webhooks.tally
        sources = Sources(hub.meters, self._tally.refusals, tally.taken_of, tally.failed_of, stopwatch)
        self._statistics = Statistics(self._store.statistics, Collector(sources), self._ask_all)
        self._checkup = Checkup(
            self._settings, self._statistics, self._store.outbox.backlog_of, lambda: self._ready()[1]
        )
        self._statistics.start()
        undo.push_async_callback(self._statistics.stop)
        return stopwatch

    async def _ask_all(self, kind: str, question: bytes) -> Sequence[bytes]:
        return (await self._gathering.ask(kind, question)).answers

    async def _tell_live(self, question: bytes) -> bytes:
        app_id, hub = question.decode(), self._services.doors.node.hub
        return _encode(live.here(hub.meters().get(app_id), hub.channel_count(app_id)))

    async def _quieten(self) -> None:
        await self._changes.stop()
        for task in self._tasks:
            task.cancel()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _site(self) -> Starlette:
        accounts = Accounts(
            self._store, announce=self._announce, post=self._mail.post, policy=Policy.of(self._settings)
        )
        publishing = Publishing(self._sessions, accounts.applications)
        self._changes.watch(lambda _: publishing.forget())
        services = ApiServices(
            accounts=accounts,
            sessions=self._sessions,
            publishing=publishing,
            publish=self._traced(self._publish),
            members=self._members,
            max_body_bytes=self._settings.max_body_bytes,
            refused=self._refused_by_api,
        )
        return site(
            services=PageServices(
                settings=self._settings,
                accounts=accounts,
                guard=self._guard,
                throttle=Throttle(is_on=self._settings.throttle),
                node_of=lambda: self._services.doors.node,
                console_of=lambda: self._console,
                inspector_of=lambda: self._inspector,
                statistics_of=lambda: self._statistics,
                publish=self._traced(self._publish),
                trigger=self._traced(self._trigger),
                backlog=self._store.outbox.backlog_of,
                declared=self._apps.declared,
                demo=self._demo.issue if self._demo is not None else None,
            ),
            api=api(services),
            health=self._health,
            sockets={
                LONG_POLL_PATH: self._long_poll,
                TERMINATE_PATH: self._terminate,
                **dict.fromkeys(FALLBACK_PATHS, self._fallback),
                timeline.JSONP_PATH: timeline.jsonp,
                timeline.XHR_PATH: timeline.xhr,
            },
            metrics=self._exposition.guarded if self._settings.metrics_token is not None else None,
        )

    # What the site asks of parts that are only there once the loop runs

    def _traced(
        self, publish: Callable[[Application, T], Awaitable[None]]
    ) -> Callable[[Application, T], Awaitable[None]]:
        return publish if self._tracing is None else self._tracing.publishes(publish)

    async def _trigger(self, app: Application, asked: Trigger) -> None:
        try:
            await self._services.rest.publish(app, asked)
        except Refusal as refusal:
            self._refused(app, refusal)
            raise

    async def _publish(self, app: Application, event: Event) -> None:
        try:
            await self._services.rest.budget.spend(app)
        except Refusal as refusal:
            if refusal.reason is EVENT_RATE:
                self._tally.refused(app.id, refusal)  # any other the API counts, which knows no application
            self._taps.refused(app.id, refusal, Sort.API, lambda: NOTHING)
            raise
        await self._services.doors.node.publish(
            app.id, event, keep=app.settings.cache_ttl, most_kept=app.settings.max_cached_channels
        )

    def _refused(self, app: Application, refusal: Refusal) -> None:
        self._tally.refused(app.id, refusal)
        self._taps.refused(app.id, refusal, Sort.API, lambda: NOTHING)

    def _refused_by_api(self, reason: Reason) -> None:
        if reason is not EVENT_RATE:
            self._tally.refused("", reason)

    async def _members(self, app_id: str, channel: str) -> Mapping[str, Member]:
        return await self._services.doors.node.members(app_id, channel)

    async def _show(self, stopwatch: Stopwatch, undo: AsyncExitStack) -> None:
        """Be seen: by who asks, by the other workers, and on the port that is for that."""
        self._observation = self._observed(stopwatch)
        if self._siblings is not None:
            await self._siblings.start(self._exposition.tell)
            undo.push_async_callback(self._siblings.stop)
        if (aside := self._aside) is not None:
            await aside.start(self._services, is_shared=self._siblings is not None)
            undo.push_async_callback(aside.stop)

    def _observed(self, stopwatch: Stopwatch) -> Observation:
        return Observation(
            Parts(
                doors=self._services.doors,
                tally=self._tally,
                webhooks=self._webhooks,
                database=self._store,
                incidents=self._incidents,
                statistics=self._statistics,
                requests=self._timing,
                deliveries=stopwatch.durations,
                publishes=self._services.answers.sampling.durations,
                lags=self._services.wheel.lags,
                sockets=lambda: used_for(self.server_state.connections),
                backlog=self._store.outbox.backlog,
                is_draining=lambda: self.should_exit,
                certificate=self._listening.certificate,
            )
        )

    def _ready(self) -> Told:
        return ready(is_draining=self.should_exit, away=self._away())

    def _away(self) -> dict[str, float | None]:
        return {"database": self._store.away, "engine": self._services.doors.node.away}

    def _public_url(self) -> str:
        """Give where people reach the pages; without a setting for it that is only known once the server listens."""
        listening = self.servers[0].sockets[0].getsockname()
        return self._settings.reached_at(listening[1] if isinstance(listening, tuple) else 0)

    async def _announce(self) -> None:
        """Have a change of accounts seen: by the other nodes, in their own time, and here, before this comes back."""
        node = self._services.doors.node
        if not node.is_alone:
            self._run(node.announce(CHANGES))
        await self._changes.catch_up()

    async def _terminate(self, request: Request) -> Response:
        return await answer(self._services.rest, request)

    async def _long_poll(self, request: Request) -> Response:
        return await self._forwarding.answer("phoenix", request)

    async def _fallback(self, request: Request) -> Response:
        return await self._forwarding.answer("pusher", request)

    async def _review(self, change: Change) -> None:
        try:
            await self._look_again(change)
        except Refusal:
            # The database went away in between. Who asked for the change need not wait for it to come back.
            self._run(self._review_later(change))

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


def not_listening(settings: Settings, error: OSError) -> ConfigurationError:
    """Make the error to raise where a server cannot listen; `error` is what the system said."""
    where = settings.uds or f"{settings.host}:{settings.port}"
    return ConfigurationError(
        f"Hubbub cannot listen on {where} ({error.strerror or error}): choose with --host, --port or --uds, or their"
        " variables."
    )


def _engine(settings: Settings) -> Engine:
    """Make the engine of the settings. Raises ConfigurationError for a URL that is none."""
    if settings.engine_url is None:
        return Memory()
    # A single node has no use for these.
    from hubbub.engine.redis.engine import Redis  # noqa: PLC0415
    from hubbub.engine.redis.servers import link_to  # noqa: PLC0415

    return Redis(link_to(settings.engine_url.get_secret_value(), settings.engine_timeout), settings.engine_prefix)


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


def _label() -> str:
    """Give what this process is called among others."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _lines(settings: Settings) -> Lines | None:
    """Give what writes about connections, if the log is to have them."""
    if settings.access_log or settings.log_level == "debug":
        return Lines(is_access_log=settings.access_log)
    return None


def _capacity(settings: Settings) -> int:
    """Give how many sockets may be open, having asked for as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = max(hard - SPARE_FILES, 1) if hard != resource.RLIM_INFINITY else 2**31
    if settings.max_connections > most:
        _logger.warning("max_connections is %d, but the process may open %d files", settings.max_connections, hard)
    return settings.max_connections or most
