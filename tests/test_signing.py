"""Signatures are those of the standard library, whatever is signed with whatever."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from hubbub import signing

SECRETS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(SECRETS, st.binary(max_size=300))
def test_a_signature_is_the_hmac_in_hex(secret: str, message: bytes) -> None:
    assert signing.sign(secret, message) == hmac.new(secret.encode(), message, "sha256").hexdigest()


@given(st.binary(max_size=300))
def test_the_digest_of_a_body_is_its_md5_in_hex(body: bytes) -> None:
    assert signing.body_md5(body) == hashlib.md5(body).hexdigest()


def test_a_secret_longer_than_a_block_is_hashed_first() -> None:
    for size in (63, 64, 65, 200):
        secret = "s" * size
        assert signing.is_signature(secret, "x", hmac.new(secret.encode(), b"x", "sha256").hexdigest())


def test_a_signature_of_other_letters_is_none() -> None:
    assert not signing.is_signature("secret", "x", "é" * 64)
    assert not signing.is_signature("secret", "x", signing.sign("secret", "x").upper())
