import asyncio

import pytest

from hubbub.accounts.domain import OPERATOR, Grant, Identity
from hubbub.accounts.people import Letter
from hubbub.errors import FORBIDDEN, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import Bell, NewUser, World, answer_to

MEMBER = "member@example.com"


async def test_one_sees_ones_own_and_root_anyones(world: World) -> None:
    profiles = world.accounts.profiles
    own = await profiles.get(world.member, MEMBER)
    assert (own.user, own.sign_in_count, own.locked_at) == (world.member.user, 0, None)
    assert await profiles.get(world.root, str(world.member.user.id)) == own
    assert await answer_to(profiles.get(world.admin, MEMBER)) is UNKNOWN
    assert await answer_to(profiles.get(world.root, "99")) is UNKNOWN


async def test_one_changes_ones_own_name(world: World) -> None:
    assert (await world.accounts.profiles.rename(world.member, name=" Mem ")).name == "Mem"
    assert (await world.accounts.users.me(world.member)).name == "Mem"
    with pytest.raises(Refusal) as caught:
        await world.accounts.profiles.rename(world.member, name="")
    assert caught.value.facts["errors"] == {"name": ["can't be blank"]}
    assert await answer_to(world.accounts.profiles.rename(OPERATOR, name="Op")) is UNKNOWN


async def test_root_edits_anyone(world: World, store: Store, bell: Bell) -> None:
    edit, before = world.accounts.profiles.edit, await store.last_change()
    bell.rings = 0
    changed = await edit(
        world.root, MEMBER, name="Mem", email="Mem@example.com", is_root="true", must_change_password=True
    )
    user = changed.user
    assert (user.name, user.email, user.is_root, changed.must_change_password) == ("Mem", "mem@example.com", True, True)
    assert [(one.kind, one.subject_id) for one in await store.changes_since(before, 10)] == [("user", user.id)]
    assert bell.rings == 1
    entry = (await world.accounts.audit.list(OPERATOR, None)).items[0]
    assert (entry.action, entry.user) == ("user.edit", world.root.user)
    assert entry.details == {"changed": ["name", "email", "is_root", "must_change_password"]}
    assert await edit(world.root, "mem@example.com", name="Mem", is_root=True) == changed
    assert (await world.accounts.audit.list(OPERATOR, None)).items[0] == entry


async def test_nobody_else_edits(world: World) -> None:
    for who in (world.admin, world.member, world.outsider):
        assert await answer_to(world.accounts.profiles.edit(who, MEMBER, name="Mem")) is FORBIDDEN


async def test_what_is_wrong_is_told(world: World) -> None:
    edit = world.accounts.profiles.edit
    with pytest.raises(Refusal) as caught:
        await edit(OPERATOR, MEMBER, name="", email="nowhere", is_root="perhaps", must_change_password=7)
    errors = caught.value.facts["errors"]
    assert isinstance(errors, dict)
    assert errors.keys() == {"name", "email", "is_root", "must_change_password"}
    with pytest.raises(Refusal) as caught:
        await edit(OPERATOR, MEMBER, name="Mem", email="admin@example.com")
    assert caught.value.facts["errors"] == {"email": ["has already been taken"]}
    assert (await world.accounts.users.me(world.member)).name == "member"
    assert await answer_to(edit(OPERATOR, "nobody@example.com", name="Mem")) is UNKNOWN


async def test_there_is_always_a_root_user(world: World, new_user: NewUser) -> None:
    edit = world.accounts.profiles.edit
    with pytest.raises(Refusal) as caught:
        await edit(world.root, "root@example.com", is_root=False)
    assert caught.value.facts["errors"] == {"is_root": ["is the last root user"]}
    await new_user("second", is_root=True)
    answers = await asyncio.gather(
        *(answer_to(edit(OPERATOR, f"{name}@example.com", is_root=False)) for name in ("root", "second"))
    )
    assert answers.count(None) == 1


async def test_another_address_from_root_is_confirmed_and_voids_letters(world: World, store: Store) -> None:
    posted: list[Letter] = []

    async def post(letter: Letter) -> None:
        posted.append(letter)

    accounts = type(world.accounts)(store, post=post)
    await accounts.passwords.ask(MEMBER)
    edited = await accounts.profiles.edit(OPERATOR, MEMBER, email="new@example.com")
    assert (edited.user.email, edited.unconfirmed_email) == ("new@example.com", None)
    assert edited.confirmed_at is not None
    assert await answer_to(accounts.passwords.look(posted[0].text)) is UNKNOWN


async def test_a_session_token_for_sockets_may_do_none_of_this(world: World) -> None:
    accounts, user = world.accounts, world.root.user
    browser = Identity(user, Grant(user_id=user.id, token_id=None, expires_at=1e12, is_channel_only=True))
    for question in (
        accounts.profiles.get(browser, MEMBER),
        accounts.profiles.rename(browser, name="New"),
        accounts.profiles.edit(browser, MEMBER, name="New"),
        accounts.passwords.change(browser, old="long enough", new="another horse"),
        accounts.confirmations.change_email(browser, email="new@example.com", password="long enough"),
        accounts.remembered.issue(browser),
        accounts.remembered.list(browser),
        accounts.remembered.end(browser, "1"),
        accounts.remembered.end_all(browser),
        accounts.register.users(browser),
        accounts.register.organizations(browser),
        accounts.register.enrollments(browser),
        accounts.register.applications(browser),
        accounts.register.ownerships(browser),
        accounts.register.tokens(browser),
        accounts.register.own(browser, world.app_id, "globex", is_owned=True),
        accounts.audit.list(browser, None),
    ):
        assert await answer_to(question) is FORBIDDEN
