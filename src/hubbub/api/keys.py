"""Key pairs of an application, so that a secret can be changed while the old one still works.

Knows the calls. Does not know who may: the use-cases do.
"""

from fastapi import APIRouter

from hubbub.api import shapes
from hubbub.api.caller import Caller
from hubbub.api.documents import READING, refusals
from hubbub.api.paging import Many, One, Paged
from hubbub.api.paths import APPLICATION, ApplicationPath, KeyPath, OrganizationPath
from hubbub.api.services import UseCases

routes = APIRouter(tags=["Keys"])


@routes.get(
    APPLICATION + "/keys",
    summary="List keys",
    response_model_exclude_unset=True,
    responses=refusals(*READING, 422),
)
async def list_keys(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath, page: Paged
) -> Many[shapes.Key]:
    """Give the valid key pairs, oldest first. Secrets are there for admins of the owner, null for others."""
    held = await accounts.applications.get(who, organization, application)
    return page.cut(held.key_pairs, shapes.Key.model_validate)


@routes.post(APPLICATION + "/keys", status_code=201, summary="Add a key", responses=refusals(*READING, 422))
async def rotate_keys(
    who: Caller, accounts: UseCases, organization: OrganizationPath, application: ApplicationPath
) -> One[shapes.Key]:
    """Add a key pair, the new `app_key` and `app_secret`. The others stay valid until they are revoked.

    Needs an admin of the owner.
    """
    held = await accounts.applications.rotate(who, organization, application)
    return One(data=shapes.Key.model_validate(held.key_pairs[-1]))


@routes.delete(APPLICATION + "/keys/{key}", summary="Revoke a key", responses=refusals(*READING, 422))
async def revoke_key(
    who: Caller,
    accounts: UseCases,
    organization: OrganizationPath,
    application: ApplicationPath,
    key: KeyPath,
) -> One[shapes.Application]:
    """End a key pair at once, open sockets that came with it included. The last one stays.

    Needs an admin of the owner.
    """
    held = await accounts.applications.revoke(who, organization, application, key)
    return One(data=shapes.Application.model_validate(held))
