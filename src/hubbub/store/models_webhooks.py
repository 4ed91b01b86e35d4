"""The tables of webhooks, one class each.

Knows: columns, keys, constraints and their names, as `models` does. Does not know when an event becomes a delivery.

Applications go by the text of their id and endpoints by a number without a key to their row, wherever they may be those
that settings declare, or gone by now.
"""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hubbub.store.kept import NOTHING, Kept, KeptJson
from hubbub.store.models import Application, Digest, Moment, Row, now

Long = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only if the type is INTEGER
List = JSON().with_variant(JSONB(), "postgresql")

# What is made thousands of times a second is inserted with its time, so there is no default that somebody would call.


class WebhookEndpoint(Row):
    """Where an application wants to hear of what happens. `headers` may hold secrets."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        CheckConstraint("json_valid(kinds)", name="kinds_are_json").ddl_if(dialect="sqlite"),
        CheckConstraint("json_valid(headers)", name="headers_are_json").ddl_if(dialect="sqlite"),
        # Events and deliveries may outlive the endpoint that they name, so SQLite may not use an id again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey(Application.id, ondelete="CASCADE"), index=True)
    url: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(List)
    channel_prefix: Mapped[str] = mapped_column(default="")
    headers: Mapped[Kept] = mapped_column(KeptJson, default=NOTHING)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class WebhookEvent(Row):
    """An event that was accepted and is not yet part of a delivery: the outbox. `trace` is a traceparent, if any."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index(None, "endpoint_id", "id"),
        # Who reads on from the newest id must not meet it a second time.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Long, primary_key=True)
    app_id: Mapped[str] = mapped_column(String(64))
    endpoint_id: Mapped[int]
    channel: Mapped[str]
    event: Mapped[str]
    created_at: Mapped[datetime]
    trace: Mapped[str | None] = mapped_column(String(55))


class WebhookDelivery(Row):
    """One request, as it was signed. `channels` is a JSON list: text, as nobody searches it.

    Once its events were put back into the outbox it has a time in `resent_at`.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state_is_known"),
        Index(None, "app_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Long, primary_key=True)
    app_id: Mapped[str] = mapped_column(String(64))
    endpoint_id: Mapped[int]
    time_ms: Mapped[int] = mapped_column(BigInteger)
    channels: Mapped[str]
    body: Mapped[str]
    key: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(Digest)
    state: Mapped[str] = mapped_column(String(16), index=True)
    attempts: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Moment(), index=True)
    finished_at: Mapped[datetime | None]
    resent_at: Mapped[datetime | None]


class WebhookAttempt(Row):
    """One try of a delivery. `status` is the answer's, `answer` what it began with, `problem` why there was none."""

    __tablename__ = "webhook_attempts"

    id: Mapped[int] = mapped_column(Long, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey(WebhookDelivery.id, ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[int | None]
    problem: Mapped[str]
    answer: Mapped[str]


class WebhookLead(Row):
    """Which node makes deliveries, of several: the one row has the token that it made up when it began."""

    __tablename__ = "webhook_lead"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[int] = mapped_column(BigInteger)


class WebhookStanding(Row):
    """What endpoints were told has begun: a channel is occupied, or a user is a member of it.

    The key is a digest of the other three. Names of channels and users may be longer than PostgreSQL lets an index be,
    where an application's settings allow it. `user_id` is JSON: PostgreSQL takes no NUL in a text. `version` is another
    one whenever somebody came or left, on one of several nodes; 0 where a node is alone.
    """

    __tablename__ = "webhook_standing"

    digest: Mapped[str] = mapped_column(Digest, primary_key=True)
    app_id: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str]
    user_id: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
