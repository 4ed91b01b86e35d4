"""Webhooks: where they go, what became of each, and sending them again.

Knows the calls. Does not know who may: the use-cases do.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from hubbub.api import shapes
from hubbub.api.caller import Caller
from hubbub.api.documents import READING, WRITING, body, created, refusals
from hubbub.api.paging import InParts, Many, One, Paged
from hubbub.api.parameters import fields
from hubbub.api.paths import (
    APPLICATION,
    ApplicationPath,
    DeliveryPath,
    EndpointPath,
    OrganizationPath,
    location,
)
from hubbub.api.services import UseCases
from hubbub.webhooks.seam import KINDS

routes = APIRouter(tags=["Webhooks"])

WEBHOOKS = APPLICATION + "/webhooks"
WEBHOOK = WEBHOOKS + "/{endpoint}"
DELIVERIES = APPLICATION + "/webhook_deliveries"
DELIVERY = DELIVERIES + "/{delivery:digits}"


class WebhookChange(BaseModel):
    """What there is to change of a webhook; what is left out stays."""

    url: str = Field("", min_length=1, max_length=2000, description="Where to, by http or https.")
    kinds: list[str] = Field(
        list(KINDS), description=f"What it hears of: some of {', '.join(KINDS)}. All, unless told when it is made."
    )
    channel_prefix: str = Field("", max_length=200, description="What names of channels must begin with; empty: any.")
    headers: dict[str, str] = Field(
        default={}, description="Headers to go with every request, by name; these are then all that there are."
    )


class WebhookParameters(WebhookChange):
    """What there is to say of a webhook."""

    url: str = Field(min_length=1, max_length=2000, description="Where to, by http or https.")


Given = Annotated[dict[str, Any], fields(WebhookParameters, "webhook")]

_EXAMPLE = {"url": "https://example.com/webhooks"}
_MORE = {
    "with all there is": {
        **_EXAMPLE,
        "kinds": ["member_added", "member_removed"],
        "channel_prefix": "presence-lobby-",
        "headers": {"Authorization": "Bearer 4036de82"},
    }
}


def _one(webhook: object) -> One[shapes.Webhook]:
    return One(data=shapes.Webhook.model_validate(webhook))


@routes.get(WEBHOOKS, summary="List webhooks", response_model_exclude_unset=True, responses=refusals(*READING, 422))
async def list_webhooks(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath, page: Paged
) -> Many[shapes.Webhook]:
    """Give the webhooks, with their headers. Needs an admin of the owner."""
    found = await accounts.webhooks.list(who, organization, application)
    return page.cut(found.items, shapes.Webhook.model_validate)


@routes.post(
    WEBHOOKS,
    status_code=201,
    summary="Add a webhook",
    responses=refusals(*WRITING) | created("webhook"),
    openapi_extra=body(WebhookParameters, "webhook", _EXAMPLE, **_MORE),
)
async def create_webhook(
    request: Request,
    response: Response,
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    given: Given,
) -> One[shapes.Webhook]:
    """Add a webhook, which hears of what happens from now on. Needs an admin of the owner."""
    made = await accounts.webhooks.create(who, organization, application, url=given.pop("url", None), **given)
    response.headers["Location"] = location(
        request, "organizations", organization, "applications", application, "webhooks", made.id
    )
    return _one(made)


@routes.get(WEBHOOK, summary="Show a webhook", responses=refusals(*READING))
async def show_webhook(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    endpoint: EndpointPath,
) -> One[shapes.Webhook]:
    """Give one webhook, with its headers. Needs an admin of the owner."""
    return _one(await accounts.webhooks.get(who, organization, application, endpoint))


@routes.patch(
    WEBHOOK,
    summary="Change a webhook",
    responses=refusals(*WRITING),
    openapi_extra=body(WebhookChange, "webhook", _EXAMPLE, **_MORE),
)
async def update_webhook(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    endpoint: EndpointPath,
    given: Given,
) -> One[shapes.Webhook]:
    """Change a webhook, for what is sent from now on. Needs an admin of the owner."""
    return _one(await accounts.webhooks.update(who, organization, application, endpoint, **given))


@routes.delete(
    WEBHOOK, status_code=204, response_class=Response, summary="Remove a webhook", responses=refusals(*READING)
)
async def delete_webhook(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    endpoint: EndpointPath,
) -> None:
    """Remove a webhook: what waits for it is not sent any more. Needs an admin of the owner."""
    await accounts.webhooks.remove(who, organization, application, endpoint)


@routes.get(DELIVERIES, summary="List deliveries", responses=refusals(*READING, 422))
async def list_webhook_deliveries(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    page: InParts,
    state: Annotated[str | None, Query(description="`pending`, `delivered` or `failed`; all unless told.")] = None,
    webhook: Annotated[str | None, Query(description="The id of a webhook; all unless told.")] = None,
) -> Many[shapes.WebhookDelivery]:
    """Give what was sent, or is about to be, the newest first, and always in pages. Needs an admin of the owner."""
    return await page.ask(
        partial(accounts.webhooks.deliveries, who, organization, application, state=state, endpoint=webhook),
        shapes.WebhookDelivery.model_validate,
    )


@routes.post(DELIVERIES + "/resend_failed", summary="Send again all that failed", responses=refusals(*READING))
async def resend_failed_webhooks(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath
) -> One[shapes.Resent]:
    """Send again the events of all deliveries that failed and were not sent again yet, in new deliveries.

    Needs an admin of the owner.
    """
    count = await accounts.webhooks.resend_failed(who, organization, application)
    return One(data=shapes.Resent(deliveries=count))


@routes.get(DELIVERY, summary="Show a delivery", responses=refusals(*READING))
async def show_webhook_delivery(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    delivery: DeliveryPath,
) -> One[shapes.WebhookReport]:
    """Give a delivery with its body and every try. Needs an admin of the owner."""
    found = await accounts.webhooks.delivery(who, organization, application, delivery)
    return One(data=shapes.WebhookReport.model_validate(found))


@routes.post(DELIVERY + "/resend", summary="Send a delivery again", responses=refusals(*READING, 422))
async def resend_webhook_delivery(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    delivery: DeliveryPath,
) -> One[shapes.WebhookDelivery]:
    """Send its events again, as new ones: receivers refuse a time and a signature that are minutes old.

    They come after what happened since, in a delivery of their own, which the list of deliveries shows when it is
    made. Answers the old one. Needs an admin of the owner.
    """
    found = await accounts.webhooks.resend(who, organization, application, delivery)
    return One(data=shapes.WebhookDelivery.model_validate(found))
