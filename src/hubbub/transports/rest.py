"""Pusher's HTTP API: what is asked for, and what is answered.

Knows the routes and the shapes of answers. Does not know sockets; `http1` brings the request and takes the response.
Every refusal is Pusher's text with its status.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import unquote

import msgspec

from hubbub.apps import Application, Apps
from hubbub.channels import Kind, check_name, is_cache, kind_of
from hubbub.eager import DONE
from hubbub.errors import (
    APP_DISABLED,
    ATTRIBUTE_UNKNOWN,
    CACHE_ELSEWHERE,
    METHOD,
    NOT_FOUND,
    OTHER_APP,
    PARAMETER_MISSING,
    SUBSCRIPTION_COUNT_OFF,
    UNKNOWN_KEY,
    USER_COUNT_ELSEWHERE,
    USER_COUNT_WITHOUT_PREFIX,
    USER_ID_INVALID,
    USERS_ELSEWHERE,
    Refusal,
)
from hubbub.messages import Event
from hubbub.native import sealed
from hubbub.native.pure import Sealed
from hubbub.node.node import Node
from hubbub.tally import Tally
from hubbub.taps.incident import Particulars, Sort
from hubbub.taps.taps import Taps
from hubbub.transports.budget import Budget
from hubbub.transports.request import (
    NO_PARAMETERS,
    NOBODY,
    Caller,
    Parameters,
    Request,
    is_sealed,
    parameters,
    verify,
)
from hubbub.transports.response import ACCEPTED, EMPTY, Response, refused
from hubbub.transports.trigger import batch, raw_trigger, trigger
from hubbub.triggers import Trigger, attributes

_encode = msgspec.json.Encoder().encode

_PRESENCE = "presence-"
_SHOWN = 512
"""Characters of each thing that is noted of a refused request."""

Counts = dict[str, int]

Checkup = Callable[[Application], Awaitable[Mapping[str, object]]]
"""What tells an application how it stands."""


class Rest:
    """Answers requests under `/apps/`, and Python's without it. `clock` gives unix seconds.

    `checkup` tells how an application stands: without it, `/apps/ID/status` is not there.
    """

    def __init__(
        self,
        apps: Apps,
        node: Node,
        clock: Callable[[], float] = time.time,
        tally: Tally | None = None,
        taps: Taps | None = None,
        checkup: Checkup | None = None,
    ) -> None:
        self._apps = apps
        self._checkup = checkup
        self._node = node
        self._taps = taps if taps is not None else Taps()
        self._tally = tally if tally is not None else Tally()
        self.budget = Budget(node)
        """What applications may still publish in this second."""
        self._clock = clock

    async def answer(self, request: Request, caller: Callable[[], Caller] = lambda: NOBODY) -> Response:
        """Do what is asked, or give the refusal as a response. Never raises one. `caller` tells who asks."""
        try:
            if request.method == b"POST" and (seal := sealed(request.target)) is not None:
                app = self._apps.known(seal[3])
                if app is not None and self._takes(app, seal, request.body):
                    if seal[1]:
                        return await self._publish_batch(app, batch(request.body, app.settings))
                    return await self.publish(app, trigger(request.body, NO_PARAMETERS, app.settings))
            return await self._route(request, caller)
        except Refusal as refusal:
            app_id = self._app_of(request)
            self._tally.refused(app_id, refusal)
            self._taps.refused(app_id, refusal, Sort.API, lambda: _particulars(request, caller().particulars))
            return refused(refusal)

    def _takes(self, app: Application, seal: Sealed, body: bytes) -> bool:
        """Tell whether there is nothing to be said about a publish; if there is, the long way knows the words."""
        app_id, key = seal[0], seal[3]
        secret = app.secret_of(key)
        return (
            app_id in (app.id, app.alias)
            and secret is not None
            and app.settings.enabled
            and is_sealed(seal, body, secret, self._clock())
        )

    def _app_of(self, request: Request) -> str:
        """Give the id of the application that a refused request named by its key, if there is such."""
        app = self._apps.known(parameters(request).get("auth_key") or "")
        return app.id if app is not None else ""

    async def _route(self, request: Request, caller: Callable[[], Caller]) -> Response:
        match request.path.split("/")[1:]:
            case ["apps", app_id, "events"]:
                app, query = await self._admit(request, app_id, b"POST")
                return await self.publish(app, trigger(request.body, query, app.settings))
            case ["apps", app_id, "batch_events"]:
                app, _ = await self._admit(request, app_id, b"POST")
                return await self._publish_batch(app, batch(request.body, app.settings))
            case ["apps", app_id, "channels"]:
                app, query = await self._admit(request, app_id, b"GET")
                return await self._channels(app, query)
            case ["apps", app_id, "channels", name]:
                app, query = await self._admit(request, app_id, b"GET")
                return await self._channel(app, _name(name, app), attributes(query.get("info")))
            case ["apps", app_id, "channels", name, "users"]:
                app, query = await self._admit(request, app_id, b"GET")
                return await self._users(app, _name(name, app))
            case ["apps", app_id, "users", user_id, "terminate_connections"]:
                app, _ = await self._admit(request, app_id, b"POST")
                return await self._terminate(app, unquote(user_id))
            case ["users", user_id, "terminate_connections"]:
                # Pusher's Python library, 3.3.4, leaves out whose user it is: the key tells.
                app, _ = await self._admit(request, None, b"POST")
                return await self._terminate(app, unquote(user_id))
            case ["apps", app_id, "channels", name, "events"]:
                app, query = await self._admit(request, app_id, b"POST")
                await self.publish(app, raw_trigger(_name(name, app), request.body, query, app.settings))
                return ACCEPTED
            case ["apps", app_id, "channels", name, "stats"]:
                app, _ = await self._admit(request, app_id, b"GET")
                return await self._stats(app, _name(name, app))
            case ["apps", app_id, "status"] if self._checkup is not None:
                app, _ = await self._admit(request, app_id, b"GET")
                told = await self._checkup(app)
                return Response(200, _encode({**told, "seen": _seen(caller())}))
        raise NOT_FOUND()

    async def _admit(self, request: Request, app_id: str | None, method: bytes) -> tuple[Application, Parameters]:
        """Give the application that signed the request, and its parameters; raise 401, 403 or 405 otherwise.

        It must be the one with `app_id`, as the path has it, unless that is None.
        """
        if request.method != method:
            raise METHOD(method=request.method.decode("latin-1"), allow=method.decode())
        given = parameters(request)
        key = given.get("auth_key")
        if not key:
            raise PARAMETER_MISSING(name="auth_key")
        app = await self._apps.by_key(key)
        if app is None:
            raise UNKNOWN_KEY(key=key[:512])
        if app_id is not None and {app.id, app.alias}.isdisjoint((app_id, unquote(app_id))):
            raise OTHER_APP()
        query = verify(request, given, app, key, self._clock())
        if not app.settings.enabled:
            raise APP_DISABLED()
        if method == b"GET":
            self._node.hub.meter(app.id).queries += 1
        return app, query

    # Publishing

    async def publish(self, app: Application, asked: Trigger) -> Response:
        """Publish what was found to be in order. Raises EVENT_RATE, STORE_UNAVAILABLE."""
        if (spent := self.budget.spend(app)) is not DONE:
            await spent
        if len(asked.channels) == 1:
            await self._send(app, Event(asked.channels[0], asked.name, asked.data), asked.exclude)
        else:
            await self._send_all(
                self._send(app, Event(channel, asked.name, asked.data), asked.exclude) for channel in asked.channels
            )
        if not asked.info:
            return EMPTY
        channels = list(asked.channels)
        counts = await self._counts(app, channels, asked.info)
        return Response(200, _encode({"channels": dict(zip(channels, counts, strict=True))}))

    async def _publish_batch(self, app: Application, asked: list[Trigger]) -> Response:
        if (spent := self.budget.spend(app, len(asked))) is not DONE:
            await spent
        await self._send_all(self._send(app, Event(one.channels[0], one.name, one.data), one.exclude) for one in asked)
        if not any(one.info for one in asked):
            return EMPTY
        told = [(await self._counts(app, [one.channels[0]], one.info))[0] for one in asked]
        return Response(200, _encode({"batch": told}))

    def _send(self, app: Application, event: Event, exclude: str | None) -> Awaitable[None]:
        settings = app.settings
        return self._node.publish(
            app.id, event, exclude, keep=settings.cache_ttl, most_kept=settings.max_cached_channels
        )

    async def _send_all(self, events: Iterable[Awaitable[None]]) -> None:
        """Wait for several at once: on a network one after the other would take each a round trip."""
        if self._node.is_alone:
            for sent in events:
                await sent
        else:
            await asyncio.gather(*events)

    async def _counts(self, app: Application, channels: list[str], info: frozenset[str]) -> list[Counts]:
        """Give of each channel the counts asked for that fit it; the others are left out."""
        found: dict[str, Counts] = {channel: {} for channel in channels}
        if "user_count" in info:
            present = [channel for channel in found if kind_of(channel) is Kind.PRESENCE]
            for channel, count in zip(present, await self._node.user_counts(app.id, present), strict=True):
                found[channel]["user_count"] = count
        if "subscription_count" in info and app.settings.subscription_counts:
            everyone = list(found)
            counts = await self._node.subscription_counts(app.id, everyone)
            for channel, count in zip(everyone, counts, strict=True):
                found[channel]["subscription_count"] = count
        return [found[channel] for channel in channels]

    # Asking

    async def _channels(self, app: Application, query: Parameters) -> Response:
        prefix = query.get("filter_by_prefix") or ""
        info = attributes(query.get("info"))
        if "user_count" in info and not prefix.startswith(_PRESENCE):
            raise USER_COUNT_WITHOUT_PREFIX()
        _check_attributes(info, app)
        names = await self._node.channels(app.id, prefix)
        found = dict(zip(names, await self._counts(app, names, info), strict=True))
        return Response(200, _encode({"channels": found}))

    async def _channel(self, app: Application, channel: str, info: frozenset[str]) -> Response:
        if "user_count" in info and kind_of(channel) is not Kind.PRESENCE:
            raise USER_COUNT_ELSEWHERE()
        if "cache" in info and not is_cache(channel):
            raise CACHE_ELSEWHERE()
        _check_attributes(info - {"cache"}, app)
        told: dict[str, object] = {"occupied": await self._node.is_occupied(app.id, channel)}
        told |= (await self._counts(app, [channel], info))[0]
        if "cache" in info:
            kept = await self._node.recall(app.id, channel)
            told["cache"] = None if kept is None else {"data": kept.event.data, "ttl": kept.seconds}
        return Response(200, _encode(told))

    async def _stats(self, app: Application, channel: str) -> Response:
        count = await self._node.subscription_count(app.id, channel)
        told: dict[str, object] = {"occupied": count > 0}
        if kind_of(channel) is Kind.PRESENCE:
            told["user_count"] = (await self._node.user_counts(app.id, [channel]))[0]
        return Response(200, _encode(told | {"connection_count": count}))

    async def _users(self, app: Application, channel: str) -> Response:
        if kind_of(channel) is not Kind.PRESENCE:
            raise USERS_ELSEWHERE()
        users = await self._node.users(app.id, channel)
        return Response(200, _encode({"users": [{"id": user_id} for user_id in users]}))

    # Users

    async def _terminate(self, app: Application, user_id: str) -> Response:
        if not 0 < len(user_id) <= app.settings.max_user_id_length:
            raise USER_ID_INVALID(user_id=user_id[:256])
        await self._node.online.terminate(app.id, user_id)
        return EMPTY


def _seen(caller: Caller) -> dict[str, object]:
    """Tell a caller what of its connection got through, proxies included."""
    return {
        "address": caller.address,
        "secure": caller.is_secure,
        "forwarded_for": caller.forwarded_for,
        "forwarded_proto": caller.forwarded_proto,
    }


def _name(escaped: str, app: Application) -> str:
    """Read a channel's name in the path. Raises 400 for one that cannot be."""
    name = unquote(escaped)
    check_name(name, app.settings.max_channel_name_length)
    return name


class _Sent(msgspec.Struct):
    """What the body of a publish names."""

    name: str = ""
    channel: str = ""
    channels: list[str] = []


_sent_decoder = msgspec.json.Decoder(_Sent)


def _particulars(request: Request, caller: Particulars) -> Particulars:
    """Add to who asks what a refused request names, as far as it can be read."""
    try:
        sent = _sent_decoder.decode(request.body) if request.body else _Sent()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        sent = _Sent()
    parts = request.path.split("/")
    in_path = unquote(parts[4]) if len(parts) > 4 and parts[3] == "channels" else ""
    return msgspec.structs.replace(
        caller,
        channel=(sent.channel or ", ".join(sent.channels[:10]) or in_path)[:_SHOWN],
        event=sent.name[:_SHOWN],
        asked=f"{request.method.decode('latin-1')} {request.path[:_SHOWN]}",
    )


def _check_attributes(info: frozenset[str], app: Application) -> None:
    """Refuse what is asked for in vain."""
    if "subscription_count" in info and not app.settings.subscription_counts:
        raise SUBSCRIPTION_COUNT_OFF()
    for attribute in sorted(info - {"user_count", "subscription_count"}):
        raise ATTRIBUTE_UNKNOWN(attribute=attribute[:256])
