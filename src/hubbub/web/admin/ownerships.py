"""Ownerships, as the administration shows them: who owns an application, and who borrows it."""

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.people import Holding
from hubbub.errors import UNKNOWN
from hubbub.web.admin.cells import Link, Moment, Switch, application_link, organization_link
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


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[Holding]:
    return await accounts.register.ownerships(
        who,
        organization=wanted.text("organization"),
        application=wanted.text("application"),
        is_owned=wanted.flag("is_owned"),
        **wanted.part,
    )


async def _get(accounts: Accounts, who: Identity, key: str) -> Holding:
    application, _, organization = key.partition("-")
    found = await accounts.register.ownerships(who, application=application, organization=organization)
    if not found.items:
        raise UNKNOWN()
    return found.items[0]


def _ids(one: Holding) -> tuple[str, str]:
    return str(one.application_id), str(one.ownership.organization.id)


def _key(one: Holding) -> str:
    return "-".join(_ids(one))


def _title(one: Holding) -> str:
    return f"{one.ownership.organization.name}, of {one.application_name}"


def _said(one: Holding) -> str:
    verb = "owns" if one.ownership.is_owned else "borrows"
    return f"{one.ownership.organization.name} {verb} {one.application_name} now."


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    made = await accounts.register.hold(
        who, application=form["application"], organization=form["organization"], is_owned=form.has("is_owned")
    )
    return Made(key=_key(made), notice=_said(made))


async def _edit(accounts: Accounts, who: Identity, one: Holding, form: Form) -> object:
    return await accounts.register.own(who, *_ids(one), is_owned=form.has("is_owned"))


async def _set_owned(accounts: Accounts, who: Identity, one: Holding, form: Form) -> str:
    return _said(await accounts.register.own(who, *_ids(one), is_owned=form["value"]))


async def _end(accounts: Accounts, who: Identity, one: Holding, _form: Form) -> str:
    application, organization = _ids(one)
    await accounts.applications.take_back(who, None, application, organization)
    return f"{one.ownership.organization.name} borrows {one.application_name} no more."


OWNERSHIPS = Resource(
    name="ownerships",
    one="ownership",
    many="Ownerships",
    icon="share-2",
    about="Which organization owns which application, and which borrows it.",
    searched="organization or application",
    find=_find,
    get=_get,
    key=_key,
    title=_title,
    columns=(
        Column(
            "application",
            "Application",
            lambda one: application_link(one.application_id, one.application_name),
            is_sorted=True,
        ),
        Column(
            "organization",
            "Organization",
            lambda one: organization_link(one.ownership.organization.id, one.ownership.organization.name),
            is_sorted=True,
        ),
        Column(
            "is_owned",
            "Owner",
            lambda one: Switch("owned", one.ownership.is_owned, f"{_title(one)}: owner"),
            is_sorted=True,
        ),
        Column("created_at", "Since", lambda one: Moment(one.ownership.created_at), is_sorted=True),
        Column("details", "", lambda one: Link("Details", f"/admin/ownerships/{_key(one)}")),
    ),
    filters=(
        Filter("is_owned", "Owner", YES_NO),
        Filter("application", "Application (id or key)"),
        Filter("organization", "Organization (id or slug)"),
    ),
    facts=(
        Fact("Application", lambda one: application_link(one.application_id, one.application_name)),
        Fact(
            "Organization",
            lambda one: organization_link(one.ownership.organization.id, one.ownership.organization.name),
        ),
        Fact("Owner", lambda one: Switch("owned", one.ownership.is_owned, f"{_title(one)}: owner")),
        Fact("Since", lambda one: Moment(one.ownership.created_at)),
    ),
    creating=Creating(
        (
            Input(name="application", label="Application", hint="Id or key.", is_required=True),
            Input(name="organization", label="Organization", hint="Id or slug.", is_required=True),
            Input(name="is_owned", label="Owner", kind="check", hint="Else it borrows: without secrets."),
        ),
        _create,
        "Save",
    ),
    editing=Editing(
        (
            Input(
                name="is_owned",
                label="Owner",
                kind="check",
                hint="An application that has an owner keeps one.",
                value=lambda one: "true" if one.ownership.is_owned else "",
            ),
        ),
        _edit,
    ),
    deeds=(
        Deed(name="owned", label="Owner", icon="star", run=_set_owned, is_switch=True),
        Deed(
            name="end",
            label="End the loan",
            icon="trash-2",
            run=_end,
            is_offered=lambda one: not one.ownership.is_owned,
            question=lambda one: (
                f"Members of {one.ownership.organization.name} can no longer use"
                f" {one.application_name}; live sockets of theirs are closed."
            ),
            is_danger=True,
        ),
    ),
    gone=frozenset({"end"}),
)
