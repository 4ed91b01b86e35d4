"""All pages of the administration."""

from typing import Final

from hubbub.web import page
from hubbub.web.admin.applications import APPLICATIONS
from hubbub.web.admin.audit import AUDIT
from hubbub.web.admin.dashboard import dashboard
from hubbub.web.admin.desk import Desk
from hubbub.web.admin.enrollments import ENROLLMENTS
from hubbub.web.admin.invitations import INVITATIONS
from hubbub.web.admin.organizations import ORGANIZATIONS
from hubbub.web.admin.ownerships import OWNERSHIPS
from hubbub.web.admin.resource import Resource
from hubbub.web.admin.tokens import TOKENS
from hubbub.web.admin.users import USERS
from hubbub.web.admin.webhooks import WEBHOOKS
from hubbub.web.drawing import ENVIRONMENT

RESOURCES: Final[dict[str, Resource]] = {
    one.name: one
    for one in (
        USERS, ORGANIZATIONS, ENROLLMENTS, INVITATIONS, TOKENS, APPLICATIONS, OWNERSHIPS, WEBHOOKS, AUDIT,
    )
}  # fmt: skip
"""Every noun of the administration, in the order of its menu."""

PAGES: Final[tuple[page.Page, ...]] = (
    page.get("/admin", dashboard, page.Access.ROOT),
    *(one for resource in RESOURCES.values() for one in Desk(resource, RESOURCES).pages()),
)
"""All pages, for `site`."""

ENVIRONMENT.globals["admin_resources"] = tuple(RESOURCES.values())
