"""A delivery on its way: made, and neither taken nor given up yet."""

import time
from typing import Final

import msgspec

from hubbub.signing import sign
from hubbub.webhooks.line import joined, retimed
from hubbub.webhooks.seam import Delivery, Hooked, NewDelivery, Waiting

MOST_EVENTS: Final = 1000
"""Events in one request."""

MOST_CHARACTERS: Final = 256_000
"""Characters of their texts, but for one that is longer alone."""


class Parcel:
    """A delivery, and when it was made by the clock of the loop."""

    __slots__ = ("delivery", "made_at")

    def __init__(self, delivery: Delivery, now: float) -> None:
        self.delivery = delivery
        # The wall clock may have been set back meanwhile: nothing was made in the future.
        self.made_at = now - max(time.time() - delivery.time_ms / 1000, 0.0)


def make(hooked: Hooked, endpoint_id: int, events: list[Waiting]) -> NewDelivery:
    """Make a delivery of these events now: what is signed here is what is sent, at every try."""
    time_ms = time.time_ns() // 1_000_000
    body = joined(time_ms, [event.event for event in events])
    return NewDelivery(
        app_id=hooked.app_id,
        endpoint_id=endpoint_id,
        time_ms=time_ms,
        channels=tuple(dict.fromkeys(event.channel for event in events)),
        body=body,
        key=hooked.pair.key,
        signature=sign(hooked.pair.secret, body),
        event_ids=tuple(event.id for event in events),
        traces=tuple(event.trace for event in events if event.trace),
    )


def renewed(delivery: Delivery, hooked: Hooked) -> Delivery:
    """Give a delivery as it would be made now: the same events, with a time, a key and a signature of now."""
    time_ms = time.time_ns() // 1_000_000
    body = retimed(time_ms, delivery.body)
    pair = hooked.pair
    return msgspec.structs.replace(
        delivery, time_ms=time_ms, body=body, key=pair.key, signature=sign(pair.secret, body)
    )


def is_late(delivery: Delivery, window: float, timeout: float) -> bool:
    """Tell whether the time of a delivery's last try is past. `window` and `timeout` are in seconds."""
    return time.time() - delivery.time_ms / 1000 >= max(window - timeout, 0.0)


def kept(new: NewDelivery, delivery_id: int) -> Delivery:
    """Give the delivery that the outbox keeps under an id."""
    return Delivery(
        id=delivery_id,
        app_id=new.app_id,
        endpoint_id=new.endpoint_id,
        time_ms=new.time_ms,
        channels=new.channels,
        body=new.body,
        key=new.key,
        signature=new.signature,
        traces=new.traces,
    )
