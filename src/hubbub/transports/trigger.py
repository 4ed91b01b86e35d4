"""What an application asks to publish: the bodies of `/events` and `/batch_events`, read and checked.

Knows shapes, limits and Pusher's words for what is wrong with them. Publishes nothing: a request is either wholly
acceptable or wholly refused.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw

from hubbub.channels import check_name
from hubbub.errors import (
    BATCH_TOO_LARGE,
    BODY_INVALID,
    DATA_NOT_TEXT,
    DATA_TOO_LARGE,
    EVENT_NAME_EMPTY,
    EVENT_NAME_RESERVED,
    EVENT_NAME_TOO_LONG,
    REQUIRED,
    SOCKET_ID_INVALID,
    TOO_MANY_CHANNELS,
    WRONG_TYPE,
    Refusal,
)
from hubbub.settings import AppSettings
from hubbub.transports.request import NO_PARAMETERS, Parameters

_SOCKET_ID: Final = re.compile(r"\d+\.\d+", re.ASCII)
_SHOWN: Final = 256


class Trigger(msgspec.Struct, frozen=True):
    """One event for one or more channels; `exclude` is the socket that shall not get it, `info` what to answer."""

    name: str
    data: str
    channels: tuple[str, ...]
    exclude: str | None
    info: frozenset[str]


class _Body(msgspec.Struct):
    name: str | None = None
    data: Raw = Raw(b"null")
    channels: list[str] | None = None
    channel: str | None = None
    socket_id: str | None = None
    info: str | None = None


class _Batch(msgspec.Struct):
    batch: list[_Body] | None = None


class _Usual(msgspec.Struct):
    """What libraries send: all that must be there is, and the data is text."""

    name: str
    data: str
    channels: list[str] | None = None
    channel: str | None = None
    socket_id: str | None = None
    info: str | None = None


class _UsualBatch(msgspec.Struct):
    batch: list[_Usual]


_usual_decoder = msgspec.json.Decoder(_Usual)
_usual_batch_decoder = msgspec.json.Decoder(_UsualBatch)
_body_decoder = msgspec.json.Decoder(_Body)
_batch_decoder = msgspec.json.Decoder(_Batch)
_data_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

T = TypeVar("T")


def trigger(body: bytes, query: Parameters, settings: AppSettings) -> Trigger:
    """Read the body of `POST /events`; what it leaves out may stand in the query. Raises the 400 or 413 that fits."""
    usual: _Usual | None
    try:
        usual = _usual_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        usual = None  # right or wrong, but not as usual
    if usual is not None and (usual.channels or usual.channel is not None):
        if query is not NO_PARAMETERS:
            usual.socket_id = query.get("socket_id") if usual.socket_id is None else usual.socket_id
            usual.info = query.get("info") if usual.info is None else usual.info
        return _checked(usual, usual.data, settings)
    given = _read(body, _body_decoder) if body else _Body()
    if given.channels is None and given.channel is None:
        given.channels, given.channel = query.list("channels"), query.get("channel")
    given.name = query.get("name") if given.name is None else given.name
    given.socket_id = query.get("socket_id") if given.socket_id is None else given.socket_id
    given.info = query.get("info") if given.info is None else given.info
    data = _text(given.data)
    return _checked(given, query.get("data") if data is None else data, settings)


def raw_trigger(channel: str, body: bytes, query: Parameters, settings: AppSettings) -> Trigger:
    """Read the body of the old `POST /channels/NAME/events`, which is the data itself. Raises the 400 or 413."""
    try:
        data = body.decode()
    except UnicodeDecodeError:
        raise DATA_NOT_TEXT() from None
    return _checked(_Body(name=query.get("name"), channel=channel, socket_id=query.get("socket_id")), data, settings)


def batch(body: bytes, settings: AppSettings) -> list[Trigger]:
    """Read the body of `POST /batch_events`. Raises the 400 or 413 that fits the first event at fault."""
    usual = _usual(body, _usual_batch_decoder)
    events: Sequence[_Body | _Usual] | None = usual.batch if usual is not None else _read(body, _batch_decoder).batch
    if events is None:
        raise REQUIRED(name="batch")
    if len(events) > settings.max_batch_events:
        raise BATCH_TOO_LARGE(count=len(events), limit=settings.max_batch_events)
    for event in events:
        if event.channel is None:
            raise REQUIRED(name="channel")
        event.channels = None
    return [
        _checked(event, event.data if isinstance(event.data, str) else _text(event.data), settings) for event in events
    ]


def attributes(info: str | None) -> frozenset[str]:
    """Read the `info` parameter, names with commas between."""
    return frozenset(filter(None, map(str.strip, info.split(",")))) if info else frozenset()


def _checked(given: _Body | _Usual, data: str | None, settings: AppSettings) -> Trigger:
    name = given.name
    if name is None:
        raise REQUIRED(name="name")
    if data is None:
        raise REQUIRED(name="data")
    if given.channels is not None:
        channels = tuple(given.channels if len(given.channels) == 1 else dict.fromkeys(given.channels))
    elif given.channel is not None:
        channels = (given.channel,)
    else:
        channels = ()
    if not channels:
        raise REQUIRED(name="channel")
    if len(channels) > settings.max_channels_per_event:
        raise TOO_MANY_CHANNELS(count=len(channels), limit=settings.max_channels_per_event)
    for channel in channels:
        check_name(channel, settings.max_channel_name_length)
    if not name:
        raise EVENT_NAME_EMPTY()
    if len(name) > settings.max_event_name_length:
        raise EVENT_NAME_TOO_LONG(length=len(name), limit=settings.max_event_name_length)
    if name.startswith(("pusher:", "pusher_internal:")):
        raise EVENT_NAME_RESERVED(event=name)
    if len(data) > settings.max_event_bytes or (not data.isascii() and len(data.encode()) > settings.max_event_bytes):
        raise DATA_TOO_LARGE(limit=settings.max_event_bytes)
    if given.socket_id is not None and _SOCKET_ID.fullmatch(given.socket_id) is None:
        raise SOCKET_ID_INVALID(socket_id=given.socket_id[:_SHOWN])
    return Trigger(name, data, channels, given.socket_id, attributes(given.info))


def _text(raw: Raw) -> str | None:
    """Give data as the text to pass on: a string's content, and what is no string as the JSON text it came as.

    Libraries send strings; people with curl send objects.
    """
    if bytes(raw) == b"null":
        return None
    try:
        value = _data_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _unreadable(error) from None
    return value if isinstance(value, str) else bytes(raw).decode()


def _usual(body: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Read what is as usual; None for anything else, which may be right or wrong."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _read(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _misshapen(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _unreadable(error) from None


_TYPES: Final = {"channels": "a list of strings", "batch": "a list of events"}


def _misshapen(problem: str) -> Refusal:
    """Put msgspec's "Expected `str | null`, got `int` - at `$.name`" into Pusher's words."""
    field = re.search(r"`\$.*?\.?(\w+)(?:\[[^]]*\])*`$", problem)
    if field is None:
        return BODY_INVALID(problem=problem)
    return WRONG_TYPE(name=field[1], type=_TYPES.get(field[1], "a string"))


def _unreadable(error: Exception) -> Refusal:
    return BODY_INVALID(problem="nested too deeply" if isinstance(error, RecursionError) else str(error))
