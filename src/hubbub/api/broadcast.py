"""A broadcast as the API's parameters ask for it, read and checked.

Knows ExPusherLite's rules for the parameters, and the limits of an application. Publishes nothing.
"""

from typing import Any, Final

import msgspec

from hubbub.accounts.fields import BLANK, Fields
from hubbub.channels import USER_PREFIX, check_name
from hubbub.errors import Refusal
from hubbub.messages import Event
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import GENERAL
from hubbub.settings import AppSettings

ROUTING: Final = frozenset({"topic", "uid", "direct", "payload"})
"""Parameters that say where an event goes, and are no part of it."""

_DEEP: Final = "is nested too deeply"
_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder()


def event(name: str, given: dict[str, Any], settings: AppSettings) -> Event:
    """Give the event to publish. `given` are all parameters of the request. Raises INVALID with every fault."""
    with Fields() as fields:
        _check_event_name(fields, name, settings)
        is_direct = fields.flag("direct", given.get("direct", False))
        where = _direct(fields, given.get("uid"), settings) if is_direct else topic(fields, given, settings)
        data = _data(fields, given, settings)
    return Event(where, name, data)


def topic(fields: Fields, given: dict[str, Any], settings: AppSettings) -> str:
    """Give the channel of the parameter `topic`, noting what is wrong with it."""
    name = given.get("topic", GENERAL)
    if isinstance(name, str):
        return _checked(fields, "topic", name, settings)
    fields.fault("topic", "must be text")
    return GENERAL


def _direct(fields: Fields, uid: object, settings: AppSettings) -> str:
    if isinstance(uid, int) and not isinstance(uid, bool):
        uid = str(uid)
    if isinstance(uid, str) and uid:
        return _checked(fields, "uid", USER_PREFIX + uid, settings)
    fields.fault("uid", BLANK if uid in (None, "") else "must be text")
    return GENERAL


def _checked(fields: Fields, field: str, channel: str, settings: AppSettings) -> str:
    try:
        check_name(channel, settings.max_channel_name_length)
    except Refusal as refusal:
        fields.fault(field, refusal.message)
    return channel


def _check_event_name(fields: Fields, name: str, settings: AppSettings) -> None:
    if phoenix.is_reserved(name):
        fields.fault("event", "is reserved")
    if len(name) > settings.max_event_name_length:
        fields.fault("event", f"should be at most {settings.max_event_name_length} character(s)")


def _data(fields: Fields, given: dict[str, Any], settings: AppSettings) -> str:
    try:
        payload = _payload(given)
        text = msgspec.json.encode(payload).decode()
    except RecursionError:
        fields.fault("payload", _DEEP)
        return ""
    if not isinstance(payload, dict):
        fields.fault("payload", "must be a JSON object")
    elif len(text.encode()) > settings.max_event_bytes:
        fields.fault("payload", f"should be at most {settings.max_event_bytes} bytes of JSON")
    return text


def _payload(given: dict[str, Any]) -> object:
    """Give what is to be an object. Raises RecursionError."""
    if "payload" not in given:
        return {name: value for name, value in given.items() if name not in ROUTING}
    payload = given["payload"]
    if not isinstance(payload, str):
        return payload
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        return None
