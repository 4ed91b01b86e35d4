"""What may be published: Pusher's rules for an event that an application sends, and its words for what is wrong.

Knows an application's limits. Does not know how an event was asked for, by a request or by a page, nor who may ask.
"""

import re
from typing import Final, Protocol

import msgspec

from hubbub.channels import check_name
from hubbub.errors import (
    DATA_TOO_LARGE,
    EVENT_NAME_EMPTY,
    EVENT_NAME_RESERVED,
    EVENT_NAME_TOO_LONG,
    REQUIRED,
    SOCKET_ID_INVALID,
    TOO_MANY_CHANNELS,
)
from hubbub.settings import AppSettings

_SOCKET_ID: Final = re.compile(r"\d+\.\d+", re.ASCII)
_SHOWN: Final = 256


class Trigger(msgspec.Struct, frozen=True):
    """One event for one or more channels; `exclude` is the socket that shall not get it, `info` what to answer."""

    name: str
    data: str
    channels: tuple[str, ...]
    exclude: str | None
    info: frozenset[str]


class Asked(Protocol):
    """What was asked for, beside the data: `channels`, or else `channel`. None is what was left out."""

    @property
    def name(self) -> str | None:
        """The event's name."""

    @property
    def channels(self) -> list[str] | None:
        """Where to."""

    @property
    def channel(self) -> str | None:
        """Where to, if that is one."""

    @property
    def socket_id(self) -> str | None:
        """Who shall not get it."""

    @property
    def info(self) -> str | None:
        """What to answer, names with commas between."""


def attributes(info: str | None) -> frozenset[str]:
    """Read the `info` parameter, names with commas between."""
    return frozenset(filter(None, map(str.strip, info.split(",")))) if info else frozenset()


def checked(given: Asked, data: str | None, settings: AppSettings) -> Trigger:
    """Give what is asked for, if it may be published. Raises the 400 or 413 that fits."""
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
