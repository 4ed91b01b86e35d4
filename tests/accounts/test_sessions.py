import asyncio
import base64
import json
import time
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databases import Execute
from hubbub.accounts.domain import OPERATOR, Grant, NewToken
from hubbub.accounts.sessions import Sessions
from hubbub.apps import Application, KeyPair
from hubbub.errors import FORBIDDEN, INVALID, UNAUTHENTICATED, Reason, Refusal
from hubbub.store import Store

from .conftest import BORROWER, OWNER, World, answer_to

SECRET = "a secret that is long enough for HS512, which takes sixty-four bytes at least"
MEMBER = "member@example.com"


@pytest.fixture
def sessions(store: Store) -> Sessions:
    return Sessions(store, secret=SECRET)


@pytest.fixture
async def token(world: World) -> NewToken:
    return await world.accounts.tokens.create(world.member, MEMBER)


@pytest.fixture
async def app(world: World, store: Store) -> Application:
    found = await store.application_by_id(world.app_id)
    assert found is not None
    return found


def unasked() -> Sessions:
    """Give sessions whose store must not be asked."""
    return Sessions(None, secret=SECRET)  # type: ignore[arg-type]


def claims_of(text: str) -> dict[str, Any]:
    return dict(jwt.decode(text, SECRET, algorithms=["HS512"], options={"verify_aud": False}))


# Issuing


async def test_the_claims_are_those_of_the_predecessor(sessions: Sessions, token: NewToken) -> None:
    text = await sessions.issue(token.text)
    assert jwt.get_unverified_header(text) == {"alg": "HS512", "typ": "JWT"}
    claims = claims_of(text)
    assert claims["aud"] == claims["sub"] == "User:2"
    assert (claims["iss"], claims["typ"], claims["pem"], claims["tok"]) == ("Hubbub", "access", {"default": 3}, 1)
    assert claims["exp"] - claims["iat"] == 864_000
    assert abs(claims["iat"] - time.time()) < 60
    assert len(claims["jti"]) == 36
    assert not {"chn", "app", "uid", "topics"} & claims.keys()


async def test_an_admin_of_any_organization_has_the_bit(world: World, sessions: Sessions) -> None:
    token = await world.accounts.tokens.create(world.admin, "admin@example.com")
    assert claims_of(await sessions.issue(token.text))["pem"] == {"default": 3, "admin": 1}
    assert claims_of(await sessions.issue(token.text, channel="true"))["pem"] == {"default": 3}
    await world.accounts.organizations.archive(world.admin, OWNER)
    assert claims_of(await sessions.issue(token.text))["pem"] == {"default": 3}


async def test_a_bad_token_is_refused(sessions: Sessions) -> None:
    for text in (None, "", "nope", 3, ["x"], "\ud800", "x" * 100_000):
        assert await answer_to(sessions.issue(text)) is UNAUTHENTICATED


async def test_an_invalidated_token_and_an_archived_user_are_refused(
    world: World, sessions: Sessions, token: NewToken
) -> None:
    other = await world.accounts.tokens.create(world.reader, "reader@example.com")
    await world.accounts.tokens.invalidate(world.member, MEMBER, token.text)
    await world.accounts.users.archive(OPERATOR, "reader@example.com")
    for text in (token.text, other.text):
        assert await answer_to(sessions.issue(text)) is UNAUTHENTICATED


async def test_whatever_narrows_makes_a_token_for_sockets_alone(sessions: Sessions, token: NewToken) -> None:
    narrowings: list[dict[str, Any]] = [
        {"channel": "1"}, {"uid": "u"}, {"topics": ["a"]}, {"topics": "a*"}, {"expires_in": "60"}
    ]  # fmt: skip
    for narrowing in narrowings:
        identity = await sessions.verify(await sessions.issue(token.text, **narrowing))
        assert identity.grant.is_channel_only, narrowing


async def test_a_token_is_narrowed(world: World, sessions: Sessions, token: NewToken) -> None:
    text = await sessions.issue(
        token.text, app_key=world.app.app_key, uid=7, topics=["general", "room-*"], expires_in=60
    )
    grant = (await sessions.verify(text)).grant
    assert (grant.app_id, grant.uid, grant.topics) == (world.app_id, "7", ("general", "room-*"))
    assert abs(grant.expires_at - time.time() - 60) < 5
    covered = {name: grant.covers(name) for name in ("general", "room-", "room-1", "generals", "room", "")}
    assert covered == {"general": True, "room-": True, "room-1": True, "generals": False, "room": False, "": False}


NO_NARROWING: list[tuple[str, object]] = [
    ("app_key", "nope"), ("app_key", ""), ("app_key", "\ud800"), ("app_key", 3), ("app_key", "1"),
    ("uid", ""), ("uid", "a b"), ("uid", "x" * 129), ("uid", "é"), ("uid", ["u"]), ("uid", True), ("uid", "u\n"),
    ("topics", []), ("topics", ""), ("topics", [""]), ("topics", ["a*b"]), ("topics", ["a b"]), ("topics", {}),
    ("topics", ["x" * 201]), ("topics", ["a"] * 51), ("topics", [3]), ("topics", 3), ("topics", ["a", None]),
    ("expires_in", 0), ("expires_in", 864_001), ("expires_in", "soon"), ("expires_in", -1), ("expires_in", True),
    ("channel", "perhaps"), ("channel", None),
]  # fmt: skip


async def test_a_narrowing_that_is_none_is_refused_by_field(sessions: Sessions, token: NewToken) -> None:
    for field, value in NO_NARROWING:
        with pytest.raises(Refusal) as caught:
            await sessions.issue(token.text, **{field: value})
        assert caught.value.reason is INVALID
        errors = caught.value.facts["errors"]
        assert isinstance(errors, dict)
        assert errors.keys() == {field}, value


async def test_the_longest_narrowing_makes_a_token_that_can_be_read(sessions: Sessions, token: NewToken) -> None:
    text = await sessions.issue(token.text, uid="x" * 128, topics=["x" * 199 + "*"] * 22)
    assert (await sessions.verify(text)).grant.covers("x" * 200)
    assert await answer_to(sessions.issue(token.text, topics=["x" * 199 + "*"] * 50)) is INVALID  # no socket could open


async def test_a_key_of_an_application_of_others_is_refused_as_one_that_is_not_there(
    world: World, sessions: Sessions
) -> None:
    token = await world.accounts.tokens.create(world.outsider, "outsider@example.com")
    messages = set()
    for key in (world.app.app_key, "nope"):
        with pytest.raises(Refusal) as caught:
            await sessions.issue(token.text, app_key=key)
        messages.add(caught.value.message)
    assert len(messages) == 1


# Verifying


async def test_a_session_token_tells_who_holds_it(world: World, sessions: Sessions, token: NewToken) -> None:
    identity = await sessions.verify(await sessions.issue(token.text))
    assert identity.user == world.member.user
    grant = identity.grant
    assert (grant.may_join, grant.may_send, grant.is_channel_only, grant.token_id) == (True, True, False, 1)
    assert (grant.app_id, grant.uid, grant.topics) == (None, None, None)


def signed(claims: dict[str, Any], *, key: str = SECRET, algorithm: str = "HS512") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def without_signature(claims: dict[str, Any], **head: object) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims)]
    return b".".join([*parts, b""]).decode()


async def test_a_token_that_was_not_issued_here_is_refused(sessions: Sessions, token: NewToken) -> None:
    text = await sessions.issue(token.text)
    good = claims_of(text)
    head, body, signature = text.split(".")
    other_body = signed({**good, "sub": "User:1", "aud": "User:1"}).split(".")[1]
    await sessions.verify(signed(good))
    forged = [
        without_signature(good, alg="none", typ="JWT"),
        without_signature(good, alg="None"),
        without_signature(good, alg="HS512"),
        signed(good, algorithm="HS256"),
        signed(good, algorithm="HS384"),
        signed(good, key=SECRET + "!"),
        f"{head}.{other_body}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        signed({**good, "iss": "Guardian"}),
    ]
    for one in forged:
        assert await message_of(sessions, one) == "This session token was not issued by this server", one


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"aud": "User:1"}, {"aud": ["User:2"]}, {"sub": "2", "aud": "2"}, {"sub": 2, "aud": 2},
    {"sub": "User:0", "aud": "User:0"}, {"sub": "Admin:2", "aud": "Admin:2"}, {"typ": "refresh"},
    {"pem": 3}, {"pem": {"default": "3"}}, {"tok": "1"}, {"tok": True}, {"chn": 1}, {"topics": "a"},
    {"exp": "soon"}, {"sub": "User:2\n", "aud": "User:2\n"},
    *({name: ...} for name in ("aud", "sub", "iss", "exp", "iat", "jti", "typ", "pem", "tok")),
]  # fmt: skip


async def test_claims_that_are_missing_or_wrong_are_refused(sessions: Sessions, token: NewToken) -> None:
    good = claims_of(await sessions.issue(token.text))
    for changed in WRONG_CLAIMS:
        claims = {name: value for name, value in (good | changed).items() if value is not ...}
        # PyJWT itself does not encode a subject that is no text.
        text = jwt.PyJWS().encode(json.dumps(claims).encode(), SECRET, algorithm="HS512")
        assert await message_of(sessions, text) == "Malformed session token", changed


async def test_an_expired_token_is_told_to_be_so(sessions: Sessions, token: NewToken) -> None:
    good = claims_of(await sessions.issue(token.text))
    expired = signed({**good, "exp": int(time.time()) - 1})
    assert await message_of(sessions, expired) == "This session token has expired"


async def test_a_clock_that_is_behind_refuses_nobody(sessions: Sessions, token: NewToken) -> None:
    good = claims_of(await sessions.issue(token.text))
    await sessions.verify(signed({**good, "iat": int(time.time()) + 30}))


ODD = ["", ".", "..", "a.b.c", "\0", "é.é.é", "\ud800", "x" * 100_000, "eyJhbGciOiJIUzUxMiJ9.e30.", "." * 10_000]


async def test_what_is_no_token_is_refused() -> None:
    for text in ODD:
        assert await answer_to(unasked().verify(text)) is UNAUTHENTICATED


async def test_a_head_of_endless_depth_is_refused() -> None:
    head = base64.urlsafe_b64encode(b"[" * 9000).decode()
    assert await message_of(unasked(), f"{head}.e30.AAAA") == "Malformed session token"


@given(st.text(st.characters(), max_size=100) | st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()))
@settings(deadline=None, max_examples=200)
def test_whatever_is_sent_is_refused_in_the_same_way(text: str) -> None:
    for one in (text, f"{text}.{text}.{text}"):
        with pytest.raises(Refusal) as caught:
            asyncio.run(unasked().verify(one))
        assert caught.value.reason is UNAUTHENTICATED


async def test_what_is_revoked_ends_what_was_issued_from_it(world: World, sessions: Sessions, token: NewToken) -> None:
    text = await sessions.issue(token.text)
    kept = await sessions.issue((await world.accounts.tokens.create(world.member, MEMBER)).text)
    await world.accounts.tokens.invalidate(world.member, MEMBER, token.text)
    assert await message_of(sessions, text) == "This session has been revoked"
    await sessions.verify(kept)
    await world.accounts.users.archive(OPERATOR, MEMBER)
    assert await message_of(sessions, kept) == "This session has been revoked"


async def test_a_token_of_another_user_does_not_keep_a_session(
    world: World, sessions: Sessions, token: NewToken
) -> None:
    good = claims_of(await sessions.issue(token.text))
    other = await world.accounts.tokens.create(world.reader, "reader@example.com")
    assert await message_of(sessions, signed({**good, "tok": other.token.id})) == "This session has been revoked"


async def message_of(sessions: Sessions, text: str) -> str:
    with pytest.raises(Refusal) as caught:
        await sessions.verify(text)
    assert caught.value.reason is UNAUTHENTICATED
    return caught.value.message


# The key


async def test_without_a_secret_one_is_made_once_and_kept(
    store: Store, url: str, execute: Execute, token: NewToken
) -> None:
    other = Store.open(url)
    first, second = Sessions(store), Sessions(other)
    texts = await asyncio.gather(*(one.issue(token.text) for one in (first, second) for _ in range(3)))
    for text in texts:
        await first.verify(text)
        await Sessions(other).verify(text)
    await other.close()
    [(name, value)] = await execute("SELECT name, value FROM server_secrets")
    assert (name, len(value)) == ("jwt", 86)


async def test_another_secret_issuer_or_lifetime_is_obeyed(store: Store, token: NewToken) -> None:
    ours = Sessions(store, secret=SECRET, issuer="Acme", lifetime=60)
    text = await ours.issue(token.text)
    claims = claims_of(text)
    assert (claims["iss"], claims["exp"] - claims["iat"]) == ("Acme", 60)
    assert await answer_to(ours.issue(token.text, expires_in=61)) is INVALID
    assert await answer_to(Sessions(store, secret=SECRET).verify(text)) is UNAUTHENTICATED


# Sockets


async def test_who_is_enrolled_where_an_application_is_held_gets_in(
    world: World, sessions: Sessions, token: NewToken, app: Application
) -> None:
    borrower = await world.accounts.tokens.create(world.borrower, "borrower@example.com")
    for text in (token.text, borrower.text):
        grant = await sessions.admit(await sessions.issue(text), app)
        assert grant.may_send
        assert await sessions.readmit(grant, app)


@pytest.mark.parametrize("role", ["outsider", "root"])
async def test_nobody_else_gets_in_not_even_root(world: World, sessions: Sessions, app: Application, role: str) -> None:
    token = await world.accounts.tokens.create(world.of(role), f"{role}@example.com")
    assert await answer_to(sessions.admit(await sessions.issue(token.text), app)) is FORBIDDEN


async def test_a_narrowed_token_gets_into_its_application_alone(
    world: World, sessions: Sessions, store: Store, token: NewToken, app: Application
) -> None:
    other = await world.accounts.applications.create(world.admin, OWNER, name="Other")
    found = await store.application_by_id(str(other.id))
    assert found is not None
    text = await sessions.issue(token.text, app_key=world.app.app_key)
    assert (await sessions.admit(text, app)).app_id == app.id
    assert await answer_to(sessions.admit(text, found)) is FORBIDDEN
    assert await answer_to(sessions.admit(await sessions.issue(token.text), found)) is None


async def test_a_token_without_the_bits_may_not(sessions: Sessions, token: NewToken, app: Application) -> None:
    good = claims_of(await sessions.issue(token.text))
    assert await answer_to(sessions.admit(signed({**good, "pem": {"default": 2}}), app)) is FORBIDDEN
    assert await answer_to(sessions.admit(signed({**good, "pem": {"admin": 1}}), app)) is FORBIDDEN
    assert not (await sessions.admit(signed({**good, "pem": {"default": 1}}), app)).may_send


async def test_an_application_declared_by_settings_is_nobodys(
    sessions: Sessions, token: NewToken, app: Application
) -> None:
    text = await sessions.issue(token.text)
    same_id = msgspec.structs.replace(app, key_pairs=(KeyPair("declared", "secret"),))
    for declared in (same_id, msgspec.structs.replace(app, id="chat"), msgspec.structs.replace(app, id="9" * 30)):
        assert await answer_to(sessions.admit(text, declared)) is FORBIDDEN


@pytest.mark.parametrize(
    ("change", "stays", "answer"),
    [
        ("nothing", True, None),
        ("the token is invalidated", False, UNAUTHENTICATED),
        ("another token is invalidated", True, None),
        ("the user is archived", False, UNAUTHENTICATED),
        ("the user is un-enrolled", False, FORBIDDEN),
        ("the application is archived", False, FORBIDDEN),
        ("its owner is archived", False, FORBIDDEN),
        ("its borrower is archived", True, None),
        ("a key is added", True, None),
        ("all keys are others", False, FORBIDDEN),
    ],
)
async def test_a_live_socket_stays_for_as_long_as_it_would_be_let_in(
    world: World,
    sessions: Sessions,
    token: NewToken,
    app: Application,
    change: str,
    stays: bool,
    answer: Reason | None,
) -> None:
    text = await sessions.issue(token.text)
    grant = await sessions.admit(text, app)
    accounts, admin = world.accounts, world.admin
    match change:
        case "the token is invalidated":
            await accounts.tokens.invalidate(world.member, MEMBER, token.text)
        case "another token is invalidated":
            other = await accounts.tokens.create(world.member, MEMBER)
            await accounts.tokens.invalidate(world.member, MEMBER, other.text)
        case "the user is archived":
            await accounts.users.archive(OPERATOR, MEMBER)
        case "the user is un-enrolled":
            await accounts.enrollments.remove(admin, OWNER, MEMBER)
        case "the application is archived":
            await accounts.applications.archive(admin, OWNER, app.id)
        case "its owner is archived":
            await accounts.organizations.archive(admin, OWNER)
        case "its borrower is archived":
            await accounts.organizations.archive(world.borrower, BORROWER)
        case "a key is added":
            await accounts.applications.rotate(admin, OWNER, app.id)
        case "all keys are others":
            await accounts.applications.rotate(admin, OWNER, app.id)
            await accounts.applications.revoke(admin, OWNER, app.id, app.key_pairs[0].key)
    assert await sessions.readmit(grant, app) is stays
    assert await answer_to(sessions.admit(text, app)) is answer


async def test_a_loan_that_ends_ends_the_borrowers_sockets(world: World, sessions: Sessions, app: Application) -> None:
    token = await world.accounts.tokens.create(world.borrower, "borrower@example.com")
    grant = await sessions.admit(await sessions.issue(token.text), app)
    await world.accounts.applications.take_back(world.admin, OWNER, app.id, BORROWER)
    assert not await sessions.readmit(grant, app)


async def test_a_socket_outlives_its_tokens_time_but_not_its_application(
    sessions: Sessions, token: NewToken, app: Application
) -> None:
    grant = await sessions.admit(await sessions.issue(token.text), app)
    assert await sessions.readmit(msgspec.structs.replace(grant, expires_at=time.time() - 1), app)
    assert not await sessions.readmit(msgspec.structs.replace(grant, app_id="7"), app)


def test_a_grant_without_topics_covers_all() -> None:
    assert Grant(user_id=1, token_id=None, expires_at=0).covers("anything")
    assert Grant(user_id=1, token_id=None, expires_at=0, topics=("*",)).covers("anything")
    assert not Grant(user_id=1, token_id=None, expires_at=0, topics=()).covers("anything")


async def test_who_may_not_publish_may_not_send_on_a_socket_either(
    world: World, sessions: Sessions, app: Application
) -> None:
    token = await world.accounts.tokens.create(world.reader, "reader@example.com")
    text = await sessions.issue(token.text)
    assert not (await sessions.admit(text, app)).may_send
    await world.accounts.enrollments.change(world.admin, OWNER, "reader@example.com", can_publish=True)
    grant = await sessions.admit(text, app)
    assert grant.may_send
    await world.accounts.enrollments.change(world.admin, OWNER, "reader@example.com", can_publish=False)
    assert not await sessions.readmit(grant, app)
    assert await sessions.readmit(msgspec.structs.replace(grant, may_send=False), app)
