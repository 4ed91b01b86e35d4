"""Who holds an application: the organization that owns it, and those it is lent to.

Knows what is shown of a loan. Does not know who may lend: the use-cases do.
"""

from typing import Final

from starlette.responses import Response

from hubbub.accounts.domain import Ownership
from hubbub.errors import FORBIDDEN, UNKNOWN, Refusal
from hubbub.web.application.stored import stored
from hubbub.web.faults import Faults, faults_of, in_words
from hubbub.web.page import get, post
from hubbub.web.subject import Subject
from hubbub.web.visit import Visit

_PATH: Final = "/applications/{application}/sharing"


async def _sharing(visit: Visit) -> Response:
    return await _page(visit, await visit.subject())


async def _lend(visit: Visit) -> Response:
    subject, form = await stored(visit), await visit.form()
    try:
        made = await visit.services.accounts.applications.lend(
            visit.who, subject.reference, subject.id, to=form["organization"]
        )
    except Refusal as refusal:
        return await _page(visit, subject, 422, typed=form["organization"], errors=faults_of(refusal))
    return visit.redirect(f"{subject.path}/sharing", f"The application is lent to {made.organization.name}.")


async def _take_back(visit: Visit) -> Response:
    subject, form = await stored(visit), await visit.form()
    path = f"{subject.path}/sharing"
    try:
        await visit.services.accounts.applications.take_back(visit.who, subject.reference, subject.id, form["borrower"])
    except Refusal as refusal:
        if refusal.reason is not UNKNOWN:
            raise
        return visit.redirect(path, "That organization does not borrow it any more.", kind="bad")
    return visit.redirect(path, "The application is taken back: who was connected by the loan alone is disconnected.")


async def _give_back(visit: Visit) -> Response:
    subject = await stored(visit)
    if subject.organization is None:
        raise UNKNOWN()
    slug = subject.organization.slug
    try:
        await visit.services.accounts.applications.give_back(visit.who, slug, subject.id)
    except Refusal as refusal:
        return visit.redirect(f"{subject.path}/sharing", f"{in_words(faults_of(refusal))}.", kind="bad")
    return visit.redirect(f"/organizations/{slug}", f"{subject.name} is given back to its owner.")


async def _page(
    visit: Visit, subject: Subject, status: int = 200, *, typed: str = "", errors: Faults | None = None
) -> Response:
    holders = await _holders(visit, subject)
    return visit.render(
        "applications/sharing.html",
        status,
        subject=subject,
        here="sharing",
        owners=[one for one in holders if one.is_owned],
        borrowers=[one for one in holders if not one.is_owned],
        can_lend=subject.may_edit and not subject.is_archived,
        can_give_back=not subject.is_owned and await _is_admin(visit, subject),
        typed=typed,
        errors=errors or {},
    )


async def _holders(visit: Visit, subject: Subject) -> tuple[Ownership, ...]:
    """Give who holds it, to who may know: admins of the owner, of what is in use."""
    if not subject.may_edit or subject.is_archived:
        return ()
    return (await visit.services.accounts.applications.ownerships(visit.who, subject.reference, subject.id)).items


async def _is_admin(visit: Visit, subject: Subject) -> bool:
    """Tell whether the visitor is an admin of the organization by which they hold it: whether they may list members."""
    if subject.organization is None:
        return False
    try:
        await visit.services.accounts.enrollments.list(visit.who, subject.organization.slug, limit=1)
    except Refusal as refusal:
        if refusal.reason is not FORBIDDEN:
            raise
        return False
    return True


PAGES: Final = (
    get(_PATH, _sharing),
    post(f"{_PATH}/lend", _lend),
    post(f"{_PATH}/take-back", _take_back),
    post(f"{_PATH}/give-back", _give_back),
)
