"""One Phoenix client: its joins and pushes become calls on the node, its refusals become error replies.

Knows: who may connect, join and push what, by the token it came with. Does not know sockets, nor how messages are
written down.
"""

import asyncio
import base64
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Raw

from hubbub.accounts.domain import Grant
from hubbub.apps import Application
from hubbub.channels import USER_PREFIX, Kind, check_name, kind_of
from hubbub.errors import (
    CONNECT_PARAMETER,
    DATA_TOO_LARGE,
    DIRECT_INVALID,
    EVENT_NAME_EMPTY,
    EVENT_NAME_TOO_LONG,
    PAYLOAD_INVALID,
    PRESENCE_FULL,
    PUSH_ENCRYPTED,
    PUSH_FORBIDDEN,
    PUSH_RESERVED,
    TOO_MANY_SUBSCRIPTIONS,
    TOPIC_OTHER_USER,
    TOPIC_OUTSIDE,
    TOPIC_UNMATCHED,
    Refusal,
)
from hubbub.hub.connection import Wire
from hubbub.logs import named
from hubbub.messages import Event, Member
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import Encoding, Message
from hubbub.session.doors import SHOWN, Client, Doors, Line, Opening
from hubbub.session.seat import Seat
from hubbub.session.session import Session, present, size_of
from hubbub.taps.sights import Kind as Seen

logger = named("hubbub.session")

DIRECT: Final = "direct"
"""The push that goes to one user."""

_OK: Final = Raw(b"{}")

_OBJECT_NAMES: Final = {
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
    "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
}  # fmt: skip
"""What every JavaScript object has: as a user id it breaks the `Presence` of phoenix.js before 1.8, for everyone."""


class Ticket(msgspec.Struct, frozen=True):
    """What a client was let in with: the application, how it came, what it may do, and who it is."""

    app: Application
    opening: Opening
    grant: Grant
    uid: str


async def admit(doors: Doors, opening: Opening, line: Line) -> Ticket:
    """Give what the client may come in with, or raise why it may not come; `line` is what its connection is.

    To be used in the same turn of the loop: what was checked may have changed in the next.
    """
    try:
        return await _admit(doors, opening)
    except Refusal as refusal:
        doors.turned_away(opening, refusal, line)
        raise


async def _admit(doors: Doors, opening: Opening) -> Ticket:
    query = opening.query
    phoenix.version(query.get("vsn"))  # before anything is asked of anybody
    if not opening.key:
        raise CONNECT_PARAMETER(name="app_key")
    jwt = query.get("guardian_token") or opening.token
    if not jwt or doors.grants is None:
        raise CONNECT_PARAMETER(name="guardian_token")
    while True:
        seen = doors.reviews
        app = await doors.application(opening)
        if (vacancy := doors.quota.room(app)) is not None:
            await vacancy
            continue
        grant = doors.known.get(jwt, app.id)
        if grant is not None:
            break
        async with doors.admissions.place():
            # In a task of its own, whoever asks: waiting for a connection to the database has a timeout, which needs
            # one.
            grant = await asyncio.ensure_future(doors.grants.admit(jwt, app))
        if doors.reviews == seen:
            doors.known.put(jwt, app.id, grant)
            doors.check(app, opening)
            if (vacancy := doors.quota.room(app)) is None:
                break
            await vacancy
    uid = query.get("unique_identifier") or grant.uid or ""
    if not uid or (grant.uid is not None and uid != grant.uid):
        raise CONNECT_PARAMETER(name="unique_identifier")
    if uid in _OBJECT_NAMES:
        raise CONNECT_PARAMETER(name="unique_identifier")
    try:
        check_name(USER_PREFIX + uid, app.settings.max_presence_user_id_length)
    except Refusal:
        raise CONNECT_PARAMETER(name="unique_identifier") from None
    return Ticket(app, opening, grant, uid)


class _Direct(msgspec.Struct):
    uid: str
    event: str
    payload: dict[str, Raw] = {}


_direct_decoder = msgspec.json.Decoder(_Direct)
_encode = msgspec.json.Encoder().encode


class PhoenixSession(Session):
    """One Phoenix client, which has been admitted."""

    __slots__ = ("_encoding", "_seats", "_uid")

    takes_binary = True
    is_pinged = False  # clients send heartbeats of their own

    def __init__(self, doors: Doors, client: Client, encoding: Encoding, ticket: Ticket) -> None:
        super().__init__(doors, client)
        self._encoding = encoding
        self._uid = ticket.uid
        self._seats: dict[str, Seat] = {}
        self.grant = ticket.grant
        self._enter(ticket.app, ticket.opening, "phoenix")

    # Messages

    def _understand(self, message: str | bytes) -> Coroutine[Any, Any, None] | None:
        try:
            said = phoenix.decode(self._encoding.version, message)
        except Refusal as refusal:
            # There is no ref to answer to: Phoenix gives up such a socket too.
            self._refuse(refusal)
            return None
        if said.topic == phoenix.HEARTBEATS and said.event == "heartbeat":
            self._reply(said)
            return None
        return self._do(said)

    async def _do(self, said: Message) -> None:
        try:
            match said.event:
                case "phx_join":
                    await self._join(said)
                case "phx_leave":
                    await self._leave(said)
                case _:
                    await self._push(said)
        except Refusal as refusal:
            channel = seat.channel if (seat := self._seats.get(said.topic)) is not None else said.topic
            self.refused(refusal, channel=channel[:SHOWN], event=said.event[:SHOWN])
            self._client.write(phoenix.reply(self._encoding, said, "error", {"reason": refusal.message}))

    @property
    def channels(self) -> Sequence[str]:
        """What it is subscribed to."""
        return tuple({seat.channel: None for seat in self._seats.values()})

    @property
    def users(self) -> tuple[str, ...]:
        """Who it is."""
        return (self._uid,)

    def _reply(self, to: Message) -> None:
        self._client.write(phoenix.reply(self._encoding, to, "ok", _OK))

    def _tell(self, refusal: Refusal) -> None:
        """Nothing: its clients know the close code, if anything."""

    # Joining and leaving

    async def _join(self, said: Message) -> None:
        app, topic = self._application, said.topic
        join_ref = said.ref if said.join_ref is None else said.join_ref
        channel = phoenix.channel_of(topic, self.key)
        self._check_topic(topic, channel)
        if topic in self._seats:
            # The client has joined anew, and may not know that it is there still.
            await self._settle(channel)
            await self._vacate(topic)
        limit = app.settings.max_subscriptions
        if limit and len(self._seats) >= limit:
            raise TOO_MANY_SUBSCRIPTIONS(limit=limit)
        seat = Seat(self._client, self._wire(is_long=topic != phoenix.topic_of(channel, self.key)), channel, join_ref)
        await self._sit(seat, said)
        self._seats[topic] = seat
        self._see(Seen.SUBSCRIBED, channel)

    def _check_topic(self, topic: str, channel: str) -> None:
        check_name(channel, self._application.settings.max_channel_name_length)
        if kind_of(channel) is Kind.USER:
            if channel.removeprefix(USER_PREFIX) != self._uid:
                raise TOPIC_OTHER_USER()
            if self.grant is not None and self.grant.uid == self._uid:
                return
        if self.grant is None or not self.grant.covers(channel):
            raise TOPIC_OUTSIDE(topic=topic[:SHOWN])

    async def _sit(self, seat: Seat, said: Message) -> None:
        """Join the channel as a member or, where there are as many as it tells of, without being one."""
        app, node = self._application, self._doors.node
        is_presence = kind_of(seat.channel) is Kind.PRESENCE
        is_counted = app.settings.subscription_counts
        limit = app.settings.max_presence_members if is_presence else app.settings.max_topic_members

        def welcome(members: dict[str, Member]) -> None:
            self._reply(said)
            self._client.write(phoenix.presence_state(self._encoding, said.topic, seat.join_ref, members))

        try:
            await node.join(
                app.id, seat.channel, seat, present(self._uid), limit, welcome=welcome, is_counted=is_counted
            )
        except Refusal as refusal:
            if is_presence or refusal.reason is not PRESENCE_FULL:
                raise
            await node.join(app.id, seat.channel, seat, None, 0, welcome=welcome, is_counted=is_counted)
        else:
            seat.user_id = self._uid

    def _wire(self, *, is_long: bool) -> Wire:
        """Give the wire of all who joined as this client did: facts are written once for all of them."""
        shared = (self._encoding, self.key, is_long)
        wire = self._doors.wires.get(shared)
        if wire is None:
            encoding, key = self._encoding, self.key
            wire = Wire("phoenix", partial(phoenix.pack, encoding, key, is_long=is_long))
            self._doors.wires[shared] = wire
        return wire

    async def _leave(self, said: Message) -> None:
        seat = self._seats.get(said.topic)
        if seat is None:
            self._reply(said)
            return
        if said.join_ref is not None and said.join_ref != seat.join_ref:
            return  # the leave of an earlier join, which has ended
        await self._settle(seat.channel)
        await self._vacate(said.topic, said)

    async def _vacate(self, topic: str, said: Message | None = None) -> None:
        """End a join, in answer to `said` if that asks for it."""
        seat = self._seats.pop(topic)
        app = self._application
        await self._doors.node.leave(
            app.id, seat.channel, seat, seat.user_id, is_counted=app.settings.subscription_counts
        )
        self._see(Seen.UNSUBSCRIBED, seat.channel)
        if said is not None:
            self._reply(said)
        self._client.write(phoenix.close(self._encoding, topic, seat.join_ref))

    async def _leave_channels(self, app: Application) -> None:
        for seat in self._seats.values():
            try:
                await self._doors.node.leave(
                    app.id, seat.channel, seat, seat.user_id, is_counted=app.settings.subscription_counts
                )
            except Exception:
                logger.exception("A client could not leave a channel", app_id=app.id, channel=seat.channel)
        self._seats = {}

    # Pushing

    async def _push(self, said: Message) -> None:
        app = self._application
        seat = self._seats.get(said.topic)
        if seat is None:
            raise TOPIC_UNMATCHED()
        if self.grant is None or not self.grant.may_send:
            raise PUSH_FORBIDDEN()
        event = self._direct(said.payload) if said.event == DIRECT else self._event(seat.channel, said)
        self._check_event(event)
        self._check_rate()
        await self._doors.node.relay(app.id, event, self._client, self.socket_id, to_sender=True)
        self._reply(said)

    def _event(self, channel: str, said: Message) -> Event:
        if kind_of(channel) is Kind.ENCRYPTED:
            raise PUSH_ENCRYPTED()
        user_id = self._uid if kind_of(channel) is Kind.PRESENCE else None
        if isinstance(said.payload, bytes):
            return Event(channel, said.event, base64.b64encode(said.payload).decode(), user_id, is_binary=True)
        text = bytes(said.payload).decode()
        if not text.lstrip().startswith("{"):
            raise PAYLOAD_INVALID()
        return Event(channel, said.event, text, user_id)

    def _direct(self, payload: Raw | bytes) -> Event:
        if isinstance(payload, bytes):
            raise DIRECT_INVALID(problem="it must be a JSON object")
        try:
            asked = _direct_decoder.decode(payload)
        except msgspec.ValidationError as error:
            raise DIRECT_INVALID(problem=str(error)) from None
        except RecursionError:  # here the stack is a few calls deeper than where the message was read
            raise DIRECT_INVALID(problem="nested too deeply") from None
        channel = USER_PREFIX + asked.uid
        try:
            check_name(channel, self._application.settings.max_presence_user_id_length)
        except Refusal:
            raise DIRECT_INVALID(problem="no user can have this uid") from None
        if self.grant is None or not self.grant.covers(channel):
            raise TOPIC_OUTSIDE(topic=phoenix.topic_of(channel, self.key)[:SHOWN])
        # Whoever it claims to be from, it is from this socket's user.
        told = asked.payload | {"from_uid": Raw(_encode(self._uid))}
        return Event(channel, asked.event, _encode(told).decode())

    def _check_event(self, event: Event) -> None:
        settings = self._application.settings
        if not event.name:
            raise EVENT_NAME_EMPTY()
        if len(event.name) > settings.max_event_name_length:
            raise EVENT_NAME_TOO_LONG(length=len(event.name), limit=settings.max_event_name_length)
        if phoenix.is_reserved(event.name) or event.name == DIRECT:
            raise PUSH_RESERVED(event=event.name)
        if size_of(event.data) > settings.max_event_bytes:
            raise DATA_TOO_LARGE(limit=settings.max_event_bytes)
