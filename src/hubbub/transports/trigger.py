"""What an application asks to publish: the bodies of `/events` and `/batch_events`, read and checked.

Knows shapes, and Pusher's words for what is wrong with them; what may be in them `triggers` knows. Publishes nothing: a
request is either wholly acceptable or wholly refused.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw

from hubbub.errors import BATCH_TOO_LARGE, BODY_INVALID, DATA_NOT_TEXT, REQUIRED, WRONG_TYPE, Refusal
from hubbub.settings import AppSettings
from hubbub.transports.request import NO_PARAMETERS, Parameters
from hubbub.triggers import Trigger, checked


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
        return checked(usual, usual.data, settings)
    given = _read(body, _body_decoder) if body else _Body()
    if given.channels is None and given.channel is None:
        given.channels, given.channel = query.list("channels"), query.get("channel")
    given.name = query.get("name") if given.name is None else given.name
    given.socket_id = query.get("socket_id") if given.socket_id is None else given.socket_id
    given.info = query.get("info") if given.info is None else given.info
    data = _text(given.data)
    return checked(given, query.get("data") if data is None else data, settings)


def raw_trigger(channel: str, body: bytes, query: Parameters, settings: AppSettings) -> Trigger:
    """Read the body of the old `POST /channels/NAME/events`, which is the data itself. Raises the 400 or 413."""
    try:
        data = body.decode()
    except UnicodeDecodeError:
        raise DATA_NOT_TEXT() from None
    return checked(_Body(name=query.get("name"), channel=channel, socket_id=query.get("socket_id")), data, settings)


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
        checked(event, event.data if isinstance(event.data, str) else _text(event.data), settings) for event in events
    ]


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
