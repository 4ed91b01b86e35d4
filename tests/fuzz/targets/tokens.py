"""What proves who somebody is: session tokens, what is sealed for a browser, and a form's token.

The first byte chooses: a token as it is, one signed rightly for the two lines that follow, or a sealed text.
"""

import base64
import hashlib
import hmac
import json
from typing import Any, Final, cast

from hubbub.accounts.codes import hash_of_recovery, step_of
from hubbub.accounts.proofs import hash_of
from hubbub.accounts.seam import Store
from hubbub.accounts.sessions import ALGORITHM, LONGEST_TOKEN, Claims, Sessions
from hubbub.errors import UNAUTHENTICATED, Refusal
from hubbub.web.guard import Guard

KEY: Final = "k" * 64
HEADER: Final = b'{"alg":"HS512","typ":"JWT"}'
CLAIMS: Final = (
    b'{"aud":"User:1","sub":"User:1","iss":"Hubbub","iat":1,"exp":99999999999,"jti":"x","typ":"access",'
    b'"pem":{"default":3},"tok":1}'
)

_sessions: Final = Sessions(cast("Store", None), secret=KEY)
_guard: Final = Guard()
_guard.share("secret")


def signed(header: bytes, claims: bytes) -> str:
    """Sign these as they are."""
    said = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims))
    proof = hmac.digest(KEY.encode(), said, hashlib.sha512)
    return f"{said.decode()}.{base64.urlsafe_b64encode(proof).rstrip(b'=').decode()}"


SEEDS: Final = (
    b"\0" + signed(HEADER, CLAIMS).encode(),
    b"\0" + signed(b'{"alg":"none"}', CLAIMS).encode(),
    b"\0a.b.c",
    b"\1" + HEADER + b"\n" + CLAIMS,
    b'\1{"alg":"none"}\n' + CLAIMS,
    b'\1{"alg":"HS256"}\n' + CLAIMS,
    b'\1{"alg":"HS512","crit":["b64"],"b64":false}\n' + CLAIMS,
    b"\1" + HEADER + b"\n" + CLAIMS.replace(b"99999999999", b"1"),
    b"\1" + HEADER + b"\n" + CLAIMS.replace(b"99999999999", b"1e400"),
    b"\1" + HEADER + b"\n" + CLAIMS.replace(b'"pem":{"default":3}', b'"pem":[],"nbf":99999999999'),
    b"\1" + b"[" * 2000 + b"\n" + b"[" * 2000,
    b"\2" + _guard.seal("Saved.").encode(),
    b"\2" + _guard.token("cookie").encode(),
    b"\2abcd-efgh-jkmn-pqrs",
    "\2123456".encode(),
)


def check(data: bytes) -> None:
    """Read it as what it was chosen to be."""
    kind, said = (data[0] % 3 if data else 0), data[1:]
    text = said.decode("utf-8", "replace")
    if kind == 0:
        _check_token(text, text == SEEDS[0][1:].decode())
    elif kind == 1:
        header, _, claims = said.partition(b"\n")
        _check_token(signed(header, claims), is_ours=True)
    else:
        _check_sealed(text)


def _check_token(text: str, is_ours: bool) -> None:
    try:
        claims = _sessions._claims(text, KEY)
    except Refusal as refusal:
        assert refusal.reason is UNAUTHENTICATED
        assert text[:20] not in refusal.message or len(text) < 20
        return
    assert isinstance(claims, Claims)
    assert len(text) <= LONGEST_TOKEN
    header, said, proof = text.split(".")
    # Signed by our key, and by our way alone, for what it says.
    expected = hmac.digest(KEY.encode(), f"{header}.{said}".encode(), hashlib.sha512)
    assert base64.urlsafe_b64decode(proof + "==") == expected
    read: Any = json.loads(base64.urlsafe_b64decode(header + "=="))
    assert read["alg"] == ALGORITHM
    assert claims.iss == "Hubbub"


def _check_sealed(text: str) -> None:
    opened = _guard.open(text)
    if opened is not None:
        assert text.partition(".")[2] == _guard.seal(opened).partition(".")[2]
    assert _guard.open(_guard.seal(text)) == text
    assert _guard.is_token(_guard.token(text), text)
    assert not _guard.is_token(text, text)
    assert not _guard.is_token(_guard.token(text + "x"), text)
    assert len(hash_of(text)) == len(hash_of_recovery(text)) == 64
    step_of("A" * 32, text, after=None)
