"""Questions of the administration about what is kept beside people and what they own, in one transaction."""

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload

from hubbub.accounts.domain import Page
from hubbub.accounts.domain_register import Counts, KeptEndpoint, KeptInvitation, State
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import AuditEntry, UserToken
from hubbub.store import models, references, values
from hubbub.store.applications import ALIVE
from hubbub.store.models_webhooks import WebhookEndpoint
from hubbub.store.paging import page
from hubbub.store.register import columns, listed, searched, user_token
from hubbub.store.vault import Vault

_invitation, _entry, _endpoint, _token = models.Invitation, models.AuditEntry, WebhookEndpoint, models.UserToken
_user, _organization, _application = models.User, models.Organization, models.Application


class Records:
    """What is kept of everybody, by the questions of `hubbub.accounts.seam_records.Records`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def counts(self) -> Counts:
        """Tell how much there is of everything."""
        living = _user.archived_at.is_(None)
        wanted = {
            "users": select(func.count(_user.id)).where(living),
            "roots": select(func.count(_user.id)).where(living, _user.is_root),
            "locked": select(func.count(_user.id)).where(living, _user.locked_at.is_not(None)),
            "organizations": select(func.count(_organization.id)).where(_organization.archived_at.is_(None)),
            "enrollments": select(func.count(models.Enrollment.id)),
            "applications": select(func.count(_application.id)).where(ALIVE),
            "ownerships": select(func.count(models.Ownership.id)),
            "tokens": select(func.count(_token.id)).where(_token.invalidated_at.is_(None)),
            "invitations": select(func.count(_invitation.id)).where(_in_state("open")),
            "endpoints": select(func.count(_endpoint.id)),
            "entries": select(func.count(_entry.id)),
        }
        found = (await self._session.execute(select(*(one.scalar_subquery() for one in wanted.values())))).one()
        return Counts(**dict(zip(wanted, found, strict=True)))

    async def token(self, reference: str) -> UserToken | None:
        """Give a token, by id."""
        number = references.id_of(reference)
        found = select(_token).where(_token.id == number).options(joinedload(_token.user))
        row = None if number is None else await self._session.scalar(found)
        return None if row is None else user_token(row)

    async def invitation(self, reference: str) -> KeptInvitation | None:
        """Give an invitation, by id."""
        number = references.id_of(reference)
        row = None if number is None else await self._session.scalar(_invitations().where(_invitation.id == number))
        return None if row is None else _kept_invitation(row)

    async def invitations(
        self, listing: Listing, *, organization_id: int | None, state: State | None
    ) -> Page[KeptInvitation]:
        """Give invitations, searched by address, name and the organization; None is any."""
        found = _invitations()
        if organization_id is not None:
            found = found.where(_invitation.organization_id == organization_id)
        if state is not None:
            found = found.where(_in_state(state))
        by = columns(_invitation) | {"organization": _organization.name}
        texts = [_invitation.email, _invitation.name, _organization.name]
        found = listed(found, listing, texts, _invitation.id, by)
        return await page(self._session, found, _kept_invitation, listing.part.limit, listing.part.offset)

    async def entry(self, reference: str) -> AuditEntry | None:
        """Give an entry of the audit, by id."""
        number = references.long_id_of(reference)
        if number is None:
            return None
        row = (await self._session.execute(_entries().add_columns(_user).where(_entry.id == number))).one_or_none()
        return None if row is None else values.audit_entry(row[0], row[1])

    async def entries(
        self,
        listing: Listing,
        *,
        user_id: int | None,
        organization_id: int | None,
        application_id: int | None,
        subject: str | None,
    ) -> Page[AuditEntry]:
        """Give entries of the audit, searched by action, subject and address; None is any."""
        wanted = {
            _entry.user_id: user_id, _entry.organization_id: organization_id, _entry.application_id: application_id,
        }  # fmt: skip
        where = [column == number for column, number in wanted.items() if number is not None]
        if subject is not None:
            where.append(_entry.subject == subject)
        texts = [_entry.action, _entry.subject, _entry.address]
        found = listed(_entries().where(*where), listing, texts, _entry.id, columns(_entry))
        part = found.add_columns(_user).limit(listing.part.limit).offset(listing.part.offset)
        items = tuple(values.audit_entry(entry, user) for entry, user in await self._session.execute(part))
        count = searched(select(_entry).where(*where), listing, texts).with_only_columns(func.count(_entry.id))
        return Page(items, await self._session.scalar(count) or 0)

    async def endpoint(self, reference: str) -> KeptEndpoint | None:
        """Give an endpoint, by id."""
        number = references.id_of(reference)
        if number is None:
            return None
        row = await self._session.get(_endpoint, number)
        return None if row is None else self._kept(row, await self._session.get_one(_application, row.application_id))

    async def endpoints(self, listing: Listing, *, application_id: int | None) -> Page[KeptEndpoint]:
        """Give endpoints, searched by address and the application; None is any."""
        found = select(_endpoint).join(_application, _application.id == _endpoint.application_id)
        if application_id is not None:
            found = found.where(_endpoint.application_id == application_id)
        by = columns(_endpoint) | {"application": _application.name}
        found = listed(found, listing, [_endpoint.url, _application.name], _endpoint.id, by)
        part = await page(self._session, found, lambda row: row, listing.part.limit, listing.part.offset)
        ids = {row.application_id for row in part.items}
        of = {row.id: row for row in await self._session.scalars(select(_application).where(_application.id.in_(ids)))}
        return Page(tuple(self._kept(row, of[row.application_id]) for row in part.items), part.total)

    def _kept(self, row: WebhookEndpoint, of: models.Application) -> KeptEndpoint:
        endpoint = values.held_endpoint(row, self._vault)
        return KeptEndpoint(application_id=of.id, application_name=of.name, endpoint=endpoint)


def _invitations() -> Select[models.Invitation]:
    return (
        select(_invitation)
        .join(_invitation.organization)
        .options(contains_eager(_invitation.organization), joinedload(_invitation.invited_by))
    )


def _entries() -> Select[models.AuditEntry]:
    return select(_entry).outerjoin(_user, _user.id == _entry.user_id)


def _in_state(state: State) -> ColumnElement[bool]:
    """Select as `KeptInvitation.state` tells."""
    if state == "accepted":
        return _invitation.accepted_at.is_not(None)
    is_revoked = _invitation.revoked_at.is_not(None)
    if state == "revoked":
        return and_(_invitation.accepted_at.is_(None), is_revoked)
    is_over = _invitation.expires_at <= models.now()
    return and_(_invitation.accepted_at.is_(None), ~is_revoked, is_over if state == "expired" else ~is_over)


def _kept_invitation(row: models.Invitation) -> KeptInvitation:
    return KeptInvitation(
        invitation=values.invitation(row),
        invited_by=None if row.invited_by is None else values.user(row.invited_by),
        accepted_at=row.accepted_at,
        revoked_at=row.revoked_at,
    )
