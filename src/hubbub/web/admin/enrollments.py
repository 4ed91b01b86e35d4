"""Enrollments, as the administration shows them: who is in which organization."""

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Enrollment, Identity, Page
from hubbub.errors import UNKNOWN
from hubbub.web.admin.cells import Link, Moment, Switch, organization_link, user_link
from hubbub.web.admin.resource import (
    YES_NO,
    Column,
    Creating,
    Deed,
    Editing,
    Fact,
    Filter,
    Input,
    Made,
    Resource,
    Wanted,
)
from hubbub.web.visit import Form


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[Enrollment]:
    return await accounts.register.enrollments(
        who,
        user=wanted.text("user"),
        organization=wanted.text("organization"),
        is_admin=wanted.flag("is_admin"),
        can_publish=wanted.flag("can_publish"),
        **wanted.part,
    )


async def _get(accounts: Accounts, who: Identity, key: str) -> Enrollment:
    organization, _, user = key.partition("-")
    found = await accounts.register.enrollments(who, organization=organization, user=user)
    if not found.items:
        raise UNKNOWN()
    return found.items[0]


def _ids(one: Enrollment) -> tuple[str, str]:
    return str(one.organization.id), str(one.user.id)


def _title(one: Enrollment) -> str:
    return f"{one.user.name} in {one.organization.name}"


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    made = await accounts.enrollments.add(
        who,
        form["organization"],
        user=form["user"],
        is_admin=form.has("is_admin"),
        can_publish=form.has("can_publish"),
    )
    return Made(key="-".join(_ids(made)), notice=f"{made.user.name} is enrolled in {made.organization.name}.")


async def _edit(accounts: Accounts, who: Identity, one: Enrollment, form: Form) -> object:
    return await accounts.enrollments.change(
        who, *_ids(one), is_admin=form.has("is_admin"), can_publish=form.has("can_publish")
    )


async def _set_admin(accounts: Accounts, who: Identity, one: Enrollment, form: Form) -> str:
    after = await accounts.enrollments.change(who, *_ids(one), is_admin=form["value"])
    return f"{_title(one)} is {'an admin now' if after.is_admin else 'no admin any more'}."


async def _set_publisher(accounts: Accounts, who: Identity, one: Enrollment, form: Form) -> str:
    after = await accounts.enrollments.change(who, *_ids(one), can_publish=form["value"])
    return f"{_title(one)} {'may publish now' if after.can_publish else 'may no longer publish'}."


async def _remove(accounts: Accounts, who: Identity, one: Enrollment, _form: Form) -> str:
    await accounts.enrollments.remove(who, *_ids(one))
    return f"{one.user.name} is no longer enrolled in {one.organization.name}."


_INPUTS = (
    Input(
        name="is_admin",
        label="Admin",
        kind="check",
        hint="May see secrets, change applications and enroll others.",
        value=lambda one: "true" if one.is_admin else "",
    ),
    Input(
        name="can_publish",
        label="May publish",
        kind="check",
        start="true",
        value=lambda one: "true" if one.can_publish else "",
    ),
)

ENROLLMENTS = Resource(
    name="enrollments",
    one="enrollment",
    many="Enrollments",
    icon="user-plus",
    about="Who is in which organization, and what they may do there.",
    searched="user or organization",
    find=_find,
    get=_get,
    key=lambda one: "-".join(_ids(one)),
    title=_title,
    columns=(
        Column("user", "User", lambda one: user_link(one.user.id, one.user.name), is_sorted=True),
        Column(
            "organization",
            "Organization",
            lambda one: organization_link(one.organization.id, one.organization.name),
            is_sorted=True,
        ),
        Column("is_admin", "Admin", lambda one: Switch("admin", one.is_admin, f"{_title(one)}: admin"), is_sorted=True),
        Column(
            "can_publish",
            "May publish",
            lambda one: Switch("publisher", one.can_publish, f"{_title(one)}: may publish"),
            is_sorted=True,
        ),
        Column("created_at", "Since", lambda one: Moment(one.created_at), is_sorted=True),
        Column("details", "", lambda one: Link("Details", f"/admin/enrollments/{'-'.join(_ids(one))}")),
    ),
    filters=(
        Filter("is_admin", "Admin", YES_NO),
        Filter("can_publish", "May publish", YES_NO),
        Filter("user", "User (id or address)"),
        Filter("organization", "Organization (id or slug)"),
    ),
    facts=(
        Fact("User", lambda one: user_link(one.user.id, f"{one.user.name} ({one.user.email})")),
        Fact("Organization", lambda one: organization_link(one.organization.id, one.organization.name)),
        Fact("Admin", lambda one: Switch("admin", one.is_admin, f"{_title(one)}: admin")),
        Fact("May publish", lambda one: Switch("publisher", one.can_publish, f"{_title(one)}: may publish")),
        Fact("Since", lambda one: Moment(one.created_at)),
    ),
    creating=Creating(
        (
            Input(name="user", label="User", hint="Id or e-mail address.", is_required=True),
            Input(name="organization", label="Organization", hint="Id or slug.", is_required=True),
            *_INPUTS,
        ),
        _create,
        "Enroll",
        "organization",
    ),
    editing=Editing(_INPUTS, _edit, is_offered=lambda one: one.organization.archived_at is None),
    deeds=(
        Deed(name="admin", label="Admin", icon="shield", run=_set_admin, is_switch=True),
        Deed(name="publisher", label="May publish", icon="send", run=_set_publisher, is_switch=True),
        Deed(
            name="remove",
            label="Remove",
            icon="trash-2",
            run=_remove,
            is_offered=lambda one: one.organization.archived_at is None,
            question=lambda one: (
                f"{one.user.name} can no longer see or use anything of {one.organization.name}; live"
                " sockets that rest on it are closed."
            ),
            is_danger=True,
        ),
    ),
    gone=frozenset({"remove"}),
)
