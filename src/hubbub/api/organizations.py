"""Organizations.

Knows the calls. Does not know who may: the use-cases do.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from hubbub.api import shapes
from hubbub.api.caller import Caller
from hubbub.api.documents import PARAMETERS, READING, WRITING, body, created, refusals
from hubbub.api.paging import Many, One, Paged
from hubbub.api.parameters import fields
from hubbub.api.paths import ORGANIZATION, OrganizationPath, location
from hubbub.api.services import UseCases

routes = APIRouter(tags=["Organizations"])

_EXAMPLE = {"name": "Acme Inc."}


class OrganizationParameters(BaseModel):
    """What there is to say of an organization."""

    name: str = Field(min_length=1, max_length=255)


Given = Annotated[dict[str, Any], fields(OrganizationParameters, "organization")]

_BODY = body(OrganizationParameters, "organization", _EXAMPLE)


def _one(organization: object) -> One[shapes.Organization]:
    return One(data=shapes.Organization.model_validate(organization))


@routes.get(
    "/organizations",
    summary="List organizations",
    response_model_exclude_unset=True,
    responses=refusals(401, 403, 422),
)
async def list_organizations(
    who: Caller,
    accounts: UseCases,
    page: Paged,
    archived: Annotated[bool, Query(description="The archived ones one is an admin of, instead.")] = False,
) -> Many[shapes.Organization]:
    """Give those the caller is enrolled in."""
    return await page.ask(
        partial(accounts.organizations.list, who, archived=archived), shapes.Organization.model_validate
    )


@routes.post(
    "/organizations",
    status_code=201,
    summary="Create an organization",
    responses=refusals(401, 403, *PARAMETERS) | created("organization"),
    openapi_extra=_BODY,
)
async def create_organization(
    request: Request, response: Response, who: Caller, accounts: UseCases, given: Given
) -> One[shapes.Organization]:
    """Create one. The caller becomes its admin."""
    organization = await accounts.organizations.create(who, name=given.get("name"))
    response.headers["Location"] = location(request, "organizations", organization.id)
    return _one(organization)


@routes.get(ORGANIZATION, summary="Show an organization", responses=refusals(*READING))
async def show_organization(
    who: Caller, accounts: UseCases, organization: OrganizationPath
) -> One[shapes.Organization]:
    """Give one that the caller is enrolled in."""
    return _one(await accounts.organizations.get(who, organization))


@routes.put(
    ORGANIZATION,
    name="replace_organization",
    summary="Rename an organization (as PATCH)",
    responses=refusals(*WRITING),
    openapi_extra=_BODY,
)
@routes.patch(ORGANIZATION, summary="Rename an organization", responses=refusals(*WRITING), openapi_extra=_BODY)
async def update_organization(
    who: Caller, accounts: UseCases, organization: OrganizationPath, given: Given
) -> One[shapes.Organization]:
    """Give it another name. Its slug stays. Needs an admin."""
    return _one(await accounts.organizations.rename(who, organization, name=given.get("name")))


@routes.delete(
    ORGANIZATION,
    status_code=204,
    response_class=Response,
    summary="Archive an organization",
    responses=refusals(*READING),
)
async def archive_organization(who: Caller, accounts: UseCases, organization: OrganizationPath) -> None:
    """Archive it. What it owns stops working at once. Needs an admin."""
    await accounts.organizations.archive(who, organization)


@routes.post(ORGANIZATION + "/unarchive", summary="Bring an organization back", responses=refusals(*READING))
async def unarchive_organization(
    who: Caller, accounts: UseCases, organization: OrganizationPath
) -> One[shapes.Organization]:
    """Bring an archived organization back. Needs an admin."""
    return _one(await accounts.organizations.unarchive(who, organization))
