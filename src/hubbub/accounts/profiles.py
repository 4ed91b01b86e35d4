"""Profiles: what is known of a user, and changing it.

Knows: that there is always a root user. Does not know passwords, nor how one confirms an address: root need not.
"""

from hubbub.accounts.confirmations import readdress
from hubbub.accounts.domain import Identity, User
from hubbub.accounts.fields import TAKEN, Fields, invalid
from hubbub.accounts.people import Profile
from hubbub.accounts.permissions import is_oneself, need_root
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class Profiles:
    """The use-cases of profiles. `user` is an id or an e-mail address."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def get(self, who: Identity, user: str) -> Profile:
        """Give that of oneself, or anyone's for root."""
        async with self._transactions.reading(who) as work:
            if not who.user.is_root and not is_oneself(who, user):
                raise UNKNOWN()
            return await _profile(work, user)

    async def rename(self, who: Identity, *, name: object) -> User:
        """Give oneself another name."""
        with Fields() as fields:
            checked = fields.text("name", name)
        async with self._transactions.writing(who) as work:
            if who.row_id is None:
                raise UNKNOWN()
            await work.journal.audit(who.row_id, "user.rename", f"user:{who.row_id}")
            return (await work.people.change(who.row_id, name=checked)).user

    async def edit(
        self,
        who: Identity,
        user: str,
        *,
        name: object = None,
        email: object = None,
        is_root: object = None,
        must_change_password: object = None,
    ) -> Profile:
        """Change what is not None of any user. Needs root. The address is taken as confirmed.

        The last root user stays one: INVALID in the field `is_root`; in `email` for one that is taken.
        """
        need_root(who)
        with Fields() as fields:
            new_name = None if name is None else fields.text("name", name)
            new_email = None if email is None else fields.email("email", email)
            as_root = None if is_root is None else fields.flag("is_root", is_root)
            must_change = (
                None if must_change_password is None else fields.flag("must_change_password", must_change_password)
            )
        async with self._transactions.writing(who) as work:
            before = await _profile(work, user)
            one, changed = before.user, []
            if new_name not in {None, one.name}:
                await work.people.change(one.id, name=new_name or one.name)
                changed.append("name")
            if new_email is not None and new_email != one.email:
                if await work.people.by_email(new_email) is not None:
                    raise invalid("email", TAKEN)
                await readdress(work, one, new_email)
                changed.append("email")
            if as_root is not None and as_root != one.is_root:
                if not as_root and one.archived_at is None and not await work.users.another_root(one.id):
                    raise invalid("is_root", "is the last root user")
                await work.people.change(one.id, is_root=as_root)
                await work.journal.note("user", one.id)
                changed.append("is_root")
            if must_change is not None and must_change != before.must_change_password:
                await work.people.change(one.id, must_change_password=must_change)
                changed.append("must_change_password")
            if not changed:
                return before
            await work.journal.audit(who.row_id, "user.edit", f"user:{one.id}", details={"changed": changed})
            return await _profile(work, str(one.id))


async def _profile(work: Work, user: str) -> Profile:
    known = await work.users.find(user)
    found = None if known is None else await work.people.find(known.id)
    if found is None:
        raise UNKNOWN()
    return found.profile
