"""Who is in an organization, and who is invited.

Knows: what is shown of a member and of an invitation. Does not know who may change them: use-cases do.
"""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from hubbub.accounts.permissions import is_oneself
from hubbub.errors import Refusal
from hubbub.web.faults import Faults, faults_of, in_words
from hubbub.web.organization.deeds import role
from hubbub.web.organization.organizations import AT_ONCE, stand_as_admin
from hubbub.web.page import get, post
from hubbub.web.throttle import letter_to
from hubbub.web.visit import Visit

_PATH: Final = "/organizations/{organization}"


async def _members(visit: Visit) -> Response:
    standing = await stand_as_admin(visit)
    offset = visit.query["offset"] or 0
    members = await visit.services.accounts.enrollments.list(
        visit.who, standing.organization.slug, limit=AT_ONCE, offset=offset
    )
    return visit.render(
        "organizations/members.html",
        here="members",
        standing=standing,
        members=members,
        offset=int(offset),
        at_once=AT_ONCE,
    )


async def _change(visit: Visit) -> Response:
    form, organization = await visit.form(), visit.path("organization")
    try:
        changed = await visit.services.accounts.enrollments.change(
            visit.who,
            organization,
            visit.path("member"),
            is_admin=form.get("is_admin"),
            can_publish=form.get("can_publish"),
        )
    except Refusal as refusal:
        return _refused(visit, refusal, f"/organizations/{organization}/members")
    is_own = changed.user.id == visit.who.user.id
    told = f"{changed.user.name} is {role(is_admin=changed.is_admin, can_publish=changed.can_publish)} now."
    if is_own and not changed.is_admin and not visit.who.user.is_root:
        return visit.redirect(f"/organizations/{organization}", told)  # the list is no longer for them
    return visit.redirect(f"/organizations/{organization}/members", told)


async def _remove(visit: Visit) -> Response:
    organization, member = visit.path("organization"), visit.path("member")
    is_own = is_oneself(visit.who, member)
    back = f"/organizations/{organization}" + ("" if is_own else "/members")
    try:
        await visit.services.accounts.enrollments.remove(visit.who, organization, member)
    except Refusal as refusal:
        return _refused(visit, refusal, back)
    if is_own:
        return visit.redirect("/organizations", "You have left the organization.")
    return visit.redirect(back, "They are no longer in the organization. What they had open was closed.")


async def _invitations(visit: Visit) -> Response:
    return await _show(visit, 200, {"can_publish": "true"}, {})


async def _invite(visit: Visit) -> Response:
    form, organization = await visit.form(), visit.path("organization")
    visit.services.throttle.take("letter", visit.address, letter_to(form["email"], "invitation"))
    try:
        made = await visit.services.accounts.invitations.invite(
            visit.who,
            organization,
            email=form["email"],
            name=form["name"],
            is_admin=form.get("is_admin", "false"),
            can_publish=form.get("can_publish", "false"),
        )
    except Refusal as refusal:
        return await _show(visit, 422, form, faults_of(refusal))
    return visit.redirect(f"/organizations/{organization}/invitations", _sent(visit, made.invitation.email))


async def _resend(visit: Visit) -> Response:
    organization, invitations = visit.path("organization"), visit.services.accounts.invitations
    back = f"/organizations/{organization}/invitations"
    # Nobody's letter box is to be filled: what counts is the address, each letter being an invitation of its own.
    one = await invitations.get(visit.who, organization, visit.path("invitation"))
    visit.services.throttle.take("letter", visit.address, letter_to(one.email, "invitation"))
    try:
        made = await invitations.resend(visit.who, organization, visit.path("invitation"))
    except Refusal as refusal:
        return _refused(visit, refusal, back)
    return visit.redirect(back, _sent(visit, made.invitation.email))


async def _revoke(visit: Visit) -> Response:
    organization = visit.path("organization")
    await visit.services.accounts.invitations.revoke(visit.who, organization, visit.path("invitation"))
    return visit.redirect(f"/organizations/{organization}/invitations", "The invitation was taken back.")


async def _show(visit: Visit, status: int, values: Mapping[str, str], errors: Faults) -> Response:
    standing = await stand_as_admin(visit)
    offset = visit.query["offset"] or 0
    invitations = await visit.services.accounts.invitations.list(
        visit.who, standing.organization.slug, limit=AT_ONCE, offset=offset
    )
    return visit.render(
        "organizations/invitations.html",
        status,
        here="invitations",
        standing=standing,
        invitations=invitations,
        values=values,
        errors=errors,
        offset=int(offset),
        at_once=AT_ONCE,
    )


def _sent(visit: Visit, email: str) -> str:
    if visit.services.mail_is_local:
        return f"The letter to {email} is in {visit.services.settings.mail_folder}: this server has no mail server."
    return f"The letter to {email} is on its way."


def _refused(visit: Visit, refusal: Refusal, path: str) -> Response:
    return visit.redirect(path, f"{in_words(faults_of(refusal))}.", kind="bad")


PAGES: Final = (
    get(f"{_PATH}/members", _members),
    post(f"{_PATH}/members/{{member}}", _change),
    post(f"{_PATH}/members/{{member}}/remove", _remove),
    get(f"{_PATH}/invitations", _invitations),
    post(f"{_PATH}/invitations", _invite),
    post(f"{_PATH}/invitations/{{invitation}}/resend", _resend),
    post(f"{_PATH}/invitations/{{invitation}}/revoke", _revoke),
)
