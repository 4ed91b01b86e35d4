"""Ownerships: who owns an application, and who borrows it.

Knows the calls. Does not know who may: the use-cases do.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from hubbub.api import shapes
from hubbub.api.caller import Caller
from hubbub.api.documents import READING, WRITING, body, created, refusals
from hubbub.api.paging import Many, One, Paged
from hubbub.api.parameters import fields
from hubbub.api.paths import APPLICATION, ApplicationPath, BorrowerPath, OrganizationPath, location
from hubbub.api.services import UseCases

routes = APIRouter(tags=["Ownerships"])

OWNERSHIPS = APPLICATION + "/ownerships"


class OwnershipParameters(BaseModel):
    """Whom to lend to."""

    organization: str = Field(description="The slug of the organization that shall borrow; an id for one of one's own.")


Given = Annotated[dict[str, Any], fields(OwnershipParameters, "ownership")]


@routes.get(OWNERSHIPS, summary="List ownerships", response_model_exclude_unset=True, responses=refusals(*READING, 422))
async def list_ownerships(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath, page: Paged
) -> Many[shapes.Ownership]:
    """Give who owns it and who borrows it. Needs an admin of the owner."""
    found = await accounts.applications.ownerships(who, organization, application)
    return page.cut(found.items, shapes.Ownership.model_validate)


@routes.post(
    OWNERSHIPS,
    status_code=201,
    summary="Lend an application",
    responses=refusals(*WRITING) | created("ownership"),
    openapi_extra=body(OwnershipParameters, "ownership", {"organization": "globex"}),
)
async def create_ownership(
    request: Request,
    response: Response,
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    given: Given,
) -> One[shapes.Ownership]:
    """Lend it to another organization, which may then list it, connect, publish and read presence.

    It never sees the secret. Needs an admin of the owner.
    """
    loan = await accounts.applications.lend(who, organization, application, to=given.get("organization"))
    response.headers["Location"] = location(
        request, "organizations", organization, "applications", application, "ownerships", loan.organization.id
    )
    return One(data=shapes.Ownership.model_validate(loan))


@routes.delete(
    OWNERSHIPS + "/{borrower}",
    status_code=204,
    response_class=Response,
    summary="End a loan",
    responses=refusals(*READING, 422),
)
async def delete_ownership(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    borrower: BorrowerPath,
) -> None:
    """Take it back, as an admin of the owner; or give it back, as an admin of the borrower, which is then named twice.

    Open sockets of users who may no longer be there are closed.
    """
    here = await accounts.organizations.get(who, organization)
    if borrower in (str(here.id), here.slug):
        await accounts.applications.give_back(who, organization, application)
    else:
        await accounts.applications.take_back(who, organization, application, borrower)
