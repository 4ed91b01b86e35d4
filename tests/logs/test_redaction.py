"""What is taken out of the log: a table of secrets, and one of what only looks like them."""

import pytest

from hubbub.logs.redaction import REDACTED, Redaction

KNOWN = Redaction(["postgresql://hub:pa%24%24word-1@db/hubbub", "s3cret-of-the-app", "short"])

SIGNATURE = "5fd0a1a7" * 8
TOKEN = "0b0c8d5e-7f2c-4c1e-9d1f-3f0c1a2b3c4d"
INVITATION = "Zm9vYmFyLWJhei1xdXV4LTEyMzQ1Njc4OTAtYWJjZGV"[:43]
JWT = "eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLWl0"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"POST /apps/1/events?auth_key=key&auth_signature={SIGNATURE}&x=1", SIGNATURE),
        ("POST /x?auth_signature=not-even-hex", "not-even-hex"),
        (f'{{"event":"pusher:subscribe","data":{{"auth":"key:{SIGNATURE}"}}}}', SIGNATURE),
        ('{"auth": "key:anything"}', "anything"),
        ("Authorization: Bearer abcdefgh-ijkl", "abcdefgh-ijkl"),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("{'Authorization': 'Bearer abcdefgh'}", "abcdefgh"),
        ("Cookie: hubbub=abc; theme=dark", "abc"),
        ("Set-Cookie: session=abcd1234; HttpOnly", "abcd1234"),
        ("bearer 0123456789", "0123456789"),
        (f"the token {JWT} has expired", JWT),
        (f"/socket/websocket?guardian_token={JWT}", JWT),
        ("redis://:hunter2@redis:6379/0 refused", "hunter2"),
        ("redis+sentinel://user:hun/ter2@one:1,two:2/hub", "hun/ter2"),
        ("smtps://me@example.com:hunter2@mail:465", "hunter2"),
        ("https://user:hunter2@example.com/hooks", "hunter2"),
        ("https://hunter2@example.com/hooks", "hunter2"),
        ("password=hunter2&name=x", "hunter2"),
        ("new_password=hunter2", "hunter2"),
        ('{"password": "hun\\"ter2"}', "ter2"),
        ("shared_secret: hunter2", "hunter2"),
        ("/sign-in?code=123456", "123456"),
        (f"DELETE /api/users/1/tokens/{TOKEN}", TOKEN),
        (f"GET /invitations/{INVITATION}", INVITATION),
        ("the app is s3cret-of-the-app indeed", "s3cret-of-the-app"),
        ("password is pa$$word-1.", "pa$$word-1"),
        ("password is pa%24%24word-1.", "pa%24%24word-1"),
    ],
)
def test_a_secret_in_a_text_is_taken_out(text: str, secret: str) -> None:
    redacted = KNOWN.text(text)
    assert secret not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(
    "text",
    [
        "GET /apps/1/channels?auth_key=app-key&auth_timestamp=1700000000&filter_by_prefix=presence-",
        "http://127.0.0.1:4000/apps/1/events",
        "redis://redis:6379/0",
        "https://example.com/@someone",
        "short words stay short",
        "unauthorized, as the tokenizer said",
        "connection 123.456 of application 1",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert KNOWN.text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        *("auth", "auth_signature", "secret", "app_secret", "token", "user_token", "jwt", "jwt_secret", "password"),
        *(
            "current_password",
            "Authorization",
            "cookie",
            "Set-Cookie",
            "code",
            "recovery_code",
            "shared_secret",
            "csrf",
        ),
    ],
)
def test_a_field_with_the_name_of_a_secret_is_empty_whatever_is_in_it(name: str) -> None:
    assert KNOWN.field(name, "x") == REDACTED
    assert KNOWN.field("headers", {name: ["x"]}) == {name: REDACTED}
    assert KNOWN.field(name, None) is None


def test_other_fields_keep_their_kinds() -> None:
    told = {"status": 200, "duration_ms": 0.5, "compiled": True, "channels": ["a", "b"], "engine": None}
    assert {name: KNOWN.field(name, value) for name, value in told.items()} == told


def test_ids_may_look_like_a_token() -> None:
    assert KNOWN.field("request_id", TOKEN) == TOKEN
    assert KNOWN.field("channel", f"private-{TOKEN}") == f"private-{TOKEN}"
    assert KNOWN.field("path", f"/x/{TOKEN}") == f"/x/{REDACTED}"


def test_a_traceback_keeps_its_source_and_loses_the_secret_of_its_error() -> None:
    trace = (
        'Traceback (most recent call last):\n  File "x.py", line 3, in f\n    connect(password=password)\n'
        "ConnectionError: postgresql://hub:pa%24%24word-1@db said password=hunter2\nand secret=other"
    )
    redacted = KNOWN.trace(trace)
    assert "    connect(password=password)\n" in redacted
    assert not any(secret in redacted for secret in ("pa%24", "hunter2", "other"))
