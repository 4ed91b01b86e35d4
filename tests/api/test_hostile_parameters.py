"""What no client should send, against a live server, which must not log a traceback for it."""

import json
import socket
from typing import Any
from urllib.parse import quote

import pytest

from tenants import LIMIT, Tenants, World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

STRANGE = [
    "", " ", "\0", "a\0b", "x" * 10_000, "'; DROP TABLE users; --", "%", "../..", "\u202e", "é" * 300, "💥", "-1", "0",
    "00", "1e3", "９", str(10**30), "true", "null", "[]", "{}",
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tenants: Tenants) -> World:
    return tenants.world()


@pytest.fixture(scope="module")
def there(world: World) -> str:
    return f"/organizations/{world.acme['slug']}/applications/{world.application['id']}"


@pytest.mark.parametrize("name", [None, *STRANGE, 5, True, 1.5, [], ["x"], {}, {"a": 1}], ids=ascii)
@pytest.mark.parametrize("path", ["/organizations", "/organizations/{organization}/applications"])
def test_a_name_is_text_of_a_line(tenants: Tenants, world: World, path: str, name: object) -> None:
    answer = tenants.call("POST", path.format(**world.slots), "ada", json={"name": name})
    is_good = isinstance(name, str) and 0 < len(name.strip()) <= 255 and "\0" not in name
    if is_good and answer.status_code == 201:
        assert answer.json()["data"]["name"] == str(name).strip()
    else:
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["name"])


@pytest.mark.parametrize("reference", [one for one in STRANGE if one.strip()], ids=ascii)
def test_what_names_nothing_is_not_there(tenants: Tenants, world: World, there: str, reference: str) -> None:
    strange = quote(reference, safe="")
    here = f"/organizations/{world.acme['slug']}"
    # Of what is called like it now, olga has nothing.
    assert tenants.call("GET", f"/organizations/{strange}", "olga").status_code == 404
    for method, path in (
        ("GET", f"{here}/applications/{strange}"),
        ("PATCH", f"{here}/enrollments/{strange}"),
        ("GET", f"/users/{strange}/tokens"),
        ("DELETE", f"/users/me/tokens/{strange}"),
        ("DELETE", f"{there}/keys/{strange}"),
        ("DELETE", f"{there}/ownerships/{strange}"),
    ):
        answer = tenants.call(method, path, "ada")
        assert (answer.status_code, list(answer.json()["errors"])) == (404, ["detail"]), path


MASS = {
    "id": 999_999,
    "is_root": True,
    "organization_id": 1,
    "user_id": 1,
    "slug": "mine",
    "archived_at": "2020-01-01T00:00:00Z",
    "app_key": "mine",
    "app_secret": "mine",
    "is_owned": False,
    "key_pairs": [],
    "limit": 1,
    "who": {"id": 1},
}


@pytest.mark.parametrize("nested", [True, False])
def test_nothing_is_assigned_that_a_call_does_not_name(tenants: Tenants, world: World, nested: bool) -> None:
    def given(under: str, **fields: Any) -> dict[str, Any]:
        return {under: {**MASS, **fields}, **MASS} if nested else {**MASS, **fields}

    here = f"/organizations/{world.acme['slug']}"
    made = tenants.data("POST", "/organizations", "ada", json=given("organization", name="Plain"))
    assert (made["id"] != 999_999, made["slug"][:5], made["archived_at"]) == (True, "plain", None)
    app = tenants.data("POST", f"{here}/applications", "ada", json=given("application", name="Plain"))
    assert app["id"] != 999_999
    assert (app["is_owned"], app["archived_at"]) == (True, None)
    assert "mine" not in (app["app_key"], app["app_secret"])
    changed = tenants.data("PATCH", f"{here}/applications/{app['id']}", "ada", json=given("application", name="Other"))
    assert changed == {**app, "name": "Other"}
    tenants.data("PATCH", f"{here}/enrollments/{world.slots['member']}", "ada", json=given("enrollment"))
    assert tenants.data("GET", "/me", "pete")["is_root"] is False
    assert tenants.data("GET", "/me", "ada")["is_root"] is False


@pytest.mark.parametrize("flag", ["maybe", "", None, 2, -1, [], {}, "x" * 10_000], ids=ascii)
@pytest.mark.parametrize("field", ["is_admin", "can_publish"])
def test_a_flag_is_yes_or_no(tenants: Tenants, world: World, field: str, flag: object) -> None:
    path = f"/organizations/{world.acme['slug']}/enrollments/{world.slots['member']}"
    answer = tenants.call("PATCH", path, "ada", json={field: flag})
    if flag is None:
        assert answer.status_code == 200  # which leaves it
    else:
        assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


@pytest.mark.parametrize(
    "settings", [5, "x", [], [["a", 1]], {"max_event_bytes": "x"}, {"": 1}, {"a" * 9999: 1}], ids=str
)
def test_settings_are_an_object_of_settings(tenants: Tenants, there: str, settings: object) -> None:
    answer = tenants.call("PATCH", there, "ada", json={"settings": settings})
    assert answer.status_code == 422
    assert all(field.startswith("settings") for field in answer.json()["errors"])


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"name": "x"', JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (b"[" * 200_000, JSON, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, JSON, 400),
        (b'["name"]', JSON, 422),
        (b"name=%ff", FORM, 400),
        (b"name=x", {"Content-Type": "text/plain"}, 415),
        (b"name=x", {"Content-Type": "multipart/form-data"}, 400),
    ],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_cannot_be_read_is_refused(
    tenants: Tenants, body: bytes, headers: dict[str, str], status: int, is_chunked: bool
) -> None:
    data = iter([body[: len(body) // 2], body[len(body) // 2 :]]) if is_chunked else body
    answer = tenants.call("POST", "/organizations", "ada", data=data, headers=headers)
    assert (answer.status_code, list(answer.json()["errors"])) == (status, ["body" if status == 422 else "detail"])


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_over_the_limit_is_refused(tenants: Tenants, is_chunked: bool) -> None:
    parts = [b'{"name": "', b"x" * 400_000, b'"}']
    data = iter(parts) if is_chunked else b"".join(parts)
    assert tenants.call("POST", "/organizations", "ada", data=data, headers=JSON).status_code == 413


def test_without_a_token_a_body_is_not_even_read(tenants: Tenants) -> None:
    assert tenants.call("POST", "/organizations", data=b"{", headers=JSON).status_code == 401


def test_a_client_that_leaves_in_the_middle_of_its_body_is_forgotten(tenants: Tenants) -> None:
    head = f"POST /api/session HTTP/1.1\r\nHost: {tenants.host}\r\nContent-Type: application/json\r\n"
    for _ in range(5):
        with socket.create_connection((tenants.host, tenants.port), LIMIT) as connection:
            connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    assert tenants.call("GET", "/me", "ada").status_code == 200


@pytest.mark.parametrize("name", ["pusher:x", "phx_join", "presence_state", "x" * 201])
def test_an_event_that_may_not_be_named_so_is_refused(tenants: Tenants, there: str, name: str) -> None:
    answer = tenants.call("POST", f"{there}/event/{name}", "ada")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["event"])


@pytest.mark.parametrize("path", ["event", "event/", "events/x", "event/x/", "event/a%2Fb", "event/a%00b"])
def test_where_an_event_may_be_posted(tenants: Tenants, there: str, path: str) -> None:
    expected = 404 if path in ("event", "event/", "events/x") else 204
    assert tenants.call("POST", f"{there}/{path}", "ada").status_code == expected


@pytest.mark.parametrize(
    "given",
    [
        {"topic": "a:b"},
        {"topic": ""},
        {"topic": ["a"]},
        {"topic": "x" * 10_000},
        {"payload": "[]"},
        {"payload": "x"},
        {"payload": None},
        {"direct": True},
        {"direct": "true", "uid": ""},
        {"direct": "true", "uid": {"a": 1}},
        {"direct": "maybe"},
        {"text": "x" * 20_000},
        {"text": "💥" * 4_000},
    ],
    ids=lambda given: json.dumps(given)[:30],
)
def test_a_broadcast_that_cannot_be_is_refused(tenants: Tenants, there: str, given: dict[str, Any]) -> None:
    answer = tenants.call("POST", f"{there}/event/x", "ada", json=given)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) <= {"topic", "payload", "uid", "direct"}


@pytest.mark.parametrize("topic", ["a:b", "", "x" * 10_000])
def test_presence_is_asked_for_by_a_topic(tenants: Tenants, there: str, topic: str) -> None:
    for answer in (
        tenants.call("GET", f"{there}/event/presence_list", "ada", params={"topic": topic}),
        tenants.call("POST", f"{there}/event/presence_list", "ada", json={"topic": topic}),
    ):
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["topic"])
