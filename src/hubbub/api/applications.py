"""Applications, and their keys.

Knows the calls. Does not know who may: the use-cases do.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from hubbub.api import shapes
from hubbub.api.caller import Caller
from hubbub.api.documents import READING, WRITING, body, created, refusals
from hubbub.api.paging import Many, One, Paged
from hubbub.api.parameters import fields
from hubbub.api.paths import APPLICATION, ORGANIZATION, ApplicationPath, OrganizationPath, location
from hubbub.api.services import UseCases

routes = APIRouter(tags=["Applications"])

APPLICATIONS = ORGANIZATION + "/applications"


class ApplicationChange(BaseModel):
    """What there is to change of an application; what is left out stays."""

    name: str = Field("", min_length=1, max_length=255)
    settings: dict[str, Any] = Field(default={}, description="By name; null sets one back to its default.")


class ApplicationParameters(ApplicationChange):
    """What there is to say of an application."""

    name: str = Field(min_length=1, max_length=255)


Given = Annotated[dict[str, Any], fields(ApplicationParameters, "application")]

_EXAMPLE = {"name": "Test App"}
_MORE = {"with settings": {"name": "Test App", "settings": {"client_events": True, "max_event_bytes": 20000}}}
_BODY = body(ApplicationParameters, "application", _EXAMPLE, **_MORE)
_CHANGE = body(ApplicationChange, "application", _EXAMPLE, **_MORE)


def _one(application: object) -> One[shapes.Application]:
    return One(data=shapes.Application.model_validate(application))


@routes.get(
    APPLICATIONS,
    summary="List applications",
    response_model_exclude_unset=True,
    responses=refusals(*READING, 422),
)
async def list_applications(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    page: Paged,
    archived: Annotated[bool, Query(description="The archived ones it owns, instead; needs an admin.")] = False,
) -> Many[shapes.Application]:
    """Give those the organization owns or borrows. Secrets are there for admins of the owner, null for others."""
    return await page.ask(
        partial(accounts.applications.list, who, organization, archived=archived), shapes.Application.model_validate
    )


@routes.post(
    APPLICATIONS,
    status_code=201,
    summary="Create an application",
    responses=refusals(*WRITING) | created("application"),
    openapi_extra=_BODY,
)
async def create_application(
    request: Request,
    response: Response,
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    given: Given,
) -> One[shapes.Application]:
    """Create one, with one key pair. Needs an admin."""
    application = await accounts.applications.create(
        who, organization, name=given.get("name"), settings=given.get("settings")
    )
    response.headers["Location"] = location(request, "organizations", organization, "applications", application.id)
    return _one(application)


@routes.get(APPLICATION, summary="Show an application", responses=refusals(*READING))
async def show_application(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath
) -> One[shapes.Application]:
    """Give one. Its secret is there for admins of the owner, null for others."""
    return _one(await accounts.applications.get(who, organization, application))


@routes.put(
    APPLICATION,
    name="replace_application",
    summary="Change an application (as PATCH)",
    responses=refusals(*WRITING),
    openapi_extra=_CHANGE,
)
@routes.patch(APPLICATION, summary="Change an application", responses=refusals(*WRITING), openapi_extra=_CHANGE)
async def update_application(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath, given: Given
) -> One[shapes.Application]:
    """Change its name, its settings, or both. Needs an admin of the owner."""
    return _one(await accounts.applications.update(who, organization, application, **given))


@routes.delete(APPLICATION, summary="Archive an application", responses=refusals(*READING))
async def archive_application(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath
) -> One[shapes.Application]:
    """Archive it. It stops working at once, open sockets included. Needs an admin of the owner."""
    return _one(await accounts.applications.archive(who, organization, application))


@routes.post(APPLICATION + "/unarchive", summary="Bring an application back", responses=refusals(*READING))
async def unarchive_application(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath
) -> One[shapes.Application]:
    """Bring an archived application back, by its id or key. Needs an admin of the owner."""
    return _one(await accounts.applications.unarchive(who, organization, application))
