"""The target of a publish, read in one go: both forms read alike, and what is taken would be taken the long way too."""

import hashlib
import hmac
from types import ModuleType
from typing import Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hubbub.apps import Application, KeyPair
from hubbub.errors import Refusal
from hubbub.native import pure
from hubbub.settings import AppSettings
from hubbub.transports.request import WINDOW, Request, is_sealed, parameters, verify
from native.twins import COMPILED, TWINS, needs_compiled, twins

SECRET: Final = "7ad3773142a6692b25b8"
NOW: Final = 1_700_000_000
BODY: Final = b'{"name":"n","channel":"c","data":"d"}'
MD5: Final = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
many = settings(max_examples=1500, suppress_health_check=list(HealthCheck), deadline=None)


def signed(path: bytes, query: bytes, secret: str = SECRET) -> str:
    """Sign what stands there."""
    return hmac.new(secret.encode(), b"POST\n%s\n%s" % (path, query), hashlib.sha256).hexdigest()


def target(
    app: str = "3", what: str = "events", key: str = "key", time: int | str = NOW, md5: str = MD5, secret: str = SECRET
) -> bytes:
    """Write the target that Pusher's libraries send."""
    path = f"/apps/{app}/{what}".encode()
    query = f"auth_key={key}&auth_timestamp={time}&auth_version=1.0&body_md5={md5}".encode()
    return b"%s?%s&auth_signature=%s" % (path, query, signed(path, query, secret).encode())


def is_taken(native: ModuleType, given: bytes, body: bytes = BODY, secret: str = SECRET) -> bool:
    """Tell whether a publish is taken the short way."""
    seal = native.sealed(given)
    return seal is not None and is_sealed(seal, body, secret, NOW)


def check(given: bytes, body: bytes = BODY) -> bool:
    """Both read alike; whatever is taken, the long way takes, for the same application and with nothing else said."""
    seals = [native.sealed(given) for native in TWINS]
    assert all(seal == seals[0] for seal in seals)
    if seals[0] is None or not is_sealed(seals[0], body, SECRET, NOW):
        return False
    app_id, is_batch, text, key, time, md5, signature = seals[0]
    request = Request(b"POST", given, body)
    assert request.path.split("/") == ["", "apps", app_id, "batch_events" if is_batch else "events"]
    app = Application(app_id, "Test", (KeyPair(key, SECRET),), AppSettings())
    read = verify(request, parameters(request), app, key, NOW)
    assert sorted(name for name, _ in read._pairs) == [
        "auth_key", "auth_signature", "auth_timestamp", "auth_version", "body_md5"
    ]  # fmt: skip
    assert [read.get("auth_key"), read.get("auth_timestamp"), read.get("body_md5")] == [
        key,
        read.get("auth_timestamp"),
        md5,
    ]
    assert int(read.get("auth_timestamp") or "") == time
    assert abs(NOW - time) < WINDOW
    assert md5 == hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest() == signature
    return True


@twins
@pytest.mark.parametrize("what", ["events", "batch_events"])
def test_what_libraries_sign_is_read(native: ModuleType, what: str) -> None:
    given = target(what=what)
    app, is_batch, text, key, time, md5, signature = native.sealed(given)
    assert (app, is_batch, key, time, md5) == ("3", what == "batch_events", "key", NOW, MD5)
    assert given.endswith(signature.encode())
    assert signature == hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    assert is_taken(native, given)


@twins
def test_ids_and_keys_of_odd_letters_are_read_as_they_are(native: ModuleType) -> None:
    odd = "-Az09._~:]@!$'()*,;"
    seal = native.sealed(target(app=odd, key=odd))
    assert (seal[0], seal[3]) == (odd, odd)
    assert check(target(app=odd, key=odd))
    for other in '%+&=?/[# "<>\\^`{|}\x7f\0\n':
        assert native.sealed(target(app="a" + other)) is None
        assert native.sealed(target(key="k" + other)) is None
    assert native.sealed(target(app="é")) is None


@twins
def test_lengths_have_their_ends(native: ModuleType) -> None:
    for longest in (target(app="a" * 512), target(key="k" * 512), target(time="9" * 11)):
        assert native.sealed(longest) is not None
    for longer in (target(app="a" * 513), target(key="k" * 513), target(time="9" * 12)):
        assert native.sealed(longer) is None
    for none in (
        target(app=""),
        target(key=""),
        target(time=""),
        target(md5=""),
        target(md5=MD5[1:]),
        target(md5=MD5 + "0"),
    ):
        assert native.sealed(none) is None
    assert native.sealed(target(time="9" * 11))[4] == 99_999_999_999


NEAR = {
    "nothing": b"",
    "the signature cut": target()[:-1],
    "the signature longer": target() + b"0",
    "a line behind": target() + b"\n",
    "a NUL behind": target() + b"\0",
    "upper-case digest": target(md5=MD5.upper()),
    "upper-case signature": target()[:-64] + target()[-64:].upper(),
    "a parameter behind": target() + b"&info=user_count",
    "a parameter before": target().replace(b"?", b"?a=b&"),
    "a key twice": target().replace(b"auth_key=key", b"auth_key=key&auth_key=other"),
    "a signature twice": target() + b"&auth_signature=" + b"0" * 64,
    "a digest twice": target().replace(b"&auth_signature", b"&body_md5=" + b"0" * 32 + b"&auth_signature"),
    "upper-case name": target().replace(b"auth_key", b"AUTH_KEY"),
    "another order": b"/apps/3/events?auth_timestamp=1&auth_key=key",
    "another version": target().replace(b"=1.0", b"=1.1"),
    "an escaped letter": target().replace(b"auth_key=key", b"auth_key=k%65y"),
    "an escaped name": target().replace(b"auth_key", b"auth%5fkey"),
    "an escaped id": target().replace(b"/3/", b"/%33/"),
    "an escaped slash": target().replace(b"/3/", b"/3%2f"),
    "a plus": target().replace(b"auth_key=key", b"auth_key=k+y"),
    "up and down": target().replace(b"/3/", b"/1/../3/"),
    "two slashes": target().replace(b"/3/", b"//3/"),
    "two slashes at the end": target().replace(b"/3/", b"/3//"),
    "two slashes first": b"/" + target(),
    "a dot": target().replace(b"/3/", b"/./3/"),
    "a slash behind": target().replace(b"/events?", b"/events/?"),
    "no query": b"/apps/3/events",
    "a fragment": target() + b"#x",
    "absolute": b"http://a" + target(),
    "a sign": target(time="+1700000000"),
    "a minus": target(time="-1700000000"),
    "a space": target(time=" 1700000000"),
    "digits of elsewhere": target(time="١٧٠٠٠٠٠٠٠٠"),
    "an empty part": target().replace(b"&auth_version", b"&&auth_version"),
    "a semicolon": target().replace(b"&auth_version", b";auth_version"),
    "another route": target(what="channels"),
    "another case": target(what="Events"),
}  # fmt: skip


@twins
@pytest.mark.parametrize("given", NEAR.values(), ids=NEAR)
def test_what_is_written_otherwise_goes_the_long_way(native: ModuleType, given: bytes) -> None:
    assert native.sealed(given) is None


@twins
def test_ids_that_are_dots_name_no_other_application(native: ModuleType) -> None:
    """A path is compared as it is written: nobody resolves it."""
    for odd in (".", "..", "...", "3;x", "3:", "~3"):
        assert native.sealed(target(app=odd))[0] == odd


# Who may come in

WRONG = {
    "another secret": (target(secret="other"), BODY),
    "an empty secret": (target(secret=""), BODY),
    "another body": (target(), BODY + b" "),
    "no body": (target(), b""),
    "another digest": (target(md5="0" * 32), BODY),
    "too old": (target(time=NOW - WINDOW), BODY),
    "too new": (target(time=NOW + WINDOW), BODY),
    "zero": (target(time=0), BODY),
    "far ahead": (target(time=99_999_999_999), BODY),
    "another application": (target().replace(b"/3/", b"/4/"), BODY),
    "another route": (target().replace(b"/events", b"/batch_events"), BODY),
    "another key": (target().replace(b"=key", b"=kay"), BODY),
    "another time": (target().replace(b"%d" % NOW, b"%d" % (NOW + 1)), BODY),
    "a longer time": (target().replace(b"%d" % NOW, b"0%d" % NOW), BODY),
    "zeros": (target()[:-64] + b"0" * 64, BODY),
}


@twins
@pytest.mark.parametrize(("given", "body"), WRONG.values(), ids=WRONG)
def test_what_is_signed_wrongly_is_not_taken(native: ModuleType, given: bytes, body: bytes) -> None:
    assert not is_taken(native, given, body)
    request = Request(b"POST", given, body)
    app = Application("3", "Test", (KeyPair("key", SECRET), KeyPair("kay", SECRET)), AppSettings())
    with pytest.raises(Refusal):
        verify(request, parameters(request), app, parameters(request).get("auth_key") or "", NOW)


@twins
@pytest.mark.parametrize("time", [NOW - WINDOW + 1, NOW, NOW + WINDOW - 1, f"0{NOW}"])
def test_what_is_signed_in_time_is_taken(native: ModuleType, time: int | str) -> None:
    assert is_taken(native, target(time=time))
    assert check(target(time=time))


@twins
def test_what_is_signed_for_another_method_is_not_taken(native: ModuleType) -> None:
    path = b"/apps/3/events"
    query = b"auth_key=key&auth_timestamp=%d&auth_version=1.0&body_md5=%s" % (NOW, MD5.encode())
    proof = hmac.new(SECRET.encode(), b"GET\n%s\n%s" % (path, query), hashlib.sha256).hexdigest()
    assert not is_taken(native, b"%s?%s&auth_signature=%s" % (path, query, proof.encode()))


# By chance

parts = st.sampled_from(
    [
        b"/",
        b"//",
        b"apps/",
        b"/apps/",
        b"3",
        b"..",
        b"%2f",
        b"events",
        b"batch_events",
        b"?",
        b"&",
        b"=",
        b"auth_key",
        b"auth_timestamp",
        b"auth_version",
        b"1.0",
        b"body_md5",
        b"auth_signature",
        b"key",
        b"%6b",
        b"0",
        MD5.encode(),
        b"%d" % NOW,
        b"a" * 64,
        b"+",
        b"[]",
        b"\n",
        b"\xff",
        b"\0",
    ]
)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Draw a target with changes; signed for what it says in the end, or not."""
    data = bytearray(
        target(app=draw(st.sampled_from(["3", "a;b", ".."])), what=draw(st.sampled_from(["events", "batch_events"])))
    )
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.one_of(parts, st.binary(max_size=2)))
    path, _, query = bytes(data).partition(b"?")
    shown, mark, _ = query.rpartition(b"&auth_signature=")
    if mark and draw(st.booleans()):
        return b"%s?%s%s%s" % (path, shown, mark, signed(path, shown).encode())
    return bytes(data)


@many
@given(mutations())
@example(target())
def test_whatever_is_taken_the_long_way_takes_too(given: bytes) -> None:
    check(given)


@many
@given(st.lists(parts, max_size=25).map(b"".join))
def test_both_read_alike(given: bytes) -> None:
    check(given)


@given(st.binary())
def test_any_bytes_are_read_alike(given: bytes) -> None:
    check(given)
    check(b"/apps/" + given)
    check(target() + given)


@needs_compiled
@pytest.mark.parametrize("letter", range(256))
def test_every_byte_everywhere_is_read_alike(letter: int) -> None:
    assert COMPILED is not None
    whole = target()
    for at in range(len(whole) + 1):
        for odd in (whole[:at] + bytes([letter]) + whole[at:], whole[:at] + bytes([letter]) + whole[at + 1 :]):
            assert COMPILED.sealed(odd) == pure.sealed(odd)
