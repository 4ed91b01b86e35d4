"""Browsers that stay signed in.

Knows: the cookie, and how a stolen one is known. Does not know requests.

The cookie is `SERIES.TOKEN`. The series stays, the token changes when it is used. So a known series with an old token
was copied: by a thief, or from one. Nobody can tell which, so all of the user's remembered sign-ins end.

A browser that opens many tabs at once sends the same cookie many times, and may miss the answer that brings the next.
Therefore the next token is made from the one before, with a key that only the server has; the token changes at most
once in `GRACE`; and for as long the one before is answered with the same next one. So all tabs end up with one cookie,
in whatever order their answers come, and no older token need be kept. What is given up: a stolen cookie can be used
for that long after its owner used it, unnoticed until one of them comes again.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.fields import Slice
from hubbub.accounts.people import Cookie, RememberedSignIn, Series, SignedIn
from hubbub.accounts.policy import Policy
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.seam import Store
from hubbub.accounts.signins import ENDED, is_admitted, record
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNAUTHENTICATED, UNKNOWN

GRACE = timedelta(seconds=30)
"""How long the token before the newest is good, and the least time between two changes of it."""

SECRET_NAME = "remember"  # noqa: S105 - the name of its row
LONGEST = 200
"""Characters of a cookie's text that are looked at."""


class Remembered:
    """The use-cases of browsers that stay signed in, for 14 days unless the policy says otherwise."""

    def __init__(self, store: Store, transactions: Transactions, policy: Policy) -> None:
        self._store = store
        self._transactions = transactions
        self._policy = policy
        self._key: bytes | None = None

    async def issue(self, who: Identity) -> Cookie:
        """Give the cookie by which this browser stays signed in. Its text is given this once."""
        series, token = new_invitation(), new_invitation()
        async with self._transactions.writing(who) as work:
            if who.row_id is None:
                raise UNKNOWN()
            made = await work.remembered.add(
                who.row_id,
                series_hash=hash_of(series),
                token_hash=hash_of(token),
                expires_at=datetime.now(UTC) + self._policy.remember_lifetime,
            )
            await work.journal.audit(who.row_id, "remembered.issue", f"remembered:{made.id}")
        return Cookie(text=f"{series}.{token}", expires_at=made.expires_at, remembered_id=made.id)

    async def use(self, text: str, *, address: str | None) -> tuple[SignedIn, Cookie]:
        """Sign in by a cookie, and give the one to keep from now on, which expires when the first one would have.

        UNAUTHENTICATED for one that is unknown, expired or ended; and for one that was copied, with which all of the
        user's end. A lock does not matter: it is against guesses.
        """
        series, _, token = text[:LONGEST].partition(".")
        following = await self._following(series, token)
        came_in: tuple[SignedIn, str] | None = None
        async with self._transactions.writing_for_anybody() as work:
            found = await work.remembered.by_series(hash_of(series))
            if found is None or found.profile.user.archived_at is not None:
                raise UNAUTHENTICATED(problem=ENDED)
            if not is_admitted(found.profile, self._policy):
                raise UNAUTHENTICATED(problem=ENDED)
            user, now = found.profile.user, datetime.now(UTC)
            is_recent = found.remembered.used_at + GRACE > now
            if _fits(found, token) and not is_recent:
                await work.remembered.use(found.remembered.id, hash_of(following))
                came_in = await record(work, found.profile, "remembered.use", address), following
            elif is_recent and (_fits(found, token) or _fits(found, following)):
                signed_in = SignedIn(user=user, at=now, must_change_password=found.profile.must_change_password)
                came_in = signed_in, token if _fits(found, token) else following
            else:
                await work.audit.add(None, "remembered.theft", f"user:{user.id}", address=address)
                await work.remembered.end_all(user.id)
        if came_in is None:
            raise UNAUTHENTICATED(problem=ENDED)
        kept = found.remembered
        text = f"{series}.{came_in[1]}"
        return came_in[0], Cookie(text=text, expires_at=kept.expires_at, remembered_id=kept.id)

    async def list(self, who: Identity, *, limit: object = None, offset: object = None) -> Page[RememberedSignIn]:
        """Give one's own, the one used last first."""
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            return await work.remembered.page(who.user.id, limit=part.limit, offset=part.offset)

    async def end(self, who: Identity, remembered: str) -> None:
        """End one of one's own, by id. UNKNOWN if there is none."""
        async with self._transactions.writing(who) as work:
            if not await work.remembered.end(who.user.id, remembered):
                raise UNKNOWN()
            await work.journal.audit(who.row_id, "remembered.end", f"remembered:{remembered}")

    async def end_all(self, who: Identity) -> None:
        """End all of one's own."""
        async with self._transactions.writing(who) as work:
            await work.remembered.end_all(who.user.id)
            await work.journal.audit(who.row_id, "remembered.end_all", f"user:{who.user.id}")

    async def forget(self, text: str, *, address: str | None = None) -> None:
        """End the one of this cookie, if there is any: for who signs out."""
        async with self._transactions.writing_for_anybody(address) as work:
            found = await work.remembered.by_series(hash_of(text[:LONGEST].partition(".")[0]))
            if found is not None:
                user = found.profile.user
                await work.remembered.end(user.id, str(found.remembered.id))
                await work.journal.audit(user.id, "remembered.end", f"remembered:{found.remembered.id}")

    async def _following(self, series: str, token: str) -> str:
        """Give the token that comes after `token`."""
        if self._key is None:
            kept = await self._store.server_secret(SECRET_NAME, secrets.token_urlsafe(64))
            self._key = kept.encode()
        said = f"{series}.{token}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(hmac.digest(self._key, said, hashlib.sha256)).decode().rstrip("=")


def _fits(found: Series, token: str) -> bool:
    return hmac.compare_digest(found.token_hash, hash_of(token))
