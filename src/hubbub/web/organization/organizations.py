"""Organizations: which are one's own, a new one, what one holds, and its settings.

Knows: what each page shows. Does not know who may do what: use-cases do.
"""

from typing import Final

from starlette.responses import Response

from hubbub.accounts.domain import Standing
from hubbub.accounts.permissions import WHO, Need
from hubbub.errors import FORBIDDEN, Refusal
from hubbub.web.faults import faults_of
from hubbub.web.organization.figures import figures_of
from hubbub.web.page import get, post
from hubbub.web.visit import Visit

AT_ONCE: Final = 50
"""Rows of a list on one page."""


async def _list(visit: Visit) -> Response:
    organizations = visit.services.accounts.organizations
    offset = visit.query["offset"] or 0
    mine = await organizations.places(visit.who, limit=AT_ONCE, offset=offset)
    archived = await organizations.places(visit.who, archived=True)
    return visit.render("organizations/list.html", mine=mine, archived=archived, offset=int(offset), at_once=AT_ONCE)


async def _show_new(visit: Visit) -> Response:
    return visit.render("organizations/new.html", values={}, errors={})


async def _create(visit: Visit) -> Response:
    form = await visit.form()
    try:
        made = await visit.services.accounts.organizations.create(visit.who, name=form["name"])
    except Refusal as refusal:
        return visit.render("organizations/new.html", 422, values=form, errors=faults_of(refusal))
    return visit.redirect(f"/organizations/{made.slug}", f"{made.name} is there. You are its admin.")


async def _overview(visit: Visit) -> Response:
    accounts = visit.services.accounts
    standing = await stand(visit)
    slug, offset = standing.organization.slug, visit.query["offset"] or 0
    if standing.organization.archived_at is not None:
        return visit.render("organizations/archived.html", here="", standing=standing)
    held = await accounts.applications.list(visit.who, slug, limit=AT_ONCE, offset=offset)
    archived = (await accounts.applications.list(visit.who, slug, archived=True)).items if standing.is_admin else ()
    return visit.render(
        "organizations/overview.html",
        here="",
        standing=standing,
        held=held,
        archived=archived,
        figures=await figures_of(visit.services, [str(one.id) for one in held.items]),
        offset=int(offset),
        at_once=AT_ONCE,
    )


async def _show_new_application(visit: Visit) -> Response:
    return visit.render(
        "organizations/new_application.html", here="", standing=await stand_as_admin(visit), values={}, errors={}
    )


async def _create_application(visit: Visit) -> Response:
    form = await visit.form()
    organization = visit.path("organization")
    try:
        made = await visit.services.accounts.applications.create(visit.who, organization, name=form["name"])
    except Refusal as refusal:
        errors = faults_of(refusal)
        return visit.render(
            "organizations/new_application.html", 422, here="", standing=await stand(visit), values=form, errors=errors
        )
    return visit.redirect(f"/applications/{made.id}/start", f"{made.name} is there, with its first key pair.")


async def _give_back(visit: Visit) -> Response:
    organization, application = visit.path("organization"), visit.path("application")
    await visit.services.accounts.applications.give_back(visit.who, organization, application)
    return visit.redirect(f"/organizations/{organization}", "The application was given back to its owner.")


async def _settings(visit: Visit) -> Response:
    standing = await stand_as_admin(visit)
    values = {"name": standing.organization.name}
    return visit.render("organizations/settings.html", here="settings", standing=standing, values=values, errors={})


async def _rename(visit: Visit) -> Response:
    form = await visit.form()
    organization = visit.path("organization")
    try:
        renamed = await visit.services.accounts.organizations.rename(visit.who, organization, name=form["name"])
    except Refusal as refusal:
        errors = faults_of(refusal)
        return visit.render(
            "organizations/settings.html", 422, here="settings", standing=await stand(visit), values=form, errors=errors
        )
    return visit.redirect(f"/organizations/{renamed.slug}/settings", "Saved.")


async def _archive(visit: Visit) -> Response:
    archived = await visit.services.accounts.organizations.archive(visit.who, visit.path("organization"))
    return visit.redirect(f"/organizations/{archived.slug}", f"{archived.name} is archived.")


async def _unarchive(visit: Visit) -> Response:
    back = await visit.services.accounts.organizations.unarchive(visit.who, visit.path("organization"))
    return visit.redirect(f"/organizations/{back.slug}", f"{back.name} is back, and so is what it owns.")


async def stand(visit: Visit) -> Standing:
    """Give the organization that the path names by `organization`, and what the visitor may do there. UNKNOWN."""
    return await visit.services.accounts.organizations.stand(visit.who, visit.path("organization"))


async def stand_as_admin(visit: Visit) -> Standing:
    """Give the same, to an admin. Raises UNKNOWN, FORBIDDEN."""
    standing = await stand(visit)
    if not standing.is_admin:
        raise FORBIDDEN(problem=WHO[Need.ADMIN])
    return standing


PAGES: Final = (
    get("/organizations", _list),
    get("/organizations/new", _show_new),
    post("/organizations/new", _create),
    get("/organizations/{organization}", _overview),
    get("/organizations/{organization}/applications/new", _show_new_application),
    post("/organizations/{organization}/applications/new", _create_application),
    post("/organizations/{organization}/applications/{application}/give-back", _give_back),
    get("/organizations/{organization}/settings", _settings),
    post("/organizations/{organization}/settings", _rename),
    post("/organizations/{organization}/archive", _archive),
    post("/organizations/{organization}/unarchive", _unarchive),
)
