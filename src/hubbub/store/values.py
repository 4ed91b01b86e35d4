"""Rows as the values of the domain.

Knows: which column becomes which field. A row's relations that a value holds must have been loaded.
"""

import msgspec
from pydantic import ValidationError

from hubbub.accounts import domain, domain_webhooks
from hubbub.accounts.people import AuditEntry
from hubbub.apps import Application, KeyPair
from hubbub.logs import named
from hubbub.settings import AppSettings
from hubbub.store import models
from hubbub.store.models_webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from hubbub.store.vault import Vault, headers_place, pair_place
from hubbub.webhooks.seam import KINDS, Endpoint, State

logger = named("hubbub.store")


def user(row: models.User) -> domain.User:
    """Give the user."""
    return domain.User(
        id=row.id,
        name=row.name,
        email=row.email,
        is_root=row.is_root,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        archived_at=row.archived_at,
    )


def organization(row: models.Organization) -> domain.Organization:
    """Give the organization."""
    return domain.Organization(
        id=row.id, name=row.name, slug=row.slug, created_at=row.created_at, archived_at=row.archived_at
    )


def enrollment(row: models.Enrollment) -> domain.Enrollment:
    """Give the enrollment, with its user and organization."""
    return domain.Enrollment(
        user=user(row.user),
        organization=organization(row.organization),
        is_admin=row.is_admin,
        can_publish=row.can_publish,
        created_at=row.created_at,
    )


def held_application(row: models.Application, vault: Vault, *, is_owned: bool) -> domain.HeldApplication:
    """Give the application with the key pairs that are loaded."""
    pairs = [
        domain.HeldPair(key=pair.key, secret=_secret(pair, vault), created_at=pair.created_at) for pair in row.key_pairs
    ]
    return domain.HeldApplication(
        id=row.id,
        name=row.name,
        key_pairs=tuple(pairs),
        settings=_settings(row).model_dump(mode="json", exclude_unset=True),
        is_owned=is_owned,
        created_at=row.created_at,
        archived_at=row.archived_at,
        alias=row.alias,
    )


def application(row: models.Application, vault: Vault) -> Application:
    """Give the application as publishers and clients meet it, with the key pairs that are loaded."""
    return Application(
        id=str(row.id),
        name=row.name,
        key_pairs=tuple(KeyPair(pair.key, _secret(pair, vault)) for pair in row.key_pairs),
        settings=_settings(row),
        alias=row.alias,
    )


def ownership(row: models.Ownership) -> domain.Ownership:
    """Give the ownership, with its organization."""
    return domain.Ownership(
        organization=organization(row.organization), is_owned=row.is_owned, created_at=row.created_at
    )


def token(row: models.UserToken) -> domain.Token:
    """Give the token as lists show it."""
    return domain.Token(id=row.id, prefix=row.prefix, created_at=row.created_at, invalidated_at=row.invalidated_at)


def invitation(row: models.Invitation) -> domain.Invitation:
    """Give the invitation, with its organization."""
    return domain.Invitation(
        id=row.id,
        organization=organization(row.organization),
        email=row.email,
        name=row.name,
        is_admin=row.is_admin,
        can_publish=row.can_publish,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def audit_entry(row: models.AuditEntry, by: models.User | None) -> AuditEntry:
    """Give the entry, with who did it."""
    return AuditEntry(
        id=row.id,
        user=None if by is None else user(by),
        organization_id=row.organization_id,
        application_id=row.application_id,
        action=row.action,
        subject=row.subject,
        address=row.address,
        details=row.details,
        created_at=row.created_at,
        request_id=row.request_id,
    )


def endpoint(row: WebhookEndpoint, vault: Vault) -> Endpoint:
    """Give the endpoint as it is delivered to, without what another version of Hubbub or an editor left there unfit."""
    kinds: object = row.kinds  # JSON, so these may be anything
    place = headers_place(row.application_id, row.id, row.url)
    headers: object = msgspec.json.decode(vault.open(row.headers, place))
    known = {kind for kind in kinds if kind in KINDS} if isinstance(kinds, list) else set[str]()
    return Endpoint(
        id=row.id,
        url=row.url,
        kinds=frozenset(known),
        channel_prefix=row.channel_prefix,
        headers={str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
    )


def held_endpoint(row: WebhookEndpoint, vault: Vault) -> domain_webhooks.HeldEndpoint:
    """Give the endpoint as its owner sees it: what is delivered to it."""
    used = endpoint(row, vault)
    return domain_webhooks.HeldEndpoint(
        id=used.id,
        url=used.url,
        kinds=tuple(kind for kind in KINDS if kind in used.kinds),
        channel_prefix=used.channel_prefix,
        headers=used.headers,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def kept_delivery(row: WebhookDelivery) -> domain_webhooks.KeptDelivery:
    """Give the delivery, without its body."""
    return domain_webhooks.KeptDelivery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        state=State(row.state),
        time_ms=row.time_ms,
        channels=msgspec.json.decode(row.channels, type=tuple[str, ...]),
        attempts=row.attempts,
        created_at=row.created_at,
        finished_at=row.finished_at,
        resent_at=row.resent_at,
    )


def kept_attempt(row: WebhookAttempt) -> domain_webhooks.KeptAttempt:
    """Give the attempt."""
    return domain_webhooks.KeptAttempt(
        at=row.at, duration_ms=row.duration_ms, status=row.status, problem=row.problem, answer=row.answer
    )


def _secret(pair: models.KeyPair, vault: Vault) -> str:
    return vault.open(pair.secret, pair_place(pair.application_id, pair.key))


def _settings(row: models.Application) -> AppSettings:
    """Give the settings of `row`, without those that another version of Hubbub or an editor left there unfit."""
    overrides: object = row.settings  # JSON, so it may be anything
    if not isinstance(overrides, dict):
        logger.warning("Settings of an application are ignored: they are not a JSON object", app_id=row.id)
        return AppSettings.model_validate({})
    try:
        return AppSettings.model_validate(overrides)
    except ValidationError as error:
        unfit = {str(fault["loc"][0]) for fault in error.errors(include_input=False)}
        logger.warning(
            "Settings of an application are ignored: unknown or invalid", app_id=row.id, settings=sorted(unfit)
        )
        return AppSettings.model_validate({name: value for name, value in overrides.items() if name not in unfit})
