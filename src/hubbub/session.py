"""One Pusher client: its commands become calls on the node, its refusals become words.

Knows: who the client is, what it is subscribed to, and the rules of each command. The only place where a Refusal meets
a socket's client. Does not know sockets: a connection is what can be written to and closed.
"""

import logging
import secrets
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

import msgspec

from hubbub import eager
from hubbub.apps import Application, Apps
from hubbub.channels import Kind, check_name, kind_of
from hubbub.errors import (
    ALREADY_SUBSCRIBED,
    APP_DISABLED,
    AUTH_FORMAT,
    AUTH_KEY,
    AUTH_SIGNATURE,
    CHANNEL_DATA_INVALID,
    CHANNEL_DATA_MISSING,
    CLIENT_EVENT_CHANNEL,
    CLIENT_EVENT_OFF,
    CLIENT_EVENT_OUTSIDE,
    CLIENT_EVENT_RATE,
    DATA_TOO_LARGE,
    EVENT_NAME_TOO_LONG,
    INTERNAL,
    MEMBER_TOO_LARGE,
    NOT_SUBSCRIBED,
    OVER_CAPACITY,
    OVER_QUOTA,
    TLS_REQUIRED,
    TOO_MANY_SUBSCRIPTIONS,
    UNKNOWN_KEY,
    USER_CHANNEL,
    Refusal,
)
from hubbub.hub.connection import Connection
from hubbub.hub.rate import Rate
from hubbub.messages import (
    ClientEvent,
    Command,
    Event,
    Member,
    Ping,
    Pong,
    Refused,
    Reply,
    Subscribe,
    SubscriptionRefused,
    Unsubscribe,
    Welcome,
)
from hubbub.node import Node
from hubbub.protocols import pusher
from hubbub.signing import channel_text, is_signature

logger = logging.getLogger("hubbub.session")

_SHOWN = 512
"""Characters of a client's own text that are told back to it in an error."""


class Client(Connection, Protocol):
    """The connection of a session, which can also be told to stop reading for a while."""

    def resume(self) -> None:
        """Read on: the commands that made the session wait are done."""


class Opening(msgspec.Struct, frozen=True):
    """How a client came: the key in the path, its query parameters, and whether the way here was encrypted."""

    key: str
    query: Mapping[str, str]
    is_secure: bool


class Doors(msgspec.Struct):
    """What sessions are made with, one for the whole process.

    `activity_timeout` is in seconds; `capacity` is how many sessions may be open, None for no limit.
    """

    apps: Apps
    node: Node
    activity_timeout: int
    capacity: int | None = None
    open_sessions: int = 0


class Session:
    """One client, from its opening to its end.

    Commands are obeyed one after the other, in the order they came. While one waits for the cluster or the store,
    `is_busy` is true and the transport should stop reading.
    """

    __slots__ = (
        "_app",
        "_connection",
        "_doors",
        "_is_busy",
        "_is_ended",
        "_opening",
        "_rate",
        "_subscriptions",
        "_waiting",
        "protocol",
        "socket_id",
    )

    def __init__(self, doors: Doors, connection: Client, opening: Opening) -> None:
        self._doors = doors
        self._connection = connection
        self._opening: Opening | None = opening
        self._app: Application | None = None
        self._subscriptions: dict[str, str | None] = {}
        self._rate: Rate | None = None
        self._waiting: deque[str] | None = None
        self._is_busy = False
        self._is_ended = False
        self.socket_id = ""
        self.protocol = pusher.NEWEST

    @property
    def is_busy(self) -> bool:
        """Whether a command is being waited for."""
        return self._is_busy

    def begin(self) -> None:
        """Check who comes, and welcome or refuse."""
        self._start(self._open())

    def receive(self, text: str) -> None:
        """Obey one message, now or after those before it."""
        if self._is_busy:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(text)
        elif not self._is_ended and (command := self._understand(text)) is not None:
            self._start(self._do(command))

    def end(self) -> None:
        """Leave everything: the socket is gone. Nothing is written any more."""
        self._is_ended = True
        if not self._is_busy:
            self._start(self._leave_all())

    def ping(self) -> bool:
        """Ask the client for a sign of life; False when it need not answer, by its version or for want of a welcome."""
        if self.protocol < pusher.ANSWERS_PINGS or not self.socket_id:
            return False
        self._reply(Ping())
        return True

    # The order of things

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._is_busy = True
        if (task := eager.start(self._work(work))) is not None:
            task.add_done_callback(lambda _: self._connection.resume())

    async def _work(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, then what came in the meantime, then leave if that is due. Nothing escapes from here."""
        await self._guard(work)
        while self._waiting and not self._is_ended:
            command = self._understand(self._waiting.popleft())
            if command is not None:
                await self._guard(self._do(command))
        self._waiting = None
        if self._is_ended:
            await self._guard(self._leave_all())
        self._is_busy = False

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("a command of socket %s failed", self.socket_id or "not welcomed yet")
            self._is_ended = True
            self._connection.close(INTERNAL())

    def _understand(self, text: str) -> Command | None:
        """Read a message; answer it at once, and give None, when nothing is to be done with it."""
        try:
            command = pusher.decode(text)
        except Refusal as refusal:
            self._reply(Refused(refusal.code, refusal.message))
            return None
        match command:
            case Ping():
                self._reply(Pong())
                return None
            case Pong():
                return None
            case _:
                return command

    async def _do(self, command: Command) -> None:
        try:
            match command:
                case Subscribe():
                    await self._subscribe(command)
                case Unsubscribe(channel):
                    await self._unsubscribe(channel)
                case ClientEvent():
                    await self._client_event(command)
        except Refusal as refusal:
            self._reply(Refused(refusal.code, refusal.message))
            if isinstance(command, Subscribe) and self._is_told_which(refusal):
                kind = "LimitReached" if "limit" in refusal.facts else "AuthError"
                self._reply(SubscriptionRefused(command.channel[:_SHOWN], kind, refusal.message, refusal.status))

    def _is_told_which(self, refusal: Refusal) -> bool:
        # A second subscription leaves the first as it is: no listener of that channel should hear of a failure.
        return refusal.reason is not ALREADY_SUBSCRIBED and self._application.settings.subscription_error_frames

    def _reply(self, reply: Reply) -> None:
        self._connection.write(self._connection.wire.pack(reply))

    @property
    def _application(self) -> Application:
        assert self._app is not None, "a command before the welcome"
        return self._app

    # Opening and ending

    async def _open(self) -> None:
        try:
            app = await self._admit()
        except Refusal as refusal:
            self._is_ended = True
            # Versions before 6 are told by a frame; for later ones it does no harm (pusher-js accepts it at any time).
            self._reply(Refused(refusal.code, refusal.message))
            self._connection.close(refusal)
            return
        if self._is_ended:
            return
        doors = self._doors
        self._app = app
        self._opening = None
        self.socket_id = _new_socket_id()
        doors.open_sessions += 1
        doors.node.hub.open(app.id, self.socket_id, self._connection)
        self._reply(Welcome(self.socket_id, doors.activity_timeout))

    async def _admit(self) -> Application:
        """Give the application this client may enter, or raise why not."""
        opening, doors = self._opening, self._doors
        assert opening is not None
        self.protocol = pusher.version(opening.query.get("protocol"))
        app = await doors.apps.by_key(opening.key)
        if app is None:
            raise UNKNOWN_KEY(key=opening.key[:_SHOWN])
        # From here to the welcome nothing waits, so that no limit is overrun.
        if doors.capacity is not None and doors.open_sessions >= doors.capacity:
            raise OVER_CAPACITY()
        settings = app.settings
        if not settings.enabled:
            raise APP_DISABLED()
        if settings.force_tls and not opening.is_secure:
            raise TLS_REQUIRED()
        if settings.max_connections and doors.node.hub.connection_count(app.id) >= settings.max_connections:
            raise OVER_QUOTA(limit=settings.max_connections)
        return app

    async def _leave_all(self) -> None:
        app, self._app = self._app, None
        if app is None:
            return
        node = self._doors.node
        self._doors.open_sessions -= 1
        node.hub.close(app.id, self.socket_id)
        for channel, user_id in self._subscriptions.items():
            try:
                await node.leave(app.id, channel, self._connection, user_id)
            except Exception:
                logger.exception("socket %s could not leave a channel", self.socket_id)
        self._subscriptions = {}

    # Commands

    async def _subscribe(self, command: Subscribe) -> None:
        app, channel = self._application, command.channel
        settings = app.settings
        check_name(channel, settings.max_channel_name_length)
        if channel in self._subscriptions:
            raise ALREADY_SUBSCRIBED(channel=channel)
        if settings.max_subscriptions and len(self._subscriptions) >= settings.max_subscriptions:
            raise TOO_MANY_SUBSCRIPTIONS(limit=settings.max_subscriptions)
        kind = kind_of(channel)
        if kind is Kind.USER:
            raise USER_CHANNEL(channel=channel)
        member = None
        if kind.needs_auth:
            self._check_auth(app, command)
        if kind is Kind.PRESENCE:
            member = self._member(app, command)
        user_id = member.user_id if member is not None else None
        await self._doors.node.join(app.id, channel, self._connection, member, settings.max_presence_members)
        self._subscriptions[channel] = user_id

    def _check_auth(self, app: Application, command: Subscribe) -> None:
        key, colon, signature = command.auth.partition(":")
        if not colon:
            raise AUTH_FORMAT()
        secret = app.secret_of(key)
        if secret is None:
            raise AUTH_KEY(key=key[:_SHOWN])
        signed = channel_text(self.socket_id, command.channel, command.channel_data)
        if not is_signature(secret, signed, signature):
            raise AUTH_SIGNATURE(signed=signed[:_SHOWN], signature=signature[:_SHOWN])

    @staticmethod
    def _member(app: Application, command: Subscribe) -> Member:
        settings, data = app.settings, command.channel_data
        if data is None:
            raise CHANNEL_DATA_MISSING(channel=command.channel)
        if len(data.encode()) > settings.max_presence_member_bytes:
            raise MEMBER_TOO_LARGE(limit=settings.max_presence_member_bytes)
        member = pusher.member(data)
        if len(member.user_id) > settings.max_presence_user_id_length:
            raise CHANNEL_DATA_INVALID(
                problem=f"user_id of more than {settings.max_presence_user_id_length} characters"
            )
        return member

    async def _unsubscribe(self, channel: str) -> None:
        if channel not in self._subscriptions:
            raise NOT_SUBSCRIBED(channel=channel[:_SHOWN])
        user_id = self._subscriptions.pop(channel)
        await self._doors.node.leave(self._application.id, channel, self._connection, user_id)

    async def _client_event(self, command: ClientEvent) -> None:
        app, channel = self._application, command.channel
        settings = app.settings
        if not settings.client_events:
            raise CLIENT_EVENT_OFF()
        if not kind_of(channel).takes_client_events:
            raise CLIENT_EVENT_CHANNEL()
        if channel not in self._subscriptions:
            raise CLIENT_EVENT_OUTSIDE(channel=channel[:_SHOWN])
        if len(command.name) > settings.max_event_name_length:
            raise EVENT_NAME_TOO_LONG(length=len(command.name), limit=settings.max_event_name_length)
        if len(command.data.encode()) > settings.max_event_bytes:
            raise DATA_TOO_LARGE(limit=settings.max_event_bytes)
        if self._rate is None:
            self._rate = Rate(settings.client_events_per_second)
        if not self._rate.use(time.monotonic()):
            raise CLIENT_EVENT_RATE(limit=settings.client_events_per_second)
        # The sender's id comes from its subscription, never from its frame.
        event = Event(channel, command.name, command.data, self._subscriptions[channel])
        await self._doors.node.publish(app.id, event, self.socket_id)


def _new_socket_id() -> str:
    """Make an id no connection had before: 2 × 30 random bits, as a signature for an id must never fit another."""
    bits = secrets.randbits(60)
    return f"{bits >> 30}.{bits & (2**30 - 1)}"
