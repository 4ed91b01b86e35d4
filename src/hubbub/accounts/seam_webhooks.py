"""What the use-cases of webhooks ask of where they are kept.

Knows: the questions, as `seam` does, of which this is a part. Does not know the database, nor how anything is
delivered: `hubbub.webhooks.seam` has the questions of that.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from hubbub.accounts.domain import Page
from hubbub.accounts.domain_webhooks import DeliveryReport, HeldEndpoint, KeptDelivery, Sender
from hubbub.webhooks.seam import State


class Webhooks(Protocol):
    """Endpoints, and deliveries. References are texts as somebody sent them: the usual spelling of an id finds one."""

    async def endpoints(self, application_id: int) -> Sequence[HeldEndpoint]:
        """Give those of an application, by id."""

    async def endpoint(self, application_id: int, reference: str) -> HeldEndpoint | None:
        """Give one of an application."""

    async def owner_of(self, endpoint: str) -> int | None:
        """Give the id of the application that an endpoint is of."""

    async def add(
        self, application_id: int, *, url: str, kinds: Sequence[str], channel_prefix: str, headers: Mapping[str, str]
    ) -> HeldEndpoint:
        """Create one."""

    async def update(
        self, endpoint_id: int, *, url: str, kinds: Sequence[str], channel_prefix: str, headers: Mapping[str, str]
    ) -> HeldEndpoint:
        """Change one that is there."""

    async def remove(self, endpoint_id: int) -> None:
        """Remove one that is there. What was delivered to it stays to be seen."""

    async def deliveries(
        self, sender: Sender, *, state: State | None, endpoint_id: int | None, limit: int, offset: int
    ) -> Page[KeptDelivery]:
        """Give those of an application, in a state and to an endpoint unless these are None, the newest first."""

    async def delivery(self, sender: Sender, reference: str) -> DeliveryReport | None:
        """Give one of an application."""

    async def sender_of(self, delivery: str) -> Sender | None:
        """Give the application that a delivery is of."""

    async def failed(self, sender: Sender, limit: int) -> Sequence[int]:
        """Give the ids of some that failed, were not sent again and whose endpoint is there, the oldest first."""

    async def resend(self, delivery_ids: Sequence[int]) -> None:
        """Put the events of these deliveries into the outbox again, in this order, and note that at them."""
