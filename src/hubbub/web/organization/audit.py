"""The audit of an organization: who did what, when, and from where.

Knows: what can be chosen from it. Does not know what is written down: use-cases do.
"""

from typing import Final

from starlette.responses import Response

from hubbub.web.organization.deeds import KINDS, told
from hubbub.web.organization.organizations import AT_ONCE, stand_as_admin
from hubbub.web.page import get
from hubbub.web.visit import Visit

MOST_CHOICES: Final = 1000
"""People and applications that one can choose from."""


async def _audit(visit: Visit) -> Response:
    accounts, query = visit.services.accounts, visit.query
    standing = await stand_as_admin(visit)
    slug, offset = standing.organization.slug, query["offset"] or 0
    entries = await accounts.audit.list(
        visit.who,
        slug,
        user=query["user"],
        application=query["application"],
        action=query["action"],
        limit=AT_ONCE,
        offset=offset,
    )
    members = await accounts.enrollments.list(visit.who, slug, limit=MOST_CHOICES)
    held = await accounts.applications.list(visit.who, slug, limit=MOST_CHOICES)
    people = {str(one.user.id): one.user.name for one in members.items}
    people |= {str(one.user.id): one.user.name for one in entries.items if one.user is not None}
    applications = {str(one.id): one.name for one in held.items}
    chosen = {name: query[name] for name in ("user", "application", "action") if query[name]}
    if "user" in chosen:
        people.setdefault(chosen["user"], f"user {chosen['user']}")
    if "application" in chosen:
        applications.setdefault(chosen["application"], f"application {chosen['application']}")
    return visit.render(
        "organizations/audit.html",
        here="audit",
        standing=standing,
        entries=entries,
        told=told,
        chosen=chosen,
        people=people,
        applications=applications,
        kinds=KINDS,
        offset=int(offset),
        at_once=AT_ONCE,
    )


PAGES: Final = (get("/organizations/{organization}/audit", _audit),)
