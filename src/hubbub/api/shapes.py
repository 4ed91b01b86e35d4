"""The things that answers hold, as JSON has them.

Knows names, examples, and what of each thing is told. Does not know who may see it.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hubbub.webhooks.seam import State

_WHEN = "2026-01-31T12:00:00Z"
_KEY = "a4ae0e92-5c24-4b7c-9d0e-5f6b1e0c3a11"
_SECRET = "c0f6b9d2-3c4e-4f1a-8b7d-2e9a6d5c4b33"  # noqa: S105 - an example

Created = Annotated[datetime, Field(description="When it was made.", examples=[_WHEN])]
Archived = Annotated[datetime | None, Field(description="When it was archived; null while it is in use.")]


class Shape(BaseModel):
    """What the others share: they are read from values of the domain."""

    model_config = ConfigDict(from_attributes=True)


class User(Shape):
    """Someone who can sign in."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Jane Doe"])
    email: str = Field(examples=["jane@example.com"])
    is_root: bool = Field(description="Whether this user may do everything everywhere.", examples=[False])
    created_at: Created


class Colleague(Shape):
    """A user, as an organization knows its members."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Jane Doe"])
    email: str = Field(examples=["jane@example.com"])


class Organization(Shape):
    """A tenant."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Acme Inc."])
    slug: str = Field(description="Its name in addresses; stays when it is renamed.", examples=["acme-inc"])
    archived_at: Archived


class Enrollment(Shape):
    """A user's place in an organization."""

    user: Colleague
    is_admin: bool = Field(description="May change the organization and see secrets.", examples=[False])
    can_publish: bool = Field(description="May publish to its applications.", examples=[True])
    created_at: Created


class Application(Shape):
    """What publishers and clients connect to."""

    id: int = Field(description="Pusher's `app_id`.", examples=[1])
    name: str = Field(examples=["Test App"])
    app_key: str | None = Field(description="The newest key.", examples=[_KEY])
    app_secret: str | None = Field(
        description="The newest key's secret; null unless one is an admin of the owner.", examples=[_SECRET]
    )
    is_owned: bool = Field(description="Whether the organization owns it; false for one it borrows.", examples=[True])
    settings: dict[str, Any] = Field(
        description="Its settings, as far as they differ from the defaults.", examples=[{"client_events": True}]
    )
    archived_at: Archived


class Key(Shape):
    """One key pair of an application."""

    key: str = Field(examples=[_KEY])
    secret: str | None = Field(description="Null unless one is an admin of the owner.", examples=[_SECRET])
    created_at: Created


class Ownership(Shape):
    """An organization that owns an application or borrows it."""

    organization: Organization
    is_owned: bool = Field(description="False for one that borrows.", examples=[False])
    created_at: Created


class Token(Shape):
    """A user token, as lists show it: its text is not kept."""

    id: int = Field(examples=[1])
    prefix: str = Field(description="The first characters of its text.", examples=["4036de82"])
    created_at: Created
    invalidated_at: datetime | None = Field(description="When it stopped working; null while it works.")


class NewToken(Shape):
    """A user token just made."""

    id: int = Field(examples=[1])
    token: str = Field(description="Its text, shown this once.", examples=["4036de82-c6ab-11e6-9a53-28cfe91ef193"])
    invalidated_at: None = None


class Webhook(Shape):
    """A webhook: where an application hears of what happens in its channels."""

    id: int = Field(examples=[1])
    url: str = Field(examples=["https://example.com/webhooks"])
    kinds: list[str] = Field(
        description="The kinds of events it hears of, in Pusher's words.",
        examples=[["channel_occupied", "channel_vacated"]],
    )
    channel_prefix: str = Field(description="What names of channels begin with; empty: any.", examples=["presence-"])
    headers: dict[str, str] = Field(
        description="Headers that go with every request.", examples=[{"Authorization": "Bearer 4036de82"}]
    )
    created_at: Created
    updated_at: datetime = Field(description="When it was last changed.", examples=[_WHEN])


class WebhookDelivery(Shape):
    """One request to a webhook, tried once or several times."""

    id: int = Field(examples=[1])
    webhook_id: int = Field(
        validation_alias="endpoint_id", description="The id of the webhook; it may be removed by now.", examples=[1]
    )
    state: State = Field(description="Pending ones are still being tried.", examples=["delivered"])
    time_ms: int = Field(description="Its time, in Unix milliseconds, as the body says.", examples=[1_769_860_800_000])
    kinds: list[str] = Field(description="The kinds of its events.", examples=[["channel_occupied"]])
    channels: list[str] = Field(description="The channels of its events.", examples=[["presence-lobby"]])
    attempts: int = Field(description="How often it was tried.", examples=[1])
    created_at: Created
    finished_at: datetime | None = Field(description="When it was delivered, or given up; null while it is pending.")
    resent_at: datetime | None = Field(description="When its events were sent again, as new ones; null if never.")


class WebhookAttempt(Shape):
    """One try of a delivery."""

    at: datetime = Field(description="When it began.", examples=[_WHEN])
    duration_ms: int = Field(description="How long it took.", examples=[12])
    status: int | None = Field(description="The status of the answer; null if there was none.", examples=[200])
    problem: str = Field(description="Why there was none.", examples=[""])
    answer: str = Field(description="What the answer began with.", examples=["OK"])


class WebhookReport(Shape):
    """A delivery with all that is known of it."""

    delivery: WebhookDelivery
    has_webhook: bool = Field(
        validation_alias="has_endpoint", description="Whether the webhook is still there.", examples=[True]
    )
    body: str = Field(
        description="What was sent.",
        examples=['{"time_ms":1769860800000,"events":[{"name":"channel_occupied","channel":"presence-lobby"}]}'],
    )
    key: str = Field(
        description="`X-Pusher-Key`: the key that signed it.", examples=["a4ae0e92-5c24-4b7c-9d0e-5f6b1e0c3a11"]
    )
    signature: str = Field(description="`X-Pusher-Signature`: the HMAC-SHA256 of the body.", examples=["40e0ad3b"])
    ledger: list[WebhookAttempt] = Field(description="Every try, the first one first.")


class Resent(BaseModel):
    """What was sent again."""

    deliveries: int = Field(description="How many deliveries.", examples=[3])


class Presence(Shape):
    """One connection of a user who is present."""

    model_config = ConfigDict(extra="allow")

    phx_ref: str = Field(examples=["F-cq0sXnXQYAAQBE"])
    online_at: int = Field(description="Since when, in Unix milliseconds.", examples=[1_769_860_800_000])


class Metas(Shape):
    """The connections of a user who is present."""

    metas: list[Presence]
