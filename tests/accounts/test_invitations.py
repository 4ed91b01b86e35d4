import asyncio

import pytest

from databases import Execute
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.people import Letter
from hubbub.errors import INVALID, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import OWNER, World, answer_to

NEW = "new@example.com"


async def test_an_invitation_is_for_an_address_and_its_text_is_not_kept(world: World, execute: Execute) -> None:
    made = await world.accounts.invitations.invite(
        world.admin, OWNER, email=" New@example.com", name="Newcomer", is_admin=True, can_publish=False
    )
    one = made.invitation
    assert (one.email, one.name, one.is_admin, one.can_publish) == (NEW, "Newcomer", True, False)
    assert (one.expires_at - one.created_at).days in {6, 7}
    assert await world.accounts.invitations.look(made.text) == one
    assert (await world.accounts.invitations.list(world.admin, OWNER)).items == (one,)
    assert made.text not in repr(made)
    assert made.text not in str(await execute("SELECT * FROM invitations"))


async def test_a_newcomer_signs_up_with_it(world: World, store: Store) -> None:
    made = await world.accounts.invitations.invite(world.admin, OWNER, email=NEW)
    enrolled = await world.accounts.invitations.accept_as_new(made.text, name="Newcomer", password="long enough")
    assert (enrolled.user.email, enrolled.user.name, enrolled.organization.slug) == (NEW, "Newcomer", OWNER)
    assert (enrolled.is_admin, enrolled.can_publish) == (False, True)
    for question in (
        world.accounts.invitations.look(made.text),
        world.accounts.invitations.accept(world.outsider, made.text),
        world.accounts.invitations.accept_as_new(made.text, name="Again", password="long enough"),
    ):
        assert await answer_to(question) is UNKNOWN


async def test_a_user_accepts_it_whatever_their_address(world: World) -> None:
    made = await world.accounts.invitations.invite(world.admin, OWNER, email=NEW, is_admin=True)
    enrolled = await world.accounts.invitations.accept(world.outsider, made.text)
    assert (enrolled.user, enrolled.is_admin) == (world.outsider.user, True)


async def test_who_is_in_already_gets_no_less_than_they_had(world: World) -> None:
    made = await world.accounts.invitations.invite(world.admin, OWNER, email=NEW, can_publish=False)
    enrolled = await world.accounts.invitations.accept(world.admin, made.text)
    assert (enrolled.is_admin, enrolled.can_publish) == (True, True)


async def test_who_has_an_account_signs_in_to_accept(world: World) -> None:
    made = await world.accounts.invitations.invite(world.admin, OWNER, email="outsider@example.com")
    with pytest.raises(Refusal) as caught:
        await world.accounts.invitations.accept_as_new(made.text, name="Twice", password="long enough")
    assert caught.value.facts["errors"] == {"email": ["has already been taken"]}
    await world.accounts.invitations.accept(world.outsider, made.text)


async def test_who_is_enrolled_is_not_invited(world: World) -> None:
    question = world.accounts.invitations.invite(world.admin, OWNER, email="member@example.com")
    assert await answer_to(question) is INVALID


async def test_the_newest_invitation_ends_the_earlier_ones(world: World) -> None:
    first, second = [await world.accounts.invitations.invite(world.admin, OWNER, email=NEW) for _ in range(2)]
    assert await answer_to(world.accounts.invitations.look(first.text)) is UNKNOWN
    assert await world.accounts.invitations.look(second.text) == second.invitation


async def test_it_is_mailed_and_can_be_mailed_again(world: World, store: Store) -> None:
    letters: list[Letter] = []

    async def post(letter: Letter) -> None:
        letters.append(letter)

    invitations = Accounts(store, post=post).invitations
    first = await invitations.invite(world.admin, OWNER, email=NEW, name="Newcomer", is_admin=True, can_publish=False)
    second = await invitations.resend(world.admin, OWNER, str(first.invitation.id))
    assert [(one.errand, one.email, one.text, one.user) for one in letters] == [
        ("invitation", NEW, made.text, world.admin.user) for made in (first, second)
    ]
    assert letters[1].invitation == second.invitation
    assert (await invitations.list(world.admin, OWNER)).items == (second.invitation,)
    assert await answer_to(invitations.look(first.text)) is UNKNOWN
    one = second.invitation
    assert (one.email, one.name, one.is_admin, one.can_publish) == (NEW, "Newcomer", True, False)
    entries = (await world.accounts.audit.list(world.admin, OWNER, action="invitation")).items
    assert [(entry.action, entry.details) for entry in entries] == [("invitation.invite", {"email": NEW})] * 2


async def test_who_is_in_by_now_gets_no_second_letter(world: World) -> None:
    invitations = world.accounts.invitations
    made = await invitations.invite(world.admin, OWNER, email="outsider@example.com")
    await world.accounts.enrollments.add(world.admin, OWNER, user="outsider@example.com")
    assert await answer_to(invitations.resend(world.admin, OWNER, str(made.invitation.id))) is INVALID
    await invitations.revoke(world.admin, OWNER, str(made.invitation.id))
    assert await answer_to(invitations.resend(world.admin, OWNER, str(made.invitation.id))) is UNKNOWN


async def test_a_revoked_expired_or_archived_one_is_over(world: World, execute: Execute) -> None:
    invitations = world.accounts.invitations
    revoked, expired, archived = [
        await invitations.invite(world.admin, OWNER, email=f"{number}@example.com") for number in range(3)
    ]
    await invitations.revoke(world.admin, OWNER, str(revoked.invitation.id))
    await execute(f"UPDATE invitations SET expires_at = '2001-01-01 00:00:00' WHERE id = {expired.invitation.id}")
    assert (await invitations.list(world.admin, OWNER)).items == (archived.invitation,)
    await world.accounts.organizations.archive(world.admin, OWNER)
    for made in (revoked, expired, archived):
        assert await answer_to(invitations.accept(world.outsider, made.text)) is UNKNOWN


async def test_another_organizations_cannot_be_revoked(world: World) -> None:
    made = await world.accounts.invitations.invite(world.admin, OWNER, email=NEW)
    question = world.accounts.invitations.revoke(world.borrower, "globex", str(made.invitation.id))
    assert await answer_to(question) is UNKNOWN


async def test_it_is_accepted_once_even_at_once(world: World) -> None:
    made = await world.accounts.invitations.invite(world.admin, OWNER, email=NEW)
    accept = world.accounts.invitations.accept_as_new
    answers = await asyncio.gather(
        *(answer_to(accept(made.text, name="Newcomer", password="long enough")) for _ in range(4))
    )
    assert (answers.count(None), answers.count(UNKNOWN)) == (1, 3)
