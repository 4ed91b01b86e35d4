"""Users, as root and the command line see them.

Knows: what an e-mail address and a password must be. Does not know mail, sign-in pages, nor enrollments.
"""

from hubbub.accounts.domain import OPERATOR, Identity, Page, User
from hubbub.accounts.fields import TAKEN, Fields, Slice, invalid
from hubbub.accounts.password_rule import new_password
from hubbub.accounts.passwords import apart, hash_password
from hubbub.accounts.permissions import is_oneself, need_root, refuse_browsers
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class Users:
    """The use-cases of users. `user` is an id or an e-mail address."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def list(
        self, who: Identity, *, archived: bool = False, limit: object = None, offset: object = None
    ) -> Page[User]:
        """Give all users, by id, or the `archived` ones. Needs root."""
        need_root(who)
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            return await work.users.page(archived=archived, limit=part.limit, offset=part.offset)

    async def me(self, who: Identity) -> User:
        """Give the user who asks, as the row is now."""
        return who.user if who is OPERATOR else await self.get(who, str(who.user.id))

    async def get(self, who: Identity, user: str) -> User:
        """Give a user: oneself, or anyone for root."""
        async with self._transactions.reading(who) as work:
            if not who.user.is_root and not is_oneself(who, user):
                raise UNKNOWN()
            found = await work.users.find(user)
            if found is None:
                raise UNKNOWN()
            return found

    async def create(
        self, who: Identity, *, name: object, email: object, password: object, is_root: object = False
    ) -> User:
        """Create a user whose e-mail address is taken as confirmed. Needs root.

        The name has 1 to 255 characters, the address an `@` and no other user, the password 8 to 1024 characters.
        """
        refuse_browsers(who)
        need_root(who)
        with Fields() as fields:
            checked, address = fields.text("name", name), fields.email("email", email)
            secret = new_password(fields, "password", password, address)
            as_root = fields.flag("is_root", is_root)
        password_hash = await apart(hash_password, secret)
        async with self._transactions.writing(who) as work:
            if await work.users.find(address) is not None:
                raise invalid("email", TAKEN)
            user = await work.users.add(name=checked, email=address, password_hash=password_hash, is_root=as_root)
            await work.journal.audit(who.row_id, "user.create", f"user:{user.id}")
            return user

    async def archive(self, who: Identity, user: str) -> User:
        """Archive a user; their tokens and sessions work no longer. Needs root. The last root user stays: INVALID."""
        return await self._archive(who, user, archived=True)

    async def unarchive(self, who: Identity, user: str) -> User:
        """Bring a user back. Needs root."""
        return await self._archive(who, user, archived=False)

    async def _archive(self, who: Identity, user: str, *, archived: bool) -> User:
        need_root(who)
        async with self._transactions.writing(who) as work:
            found = await work.users.find(user)
            if found is None:
                raise UNKNOWN()
            if (found.archived_at is not None) == archived:
                return found
            if archived and found.is_root and not await work.users.another_root(found.id):
                raise invalid("user", "is the last root user")
            await work.journal.note("user", found.id)
            action = "user.archive" if archived else "user.unarchive"
            await work.journal.audit(who.row_id, action, f"user:{found.id}")
            return await work.users.archive(found.id, archived=archived)
