import hashlib
from uuid import UUID

from databases import Execute
from hubbub.accounts.domain import OPERATOR
from hubbub.errors import UNKNOWN
from hubbub.store import Store

from .conftest import Bell, World, answer_to

MEMBER = "member@example.com"


async def test_the_text_is_given_once_and_its_hash_is_kept(world: World, execute: Execute) -> None:
    made = await world.accounts.tokens.create(world.member, MEMBER)
    assert str(UUID(made.text)) == made.text
    assert made.token.prefix == made.text[:8]
    assert await execute("SELECT token_hash FROM user_tokens") == [(hashlib.sha256(made.text.encode()).hexdigest(),)]
    assert made.text not in repr(made)
    assert (await world.accounts.tokens.list(world.member, str(world.member.user.id))).items == (made.token,)


async def test_the_newest_comes_first(world: World) -> None:
    made = [(await world.accounts.tokens.create(world.root, MEMBER)).token for _ in range(3)]
    page = await world.accounts.tokens.list(world.member, MEMBER, limit=2)
    assert (page.items, page.total) == ((made[2], made[1]), 3)


async def test_one_is_ended_by_id_text_or_prefix(world: World, store: Store, bell: Bell) -> None:
    tokens, before = world.accounts.tokens, await store.last_change()
    made = [await tokens.create(world.member, MEMBER) for _ in range(3)]
    bell.rings = 0
    for reference, one in zip((str(made[0].token.id), made[1].text, made[2].token.prefix), made, strict=True):
        ended = await tokens.invalidate(world.member, MEMBER, reference)
        assert (ended.id, ended.invalidated_at is None) == (one.token.id, False)
        assert await tokens.invalidate(world.member, MEMBER, reference) == ended
    assert [(one.kind, one.subject_id) for one in await store.changes_since(before, 10)] == [
        ("user", world.member.user.id)
    ] * 3
    assert bell.rings == 3


async def test_a_prefix_of_two_ends_neither(world: World, execute: Execute) -> None:
    for _ in range(2):
        await world.accounts.tokens.create(world.member, MEMBER)
    await execute("UPDATE user_tokens SET prefix = 'deadbeef'")
    assert await answer_to(world.accounts.tokens.invalidate(world.member, MEMBER, "deadbeef")) is UNKNOWN


async def test_an_id_wins_over_a_prefix_of_digits(world: World, execute: Execute) -> None:
    for _ in range(2):
        await world.accounts.tokens.create(world.member, MEMBER)
    await execute("UPDATE user_tokens SET id = 12345678 WHERE id = 1")
    await execute("UPDATE user_tokens SET prefix = '12345678' WHERE id = 2")
    assert (await world.accounts.tokens.invalidate(world.member, MEMBER, "12345678")).id == 12345678


async def test_anothers_token_is_not_found_by_any_name(world: World) -> None:
    made = await world.accounts.tokens.create(world.member, MEMBER)
    for reference in (str(made.token.id), made.text, made.token.prefix):
        question = world.accounts.tokens.invalidate(world.reader, "reader@example.com", reference)
        assert await answer_to(question) is UNKNOWN


async def test_an_archived_user_has_none(world: World) -> None:
    await world.accounts.users.archive(OPERATOR, MEMBER)
    assert await answer_to(world.accounts.tokens.create(world.root, MEMBER)) is UNKNOWN
