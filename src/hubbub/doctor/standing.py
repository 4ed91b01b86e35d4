"""What a server of Hubbub tells of an application to its own back end, as far as it is looked at.

Knows the fields of `/apps/ID/status`. Does not know what follows of them.
"""

from typing import Final

import msgspec

from hubbub.doctor.line import Answer

PUSHER_EVENT: Final = 10_000
PUSHER_BATCH: Final = 105_000
"""Bytes of an event's data and of a batch that Pusher takes, where the server does not say its own limits."""


class Seen(msgspec.Struct, frozen=True):
    """What the server sees of who asks. Each `forwarded_` is `missing`, `ignored` or `believed`."""

    address: str
    secure: bool
    forwarded_for: str
    forwarded_proto: str


class Webhooks(msgspec.Struct, frozen=True):
    """Requests of the last hour that were given up, and that were taken."""

    failing: bool
    failed: int
    taken: int


class Limits(msgspec.Struct, frozen=True):
    """Bytes of an event's data, and of a body."""

    max_event_bytes: int = PUSHER_EVENT
    max_body_bytes: int = PUSHER_BATCH


class Standing(msgspec.Struct, frozen=True):
    """How an application stands. `webhooks` is None where that is not known."""

    seen: Seen
    connections: int
    max_connections: int
    at_quota: bool
    limits: Limits
    webhooks: Webhooks | None = None


_decoder: Final = msgspec.json.Decoder(Standing)


def standing(answer: Answer) -> Standing | None:
    """Read an answer; None for one that is something else."""
    if answer.status != 200:
        return None
    try:
        return _decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
