"""Tokens that are not what they say."""

import base64
import json

import jwt
import pytest

from tenants import Tenants, World


def _bare(claims: dict[str, object], **head: object) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, claims)]
    return ".".join([*parts, ""])


@pytest.mark.parametrize(
    "kind",
    ["none", "NONE", "HS256", "app secret", "app key", "empty key", "user token", "kid", "jku", "twice", "refresh"],
)
def test_a_token_of_another_kind_or_signed_otherwise_opens_nothing(tenants: Tenants, world: World, kind: str) -> None:
    claims = jwt.decode(tenants.people["ada"].jwt, options={"verify_signature": False})
    good, secret = tenants.people["ada"].jwt, tenants.jwt_secret
    forged = {
        "none": lambda: _bare(claims, alg="none", typ="JWT"),
        "NONE": lambda: _bare(claims, alg="nOnE", typ="JWT"),
        "HS256": lambda: jwt.encode(claims, secret, algorithm="HS256"),
        "app secret": lambda: jwt.PyJWS().encode(json.dumps(claims).encode(), _long(world, "app_secret"), "HS512"),
        "app key": lambda: jwt.PyJWS().encode(json.dumps(claims).encode(), _long(world, "app_key"), "HS512"),
        "empty key": lambda: _bare(claims, alg="HS512") + "AAAA",
        "user token": lambda: tenants.people["ada"].token,
        "kid": lambda: jwt.encode(claims, _long(world, "app_key"), "HS512", headers={"kid": "../../dev/null"}),
        "jku": lambda: jwt.encode(claims, _long(world, "app_key"), "HS512", headers={"jku": "http://127.0.0.1:1/keys"}),
        "twice": lambda: f"{good}.{good}",
        "refresh": lambda: tenants.forged("ada", typ="refresh"),
    }[kind]()
    assert tenants.call("GET", "/organizations", good).status_code == 200
    answer = tenants.call("GET", "/organizations", forged)
    assert answer.status_code == 401
    assert tenants.jwt_secret not in answer.text


def test_a_token_for_sockets_opens_no_part_of_the_api(tenants: Tenants, world: World) -> None:
    narrowed = tenants.channel_only("ada")
    for method, path in (
        ("GET", "/organizations"),
        ("POST", "/organizations"),
        ("POST", "/users/me/tokens"),
        ("GET", f"/organizations/{world.slots['organization']}/applications"),
    ):
        assert tenants.call(method, path, narrowed, json={"name": "x"}).status_code in (401, 403), path


def _long(world: World, name: str) -> bytes:
    """Give a text of the application that everybody or its holder knows, long enough to be a key."""
    text: str = world.application[name]
    return text.encode().ljust(64, b"\0")
