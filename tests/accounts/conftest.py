"""A small world on either database: two organizations, an application that one lends the other, and six people."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from hubbub.accounts import invitations, users
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR, Grant, HeldApplication, Identity, User
from hubbub.errors import Reason, Refusal
from hubbub.store import Store

OWNER, BORROWER = "acme", "globex"


class Bell:
    """Counts how often a change was announced."""

    def __init__(self) -> None:
        self.rings = 0

    async def ring(self) -> None:
        self.rings += 1


class World(msgspec.Struct, frozen=True):
    """`admin`, `member` and `reader` (who may not publish) are of `acme`, which owns `app`; `borrower` is an admin of
    `globex`, which borrows it; `outsider` is enrolled nowhere.
    """

    accounts: Accounts
    admin: Identity
    member: Identity
    reader: Identity
    borrower: Identity
    outsider: Identity
    root: Identity
    app: HeldApplication

    @property
    def app_id(self) -> str:
        return str(self.app.id)

    def of(self, role: str) -> Identity:
        who = getattr(self, role)
        assert isinstance(who, Identity)
        return who


def identity(user: User) -> Identity:
    return Identity(user, Grant(user_id=user.id, token_id=None, expires_at=float("inf")))


async def answer_to(question: Awaitable[Any]) -> Reason | None:
    try:
        await question
    except Refusal as refusal:
        return refusal.reason
    return None


NewUser = Callable[..., Awaitable[Identity]]


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (users, invitations):
        monkeypatch.setattr(module, "hash_password", lambda password: f"hash of {len(password)} characters")


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def accounts(store: Store, bell: Bell) -> Accounts:
    return Accounts(store, bell.ring)


@pytest.fixture
def new_user(accounts: Accounts) -> NewUser:
    async def create(name: str, *, is_root: bool = False) -> Identity:
        user = await accounts.users.create(
            OPERATOR, name=name, email=f"{name}@example.com", password="long enough", is_root=is_root
        )
        return identity(user)

    return create


@pytest.fixture
async def world(accounts: Accounts, new_user: NewUser) -> World:
    admin, member, reader = await new_user("admin"), await new_user("member"), await new_user("reader")
    borrower, outsider = await new_user("borrower"), await new_user("outsider")
    root = await new_user("root", is_root=True)
    await accounts.organizations.create(admin, name=OWNER)
    await accounts.organizations.create(borrower, name=BORROWER)
    for who, can_publish in ((member, True), (reader, False)):
        await accounts.enrollments.add(admin, OWNER, user=who.user.email, can_publish=can_publish)
    app = await accounts.applications.create(admin, OWNER, name="Chat")
    await accounts.applications.lend(admin, OWNER, str(app.id), to=BORROWER)
    return World(accounts, admin, member, reader, borrower, outsider, root, app)
