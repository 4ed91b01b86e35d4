"""`/api/session`, and what is taken for a session token."""

from typing import Any

import jwt
import pytest

from tenants import Tenants, World


@pytest.fixture(scope="module")
def world(tenants: Tenants) -> World:
    return tenants.world()


def claims(token: str) -> dict[str, Any]:
    assert jwt.get_unverified_header(token)["alg"] == "HS512"
    said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return said


@pytest.mark.parametrize("path", ["/session", "/sessions", "/session/"])
@pytest.mark.parametrize("how", ["json", "data", "params", "files"])
def test_a_user_token_is_exchanged_for_a_session_token(tenants: Tenants, path: str, how: str) -> None:
    token = tenants.people["ada"].token
    given: Any = {how: {"token": (None, token) if how == "files" else token}}
    answer = tenants.call("POST", path, **given)
    assert (answer.status_code, list(answer.json())) == (201, ["jwt"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert tenants.data("GET", "/me", answer.json()["jwt"])["name"] == "Ada"


def test_a_session_token_says_who_it_is_for_and_what_it_opens(tenants: Tenants, world: World) -> None:
    said = claims(tenants.call("POST", "/session", json={"token": tenants.people["ada"].token}).json()["jwt"])
    assert said["aud"] == said["sub"] == f"User:{tenants.people['ada'].id}"
    assert (said["iss"], said["typ"], said["pem"]) == ("Hubbub", "access", {"default": 3, "admin": 1})
    assert said["exp"] - said["iat"] == 864_000
    assert said["jti"]


def test_who_is_no_admin_has_no_permission_of_one(tenants: Tenants, world: World) -> None:
    # Who is a member makes organizations in other tests, and is their admin then; nina does nothing anywhere else.
    said = claims(tenants.call("POST", "/session", json={"token": tenants.people["nina"].token}).json()["jwt"])
    assert said["pem"] == {"default": 3}


@pytest.mark.parametrize("how", ["json", "data", "params"])
def test_a_token_for_a_browser_has_no_permission_of_an_admin(tenants: Tenants, world: World, how: str) -> None:
    given: Any = {how: {"token": tenants.people["ada"].token, "channel": "true"}}
    token = tenants.call("POST", "/session", **given).json()["jwt"]
    assert claims(token)["pem"] == {"default": 3}
    assert tenants.call("GET", "/me", token).status_code == 403


@pytest.mark.parametrize(
    "narrowing",
    [
        {"uid": "jane"},
        {"uid": 42},
        {"topics": ["general", "orders-*"]},
        {"topics": "general"},
        {"expires_in": 60},
        {"expires_in": "60"},
    ],
)
def test_a_narrowed_token_is_for_a_browser_too(tenants: Tenants, narrowing: dict[str, Any]) -> None:
    token = tenants.call("POST", "/session", json={"token": tenants.people["ada"].token, **narrowing}).json()["jwt"]
    assert tenants.call("GET", "/me", token).status_code == 403


def test_a_form_narrows_too(tenants: Tenants, world: World) -> None:
    form = [
        ("token", tenants.people["ada"].token),
        ("app_key", world.application["app_key"]),
        ("topics[]", "a"),
        ("topics[]", "b-*"),
        ("expires_in", "60"),
    ]
    token = tenants.call("POST", "/session", data=form).json()["jwt"]
    said = claims(token)
    assert said["exp"] - said["iat"] == 60
    assert said["topics"] == ["a", "b-*"]


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"channel": "maybe"}, "channel"),
        ({"app_key": "no-such"}, "app_key"),
        ({"app_key": 5}, "app_key"),
        ({"uid": "a b"}, "uid"),
        ({"uid": "x" * 10_000}, "uid"),
        ({"topics": []}, "topics"),
        ({"topics": {"a": 1}}, "topics"),
        ({"topics": ["a:b"]}, "topics"),
        ({"topics": ["x"] * 10_000}, "topics"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 10**30}, "expires_in"),
        ({"expires_in": True}, "expires_in"),
        ({"expires_in": "soon"}, "expires_in"),
    ],
    ids=str,
)
def test_what_narrows_nothing_is_refused(tenants: Tenants, fault: dict[str, Any], field: str) -> None:
    answer = tenants.call("POST", "/session", json={"token": tenants.people["ada"].token, **fault})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


@pytest.mark.parametrize(
    "token",
    [None, "", "4036de82-c6ab-11e6-9a53-28cfe91ef193", "x" * 10_000, "\0", "\u202e", 5, True, ["x"], {"a": 1}],
    ids=repr,
)
def test_what_is_no_user_token_signs_nobody_in(tenants: Tenants, token: object) -> None:
    answer = tenants.call("POST", "/session", json={"token": token})
    assert (answer.status_code, list(answer.json()["errors"])) == (401, ["detail"])
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_without_any_parameter_nobody_is_signed_in(tenants: Tenants) -> None:
    assert tenants.call("POST", "/session").status_code == 401


def test_a_session_token_is_no_user_token(tenants: Tenants) -> None:
    assert tenants.call("POST", "/session", json={"token": tenants.people["ada"].jwt}).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {}"],
)
def test_the_scheme_is_read_in_any_case(tenants: Tenants, header: str) -> None:
    headers = {"Authorization": header.format(tenants.people["ada"].jwt)}
    assert tenants.call("GET", "/me", headers=headers).status_code == 200


@pytest.mark.parametrize("header", ["{}", "Basic {}", "Token {}", "Bearer", "Bearer ", "Bearer {} {}", "Bearer\t{}"])
def test_no_other_header_signs_anybody_in(tenants: Tenants, header: str) -> None:
    token = tenants.people["ada"].jwt
    assert tenants.call("GET", "/me", headers={"Authorization": header.format(token, token)}).status_code == 401


@pytest.mark.parametrize("name", ["token", "jwt", "access_token", "Authorization", "guardian_token"])
def test_a_session_token_is_read_from_nowhere_else(tenants: Tenants, name: str) -> None:
    token = tenants.people["ada"].jwt
    assert tenants.call("GET", "/me", params={name: token}).status_code == 401
    assert tenants.call("GET", "/me", cookies={name: token}).status_code == 401
    assert tenants.call("POST", "/organizations", json={name: token, "name": "x"}).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iss": "Somebody"},
        {"iss": None},
        {"aud": "User:999999"},
        {"aud": None},
        {"sub": "User:999999", "aud": "User:999999"},
        {"sub": "ada", "aud": "ada"},
        {"sub": "User:0", "aud": "User:0"},
        {"sub": f"User:{10**30}", "aud": f"User:{10**30}"},
        {"typ": "refresh"},
        {"tok": 999_999},
        {"pem": "all"},
    ],
    ids=str,
)
def test_a_token_with_any_claim_that_is_wrong_opens_nothing(tenants: Tenants, claims: dict[str, Any]) -> None:
    answer = tenants.call("GET", "/me", tenants.forged("ada", **claims))
    assert (answer.status_code, list(answer.json()["errors"])) == (401, ["detail"])


def test_a_token_of_another_key_or_algorithm_opens_nothing(tenants: Tenants) -> None:
    assert tenants.call("GET", "/me", tenants.forged("ada")).status_code == 200
    assert tenants.call("GET", "/me", tenants.forged("ada", key="x" * 64)).status_code == 401
    assert tenants.call("GET", "/me", tenants.forged("ada", algorithm="HS256")).status_code == 401
    assert tenants.call("GET", "/me", tenants.forged("ada", key="", algorithm="none")).status_code == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "." * 5, "x" * 8000, "eyJhbGciOiJIUzUxMiJ9.e30."])
def test_garbage_opens_nothing(tenants: Tenants, token: str) -> None:
    assert tenants.call("GET", "/me", token).status_code == 401
