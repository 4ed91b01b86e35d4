"""Questions of the administration about everything there is, in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, contains_eager

from hubbub.accounts.domain import Enrollment, HeldApplication, Organization, Page
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import Holding, Profile, UserToken
from hubbub.accounts.seam_people import Trait
from hubbub.store import models, values
from hubbub.store.applications import ALIVE, WITH_ACTIVE_PAIRS
from hubbub.store.paging import page
from hubbub.store.people import profile
from hubbub.store.vault import Vault

Row = TypeVar("Row", bound=models.Row)
Columns = Mapping[str, InstrumentedAttribute[Any]]

_user, _organization, _enrollment = models.User, models.Organization, models.Enrollment
_application, _ownership, _token = models.Application, models.Ownership, models.UserToken

TRAITS: Final[Mapping[Trait, ColumnElement[bool]]] = {
    "is_root": _user.is_root.is_(True),
    "is_confirmed": _user.confirmed_at.is_not(None),
    "is_locked": _user.locked_at.is_not(None),
    "must_change_password": _user.must_change_password.is_(True),
    "has_second_factor": _user.second_factor_since.is_not(None),
}
"""The condition of each trait of users."""


class Register:
    """Everything there is, by the questions of `hubbub.accounts.seam_people.Register`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def users(self, listing: Listing, *, archived: bool | None, traits: Mapping[Trait, bool]) -> Page[Profile]:
        """Give users, searched by name and address, that have these traits or not; None in `archived` is both."""
        found = select(_user).where(*(TRAITS[trait] == is_so for trait, is_so in traits.items()))
        if archived is not None:
            found = found.where(_user.archived_at.is_not(None) == archived)
        found = listed(found, listing, [_user.name, _user.email], _user.id, columns(_user))
        return await page(self._session, found, profile, listing.part.limit, listing.part.offset)

    async def organizations(self, listing: Listing, *, archived: bool | None) -> Page[Organization]:
        """Give organizations, searched by name and slug."""
        found = select(_organization)
        if archived is not None:
            found = found.where(_organization.archived_at.is_not(None) == archived)
        texts = [_organization.name, _organization.slug]
        found = listed(found, listing, texts, _organization.id, columns(_organization))
        return await page(self._session, found, values.organization, listing.part.limit, listing.part.offset)

    async def enrollments(
        self,
        listing: Listing,
        *,
        user_id: int | None,
        organization_id: int | None,
        is_admin: bool | None,
        can_publish: bool | None,
    ) -> Page[Enrollment]:
        """Give enrollments, searched by the user and the organization; None is any of these."""
        found = select(_enrollment).join(_enrollment.user).join(_enrollment.organization)
        found = found.options(contains_eager(_enrollment.user), contains_eager(_enrollment.organization))
        if user_id is not None:
            found = found.where(_enrollment.user_id == user_id)
        if organization_id is not None:
            found = found.where(_enrollment.organization_id == organization_id)
        if is_admin is not None:
            found = found.where(_enrollment.is_admin == is_admin)
        if can_publish is not None:
            found = found.where(_enrollment.can_publish == can_publish)
        by = columns(_enrollment) | {"user": _user.name, "organization": _organization.name}
        found = listed(found, listing, [_user.name, _user.email, _organization.name], _enrollment.id, by)
        return await page(self._session, found, values.enrollment, listing.part.limit, listing.part.offset)

    async def applications(
        self, listing: Listing, *, archived: bool | None, organization_id: int | None
    ) -> Page[HeldApplication]:
        """Give applications, held by an organization, searched by name and active key, as their owners see them."""
        found = select(_application).options(WITH_ACTIVE_PAIRS)
        if archived is not None:
            found = found.where(~ALIVE if archived else ALIVE)
        if organization_id is not None:
            held = select(_ownership.application_id).where(_ownership.organization_id == organization_id)
            found = found.where(_application.id.in_(held))
        pair = models.KeyPair
        if listing.search is not None:
            keys = select(pair.application_id).where(pair.revoked_at.is_(None), _has(pair.key, listing.search))
            found = found.where(or_(_has(_application.name, listing.search), _application.id.in_(keys)))
        found = _ordered(found, listing, _application.id, columns(_application))
        return await page(self._session, found, self._held, listing.part.limit, listing.part.offset)

    async def ownerships(
        self, listing: Listing, *, organization_id: int | None, application_id: int | None, is_owned: bool | None
    ) -> Page[Holding]:
        """Give ownerships, searched by the organization and the application."""
        found = _holdings()
        if organization_id is not None:
            found = found.where(_ownership.organization_id == organization_id)
        if application_id is not None:
            found = found.where(_ownership.application_id == application_id)
        if is_owned is not None:
            found = found.where(_ownership.is_owned == is_owned)
        by = columns(_ownership) | {"organization": _organization.name, "application": _application.name}
        found = listed(found, listing, [_organization.name, _application.name], _ownership.id, by)
        return await page(self._session, found, _holding, listing.part.limit, listing.part.offset)

    async def tokens(self, listing: Listing, *, user_id: int | None, invalidated: bool | None) -> Page[UserToken]:
        """Give user tokens, searched by prefix and the user."""
        found = select(_token).join(_token.user).options(contains_eager(_token.user))
        if user_id is not None:
            found = found.where(_token.user_id == user_id)
        if invalidated is not None:
            found = found.where(_token.invalidated_at.is_not(None) == invalidated)
        by = columns(_token) | {"user": _user.name}
        found = listed(found, listing, [_token.prefix, _user.name, _user.email], _token.id, by)
        return await page(self._session, found, user_token, listing.part.limit, listing.part.offset)

    async def own(self, application_id: int, organization_id: int, *, is_owned: bool) -> Holding:
        """Make a hold that is there an owner's, or a borrower's."""
        found = _holdings().where(
            _ownership.application_id == application_id, _ownership.organization_id == organization_id
        )
        row = (await self._session.scalars(found.execution_options(populate_existing=True))).one()
        row.is_owned = is_owned
        await self._session.flush()
        return _holding(row)

    def _held(self, row: models.Application) -> HeldApplication:
        return values.held_application(row, self._vault, is_owned=True)


def columns(table: type[models.Row]) -> dict[str, InstrumentedAttribute[Any]]:
    """Give the columns of a table, by name."""
    return {name: getattr(table, name) for name in table.__table__.columns.keys()}  # noqa: SIM118 - no mapping


def _has(column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], text: str) -> ColumnElement[bool]:
    # The database makes both sides lower case: SQLite only knows the letters of ASCII, PostgreSQL all.
    return column.icontains(text, autoescape=True)


def listed(
    found: Select[Row],
    listing: Listing,
    texts: Sequence[InstrumentedAttribute[str] | InstrumentedAttribute[str | None]],
    row_id: InstrumentedAttribute[int],
    by: Columns,
) -> Select[Row]:
    """Give those of `found` that have the search in one of `texts`, ordered by the column of that name in `by`."""
    return _ordered(searched(found, listing, texts), listing, row_id, by)


def searched(
    found: Select[Row],
    listing: Listing,
    texts: Sequence[InstrumentedAttribute[str] | InstrumentedAttribute[str | None]],
) -> Select[Row]:
    """Give those of `found` that have the search in one of `texts`."""
    return found if listing.search is None else found.where(or_(*(_has(text, listing.search) for text in texts)))


def _ordered(found: Select[Row], listing: Listing, row_id: InstrumentedAttribute[int], by: Columns) -> Select[Row]:
    column = by[listing.by]
    return found.order_by((column.desc() if listing.descending else column.asc()).nulls_last(), row_id)


def _holdings() -> Select[models.Ownership]:
    found = select(_ownership).join(_ownership.organization).join(_ownership.application)
    return found.options(contains_eager(_ownership.organization), contains_eager(_ownership.application))


def _holding(row: models.Ownership) -> Holding:
    return Holding(
        application_id=row.application_id, application_name=row.application.name, ownership=values.ownership(row)
    )


def user_token(row: models.UserToken) -> UserToken:
    """Give the token, with whose it is."""
    return UserToken(token=values.token(row), user=values.user(row.user))
