"""Who may do what, as one table: every use-case, and what it answers to whom."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Grant, Identity
from hubbub.accounts.seam import Work
from hubbub.errors import FORBIDDEN, UNKNOWN, Reason, Refusal
from hubbub.store import Store

from .conftest import BORROWER, OWNER, World, answer_to

OK, NO, WHAT = None, FORBIDDEN, UNKNOWN

ROLES = ("admin", "member", "reader", "borrower", "outsider", "root")

Ask = Callable[[World, Identity], Awaitable[Any]]

# What is asked of the organization that owns the application.
IN_OWNER: dict[str, tuple[Ask, tuple[Reason | None, ...]]] = {
    "see an organization": (lambda w, who: w.accounts.organizations.get(who, OWNER), (OK, OK, OK, WHAT, WHAT, OK)),
    "rename it": (
        lambda w, who: w.accounts.organizations.rename(who, OWNER, name="Other"), (OK, NO, NO, WHAT, WHAT, OK)
    ),
    "archive it": (lambda w, who: w.accounts.organizations.archive(who, OWNER), (OK, NO, NO, WHAT, WHAT, OK)),
    "bring it back": (lambda w, who: w.accounts.organizations.unarchive(who, OWNER), (OK, NO, NO, WHAT, WHAT, OK)),
    "list enrollments": (lambda w, who: w.accounts.enrollments.list(who, OWNER), (OK, NO, NO, WHAT, WHAT, OK)),
    "enroll": (
        lambda w, who: w.accounts.enrollments.add(who, OWNER, user="outsider@example.com"),
        (OK, NO, NO, WHAT, WHAT, OK),
    ),
    "change an enrollment": (
        lambda w, who: w.accounts.enrollments.change(who, OWNER, "member@example.com", is_admin=True),
        (OK, NO, NO, WHAT, WHAT, OK),
    ),
    "un-enroll another": (
        lambda w, who: w.accounts.enrollments.remove(who, OWNER, "reader@example.com"),
        (OK, NO, OK, WHAT, WHAT, OK),  # the reader leaves
    ),
    "invite": (
        lambda w, who: w.accounts.invitations.invite(who, OWNER, email="new@example.com"),
        (OK, NO, NO, WHAT, WHAT, OK),
    ),
    "resend an invitation": (
        lambda w, who: w.accounts.invitations.resend(who, OWNER, "1"), (WHAT, NO, NO, WHAT, WHAT, WHAT)
    ),
    "list invitations": (lambda w, who: w.accounts.invitations.list(who, OWNER), (OK, NO, NO, WHAT, WHAT, OK)),
    "revoke an unknown invitation": (
        lambda w, who: w.accounts.invitations.revoke(who, OWNER, "1"), (WHAT, NO, NO, WHAT, WHAT, WHAT)
    ),
    "list archived applications": (
        lambda w, who: w.accounts.applications.list(who, OWNER, archived=True), (OK, NO, NO, WHAT, WHAT, OK)
    ),
}  # fmt: skip

# What is asked of the application, by the borrower's admin through the organization that borrows it.
OF_APPLICATION: dict[str, tuple[Callable[[World, Identity, str], Awaitable[Any]], tuple[Reason | None, ...]]] = {
    "list applications": (lambda w, who, o: w.accounts.applications.list(who, o), (OK, OK, OK, OK, WHAT, OK)),
    "create one": (
        lambda w, who, o: w.accounts.applications.create(who, o, name="New"), (OK, NO, NO, OK, WHAT, OK)
    ),
    "see it": (lambda w, who, o: w.accounts.applications.get(who, o, w.app_id), (OK, OK, OK, OK, WHAT, OK)),
    "edit it": (
        lambda w, who, o: w.accounts.applications.update(who, o, w.app_id, name="New"), (OK, NO, NO, NO, WHAT, OK)
    ),
    "archive it": (lambda w, who, o: w.accounts.applications.archive(who, o, w.app_id), (OK, NO, NO, NO, WHAT, OK)),
    "bring it back": (
        lambda w, who, o: w.accounts.applications.unarchive(who, o, w.app_id), (OK, NO, NO, NO, WHAT, OK)
    ),
    "rotate its keys": (
        lambda w, who, o: w.accounts.applications.rotate(who, o, w.app_id), (OK, NO, NO, NO, WHAT, OK)
    ),
    "revoke an unknown key": (
        lambda w, who, o: w.accounts.applications.revoke(who, o, w.app_id, "nope"), (WHAT, NO, NO, NO, WHAT, WHAT)
    ),
    "lend it": (
        lambda w, who, o: w.accounts.applications.lend(who, o, w.app_id, to="initech"), (OK, NO, NO, NO, WHAT, OK)
    ),
    "take it back": (
        lambda w, who, o: w.accounts.applications.take_back(who, o, w.app_id, BORROWER), (OK, NO, NO, NO, WHAT, OK)
    ),
    "see who holds it": (
        lambda w, who, o: w.accounts.applications.ownerships(who, o, w.app_id), (OK, NO, NO, NO, WHAT, OK)
    ),
    "publish": (
        lambda w, who, o: w.accounts.applications.may_publish(who, o, w.app_id), (OK, OK, NO, OK, WHAT, OK)
    ),
    "read presence": (
        lambda w, who, o: w.accounts.applications.may_read_presence(who, o, w.app_id), (OK, OK, OK, OK, WHAT, OK)
    ),
    "publish to an unknown one": (
        lambda w, who, o: w.accounts.applications.may_publish(who, o, "999"), (WHAT, WHAT, WHAT, WHAT, WHAT, WHAT)
    ),
    "edit an unknown one": (
        lambda w, who, o: w.accounts.applications.update(who, o, "999", name="New"),
        (WHAT, WHAT, WHAT, WHAT, WHAT, WHAT),
    ),
}  # fmt: skip

# What is asked of no organization.
ELSEWHERE: dict[str, tuple[Ask, tuple[Reason | None, ...]]] = {
    "list one's organizations": (lambda w, who: w.accounts.organizations.list(who), (OK, OK, OK, OK, OK, OK)),
    "list everyone's": (
        lambda w, who: w.accounts.organizations.list(who, everyones=True), (NO, NO, NO, NO, NO, OK)
    ),
    "create an organization": (
        lambda w, who: w.accounts.organizations.create(who, name="New"), (OK, OK, OK, OK, OK, OK)
    ),
    "list users": (lambda w, who: w.accounts.users.list(who), (NO, NO, NO, NO, NO, OK)),
    "see oneself": (lambda w, who: w.accounts.users.me(who), (OK, OK, OK, OK, OK, OK)),
    "see the member": (
        lambda w, who: w.accounts.users.get(who, "member@example.com"), (WHAT, OK, WHAT, WHAT, WHAT, OK)
    ),
    "create a user": (
        lambda w, who: w.accounts.users.create(who, name="N", email="n@example.com", password="long enough"),
        (NO, NO, NO, NO, NO, OK),
    ),
    "archive a user": (
        lambda w, who: w.accounts.users.archive(who, "outsider@example.com"), (NO, NO, NO, NO, NO, OK)
    ),
    "bring a user back": (
        lambda w, who: w.accounts.users.unarchive(who, "outsider@example.com"), (NO, NO, NO, NO, NO, OK)
    ),
    "list the member's tokens": (
        lambda w, who: w.accounts.tokens.list(who, str(w.member.user.id)), (WHAT, OK, WHAT, WHAT, WHAT, OK)
    ),
    "make one of theirs": (
        lambda w, who: w.accounts.tokens.create(who, str(w.member.user.id)), (WHAT, OK, WHAT, WHAT, WHAT, OK)
    ),
    "end an unknown one of theirs": (
        lambda w, who: w.accounts.tokens.invalidate(who, str(w.member.user.id), "999"),
        (WHAT, WHAT, WHAT, WHAT, WHAT, WHAT),
    ),
}  # fmt: skip


Answers = dict[tuple[str, str], str]


def named(answer: Reason | None) -> str:
    return {OK: "may", NO: "may not", WHAT: "what?"}.get(answer) or str(answer)


def expected(table: dict[str, tuple[Any, tuple[Reason | None, ...]]]) -> Answers:
    return {
        (name, role): named(answer)
        for name, (_, answers) in table.items()
        for role, answer in zip(ROLES, answers, strict=True)
    }


class Undone:
    """A store in which every transaction that went well is undone, so that each use-case finds the same world."""

    class Undo(Exception):
        pass

    def __init__(self, store: Store) -> None:
        self.reading = store.reading
        self.server_secret = store.server_secret
        self._store = store

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        with suppress(Undone.Undo):
            async with self._store.work() as work:
                yield work
                raise Undone.Undo


@pytest.fixture
async def still(world: World, store: Store) -> World:
    """The world, in which nothing comes of anything; the outsider has an organization of their own there."""
    await world.accounts.organizations.create(world.outsider, name="Initech")
    return msgspec.structs.replace(world, accounts=Accounts(Undone(store)))


async def test_who_may_do_what(still: World) -> None:
    table = IN_OWNER | ELSEWHERE
    answers = {
        (name, role): named(await answer_to(ask(still, still.of(role))))
        for name, (ask, _) in table.items()
        for role in ROLES
    }
    assert answers == expected(table)


async def test_who_may_do_what_with_an_application(still: World) -> None:
    answers = {
        (name, role): named(await answer_to(ask(still, still.of(role), BORROWER if role == "borrower" else OWNER)))
        for name, (ask, _) in OF_APPLICATION.items()
        for role in ROLES
    }
    assert answers == expected(OF_APPLICATION)


async def test_a_session_token_for_sockets_may_do_nothing(still: World) -> None:
    user = still.root.user
    browser = Identity(user, Grant(user_id=user.id, token_id=None, expires_at=1e12, is_channel_only=True))
    for ask, _ in (*IN_OWNER.values(), *ELSEWHERE.values()):
        assert await answer_to(ask(still, browser)) is FORBIDDEN


async def test_an_organization_that_is_not_there_answers_as_one_that_is_not_yours(world: World) -> None:
    for reference in (OWNER, "nowhere", "1", "999999", "2147483648", "9" * 5000, "\0", "\ud800", "x" * 10_000, ""):
        with pytest.raises(Refusal) as caught:
            await world.accounts.organizations.get(world.outsider, reference)
        assert (caught.value.reason, caught.value.message) == (UNKNOWN, "Not found")


async def test_odd_references_find_nothing_on_either_database(world: World) -> None:
    odd = ["2147483648", "9" * 5000, "\0", "\ud800", "x" * 10_000, "", "01", "１", "%", "-1", "a\0@b", "\ud800@b"]
    for reference in odd:
        for question in questions(world.accounts, world.root, world.app_id, reference):
            assert await answer_to(question) is UNKNOWN


def questions(accounts: Accounts, root: Identity, app_id: str, reference: str) -> list[Awaitable[Any]]:
    return [
        accounts.organizations.get(root, reference),
        accounts.applications.get(root, OWNER, reference),
        accounts.applications.may_publish(root, OWNER, reference),
        accounts.applications.take_back(root, OWNER, app_id, reference),
        accounts.applications.revoke(root, OWNER, app_id, reference),
        accounts.enrollments.remove(root, OWNER, reference),
        accounts.tokens.list(root, reference),
        accounts.tokens.invalidate(root, "root@example.com", reference),
        accounts.users.get(root, reference),
        accounts.invitations.revoke(root, OWNER, reference),
        accounts.invitations.resend(root, OWNER, reference),
        accounts.invitations.look(reference),
    ]
