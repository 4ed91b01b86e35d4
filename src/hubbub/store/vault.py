"""The vault: secrets go into the database through it, and come out of it.

Knows: which keys this process was given, and the place that each secret is sealed for, so that none opens elsewhere.
Does not know how sealing works: `keys` does. Where no key is in use, secrets are kept as they are.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.errors import STORE_UNAVAILABLE
from hubbub.store.kept import Kept
from hubbub.store.keys import MasterKey, Unreadable, plain, sealer_of, unescaped
from hubbub.store.models_keys import SealingKey

logger = logging.getLogger("hubbub.store")


class Vault:
    """The keys of one process, the first of them first.

    Which one seals is said by the database, in the same transaction: nodes that are given a new one do not use it
    before all others can have it too. Whoever meets a secret that cannot be opened raises STORE_UNAVAILABLE, never
    goes on without it; the log says what is wrong, once.
    """

    def __init__(self, keys: Sequence[MasterKey] = ()) -> None:
        self.keys = {key.id: key for key in keys}
        self._told: set[str] = set()

    @property
    def first(self) -> MasterKey | None:
        """The first key, which is to be used."""
        return next(iter(self.keys.values()), None)

    def open(self, kept: Kept, place: str) -> str:
        """Give the secret that is kept at this place. Raises STORE_UNAVAILABLE."""
        sealer = sealer_of(kept.text)
        if sealer is None:
            return unescaped(kept.text)
        key = self._key(sealer)
        try:
            return key.open(kept.text, place)
        except Unreadable:
            # Not with colons: what stands behind `secret:` is taken for one, and left out of the log.
            self._tell(
                f"What is sealed at {place.replace(':', ' ')} was sealed for another place, or changed since. It is not"
                " used."
            )
            raise STORE_UNAVAILABLE() from None

    async def seal(self, session: AsyncSession, secret: str, place: str) -> Kept:
        """Give what is kept of a secret at this place: sealed, if a key is in use. Raises STORE_UNAVAILABLE.

        The transaction of `session` must have the lock of whoever writes.
        """
        current = await current_key(session)
        return Kept(plain(secret)) if current is None else Kept(self._key(current).seal(secret, place))

    def _key(self, key_id: str) -> MasterKey:
        key = self.keys.get(key_id)
        if key is None:
            self._tell(
                f"Secrets in the database are sealed by the master key {key_id or 'of a newer version'}, which this"
                " server does not have: give it by HUBBUB_MASTER_KEY, after the others, and start again."
            )
            raise STORE_UNAVAILABLE()
        return key

    def _tell(self, problem: str) -> None:
        if problem not in self._told:
            self._told.add(problem)
            logger.error(problem)


async def current_key(session: AsyncSession) -> str | None:
    """Give the id of the key that seals, None if none does."""
    return await session.scalar(select(SealingKey.id).where(SealingKey.is_current))


def pair_place(application_id: int, key: str) -> str:
    """Give the place of a key pair's secret."""
    return f"key_pairs.secret:{application_id}:{key}"


def headers_place(application_id: int, endpoint_id: int, url: str) -> str:
    """Give the place of an endpoint's headers: they go to this address, and are of no use with another."""
    return f"webhook_endpoints.headers:{application_id}:{endpoint_id}:{url}"


def factor_place(user_id: int) -> str:
    """Give the place of the secret of a user's authenticator."""
    return f"users.second_factor_secret:{user_id}"


def server_place(name: str) -> str:
    """Give the place of a secret that the server made for itself."""
    return f"server_secrets.value:{name}"
