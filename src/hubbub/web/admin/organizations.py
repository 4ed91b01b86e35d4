"""Organizations, as the administration shows them."""

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Organization, Page
from hubbub.web.admin.cells import Badges, Link, Moment, Text, archived
from hubbub.web.admin.resource import (
    YES_NO,
    Column,
    Creating,
    Deed,
    Editing,
    Elsewhere,
    Fact,
    Filter,
    Input,
    Made,
    Related,
    Resource,
    Wanted,
)
from hubbub.web.visit import Form


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[Organization]:
    return await accounts.register.organizations(who, archived=wanted.flag("archived"), **wanted.part)


async def _get(accounts: Accounts, who: Identity, key: str) -> Organization:
    return await accounts.organizations.get(who, key)


def _key(organization: Organization) -> str:
    return str(organization.id)


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    made = await accounts.organizations.create(who, name=form["name"], owner=form["owner"] or None)
    return Made(key=str(made.id), notice=f"{made.name} was created.")


async def _edit(accounts: Accounts, who: Identity, organization: Organization, form: Form) -> object:
    return await accounts.organizations.rename(who, _key(organization), name=form["name"])


async def _archive(accounts: Accounts, who: Identity, organization: Organization, _form: Form) -> str:
    await accounts.organizations.archive(who, _key(organization))
    return f"{organization.name} was archived."


async def _bring_back(accounts: Accounts, who: Identity, organization: Organization, _form: Form) -> str:
    await accounts.organizations.unarchive(who, _key(organization))
    return f"{organization.name} was brought back."


ORGANIZATIONS = Resource(
    name="organizations",
    one="organization",
    many="Organizations",
    icon="building-2",
    about="Tenants: who is in one may see and use what it holds.",
    searched="name or slug",
    find=_find,
    get=_get,
    key=_key,
    title=lambda one: one.name,
    badges=lambda one: archived(one.archived_at),
    columns=(
        Column("name", "Name", lambda one: Link(one.name, f"/admin/organizations/{one.id}"), is_sorted=True),
        Column("slug", "Slug", lambda one: Text(one.slug, is_code=True), is_sorted=True),
        Column("state", "State", lambda one: Badges(archived(one.archived_at))),
        Column("created_at", "Created", lambda one: Moment(one.created_at), is_sorted=True),
    ),
    filters=(Filter("archived", "Archived", YES_NO),),
    facts=(
        Fact("Id", lambda one: Text(one.id)),
        Fact("Slug", lambda one: Text(one.slug, is_code=True)),
        Fact("Created", lambda one: Moment(one.created_at)),
        Fact("Archived", lambda one: Moment(one.archived_at)),
    ),
    creating=Creating(
        (
            Input(name="name", label="Name", is_required=True, hint="The slug is made from it, and stays."),
            Input(name="owner", label="First admin", hint="A user's e-mail address or id; yourself if it is empty."),
        ),
        _create,
    ),
    editing=Editing(
        (Input(name="name", label="Name", is_required=True, hint="The slug stays.", value=lambda one: one.name),),
        _edit,
        is_offered=lambda one: one.archived_at is None,
    ),
    deeds=(
        Deed(
            name="archive",
            label="Archive",
            icon="archive",
            run=_archive,
            is_offered=lambda one: one.archived_at is None,
            question=lambda one: (
                f"Nothing that {one.name} owns works any longer: live sockets are closed, publishers"
                " are refused. It can be brought back."
            ),
            is_danger=True,
        ),
        Deed(
            name="bring-back",
            label="Bring back",
            icon="archive-restore",
            run=_bring_back,
            is_offered=lambda one: one.archived_at is not None,
        ),
    ),
    related=(
        Related("enrollments", "organization", "Members", ("organization",), "Enroll"),
        Related("ownerships", "organization", "Applications", ("organization",), "Own or borrow"),
        Related("invitations", "organization", "Invitations", ("organization",), "Invite"),
        Related("audit", "organization", "What was done", ()),
    ),
    elsewhere=(Elsewhere("Its own page", "external-link", lambda one: f"/organizations/{one.slug}"),),
)
