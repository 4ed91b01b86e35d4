"""Endpoints of webhooks, as the administration shows them. Deliveries have a page of their own."""

from collections.abc import Mapping

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.domain_register import KeptEndpoint
from hubbub.accounts.fields import invalid
from hubbub.web.admin.cells import Link, Moment, Text, application_link
from hubbub.web.admin.resource import (
    Column,
    Creating,
    Deed,
    Editing,
    Elsewhere,
    Fact,
    Filter,
    Input,
    Made,
    Resource,
    Wanted,
)
from hubbub.web.visit import Form


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[KeptEndpoint]:
    return await accounts.records.endpoints(who, application=wanted.text("application"), **wanted.part)


async def _get(accounts: Accounts, who: Identity, key: str) -> KeptEndpoint:
    return await accounts.records.endpoint(who, key)


def _kinds(form: Form) -> list[str] | None:
    return form["kinds"].replace(",", " ").split() or None


def _headers(form: Form) -> Mapping[str, str]:
    """Read a header from each line. Raises INVALID."""
    headers = {}
    for line in form["headers"].splitlines():
        name, colon, value = line.partition(":")
        if line.strip():
            if not colon:
                raise invalid("headers", "are written as Name: value, one a line")
            headers[name.strip()] = value.strip()
    return headers


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    made = await accounts.webhooks.create(
        who,
        None,
        form["application"],
        url=form["url"],
        kinds=_kinds(form),
        channel_prefix=form["channel_prefix"],
        headers=_headers(form),
    )
    return Made(key=str(made.id), notice="The webhook was added.")


async def _edit(accounts: Accounts, who: Identity, one: KeptEndpoint, form: Form) -> object:
    return await accounts.webhooks.update(
        who,
        None,
        str(one.application_id),
        str(one.endpoint.id),
        url=form["url"],
        kinds=_kinds(form) or list(one.endpoint.kinds),
        channel_prefix=form["channel_prefix"],
        headers=_headers(form),
    )


async def _remove(accounts: Accounts, who: Identity, one: KeptEndpoint, _form: Form) -> str:
    await accounts.webhooks.remove(who, None, str(one.application_id), str(one.endpoint.id))
    return "The webhook was removed."


_INPUTS = (
    Input(name="url", label="Address", is_required=True, value=lambda one: one.endpoint.url),
    Input(
        name="kinds",
        label="Kinds of events",
        hint="Separated by spaces; all if it is empty.",
        value=lambda one: " ".join(one.endpoint.kinds),
    ),
    Input(
        name="channel_prefix",
        label="Channels that begin with",
        hint="All if it is empty.",
        value=lambda one: one.endpoint.channel_prefix,
    ),
    Input(
        name="headers",
        label="Headers",
        kind="area",
        hint="Name: value, one a line. They may hold secrets.",
        value=lambda one: "\n".join(f"{name}: {value}" for name, value in one.endpoint.headers.items()),
    ),
)

WEBHOOKS = Resource(
    name="webhooks",
    one="webhook",
    many="Webhooks",
    icon="webhook",
    about="Where applications' own servers are told what happens.",
    searched="address or application",
    find=_find,
    get=_get,
    key=lambda one: str(one.endpoint.id),
    title=lambda one: f"Webhook {one.endpoint.id} of {one.application_name}",
    columns=(
        Column(
            "url", "Address", lambda one: Link(one.endpoint.url, f"/admin/webhooks/{one.endpoint.id}"), is_sorted=True
        ),
        Column(
            "application",
            "Application",
            lambda one: application_link(one.application_id, one.application_name),
            is_sorted=True,
        ),
        Column("kinds", "Kinds", lambda one: Text(len(one.endpoint.kinds))),
        Column("created_at", "Created", lambda one: Moment(one.endpoint.created_at), is_sorted=True),
        Column("updated_at", "Changed", lambda one: Moment(one.endpoint.updated_at), is_sorted=True),
    ),
    filters=(Filter("application", "Application (id or key)"),),
    facts=(
        Fact("Address", lambda one: Text(one.endpoint.url, is_code=True)),
        Fact("Application", lambda one: application_link(one.application_id, one.application_name)),
        Fact("Kinds", lambda one: Text(", ".join(one.endpoint.kinds))),
        Fact("Channels that begin with", lambda one: Text(one.endpoint.channel_prefix or "anything", is_code=True)),
        Fact("Headers", lambda one: Text(", ".join(one.endpoint.headers) or None, is_code=True)),
        Fact("Created", lambda one: Moment(one.endpoint.created_at)),
        Fact("Changed", lambda one: Moment(one.endpoint.updated_at)),
    ),
    creating=Creating(
        (Input(name="application", label="Application", hint="Id or key.", is_required=True), *_INPUTS),
        _create,
        unknown="application",
    ),
    editing=Editing(_INPUTS, _edit),
    deeds=(
        Deed(
            name="remove",
            label="Remove",
            icon="trash-2",
            run=_remove,
            question=lambda _: "What waits for it is not delivered any more; what was delivered can still be seen.",
            is_danger=True,
        ),
    ),
    gone=frozenset({"remove"}),
    elsewhere=(Elsewhere("Deliveries", "list", lambda one: f"/applications/{one.application_id}/webhooks"),),
)
