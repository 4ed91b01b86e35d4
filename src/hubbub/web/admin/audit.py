"""The audit, as the administration shows it. Nobody changes it."""

import msgspec

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.people import AuditEntry
from hubbub.web.admin.cells import Cell, Code, Link, Moment, Text, application_link, organization_link, user_link
from hubbub.web.admin.resource import Column, Fact, Filter, Resource, Wanted

SUBJECTS = {
    "user": "users",
    "application": "applications",
    "token": "tokens",
    "invitation": "invitations",
    "webhook": "webhooks",
}
"""The resource of each kind of subject that has a page."""


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[AuditEntry]:
    return await accounts.records.entries(
        who,
        user=wanted.text("user"),
        subject=wanted.text("subject"),
        organization=wanted.text("organization"),
        application=wanted.text("application"),
        **wanted.part,
    )


async def _get(accounts: Accounts, who: Identity, key: str) -> AuditEntry:
    return await accounts.records.entry(who, key)


def _by(one: AuditEntry) -> Cell:
    return Text(None) if one.user is None else user_link(one.user.id, one.user.email)


def _subject(one: AuditEntry) -> Cell:
    kind, _, number = one.subject.partition(":")
    if kind in SUBJECTS and number.isascii() and number.isdigit():
        return Link(one.subject, f"/admin/{SUBJECTS[kind]}/{number}")
    return Text(one.subject)


def _organization(one: AuditEntry) -> Cell:
    number = one.organization_id
    return Text(None) if number is None else organization_link(number, f"organization {number}")


def _application(one: AuditEntry) -> Cell:
    number = one.application_id
    return Text(None) if number is None else application_link(number, f"application {number}")


def _details(one: AuditEntry) -> Cell:
    if not one.details:
        return Text(None)
    return Code(msgspec.json.format(msgspec.json.encode(one.details), indent=2).decode())


AUDIT = Resource(
    name="audit",
    one="entry",
    many="Audit",
    icon="history",
    about="Who did what to what, when, and from where. Nothing here can be changed.",
    searched="action, subject or network address",
    find=_find,
    get=_get,
    key=lambda one: str(one.id),
    title=lambda one: f"{one.action}, {one.subject}",
    columns=(
        Column("id", "Entry", lambda one: Link(f"#{one.id}", f"/admin/audit/{one.id}"), is_sorted=True),
        Column("created_at", "When", lambda one: Moment(one.created_at), is_sorted=True),
        Column("user", "Who", _by),
        Column("action", "Action", lambda one: Text(one.action, is_code=True), is_sorted=True),
        Column("subject", "What", _subject),
        Column("address", "From", lambda one: Text(one.address, is_code=True), is_sorted=True),
    ),
    filters=(
        Filter("user", "User (id or address)"),
        Filter("subject", "What (such as user:7)"),
        Filter("organization", "Organization (id or slug)"),
        Filter("application", "Application (id or key)"),
    ),
    facts=(
        Fact("When", lambda one: Moment(one.created_at)),
        Fact("Who", _by),
        Fact("Action", lambda one: Text(one.action, is_code=True)),
        Fact("What", _subject),
        Fact("From", lambda one: Text(one.address, is_code=True)),
        Fact("Organization", _organization),
        Fact("Application", _application),
        Fact("Request", lambda one: Text(one.request_id, is_code=True)),
        Fact("Details", _details),
    ),
)
