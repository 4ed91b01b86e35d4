"""Questions about users and what they sign in by, in one transaction."""

from typing import Unpack

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.accounts.domain import User
from hubbub.accounts.people import Credentials, Profile, Proof
from hubbub.accounts.seam_people import UserChanges
from hubbub.store import models, references, values
from hubbub.store.journal import LONGEST_ADDRESS
from hubbub.store.vault import Vault, factor_place

LETTERS = {
    "confirm": models.User.confirmation_token_hash,
    "reset": models.User.reset_token_hash,
    "unlock": models.User.unlock_token_hash,
}
"""Where the hash of a letter's text is kept, by errand."""


class People:
    """Users, by the questions of `hubbub.accounts.seam_people.People`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def find(self, user_id: int) -> Credentials | None:
        """Give one, by id."""
        row = await self._session.get(models.User, user_id)
        return None if row is None else self._credentials(row)

    async def by_email(self, email: str) -> Credentials | None:
        """Give one, by e-mail address: any text at all, of which an id is none."""
        if "@" not in email:
            return None
        row = await self._session.scalar(select(models.User).where(references.user(email)))
        return None if row is None else self._credentials(row)

    async def by_letter(self, errand: Proof, token_hash: str) -> Credentials | None:
        """Give the one whose newest letter for this errand has a text with this hash."""
        row = await self._session.scalar(select(models.User).where(LETTERS[errand] == token_hash))
        return None if row is None else self._credentials(row)

    async def add(self, *, name: str, email: str, password_hash: str) -> User:
        """Create one whose address is not confirmed. The caller has seen that no other has it."""
        row = models.User(name=name, email=email, password_hash=password_hash)
        self._session.add(row)
        await self._session.flush()
        return values.user(row)

    async def change(self, user_id: int, **changes: Unpack[UserChanges]) -> Profile:
        """Change what is named."""
        row = await self._session.get_one(models.User, user_id)
        for column, value in changes.items():
            if column == "second_factor_secret" and isinstance(value, str):
                row.second_factor_secret = await self._vault.seal(self._session, value, factor_place(user_id))
            else:
                setattr(row, column, value)
        for column in ("current_sign_in_address", "last_sign_in_address"):
            if (address := getattr(row, column)) is not None:
                setattr(row, column, address[:LONGEST_ADDRESS])
        await self._session.flush()
        return profile(row)

    def _credentials(self, row: models.User) -> Credentials:
        kept = row.second_factor_secret
        return Credentials(
            profile=profile(row),
            password_hash=row.password_hash,
            confirmation_sent_at=row.confirmation_sent_at,
            reset_sent_at=row.reset_sent_at,
            second_factor_secret=None if kept is None else self._vault.open(kept, factor_place(row.id)),
            second_factor_step=row.second_factor_step,
        )


def profile(row: models.User) -> Profile:
    """Give the profile."""
    return Profile(
        user=values.user(row),
        must_change_password=row.must_change_password,
        password_changed_at=row.password_changed_at,
        unconfirmed_email=row.unconfirmed_email,
        confirmed_at=row.confirmed_at,
        failed_attempts=row.failed_attempts,
        locked_at=row.locked_at,
        sign_in_count=row.sign_in_count,
        current_sign_in_at=row.current_sign_in_at,
        current_sign_in_address=row.current_sign_in_address,
        last_sign_in_at=row.last_sign_in_at,
        last_sign_in_address=row.last_sign_in_address,
        second_factor_since=row.second_factor_since,
    )
