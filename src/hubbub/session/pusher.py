"""One Pusher client: its commands become calls on the node, its refusals become words.

Knows: who the client is, what it is subscribed to, and the rules of each command. The only place where a Refusal meets
a socket's client. Does not know sockets: a connection is what can be written to and closed.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any

from hubbub import eager
from hubbub.apps import Application
from hubbub.channels import USER_PREFIX, Kind, check_name, kind_of
from hubbub.errors import (
    ALREADY_SUBSCRIBED,
    AUTH_FORMAT,
    AUTH_KEY,
    AUTH_SIGNATURE,
    CHANNEL_DATA_INVALID,
    CHANNEL_DATA_MISSING,
    CLIENT_EVENT_CHANNEL,
    CLIENT_EVENT_OFF,
    CLIENT_EVENT_OUTSIDE,
    DATA_TOO_LARGE,
    EVENT_NAME_TOO_LONG,
    MEMBER_TOO_LARGE,
    NOT_AUTHORIZED,
    NOT_SUBSCRIBED,
    OVER_QUOTA,
    SIGNED_IN_ALREADY,
    STORE_UNAVAILABLE,
    TOO_MANY_SUBSCRIPTIONS,
    USER_CHANNEL,
    USER_DATA_INVALID,
    WATCHLIST_TOO_LONG,
    Refusal,
)
from hubbub.logs import named
from hubbub.messages import (
    ClientEvent,
    Command,
    Event,
    Member,
    Refused,
    Reply,
    SignIn,
    SignInSucceeded,
    Subscribe,
    SubscriptionRefused,
    Unsubscribe,
    Welcome,
)
from hubbub.native import client_event
from hubbub.protocols import pusher
from hubbub.session.arrivals import Arrival
from hubbub.session.doors import SHOWN, Client, Doors, Opening
from hubbub.session.session import Session, present, size_of
from hubbub.session.user import SignedIn
from hubbub.signing import channel_text, is_signature, user_text
from hubbub.taps.sights import Kind as Seen
from hubbub.taps.sights import sight

logger = named("hubbub.session")


class PusherSession(Session):
    """One Pusher client."""

    __slots__ = ("_deadline", "_opening", "_subscriptions", "_user", "protocol")

    def __init__(self, doors: Doors, client: Client, opening: Opening) -> None:
        super().__init__(doors, client)
        self._opening: Opening | None = opening
        self.key = opening.key
        self._subscriptions: dict[str, str | None] = {}
        self._user: SignedIn | None = None
        self._deadline: asyncio.TimerHandle | None = None  # until it must have shown whose it is
        self.protocol = pusher.NEWEST

    @property
    def answers_pings(self) -> bool:
        """Whether the client's version has pongs."""
        return self.protocol >= pusher.ANSWERS_PINGS

    def begin(self) -> None:
        """Check who comes, and welcome or refuse."""
        self._start(self._open())

    def ping(self) -> bool:
        """Ask the client for a sign of life; False when it need not answer, by its version or for want of a welcome."""
        if not self.answers_pings or not self.socket_id:
            return False
        self._reply(pusher.PING)
        return True

    def review(self, app: Application | None, *, is_granted: bool) -> None:
        """Go on with the application as it is now, or end; watchlists and deadlines follow its settings."""
        super().review(app, is_granted=is_granted)
        if self._app is None or self._is_ended:
            return
        if not self._app.settings.authorized_connections:
            self._end_deadline(self._app)  # it was asked for once, and no longer is
        if self._user is not None:
            eager.start(self._follow(self._user, self._app))

    @staticmethod
    async def _follow(user: SignedIn, app: Application) -> None:
        try:
            await user.follow(app)
        except Exception:
            logger.exception("A watchlist could not follow a change of settings", app_id=app.id)

    def receive(self, message: str | bytes) -> None:
        """Obey one message, now or after those before it."""
        event = None
        if (app := self._app) is not None and not self.is_busy and not self._is_ended:
            # Events of clients come by the thousand. As all libraries write them, and nothing wrong but how many they
            # are, they are read here in one go, and need no coroutine where nothing waits.
            settings = app.settings
            if settings.client_events and type(message) is str:
                # The sender's id comes from its subscription, never from its frame.
                event = client_event(
                    message, self._subscriptions, settings.max_event_name_length, settings.max_event_bytes, Event
                )
        if event is None:
            super().receive(message)
            return
        assert app is not None
        try:
            if (rate := self._rate) is None or not rate.use_now():
                self._check_rate()
            work = self._doors.node.relay(app.id, event, self._client, self.socket_id)
            if work is not eager.DONE:
                self._start(self._finish(None, work))
        except Refusal as refusal:
            self._answer(ClientEvent(event.name, event.channel, event.data), refusal)
        except Exception:
            logger.exception("An event of a client failed", **self.told())
            self._fail()

    def _understand(self, message: str | bytes) -> Coroutine[Any, Any, None] | None:
        assert isinstance(message, str)
        command = None
        try:
            command = pusher.decode(message)
            if isinstance(command, ClientEvent):
                work = self._client_event(command)
                return None if work is eager.DONE else self._finish(command, work)
        except Refusal as refusal:
            self._answer(command, refusal)
            return None
        if command is pusher.PING:
            self._reply(pusher.PONG)
        elif command is not pusher.PONG:
            return self._do(command)
        return None

    async def _finish(self, command: Command | None, work: Awaitable[None]) -> None:
        try:
            await work
        except Refusal as refusal:
            self._answer(command, refusal)

    async def _do(self, command: Command) -> None:
        try:
            match command:
                case Subscribe():
                    await self._subscribe(command)
                case Unsubscribe():
                    await self._unsubscribe(command.channel)
                case SignIn():
                    await self._sign_in(command)
        except Refusal as refusal:
            self._answer(command, refusal)

    def _answer(self, command: Command | None, refusal: Refusal) -> None:
        """Say why a command was not obeyed, or, where it is None, not understood."""
        if refusal.reason is OVER_QUOTA or (refusal.reason is STORE_UNAVAILABLE and self._deadline is not None):
            self._refuse(refusal)
            return
        channel = "" if command is None else getattr(command, "channel", "")
        event = command.name if isinstance(command, ClientEvent) else ""
        self.refused(refusal, channel=channel[:SHOWN], event=event[:SHOWN], asked=_asked(command))
        self._reply(Refused(refusal.code, refusal.message))
        if isinstance(command, Subscribe) and self._is_told_which(refusal):
            kind = "LimitReached" if "limit" in refusal.facts else "AuthError"
            self._reply(SubscriptionRefused(command.channel[:SHOWN], kind, refusal.message, refusal.status))

    def _is_told_which(self, refusal: Refusal) -> bool:
        # A second subscription leaves the first as it is: no listener of that channel should hear of a failure.
        return refusal.reason is not ALREADY_SUBSCRIBED and self._application.settings.subscription_error_frames

    def _reply(self, reply: Reply) -> None:
        self._client.write(self._client.wire.pack(reply))

    # Opening and ending

    async def _open(self) -> None:
        opening = self._opening
        assert opening is not None
        try:
            self.protocol = pusher.version(opening.query.get("protocol"))
            app = await self._doors.entrance(opening)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if self._is_ended:
            return
        self._opening = None
        way = "http"
        if self._client.is_socket:
            way = "wss" if opening.is_secure else "ws"
        self._enter(app, opening, way)
        if app.settings.authorized_connections:
            self._await_authorization(app)
        self._reply(Welcome(self.socket_id, self._doors.activity_timeout))

    @property
    def channels(self) -> Sequence[str]:
        """What it is subscribed to."""
        return tuple(self._subscriptions)

    @property
    def users(self) -> tuple[str, ...]:
        """Who it is: as it is signed in, and as a member of presence channels."""
        found: dict[str, None] = {} if self._user is None else {self._user.user.id: None}
        found |= {user_id: None for user_id in self._subscriptions.values() if user_id is not None}
        return tuple(found)

    @property
    def _arrival(self) -> Arrival | None:
        opening = self._opening
        return super()._arrival if opening is None else self._doors.arrivals.of(opening)

    def _tell(self, refusal: Refusal) -> None:
        # Versions before 6 are told by a frame; for later ones it does no harm (pusher-js accepts it at any time).
        self._reply(Refused(refusal.code, refusal.message))

    async def _leave_channels(self, app: Application) -> None:
        self._end_deadline(app)
        is_counted = app.settings.subscription_counts
        for channel, user_id in self._subscriptions.items():
            try:
                await self._doors.node.leave(app.id, channel, self._client, user_id, is_counted=is_counted)
            except Exception:
                logger.exception("A client could not leave a channel", app_id=app.id, channel=channel)
        self._subscriptions = {}
        if self._user is not None:
            user, self._user = self._user, None
            await user.end()

    # Authorized connections

    def _await_authorization(self, app: Application) -> None:
        """Give the client some time to show by a signature whose it is, and until then do not count it."""
        self._doors.unauthorized[app.id] = self._doors.unauthorized.get(app.id, 0) + 1
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(app.settings.authorization_timeout, self._expire)

    async def _authorize(self) -> None:
        """Count the client, who has shown it. Raises OVER_QUOTA."""
        app = self._application
        while app.settings.authorized_connections and (vacancy := self._doors.quota.room(app)) is not None:
            await vacancy
            app = self._application
        self._end_deadline(app)

    def _end_deadline(self, app: Application) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self._doors.unauthorized[app.id] -= 1
            if not self._doors.unauthorized[app.id]:
                del self._doors.unauthorized[app.id]

    def _expire(self) -> None:
        if self._app is None or self._is_ended:
            return
        self._refuse(NOT_AUTHORIZED())

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
        member = None
        if kind.needs_auth:
            signed = channel_text(self.socket_id, channel, command.channel_data)
            _check_auth(app, command.auth, signed)
            if kind is Kind.PRESENCE:
                member = self._member(app, command)
            if self._deadline is not None:
                await self._authorize()
        elif kind is Kind.USER and (self._user is None or channel != USER_PREFIX + self._user.user.id):
            raise USER_CHANNEL(channel=channel)
        if (here := self._doors.node.hub.channel(app.id, channel)) is not None:
            channel = here.name  # one text for all who are subscribed: 60 bytes each
        await self._doors.node.join(
            app.id,
            channel,
            self._client,
            member,
            settings.max_presence_members,
            is_counted=settings.subscription_counts,
        )
        self._subscriptions[channel] = member.user_id if member is not None else None
        self._see(Seen.SUBSCRIBED, channel)

    def _member(self, app: Application, command: Subscribe) -> Member:
        """Give who the client is in a presence channel: by `channel_data`, or without it by its sign-in."""
        settings, data = app.settings, command.channel_data
        if data is not None:
            size, member = size_of(data), pusher.member(data)
        elif self._user is not None:
            user = self._user.user
            size, member = len(user.info), Member(user.id, user.info)
        else:
            raise CHANNEL_DATA_MISSING(channel=command.channel)
        if size > settings.max_presence_member_bytes:
            raise MEMBER_TOO_LARGE(limit=settings.max_presence_member_bytes)
        if len(member.user_id) > settings.max_presence_user_id_length:
            raise CHANNEL_DATA_INVALID(
                problem=f"user_id of more than {settings.max_presence_user_id_length} characters"
            )
        return present(member.user_id, member.info)

    async def _unsubscribe(self, channel: str) -> None:
        if channel not in self._subscriptions:
            raise NOT_SUBSCRIBED(channel=channel[:SHOWN])
        user_id = self._subscriptions.pop(channel)
        if user_id is not None or self._application.settings.subscription_counts:
            await self._settle(channel)
        app = self._application
        await self._doors.node.leave(
            app.id, channel, self._client, user_id, is_counted=app.settings.subscription_counts
        )
        self._see(Seen.UNSUBSCRIBED, channel)

    async def _sign_in(self, command: SignIn) -> None:
        app = self._application
        settings = app.settings
        _check_auth(app, command.auth, user_text(self.socket_id, command.user_data))
        user = pusher.user(command.user_data)
        if len(user.id) > settings.max_user_id_length:
            raise USER_DATA_INVALID(problem=f"id of more than {settings.max_user_id_length} characters")
        if self._user is not None and user.id != self._user.user.id:
            raise SIGNED_IN_ALREADY()
        if self._deadline is not None:
            await self._authorize()
        if self._user is None:
            signed_in = SignedIn(self._doors.node.online, app, user, self._client)
            await signed_in.begin()
            self._user = signed_in
        self._user.user = user
        self._reply(SignInSucceeded(command.user_data))
        self._see(
            Seen.SIGN_IN,
            "",
            lambda: sight(Seen.SIGN_IN, socket_id=self.socket_id, user_id=user.id, data=command.user_data),
        )
        # What the settings are now: they may have changed while the sign-in waited.
        settings = self._application.settings
        count = await self._user.watch(self._application)
        if settings.watchlists and count < len(user.watchlist):
            names = ", ".join(user.watchlist[:count])
            raise WATCHLIST_TOO_LONG(count=len(user.watchlist), limit=settings.max_watchlist, watched=names)

    def _client_event(self, command: ClientEvent) -> Awaitable[None]:
        app, channel = self._application, command.channel
        settings = app.settings
        if not settings.client_events:
            raise CLIENT_EVENT_OFF()
        if not kind_of(channel).takes_client_events:
            raise CLIENT_EVENT_CHANNEL()
        if channel not in self._subscriptions:
            raise CLIENT_EVENT_OUTSIDE(channel=channel[:SHOWN])
        if len(command.name) > settings.max_event_name_length:
            raise EVENT_NAME_TOO_LONG(length=len(command.name), limit=settings.max_event_name_length)
        if size_of(command.data) > settings.max_event_bytes:
            raise DATA_TOO_LARGE(limit=settings.max_event_bytes)
        self._check_rate()
        # The sender's id comes from its subscription, never from its frame.
        event = Event(channel, command.name, command.data, self._subscriptions[channel])
        return self._doors.node.relay(app.id, event, self._client, self.socket_id)


def _asked(command: Command | None) -> str:
    """Tell in a word what a client asked for."""
    match command:
        case Subscribe():
            return "subscribe"
        case Unsubscribe():
            return "unsubscribe"
        case SignIn():
            return "sign in"
        case ClientEvent():
            return command.data[:SHOWN]
    return ""


def _check_auth(app: Application, auth: str, signed: str) -> None:
    """Check `KEY:SIGNATURE` by the application's secret. Raises AUTH_FORMAT, AUTH_KEY or AUTH_SIGNATURE."""
    key, colon, signature = auth.partition(":")
    if not colon:
        raise AUTH_FORMAT()
    secret = app.secret_of(key)
    if secret is None:
        raise AUTH_KEY(key=key[:SHOWN])
    if not is_signature(secret, signed, signature):
        raise AUTH_SIGNATURE(signed=signed[:SHOWN], signature=signature[:SHOWN])
