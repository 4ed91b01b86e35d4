"""Endpoints of webhooks and deliveries, as use-cases take and give them.

Knows: what they are made of, and that outside the code an endpoint is called a webhook. Does not know the tables, nor
who may see them. What may be secret is in no `repr`: headers and address of an endpoint, the body of a delivery.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from hubbub.webhooks.seam import State


class HeldEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where an application wants to hear of events of these kinds, in channels that begin with `channel_prefix`."""

    id: int
    url: str
    kinds: tuple[str, ...]
    channel_prefix: str
    headers: Mapping[str, str]
    created_at: datetime
    updated_at: datetime

    def __repr__(self) -> str:
        return f"HeldEndpoint(id={self.id})"


class Sender(msgspec.Struct, frozen=True):
    """An application, as its deliveries know it: by the text of its id, which a declared one may share with a row's."""

    app_id: str
    is_declared: bool = False


class KeptDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery, as lists show it. `attempts` is how often it was tried, `time_ms` what its body says.

    `kinds` are those of its events. It was `finished_at` some time unless it is pending. At `resent_at` its events were
    sent off again, as new ones.
    """

    id: int
    endpoint_id: int = msgspec.field(name="webhook_id")
    state: State
    time_ms: int
    channels: tuple[str, ...]
    attempts: int
    created_at: datetime
    kinds: tuple[str, ...] = ()
    finished_at: datetime | None = None
    resent_at: datetime | None = None


class KeptAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try: the answer's `status` and what it began with, or the `problem` that there was no answer."""

    at: datetime
    duration_ms: int
    status: int | None
    problem: str
    answer: str


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with what was sent, by which key it was signed, and every try, the first one first.

    `has_endpoint` is False when the endpoint is there no more.
    """

    delivery: KeptDelivery
    has_endpoint: bool = msgspec.field(name="has_webhook")
    body: str
    key: str
    signature: str
    ledger: tuple[KeptAttempt, ...]

    def __repr__(self) -> str:
        return f"DeliveryReport(delivery={self.delivery!r})"
