"""Questions about applications and who holds them, in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload

from hubbub.accounts.domain import HeldApplication, Ownership, Page
from hubbub.apps import Application
from hubbub.store import database, models, references, values
from hubbub.store.paging import page
from hubbub.store.vault import Vault, pair_place


def _alive() -> ColumnElement[bool]:
    # Aliases: whoever adds conditions may speak of holders too, and must not mean these.
    holding, owner = aliased(models.Ownership), aliased(models.Organization)
    owned = select(holding.id).where(holding.application_id == models.Application.id, holding.is_owned)
    owned_by_active = owned.join(owner, owner.id == holding.organization_id).where(owner.archived_at.is_(None))
    return models.Application.archived_at.is_(None) & (~owned.exists() | owned_by_active.exists())


# Built once: SQLAlchemy takes longer to put these together than SQLite to answer them.
ALIVE = _alive()
"""The condition that an application is not archived itself or through all of its owners."""

WITH_ACTIVE_PAIRS = selectinload(models.Application.key_pairs.and_(models.KeyPair.revoked_at.is_(None)))
"""Loads the key pairs that are not revoked with each application."""

FINDABLE = select(models.Application).where(ALIVE).options(WITH_ACTIVE_PAIRS)
"""Selects the applications that are alive, with active keys."""


class Applications:
    """Applications, by the questions of `hubbub.accounts.seam.Applications`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def find(self, organization_id: int | None, reference: str) -> HeldApplication | None:
        """Give one that the organization holds, by id or active key; without one, whoever owns it, as its owner."""
        found = _anyones() if organization_id is None else _held(organization_id)
        row = await self._session.scalar(found.where(references.application(reference)))
        if row is None:
            return None
        return self._owned(row) if organization_id is None else self._held(row)

    async def page(
        self, organization_id: int | None, *, archived: bool, limit: int, offset: int
    ) -> Page[HeldApplication]:
        """Give those not archived that the organization holds, or those archived that it owns, by id.

        Without one, all, or those archived by themselves or through all of their owners.
        """
        if organization_id is None:
            everyones = _anyones().where(~ALIVE if archived else ALIVE).order_by(models.Application.id)
            return await page(self._session, everyones, self._owned, limit, offset)
        found = (
            _held(organization_id)
            .where(models.Application.archived_at.is_not(None) == archived)
            .order_by(models.Application.id)
        )
        return await page(self._session, found, self._held, limit, offset)

    async def publishable(self, organization_id: int, reference: str) -> Application | None:
        """Give one that the organization holds, if neither it nor all its owners are archived."""
        holding = models.Ownership
        row = await self._session.scalar(
            FINDABLE.join(holding, holding.application_id == models.Application.id).where(
                holding.organization_id == organization_id, references.application(reference)
            )
        )
        return None if row is None else values.application(row, self._vault)

    async def by_key(self, key: str) -> Application | None:
        """Give the one that `key` is an active key of, if neither it nor all its owners are archived."""
        row = await self._session.scalar(FINDABLE.where(references.application_of_key(key)))
        return None if row is None else values.application(row, self._vault)

    async def add(
        self, organization_id: int | None, *, name: str, settings: Mapping[str, Any], key: str, secret: str
    ) -> HeldApplication:
        """Create one that the organization owns; without one, nobody does."""
        row = models.Application(name=name, settings=dict(settings), key_pairs=[])
        self._session.add(row)
        if organization_id is not None:
            self._session.add(models.Ownership(organization_id=organization_id, application=row))
        await self._session.flush()
        row.key_pairs.append(await self._pair(row.id, key, secret))
        await self._session.flush()
        return values.held_application(row, self._vault, is_owned=True)

    async def bring(
        self,
        organization_id: int | None,
        *,
        number: int | None,
        alias: str | None,
        name: str,
        settings: Mapping[str, Any],
        key: str,
        secret: str,
    ) -> HeldApplication:
        """Create one that was elsewhere, as `add` does: with this number, unless that is None, and this alias."""
        row = models.Application(name=name, settings=dict(settings), alias=alias, key_pairs=[])
        if number is not None:
            row.id = number
        self._session.add(row)
        if organization_id is not None:
            self._session.add(models.Ownership(organization_id=organization_id, application=row))
        await self._session.flush()
        if number is not None:
            await database.number_on(await self._session.connection(), "applications")
        row.key_pairs.append(await self._pair(row.id, key, secret))
        await self._session.flush()
        return values.held_application(row, self._vault, is_owned=True)

    async def find_alias(self, alias: str) -> HeldApplication | None:
        """Give the one with this alias."""
        row = await self._session.scalar(_anyones().where(models.Application.alias == alias))
        return None if row is None else self._owned(row)

    async def holder_of_key(self, key: str) -> tuple[HeldApplication, str | None] | None:
        """Give the one that a key is of, and its secret; None for that if the key was revoked."""
        pair = models.KeyPair
        owner = await self._session.scalar(select(pair.application_id).where(pair.key == key))
        held = None if owner is None else await self.find(None, str(owner))
        if held is None:
            return None
        return held, next((one.secret for one in held.key_pairs if one.key == key), None)

    async def update(
        self, application_id: int, *, name: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Change what is not None."""
        row = await self._session.get_one(models.Application, application_id)
        if name is not None:
            row.name = name
        if settings is not None:
            row.settings = dict(settings)
        await self._session.flush()

    async def archive(self, application_id: int, *, archived: bool) -> None:
        """Archive one, or bring one back."""
        row = await self._session.get_one(models.Application, application_id)
        row.archived_at = models.now() if archived else None
        await self._session.flush()

    async def add_pair(self, application_id: int, *, key: str, secret: str) -> None:
        """Add a key pair."""
        self._session.add(await self._pair(application_id, key, secret))
        await self._session.flush()

    async def revoke_pair(self, application_id: int, key: str) -> None:
        """End a key pair that is there."""
        pair = models.KeyPair
        await self._session.execute(
            update(pair)
            .where(pair.application_id == application_id, pair.key == key, pair.revoked_at.is_(None))
            .values(revoked_at=models.now())
        )

    async def held_by(self, organization_id: int) -> Sequence[int]:
        """Give the ids of those that the organization owns or borrows."""
        holding = models.Ownership
        found = select(holding.application_id).where(holding.organization_id == organization_id)
        return (await self._session.scalars(found.order_by(holding.application_id))).all()

    async def ownerships(self, application_id: int) -> Sequence[Ownership]:
        """Give who holds it, the earliest first."""
        rows = await self._session.scalars(_ownerships(application_id).order_by(models.Ownership.id))
        return [values.ownership(row) for row in rows]

    async def holders(self, application_ids: Collection[int]) -> Mapping[int, Sequence[Ownership]]:
        """Give who holds each of these, the earliest first."""
        holding = models.Ownership
        found = select(holding).where(holding.application_id.in_(application_ids)).order_by(holding.id)
        holders: dict[int, list[Ownership]] = {application_id: [] for application_id in application_ids}
        for row in await self._session.scalars(found.options(joinedload(holding.organization))):
            holders[row.application_id].append(values.ownership(row))
        return holders

    async def lend(self, application_id: int, organization_id: int) -> Ownership:
        """Lend it. The caller has seen that the organization does not hold it."""
        organization = await self._session.get_one(models.Organization, organization_id)
        row = models.Ownership(application_id=application_id, organization=organization, is_owned=False)
        self._session.add(row)
        await self._session.flush()
        return values.ownership(row)

    async def end_loan(self, application_id: int, organization_id: int) -> bool:
        """End a loan; False if there is none."""
        holding = models.Ownership
        found = _ownerships(application_id).where(holding.organization_id == organization_id, ~holding.is_owned)
        row = await self._session.scalar(found)
        if row is None:
            return False
        await self._session.delete(row)
        await self._session.flush()
        return True

    async def _pair(self, application_id: int, key: str, secret: str) -> models.KeyPair:
        kept = await self._vault.seal(self._session, secret, pair_place(application_id, key))
        return models.KeyPair(application_id=application_id, key=key, secret=kept)

    def _owned(self, row: models.Application) -> HeldApplication:
        return values.held_application(row, self._vault, is_owned=True)

    def _held(self, row: models.Application) -> HeldApplication:
        [holding] = row.ownerships
        return values.held_application(row, self._vault, is_owned=holding.is_owned)


def _held(organization_id: int) -> Select[models.Application]:
    """Select what the organization owns, archived or not, and what it borrows and is not archived, by its hold."""
    holding = models.Ownership
    return (
        select(models.Application)
        .join(models.Application.ownerships)
        .where(holding.organization_id == organization_id, holding.is_owned | ALIVE)
        .options(contains_eager(models.Application.ownerships), WITH_ACTIVE_PAIRS)
        # What this transaction wrote a moment ago is read as it is now.
        .execution_options(populate_existing=True)
    )


def _anyones() -> Select[models.Application]:
    """Select all, archived or not."""
    return select(models.Application).options(WITH_ACTIVE_PAIRS).execution_options(populate_existing=True)


def _ownerships(application_id: int) -> Select[models.Ownership]:
    holding = models.Ownership
    return select(holding).where(holding.application_id == application_id).options(joinedload(holding.organization))
