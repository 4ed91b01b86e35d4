"""Enrollments: who is in an organization.

Knows the calls. Does not know who may: the use-cases do.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from hubbub.api import shapes
from hubbub.api.caller import Caller
from hubbub.api.documents import READING, WRITING, body, created, refusals
from hubbub.api.paging import Many, One, Paged
from hubbub.api.parameters import fields
from hubbub.api.paths import ORGANIZATION, MemberPath, OrganizationPath, location
from hubbub.api.services import UseCases
from hubbub.api.users import named

routes = APIRouter(tags=["Enrollments"])

ENROLLMENTS = ORGANIZATION + "/enrollments"
ENROLLMENT = ENROLLMENTS + "/{user_id}"


class EnrollmentChange(BaseModel):
    """What there is to change of an enrollment; what is left out stays."""

    is_admin: bool = Field(False, description="May change the organization and see secrets.")
    can_publish: bool = Field(True, description="May publish to its applications.")


class EnrollmentParameters(EnrollmentChange):
    """Whom to enroll, and as what."""

    user: str = Field(description="The e-mail address of someone who has signed up.")


Given = Annotated[dict[str, Any], fields(EnrollmentParameters, "enrollment")]
Change = Annotated[dict[str, Any], fields(EnrollmentChange, "enrollment")]

_BODY = body(EnrollmentParameters, "enrollment", {"user": "jane@example.com", "is_admin": False, "can_publish": True})
_CHANGE = body(EnrollmentChange, "enrollment", {"is_admin": True})


def _one(enrollment: object) -> One[shapes.Enrollment]:
    return One(data=shapes.Enrollment.model_validate(enrollment))


@routes.get(
    ENROLLMENTS,
    summary="List enrollments",
    response_model_exclude_unset=True,
    responses=refusals(*READING, 422),
)
async def list_enrollments(
    who: Caller, accounts: UseCases, organization: OrganizationPath, page: Paged
) -> Many[shapes.Enrollment]:
    """Give who is in the organization. Needs an admin: there are e-mail addresses in it."""
    return await page.ask(partial(accounts.enrollments.list, who, organization), shapes.Enrollment.model_validate)


@routes.post(
    ENROLLMENTS,
    status_code=201,
    summary="Enroll a user",
    responses=refusals(*WRITING) | created("enrollment"),
    openapi_extra=_BODY,
)
async def create_enrollment(
    request: Request,
    response: Response,
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    given: Given,
) -> One[shapes.Enrollment]:
    """Enroll someone who has an account here. Needs an admin."""
    enrollment = await accounts.enrollments.add(who, organization, user=given.pop("user", None), **given)
    response.headers["Location"] = location(request, "organizations", organization, "enrollments", enrollment.user.id)
    return _one(enrollment)


@routes.put(
    ENROLLMENT,
    name="replace_enrollment",
    summary="Change an enrollment (as PATCH)",
    responses=refusals(*WRITING),
    openapi_extra=_CHANGE,
)
@routes.patch(ENROLLMENT, summary="Change an enrollment", responses=refusals(*WRITING), openapi_extra=_CHANGE)
async def update_enrollment(
    who: Caller, accounts: UseCases, organization: OrganizationPath, user_id: MemberPath, given: Change
) -> One[shapes.Enrollment]:
    """Make someone an admin or no longer one, let them publish or not. Needs an admin; the last admin stays one."""
    return _one(await accounts.enrollments.change(who, organization, named(who, user_id), **given))


@routes.delete(
    ENROLLMENT, status_code=204, response_class=Response, summary="Un-enroll a user", responses=refusals(*READING, 422)
)
async def delete_enrollment(
    who: Caller, accounts: UseCases, organization: OrganizationPath, user_id: MemberPath
) -> None:
    """End someone's enrollment. Needs an admin, or to be that user; the last admin stays."""
    await accounts.enrollments.remove(who, organization, named(who, user_id))
