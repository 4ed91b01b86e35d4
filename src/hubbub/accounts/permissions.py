"""Who may do what: the one home of these rules.

An organization is seen by who is enrolled in it. For anybody else it is not there: UNKNOWN, whether it exists or not,
by the same path. Who is enrolled and may not do a thing is told so: FORBIDDEN. Root users may do everything everywhere,
with one exception that lies in `sessions`: to open a socket they too must be enrolled. A session token for browsers
does nothing here.

An archived organization can be seen and brought back by its admins, and is not there for anybody else; what it holds
is not there for anybody. An archived application can be seen and brought back by the admins of its owner.

Root users may leave the organization out: they reach any application, also those that nobody owns and those of archived
organizations.

Knows: what each need asks for. Does not know which use-case has which need: each says so where it begins.
"""

from enum import IntEnum

from hubbub.accounts.domain import HeldApplication, Identity, Organization, Standing
from hubbub.accounts.seam import Work
from hubbub.errors import FORBIDDEN, UNKNOWN


class Need(IntEnum):
    """What a use-case needs of who asks; each includes those before it."""

    ENROLLED = 1
    PUBLISHER = 2
    ADMIN = 3


WHO = {
    Need.ENROLLED: "this needs an enrollment",
    Need.PUBLISHER: "this needs an enrollment that can publish",
    Need.ADMIN: "this needs an admin of the organization",
}


def refuse_browsers(who: Identity) -> None:
    """Raise FORBIDDEN for a session token that only opens sockets."""
    if who.grant.is_channel_only:
        raise FORBIDDEN(problem="this session token is for sockets only")


def need_root(who: Identity) -> None:
    """Raise FORBIDDEN unless `who` is a root user."""
    if not who.user.is_root:
        raise FORBIDDEN(problem="this needs a root user")


def level(who: Identity, standing: Standing) -> int:
    """Give the highest Need that `who` meets there, 0 for none."""
    if who.user.is_root or standing.is_admin:
        return Need.ADMIN
    if standing.can_publish:
        return Need.PUBLISHER
    return Need.ENROLLED if standing.is_enrolled else 0


def is_oneself(who: Identity, user: str) -> bool:
    """Tell whether `user`, an id or an e-mail address, is the user who asks."""
    return user.strip().lower() in {str(who.user.id), who.user.email}


def check(who: Identity, standing: Standing, need: Need) -> None:
    """Raise FORBIDDEN unless `who`, known to be enrolled or root, meets the need."""
    if level(who, standing) < need:
        raise FORBIDDEN(problem=WHO[need])


async def enter(work: Work, who: Identity, organization: str, need: Need, *, even_archived: bool = False) -> Standing:
    """Give where `who` stands in an organization, if that meets the need. Raises UNKNOWN, FORBIDDEN."""
    standing = await work.organizations.standing(who.user.id, organization)
    reached = 0 if standing is None else level(who, standing)
    if standing is None or not reached:
        raise UNKNOWN()
    if standing.organization.archived_at is not None and not (even_archived and reached >= Need.ADMIN):
        raise UNKNOWN()
    check(who, standing, need)
    return standing


async def hold(
    work: Work, who: Identity, organization: str | None, application: str, need: Need, *, even_archived: bool = False
) -> tuple[Organization | None, HeldApplication]:
    """Give an application as an organization holds it, and that organization.

    For Need.ADMIN the organization must own it. Secrets are there only for who may see them. Raises UNKNOWN, FORBIDDEN.
    """
    if organization is None:
        need_root(who)
        found = await work.applications.find(None, application)
        if found is None or (found.archived_at is not None and not even_archived):
            raise UNKNOWN()
        return None, found
    standing = await enter(work, who, organization, Need.ENROLLED)
    held = await work.applications.find(standing.organization.id, application)
    if held is None:
        raise UNKNOWN()
    is_owner = owns(who, standing, held)
    if held.archived_at is not None and not (even_archived and is_owner):
        raise UNKNOWN()
    check(who, standing, need)
    if need >= Need.ADMIN and not is_owner:
        raise FORBIDDEN(problem="the application is borrowed, its owner may")
    return standing.organization, seen(who, standing, held)


def owns(who: Identity, standing: Standing, held: HeldApplication) -> bool:
    """Tell whether `who` may edit the application and see its secrets."""
    return who.user.is_root or (standing.is_admin and held.is_owned)


def seen(who: Identity, standing: Standing, held: HeldApplication) -> HeldApplication:
    """Give the application as `who` may see it."""
    return held if owns(who, standing, held) else held.without_secrets()
