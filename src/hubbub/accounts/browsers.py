"""Browsers that are signed in.

Knows: what a browser's cookie stands for, and when it no longer does. Does not know requests.

The cookie is a random text; only its hash is kept. What it stands for is looked up with each request, so that whatever
ends, ends at once: by signing out, from the list of one's browsers, with another password, with the user. One that does
nothing for a while ends by itself; one that stays signed in opens another then (`remembered`), with the same row behind
both, and ends with it.

Where a second factor is on, the right password opens a session that is good for nothing but giving a code, for a few
minutes. The code opens the real one, with another text.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hubbub.accounts.attempts import Attempts, Settled, clear
from hubbub.accounts.codes import is_code_of
from hubbub.accounts.domain import Grant, Identity
from hubbub.accounts.people import (
    BrowserSession,
    Cookie,
    Credentials,
    Entered,
    Halfway,
    KeptBrowser,
    Resumed,
    SignedIn,
)
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.remembered import LONGEST, Remembered
from hubbub.accounts.seam import Work
from hubbub.accounts.signins import ENDED, is_admitted, record
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNAUTHENTICATED, UNKNOWN

HALFWAY_LIFETIME = timedelta(minutes=10)
"""How long one has to give the code."""

NOTED_EVERY = timedelta(minutes=1)
"""The least time between two notes that a session was used."""

WRONG_CODE = "This code is not right, or was used already, or the account is locked for a while"
"""The one text for all of these."""


class Browsers:
    """The use-cases of browsers that are signed in, for 12 hours after their last request unless the policy differs.

    `address` is where on the network a browser is, `agent` what it says it is.
    """

    def __init__(
        self, transactions: Transactions, attempts: Attempts, remembered: Remembered, policy: Policy, post: Post
    ) -> None:
        self._transactions = transactions
        self._attempts = attempts
        self._remembered = remembered
        self._policy = policy
        self._post = post

    async def enter(
        self, came_in: SignedIn | Halfway, *, remember: bool = False, address: str | None, agent: str | None
    ) -> Entered:
        """Open the session of somebody who signed in just now; with `remember` one that stays signed in."""
        if isinstance(came_in, SignedIn):
            cookie = await self._remembered.issue(_identity(came_in, address)) if remember else None
            return await self.open(came_in, address=address, agent=agent, remembered=cookie)
        text = new_invitation()
        async with self._transactions.writing_for_anybody(address) as work:
            await self._forget(work, None)
            made = await work.browsers.add_halfway(
                came_in.user.id,
                token_hash=hash_of(text),
                at=came_in.at,
                address=address,
                user_agent=agent,
                wants_remembering=remember,
            )
            await work.journal.audit(came_in.user.id, "user.come_halfway", f"user:{came_in.user.id}")
        return Entered(text=text, session_id=made.id, is_halfway=True)

    async def open(
        self, signed_in: SignedIn, *, address: str | None, agent: str | None, remembered: Cookie | None = None
    ) -> Entered:
        """Open a session, with the cookie of a browser that stays signed in, if it does.

        The same cookie gives the same session: the tabs of a browser that comes back all ask at once.
        """
        text = new_invitation() if remembered is None else hash_of(f"session {remembered.text}")
        remembered_id = None if remembered is None else remembered.remembered_id
        async with self._transactions.writing_for_anybody(address) as work:
            await self._forget(work, remembered_id)
            kept = None if remembered is None else await work.browsers.by_token(hash_of(text))
            made = (
                kept.session
                if kept is not None
                else await work.browsers.add(
                    signed_in.user.id,
                    token_hash=hash_of(text),
                    at=signed_in.at,
                    address=address,
                    user_agent=agent,
                    remembered_id=remembered_id,
                )
            )
        return Entered(text=text, session_id=made.id, cookie=remembered)

    async def prove(self, text: str, *, code: object, address: str | None, agent: str | None) -> Entered:
        """Give the session of who came halfway, by a code of their authenticator or a recovery code.

        UNAUTHENTICATED, in one text for all that may be wrong with the code; it counts as a wrong password does. The
        session that is halfway, named by the text of its cookie, ends when it succeeds.
        """
        settled, signed_in = Settled(), None
        async with self._transactions.writing_for_anybody(address) as work:
            kept, found = await self._halfway(work, text)
            if not self._attempts.is_locked(found.profile):
                if await is_code_of(work, found, code):
                    profile = await clear(work, found)
                    await work.browsers.end(kept.session.id)
                    signed_in = await record(work, profile, "user.sign_in", address)
                else:
                    settled = await self._attempts.fail(work, found, address)
        if settled.letter is not None:
            await self._post(settled.letter)
        if signed_in is None:
            raise UNAUTHENTICATED(problem=WRONG_CODE)
        return await self.enter(signed_in, remember=kept.wants_remembering, address=address, agent=agent)

    async def look_halfway(self, text: str) -> None:
        """Raise UNAUTHENTICATED unless a code can be given with this cookie, for the page that asks for one."""
        async with self._transactions.reading_for_anybody() as work:
            await self._halfway(work, text)

    async def resume(self, text: str, *, address: str | None) -> Resumed:
        """Give who uses the browser with this cookie, as their row is now.

        UNAUTHENTICATED once it has ended, they are archived, or their password was set after they signed in.
        """
        async with self._transactions.reading_for_anybody() as work:
            kept = await work.browsers.by_token(hash_of(text[:LONGEST]))
        now = datetime.now(UTC)
        if kept is None or kept.is_halfway or not self._counts(kept):
            raise UNAUTHENTICATED(problem=ENDED)
        session, profile = kept.session, kept.profile
        if session.used_at + self._policy.session_lifetime <= now:
            raise UNAUTHENTICATED(problem=ENDED)
        if session.used_at + NOTED_EVERY <= now:
            async with self._transactions.writing_for_anybody(address) as work:
                await work.browsers.use(session.id, address)
        signed_in = SignedIn(
            user=profile.user, at=session.created_at, must_change_password=profile.must_change_password
        )
        return Resumed(
            identity=_identity(signed_in, address),
            session_id=session.id,
            must_change_password=profile.must_change_password,
            is_remembered=session.remembered_id is not None,
        )

    async def list(self, who: Identity, *, here: int | None = None) -> Sequence[BrowserSession]:
        """Give one's own, the one used last first; of one that stays signed in only one session, `here` or its newest.

        `here` is the id of the session that asks.
        """
        async with self._transactions.reading(who) as work:
            found = await work.browsers.of(who.user.id, datetime.now(UTC) - self._policy.session_lifetime)
        browsers: dict[tuple[str, int], BrowserSession] = {}
        for one in found:
            browser = ("session", one.id) if one.remembered_id is None else ("remembered", one.remembered_id)
            if browser not in browsers or one.id == here:
                browsers[browser] = one
        return tuple(browsers.values())

    async def end(self, who: Identity, session: str) -> None:
        """End one of one's own, by id. UNKNOWN if there is none."""
        async with self._transactions.writing(who) as work:
            found = await work.browsers.find(who.user.id, session)
            if found is None:
                raise UNKNOWN()
            await work.browsers.end(found.id)
            await work.journal.audit(who.row_id, "browser.end", f"browser:{found.id}")

    async def end_others(self, who: Identity, session_id: int) -> None:
        """End all of one's own but this one."""
        async with self._transactions.writing(who) as work:
            await work.browsers.end_all(who.user.id, but=session_id)
            await work.journal.audit(who.row_id, "browser.end_others", f"user:{who.user.id}")

    async def leave(self, text: str, *, address: str | None) -> None:
        """End the one of this cookie, if there is any: for who signs out."""
        async with self._transactions.writing_for_anybody(address) as work:
            kept = await work.browsers.by_token(hash_of(text[:LONGEST]))
            if kept is not None:
                user_id = kept.profile.user.id
                await work.browsers.end(kept.session.id)
                if not kept.is_halfway:
                    await work.journal.audit(user_id, "user.sign_out", f"user:{user_id}")

    async def _halfway(self, work: Work, text: str) -> tuple[KeptBrowser, Credentials]:
        kept = await work.browsers.by_token(hash_of(text[:LONGEST]))
        if kept is None or not kept.is_halfway or not self._counts(kept):
            raise UNAUTHENTICATED(problem=ENDED)
        found = await work.people.find(kept.profile.user.id)
        # Root may have switched it off meanwhile.
        if found is None or found.profile.second_factor_since is None:
            raise UNAUTHENTICATED(problem=ENDED)
        if kept.session.created_at + HALFWAY_LIFETIME <= datetime.now(UTC):
            raise UNAUTHENTICATED(problem=ENDED)
        return kept, found

    def _counts(self, kept: KeptBrowser) -> bool:
        profile = kept.profile
        changed = profile.password_changed_at
        return (
            profile.user.archived_at is None
            and is_admitted(profile, self._policy)
            and (changed is None or changed <= kept.session.created_at)
        )

    async def _forget(self, work: Work, remembered_id: int | None) -> None:
        await work.browsers.forget(datetime.now(UTC) - self._policy.session_lifetime, remembered_id=remembered_id)


def _identity(signed_in: SignedIn, address: str | None) -> Identity:
    grant = Grant(user_id=signed_in.user.id, token_id=None, expires_at=float("inf"))
    return Identity(signed_in.user, grant, address)
