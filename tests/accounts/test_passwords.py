import asyncio
import threading

import pytest

from hubbub.accounts.passwords import AT_ONCE, MOST_WAITING, apart, hash_password, is_password
from hubbub.errors import OVER_CAPACITY, Refusal

LIMIT = 15.0  # seconds


@pytest.mark.parametrize("password", ["correct horse battery staple", "", "pässwörd ☃", "x" * 10_000])
def test_a_password_is_known_by_its_hash(password: str) -> None:
    kept = hash_password(password)
    assert kept.startswith("$argon2id$")
    assert is_password(kept, password)


def test_any_other_password_is_not() -> None:
    kept = hash_password("correct horse")
    assert not is_password(kept, "Correct horse")
    assert not is_password(kept, "")


def test_the_same_password_has_another_hash_each_time() -> None:
    assert hash_password("same") != hash_password("same")


@pytest.mark.parametrize("kept", ["", "!", "plain", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_what_is_no_hash_fits_no_password(kept: str) -> None:
    assert not is_password(kept, "plain")


async def test_few_are_hashed_at_once_and_what_stands_too_far_behind_is_put_off() -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def work(number: int) -> int:
        begun.release()
        assert go_on.wait(LIMIT)
        return number

    waiting = [asyncio.ensure_future(apart(work, number)) for number in range(MOST_WAITING)]
    try:
        for _ in range(AT_ONCE):
            assert await asyncio.to_thread(begun.acquire, timeout=LIMIT)
        with pytest.raises(Refusal) as refused:
            await apart(work, MOST_WAITING)
        assert refused.value.reason is OVER_CAPACITY
        assert not begun.acquire(blocking=False)
    finally:
        go_on.set()
    assert await asyncio.gather(*waiting) == list(range(MOST_WAITING))
    assert await apart(work, -1) == -1
