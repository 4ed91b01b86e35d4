"""Invitations, as the administration shows them, whatever became of them."""

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.domain_register import KeptInvitation
from hubbub.accounts.records import STATES
from hubbub.web.admin.cells import Badges, Link, Moment, Text, organization_link, user_link
from hubbub.web.admin.resource import Column, Creating, Deed, Fact, Filter, Input, Made, Resource, Wanted
from hubbub.web.visit import Form

TONES = {"open": "good", "accepted": "accent", "revoked": "bad", "expired": "warn"}


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[KeptInvitation]:
    return await accounts.records.invitations(
        who, organization=wanted.text("organization"), state=wanted.text("state"), **wanted.part
    )


async def _get(accounts: Accounts, who: Identity, key: str) -> KeptInvitation:
    return await accounts.records.invitation(who, key)


def _badges(one: KeptInvitation) -> tuple[tuple[str, str], ...]:
    return ((one.state, TONES[one.state]),)


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    made = await accounts.invitations.invite(
        who,
        form["organization"],
        email=form["email"],
        name=form["name"],
        is_admin=form.has("is_admin"),
        can_publish=form.has("can_publish"),
    )
    return Made(key=str(made.invitation.id), notice=f"An invitation is on its way to {made.invitation.email}.")


async def _revoke(accounts: Accounts, who: Identity, one: KeptInvitation, _form: Form) -> str:
    invitation = one.invitation
    await accounts.invitations.revoke(who, str(invitation.organization.id), str(invitation.id))
    return f"The invitation of {invitation.email} was revoked."


INVITATIONS = Resource(
    name="invitations",
    one="invitation",
    many="Invitations",
    icon="mail",
    about="Words to e-mail addresses that their holders may enroll.",
    searched="address, name or organization",
    find=_find,
    get=_get,
    key=lambda one: str(one.invitation.id),
    title=lambda one: f"Invitation of {one.invitation.email}",
    badges=_badges,
    columns=(
        Column(
            "email",
            "E-mail address",
            lambda one: Link(one.invitation.email, f"/admin/invitations/{one.invitation.id}"),
            is_sorted=True,
        ),
        Column(
            "organization",
            "Organization",
            lambda one: organization_link(one.invitation.organization.id, one.invitation.organization.name),
            is_sorted=True,
        ),
        Column("state", "State", lambda one: Badges(_badges(one))),
        Column("created_at", "Created", lambda one: Moment(one.invitation.created_at), is_sorted=True),
        Column("expires_at", "Good until", lambda one: Moment(one.invitation.expires_at), is_sorted=True),
    ),
    filters=(
        Filter("state", "State", tuple((state, state) for state in STATES)),
        Filter("organization", "Organization (id or slug)"),
    ),
    facts=(
        Fact("Id", lambda one: Text(one.invitation.id)),
        Fact(
            "Organization",
            lambda one: organization_link(one.invitation.organization.id, one.invitation.organization.name),
        ),
        Fact("Name", lambda one: Text(one.invitation.name)),
        Fact("As admin", lambda one: Text("yes" if one.invitation.is_admin else "no")),
        Fact("May publish", lambda one: Text("yes" if one.invitation.can_publish else "no")),
        Fact(
            "Invited by",
            lambda one: (
                Text(None)
                if one.invited_by is None
                else user_link(one.invited_by.id, f"{one.invited_by.name} ({one.invited_by.email})")
            ),
        ),
        Fact("Created", lambda one: Moment(one.invitation.created_at)),
        Fact("Good until", lambda one: Moment(one.invitation.expires_at)),
        Fact("Accepted", lambda one: Moment(one.accepted_at)),
        Fact("Revoked", lambda one: Moment(one.revoked_at)),
    ),
    creating=Creating(
        (
            Input(name="organization", label="Organization", hint="Id or slug.", is_required=True),
            Input(name="email", label="E-mail address", kind="email", is_required=True),
            Input(name="name", label="Name"),
            Input(name="is_admin", label="As admin", kind="check"),
            Input(name="can_publish", label="May publish", kind="check", start="true"),
        ),
        _create,
        "Invite",
        "organization",
    ),
    deeds=(
        Deed(
            name="revoke",
            label="Revoke",
            icon="circle-x",
            run=_revoke,
            is_offered=lambda one: one.state == "open" and one.invitation.organization.archived_at is None,
            question=lambda one: f"The letter that {one.invitation.email} got is void then.",
            is_danger=True,
        ),
    ),
)
