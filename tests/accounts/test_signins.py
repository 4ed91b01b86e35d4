import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from databases import Execute
from hubbub.accounts import attempts, passwords
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.passwords import is_password
from hubbub.accounts.people import Profile
from hubbub.accounts.policy import Policy
from hubbub.errors import FORBIDDEN, UNAUTHENTICATED, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import answer_to
from .newcomers import ADDRESS, EMAIL, PASSWORD, Town

WRONG = "wrong horse"


@pytest.fixture
def town(store: Store, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(store, monkeypatch)


async def profile(town: Town) -> Profile:
    return (await town.accounts.register.users(OPERATOR)).items[0]


async def fail(town: Town, times: int) -> None:
    for _ in range(times):
        assert await answer_to(town.sign_in(password=WRONG)) is UNAUTHENTICATED


async def test_a_sign_in_is_noted(town: Town) -> None:
    await town.accounts.sign_ups.sign_up(name="Ann", email=EMAIL, password=PASSWORD)
    first = await town.sign_in(email=" ANN@example.com")
    await town.accounts.sign_ins.sign_in(email=EMAIL, password=PASSWORD, address="2001:db8::1" + "x" * 100)
    known = await profile(town)
    assert (first.user, first.must_change_password, known.sign_in_count) == (known.user, False, 2)
    assert (known.last_sign_in_at, known.last_sign_in_address) == (first.at, ADDRESS)
    assert (known.current_sign_in_address or "").startswith("2001:db8::1xxx")
    assert abs((known.current_sign_in_at or first.at) - datetime.now(UTC)) < timedelta(minutes=1)
    newest, before, *_ = (await town.accounts.audit.list(OPERATOR, None)).items
    assert (newest.action, before.action, before.address) == ("user.sign_in", "user.sign_in", ADDRESS)


async def test_whether_the_password_must_be_changed_is_told(town: Town) -> None:
    await town.sign_up()
    await town.accounts.profiles.edit(OPERATOR, EMAIL, must_change_password=True)
    assert (await town.sign_in()).must_change_password


async def test_one_text_for_all_that_may_be_wrong(town: Town) -> None:
    await town.sign_up()
    await town.sign_up("gone@example.com")
    await town.accounts.users.archive(OPERATOR, "gone@example.com")
    await town.sign_up("locked@example.com")
    for _ in range(10):
        assert await answer_to(town.sign_in(email="locked@example.com", password=WRONG)) is UNAUTHENTICATED
    texts = set()
    for email, password in (
        (EMAIL, WRONG), (EMAIL, ""), (EMAIL, None), (EMAIL, "\ud800"), (EMAIL, "x" * 5000), ("1", PASSWORD),
        ("nobody@example.com", PASSWORD), ("gone@example.com", PASSWORD), ("locked@example.com", PASSWORD),
        (None, None), (3, 3), ("\0@", PASSWORD),
    ):  # fmt: skip
        with pytest.raises(Refusal) as caught:
            await town.sign_in(email=email, password=password)
        assert caught.value.reason is UNAUTHENTICATED
        texts.add(caught.value.message)
    assert len(texts) == 1


async def test_an_unknown_user_costs_the_same_work(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.sign_up()
    checked: list[str] = []

    def counted(kept: str, password: str) -> bool:
        checked.append(kept)
        return is_password(kept, password)

    monkeypatch.setattr(attempts, "is_password", counted)
    for email in (EMAIL, "nobody@example.com", "", None):
        await answer_to(town.sign_in(email=email, password=WRONG))
    assert len(checked) == 4
    assert all(kept.startswith("$argon2id$") for kept in checked)


async def test_the_password_of_nobody_lets_nobody_in(town: Town) -> None:
    assert await answer_to(town.sign_in(email="nobody@example.com", password="nobody's")) is UNAUTHENTICATED


async def test_failures_lock_and_a_success_begins_anew(town: Town) -> None:
    await town.sign_up()
    await fail(town, 9)
    await town.sign_in()
    await fail(town, 9)
    assert (await profile(town)).failed_attempts == 9
    assert all(letter.errand == "confirm" for letter in town.letters)
    await fail(town, 1)
    assert [letter.errand for letter in town.letters] == ["confirm", "unlock"]
    assert await answer_to(town.sign_in()) is UNAUTHENTICATED
    await fail(town, 1)
    assert len(town.letters) == 2
    assert (await town.accounts.audit.list(OPERATOR, None)).items[0].action == "user.lock"


async def test_a_lock_ends_by_itself(town: Town, execute: Execute) -> None:
    await town.sign_up()
    await fail(town, 10)
    await execute("UPDATE users SET locked_at = '2001-01-01 00:00:00'")
    await fail(town, 1)
    known = await profile(town)
    assert (known.failed_attempts, known.locked_at) == (1, None)
    await town.sign_in()


async def test_a_letter_unlocks_once(town: Town, execute: Execute) -> None:
    await town.sign_up()
    await fail(town, 10)
    first = town.text("unlock")
    assert first not in str(await execute("SELECT * FROM users"))
    await town.accounts.sign_ins.ask_to_unlock(EMAIL)
    second = town.text("unlock")
    assert await answer_to(town.accounts.sign_ins.unlock(first)) is UNKNOWN
    await town.accounts.sign_ins.unlock(second)
    assert (await profile(town)).failed_attempts == 0
    await town.sign_in()
    assert await answer_to(town.accounts.sign_ins.unlock(second)) is UNKNOWN


async def test_asking_to_be_unlocked_tells_nobody_who_is_known(town: Town) -> None:
    await town.sign_up()
    town.letters.clear()
    for email in (EMAIL, "nobody@example.com", None, 3, "1"):
        await town.accounts.sign_ins.ask_to_unlock(email)
    assert town.letters == []


async def test_of_many_guesses_at_once_no_more_learn_anything_than_lock(town: Town, url: str) -> None:
    await town.sign_up()
    accounts = town.under(Policy(lock_after=3))
    other = Store.open(url)
    there = type(accounts)(other, policy=Policy(lock_after=3), post=town.post)
    answers = await asyncio.gather(
        *(
            answer_to(one.sign_ins.sign_in(email=EMAIL, password=WRONG, address=ADDRESS))
            for one in (accounts, there)
            for _ in range(5)
        )
    )
    await other.close()
    assert set(answers) == {UNAUTHENTICATED}
    assert (await profile(town)).failed_attempts == 3
    assert [letter.errand for letter in town.letters].count("unlock") == 1


async def test_a_right_guess_that_ends_after_the_lock_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.sign_up()
    accounts = town.under(Policy(lock_after=1))
    begun, may_end = threading.Event(), threading.Event()

    def slow(kept: str, password: str) -> bool:
        if password == PASSWORD:
            begun.set()
            assert may_end.wait(10)
        return is_password(kept, password)

    monkeypatch.setattr(attempts, "is_password", slow)
    monkeypatch.setattr(passwords, "_threads", ThreadPoolExecutor(2))  # a server may have one alone for it
    right = asyncio.create_task(answer_to(accounts.sign_ins.sign_in(email=EMAIL, password=PASSWORD, address=ADDRESS)))
    await asyncio.to_thread(begun.wait, 10)
    await answer_to(accounts.sign_ins.sign_in(email=EMAIL, password=WRONG, address=ADDRESS))
    may_end.set()
    assert await right is UNAUTHENTICATED


async def test_who_is_not_confirmed_comes_in_unless_that_is_required(town: Town) -> None:
    ann = await town.sign_up()
    strict = town.under(Policy(require_confirmation=True)).sign_ins
    assert await answer_to(strict.sign_in(email=EMAIL, password=PASSWORD, address=None)) is FORBIDDEN
    assert await answer_to(strict.sign_in(email=EMAIL, password=WRONG, address=None)) is UNAUTHENTICATED
    assert await answer_to(strict.resume(ann.user.id, datetime.now(UTC))) is UNAUTHENTICATED
    await town.accounts.confirmations.confirm(town.text("confirm"))
    await strict.sign_in(email=EMAIL, password=PASSWORD, address=None)


async def test_a_sign_in_is_resumed_until_the_password_or_the_user_goes(town: Town) -> None:
    ann = await town.sign_up()
    resume = town.accounts.sign_ins.resume
    before = await town.sign_in()
    assert await resume(ann.user.id, before.at) == before
    after = await town.accounts.passwords.change(ann, old=PASSWORD, new="another horse")
    assert await answer_to(resume(ann.user.id, before.at)) is UNAUTHENTICATED
    assert await resume(ann.user.id, after.at) == after
    await town.accounts.users.archive(OPERATOR, EMAIL)
    assert await answer_to(resume(ann.user.id, after.at)) is UNAUTHENTICATED
    assert await answer_to(resume(99, after.at)) is UNAUTHENTICATED


async def test_no_hash_is_shown(town: Town, store: Store) -> None:
    await town.sign_up()
    async with store.reading() as work:
        found = await work.people.by_email(EMAIL)
    assert "$argon2" not in repr(found)
    assert found is not None
    assert found.password_hash.startswith("$argon2id$")
