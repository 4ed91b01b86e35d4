"""User tokens, which sign in to the API.

Knows: how one is made, and by which names it is found again. Does not know what is issued from one: `sessions` does.
"""

from collections.abc import Sequence

from hubbub.accounts.domain import Identity, NewToken, Page, Token, User
from hubbub.accounts.fields import Slice
from hubbub.accounts.permissions import is_oneself, need_root
from hubbub.accounts.proofs import PREFIX, hash_of, new_token
from hubbub.accounts.proving import Proving
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class Tokens:
    """The use-cases of user tokens. `user` is an id or an e-mail address: one's own, or anyone's for root."""

    def __init__(self, transactions: Transactions, proving: Proving) -> None:
        self._transactions = transactions
        self._proving = proving

    async def list(self, who: Identity, user: str, *, limit: object = None, offset: object = None) -> Page[Token]:
        """Give the user's tokens, invalidated ones too, the newest first."""
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            owner = await _owner(work, who, user)
            return await work.tokens.page(owner.id, limit=part.limit, offset=part.offset)

    async def create(self, who: Identity, user: str) -> NewToken:
        """Make a token. Its text is given this once."""
        text = new_token()
        async with self._transactions.writing(who) as work:
            owner = await _owner(work, who, user)
            token = await work.tokens.add(owner.id, token_hash=hash_of(text), prefix=text[:PREFIX])
            await work.journal.audit(who.row_id, "token.create", f"token:{token.id}", details={"user": owner.id})
            return NewToken(text=text, token=token)

    async def create_in_browser(self, who: Identity, *, password: object) -> NewToken:
        """Make one of one's own for who is signed in to the pages, by their password: INVALID in that field without it.

        A token outlives the browser's session, and shows what the pages show for the password alone.
        """
        await self._proving.prove(who, password)
        return await self.create(who, str(who.user.id))

    async def invalidate(self, who: Identity, user: str | None, token: str) -> Token:
        """End a token, by its id, its text, or the 8 characters its text begins with if only one does.

        Root may leave the user out: it is then ended by its text alone, whoever's it is.
        What was issued from it ends too. One that is invalid already stays as it is.
        """
        token_hash = hash_of(token)
        async with self._transactions.writing(who) as work:
            owner_id = (
                await _owner_by_text(work, who, token_hash) if user is None else (await _owner(work, who, user)).id
            )
            reference = "" if user is None else token
            found = _meant(await work.tokens.matching(owner_id, reference=reference, token_hash=token_hash), reference)
            if found is None:
                raise UNKNOWN()
            if found.invalidated_at is not None:
                return found
            await work.journal.note("user", owner_id)
            await work.journal.audit(who.row_id, "token.invalidate", f"token:{found.id}", details={"user": owner_id})
            return await work.tokens.invalidate(found.id)


async def _owner(work: Work, who: Identity, user: str) -> User:
    """Give the user whose tokens `who` may have to do with. Raises UNKNOWN."""
    if not is_oneself(who, user) and not who.user.is_root:
        raise UNKNOWN()
    found = await work.users.find(user)
    if found is None or found.archived_at is not None:
        raise UNKNOWN()
    return found


async def _owner_by_text(work: Work, who: Identity, token_hash: str) -> int:
    need_root(who)
    owner_id = await work.tokens.owner_id(token_hash)
    if owner_id is None:
        raise UNKNOWN()
    return owner_id


def _meant(tokens: Sequence[Token], reference: str) -> Token | None:
    """Give the token that `reference` means: that of this id before one whose prefix happens to be all digits."""
    for token in tokens:
        if str(token.id) == reference:
            return token
    return tokens[0] if len(tokens) == 1 else None
