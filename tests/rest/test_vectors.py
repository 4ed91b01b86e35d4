"""Pusher's published examples of signatures, and what becomes of a request when any part of it is altered."""

import hashlib

import pytest

from hubbub.signing import body_md5, channel_text, is_signature, request_text, sign, user_text
from rest.desk import DISABLED, NOW, OTHERS, OURS, ROTATING, Desk, signed_target
from rest.driver import Keys

SOCKET = "1234.1234"

PATH = "/apps/3/events"
BODY = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'
PARAMETERS = {
    "auth_key": OURS.key,
    "auth_timestamp": str(NOW),
    "auth_version": "1.0",
    "body_md5": "ec365a775a4cd0599faeb73354201b6f",
}
SIGNATURE = "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
QUERY = "&".join(f"{name}={value}" for name, value in PARAMETERS.items())


def at(path: str = PATH, **changes: str | None) -> str:
    """Give the example's target, with parameters altered, or left out where they are None."""
    given = {**PARAMETERS, "auth_signature": SIGNATURE, **changes}
    return f"{path}?" + "&".join(f"{name}={value}" for name, value in given.items() if value is not None)


def invalid_signature(path: str = PATH, query: str = QUERY, sent: str = SIGNATURE) -> str:
    return (
        f'Invalid signature: you should have sent HmacSHA256Hex("POST\\n{path}\\n{query}", your_secret_key),'
        f' but you sent "{sent}"'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (channel_text(SOCKET, "private-foobar"), "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"),
        (user_text(SOCKET, '{"id":"12345"}'), "4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba"),
        (
            channel_text(SOCKET, "presence-foobar", '{"user_id":10,"user_info":{"name":"Mr. Channels"}}'),
            "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80",
        ),
        (
            channel_text(SOCKET, "presence-foobar", '{"user_id":10,"user_info":{"name":"Mr. Pusher"}}'),
            "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c",
        ),
        (request_text("POST", PATH, PARAMETERS.items()), SIGNATURE),
    ],
    ids=["private", "user", "presence", "presence with the documentation's stale name", "request"],
)
def test_a_published_example_has_its_published_signature(text: str, expected: str) -> None:
    assert sign(OURS.secret, text) == expected
    assert is_signature(OURS.secret, text, expected)


def test_the_published_webhook_has_its_published_signature() -> None:
    signature = "40e0ad3b9aa49529322879e84de1aaaf18bde1efe839ca263d540cc865510d25"
    assert sign("thisisasecret", b'{"hello":"world"}') == signature


def test_the_published_body_has_its_published_md5() -> None:
    assert body_md5(BODY) == PARAMETERS["body_md5"]


@pytest.mark.parametrize("wrong", ["", "da45", SIGNATURE.upper(), SIGNATURE + "0", "é" * 64, "\ud800", SIGNATURE[::-1]])
def test_anything_else_is_no_signature(wrong: str) -> None:
    assert not is_signature(OURS.secret, request_text("POST", PATH, PARAMETERS.items()), wrong)


def test_a_request_is_signed_over_lower_case_keys_in_order_without_the_signature() -> None:
    pairs = [("B", "2"), ("auth_signature", "x"), ("a[]", "z"), ("a[]", "y"), ("Auth_Signature", "x")]
    assert request_text("get", "/p", pairs) == "GET\n/p\na[]=z&a[]=y&b=2"


async def test_the_published_request_is_accepted_at_its_time() -> None:
    answer = await Desk().ask("POST", at(), BODY)
    assert answer.status == 200
    assert answer.body == b"{}"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("off", [-599, -1, 0, 1, 599, 599.999, -599.999])
async def test_a_clock_that_is_a_little_off_does_no_harm(off: float) -> None:
    desk = Desk()
    desk.now = NOW + off
    assert (await desk.ask("POST", at(), BODY)).status == 200


@pytest.mark.parametrize(
    ("off", "now"),
    [
        (-600, "2012-11-16T17:39:39Z"),
        (-601, "2012-11-16T17:39:38Z"),
        (600, "2012-11-16T17:59:39Z"),
        (601, "2012-11-16T17:59:40Z"),
    ],
)
async def test_a_request_from_another_time_is_refused(off: int, now: str) -> None:
    desk = Desk()
    desk.now = NOW + off
    assert (await desk.ask("POST", at(), BODY)).refusal == (
        401,
        f"Timestamp expired: Given timestamp (2012-11-16T17:49:39Z) not within 600s of server time ({now})",
    )


OTHER_MD5 = hashlib.md5(BODY + b" ", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("target", "body", "text"),
    [
        pytest.param(
            at("/apps/3/batch_events"), BODY, invalid_signature(path="/apps/3/batch_events"), id="another path"
        ),
        pytest.param(at("/apps/4/events"), BODY, "Not authorized for that app", id="another application"),
        pytest.param(at("/apps/03/events"), BODY, "Not authorized for that app", id="the id spelt differently"),
        pytest.param(at(auth_key=OTHERS.key), BODY, "Not authorized for that app", id="the key of another application"),
        pytest.param(
            at(auth_key="nobody"),
            BODY,
            "App key nobody not in this cluster. Did you forget to specify the cluster?",
            id="an unknown key",
        ),
        pytest.param(at(auth_key=None), BODY, "Missing parameter: auth_key", id="no key"),
        pytest.param(at(auth_key=""), BODY, "Missing parameter: auth_key", id="an empty key"),
        pytest.param(at(auth_version=None), BODY, "Version required", id="no version"),
        pytest.param(at(auth_version="1.1"), BODY, "Version not supported", id="another version"),
        pytest.param(at(auth_version=""), BODY, "Version not supported", id="an empty version"),
        pytest.param(at(auth_timestamp=None), BODY, "Timestamp required", id="no timestamp"),
        pytest.param(at(auth_timestamp=""), BODY, "Timestamp required", id="an empty timestamp"),
        pytest.param(
            at(auth_timestamp=str(NOW + 1)),
            BODY,
            invalid_signature(query=QUERY.replace(str(NOW), str(NOW + 1))),
            id="another timestamp",
        ),
        pytest.param(at(auth_signature=None), BODY, "Missing parameter: auth_signature", id="no signature"),
        pytest.param(at(auth_signature=""), BODY, invalid_signature(sent=""), id="an empty signature"),
        pytest.param(
            at(auth_signature=SIGNATURE[:-1] + "d"), BODY, invalid_signature(sent=SIGNATURE[:-1] + "d"), id="one digit"
        ),
        pytest.param(
            at(auth_signature=SIGNATURE.upper()), BODY, invalid_signature(sent=SIGNATURE.upper()), id="in upper case"
        ),
        pytest.param(at(body_md5=None), BODY, invalid_signature(query=QUERY.rpartition("&")[0]), id="the md5 left out"),
        pytest.param(
            at(body_md5=OTHER_MD5),
            BODY + b" ",
            invalid_signature(query=QUERY.replace(PARAMETERS["body_md5"], OTHER_MD5)),
            id="another body with its md5",
        ),
        pytest.param(at(info="user_count"), BODY, invalid_signature(query=f"{QUERY}&info=user_count"), id="one more"),
        pytest.param(
            at(),
            BODY + b" ",
            f"Invalid body_md5: the body's MD5 is {OTHER_MD5}, but you sent '{PARAMETERS['body_md5']}'",
            id="another body",
        ),
        pytest.param(
            at(),
            b"",
            "Invalid body_md5: the body's MD5 is d41d8cd98f00b204e9800998ecf8427e,"
            f" but you sent '{PARAMETERS['body_md5']}'",
            id="no body",
        ),
    ],
)
async def test_a_request_of_which_a_part_was_altered_is_refused(target: str, body: bytes, text: str) -> None:
    assert (await Desk().ask("POST", target, body)).refusal == (401, text)


async def test_a_signature_made_for_another_method_is_refused() -> None:
    made_for_get = sign(OURS.secret, request_text("GET", PATH, PARAMETERS.items()))
    answer = await Desk().ask("POST", at(auth_signature=made_for_get), BODY)
    assert answer.refusal == (401, invalid_signature(sent=made_for_get))


async def test_a_body_that_is_not_signed_is_refused() -> None:
    unsigned = [(name, value) for name, value in PARAMETERS.items() if name != "body_md5"]
    signature = sign(OURS.secret, request_text("POST", PATH, unsigned))
    answer = await Desk().ask("POST", at(body_md5=None, auth_signature=signature), BODY)
    assert answer.refusal == (401, "Missing parameter: body_md5")


async def test_a_disabled_application_is_refused_once_its_signature_is_known_to_be_right() -> None:
    desk = Desk()
    target = signed_target(DISABLED, "/apps/5/events", BODY)
    assert (await desk.ask("POST", target, BODY)).refusal == (403, "Application disabled")
    answer = await desk.ask("POST", target + "0", BODY)
    assert answer.status == 401
    assert answer.text.startswith("Invalid signature: ")


@pytest.mark.parametrize("keys", ROTATING, ids=["old", "new"])
async def test_each_active_key_pair_signs_for_its_application(keys: Keys) -> None:
    assert (await Desk().ask("POST", signed_target(keys, "/apps/6/events", BODY), BODY)).status == 200


async def test_one_key_with_the_secret_of_the_other_is_refused() -> None:
    old, new = ROTATING
    mixed = Keys(old.app_id, old.key, new.secret)
    assert (await Desk().ask("POST", signed_target(mixed, "/apps/6/events", BODY), BODY)).status == 401
