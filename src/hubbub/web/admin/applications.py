"""Applications, as the administration shows them. Keys, settings and webhooks have pages of their own."""

from collections.abc import Sequence

import msgspec

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import HeldApplication, Identity, Ownership, Page
from hubbub.web.admin.cells import Badges, Link, Links, Moment, Text, archived, organization_link
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

MOST_NAMED = 3
"""Organizations named in a cell."""


class Held(msgspec.Struct, frozen=True):
    """An application, and who has it."""

    application: HeldApplication
    holders: Sequence[Ownership]

    @property
    def id(self) -> int:
        """The application's id."""
        return self.application.id

    @property
    def is_archived(self) -> bool:
        """Whether it is archived by itself; all its owners may be, too."""
        return self.application.archived_at is not None

    def named(self, *, is_owned: bool) -> Links:
        """Lead to those who own it, or borrow it."""
        links = [
            organization_link(one.organization.id, one.organization.name)
            for one in self.holders
            if one.is_owned == is_owned
        ]
        return Links(tuple(links[:MOST_NAMED]), max(len(links) - MOST_NAMED, 0))


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[Held]:
    found = await accounts.register.applications(
        who, archived=wanted.flag("archived"), organization=wanted.text("organization"), **wanted.part
    )
    holders = await accounts.applications.holders(who, [one.id for one in found.items])
    return Page(tuple(Held(one, holders.get(one.id, ())) for one in found.items), found.total)


async def _get(accounts: Accounts, who: Identity, key: str) -> Held:
    found = (await accounts.applications.get(who, None, key)).without_secrets()
    holders = await accounts.applications.holders(who, [found.id])
    return Held(found, holders.get(found.id, ()))


def _badges(one: Held) -> tuple[tuple[str, str], ...]:
    is_off = one.application.settings.get("enabled", True) is False
    is_nobodys = not any(holder.is_owned for holder in one.holders)
    words = {("disabled", "warn"): is_off, ("nobody’s", "warn"): is_nobodys}
    return (*archived(one.application.archived_at), *(word for word, is_so in words.items() if is_so))


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    made = await accounts.applications.create(who, form["organization"] or None, name=form["name"])
    return Made(key=str(made.id), notice=f"{made.name} was created, with one key pair.")


async def _edit(accounts: Accounts, who: Identity, one: Held, form: Form) -> object:
    # None is the default, which is to be enabled.
    changed = {"enabled": None if form.has("enabled") else False}
    return await accounts.applications.update(who, None, str(one.id), name=form["name"], settings=changed)


async def _archive(accounts: Accounts, who: Identity, one: Held, _form: Form) -> str:
    await accounts.applications.archive(who, None, str(one.id))
    return f"{one.application.name} was archived."


async def _bring_back(accounts: Accounts, who: Identity, one: Held, _form: Form) -> str:
    await accounts.applications.unarchive(who, None, str(one.id))
    return f"{one.application.name} was brought back."


APPLICATIONS = Resource(
    name="applications",
    one="application",
    many="Applications",
    icon="app-window",
    about="What publishers and clients connect to.",
    searched="name or key",
    find=_find,
    get=_get,
    key=lambda one: str(one.id),
    title=lambda one: one.application.name,
    badges=_badges,
    columns=(
        Column("id", "Id", lambda one: Text(one.id), is_sorted=True),
        Column("name", "Name", lambda one: Link(one.application.name, f"/admin/applications/{one.id}"), is_sorted=True),
        Column("key", "Key", lambda one: Text(one.application.app_key, is_code=True)),
        Column("owners", "Owned by", lambda one: one.named(is_owned=True)),
        Column("borrowers", "Lent to", lambda one: one.named(is_owned=False)),
        Column("state", "State", lambda one: Badges(_badges(one))),
        Column("created_at", "Created", lambda one: Moment(one.application.created_at), is_sorted=True),
    ),
    filters=(Filter("archived", "Archived", YES_NO), Filter("organization", "Organization (id or slug)")),
    facts=(
        Fact("Id", lambda one: Text(one.id)),
        Fact("Newest key", lambda one: Text(one.application.app_key, is_code=True)),
        Fact("Active key pairs", lambda one: Text(len(one.application.key_pairs))),
        Fact("Owned by", lambda one: one.named(is_owned=True)),
        Fact("Settings of its own", lambda one: Text(", ".join(sorted(one.application.settings)) or None)),
        Fact("Created", lambda one: Moment(one.application.created_at)),
        Fact("Archived", lambda one: Moment(one.application.archived_at)),
    ),
    creating=Creating(
        (
            Input(name="name", label="Name", is_required=True),
            Input(name="organization", label="Owner", hint="An organization's id or slug; nobody if it is empty."),
        ),
        _create,
        unknown="organization",
    ),
    editing=Editing(
        (
            Input(name="name", label="Name", is_required=True, value=lambda one: one.application.name),
            Input(
                name="enabled",
                label="Enabled",
                kind="check",
                hint="One that is not refuses publishers and clients. The other settings have a page of their own.",
                value=lambda one: "true" if one.application.settings.get("enabled", True) else "",
            ),
        ),
        _edit,
        is_offered=lambda one: not one.is_archived,
    ),
    deeds=(
        Deed(
            name="archive",
            label="Archive",
            icon="archive",
            run=_archive,
            is_offered=lambda one: not one.is_archived,
            question=lambda one: (
                f"Clients of {one.application.name} are cut off, publishers refused. It can be brought back."
            ),
            is_danger=True,
        ),
        Deed(
            name="bring-back",
            label="Bring back",
            icon="archive-restore",
            run=_bring_back,
            is_offered=lambda one: one.is_archived,
        ),
    ),
    related=(
        Related("ownerships", "application", "Who owns and who borrows it", ("application",), "Own or borrow"),
        Related("webhooks", "application", "Webhooks", ("application",), "New webhook"),
        Related("audit", "application", "What was done", ()),
    ),
    elsewhere=(
        Elsewhere("Overview", "gauge", lambda one: f"/applications/{one.id}"),
        Elsewhere("Keys", "key-round", lambda one: f"/applications/{one.id}/keys"),
        Elsewhere("Console", "terminal", lambda one: f"/applications/{one.id}/console"),
        Elsewhere("Settings", "settings", lambda one: f"/applications/{one.id}/settings"),
    ),
)
