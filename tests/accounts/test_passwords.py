import pytest

from hubbub.accounts.passwords import hash_password, is_password


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
