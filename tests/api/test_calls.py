"""What each call does, and what it answers."""

from typing import Any

import pytest

from tenants import Tenants, World


@pytest.fixture
def world(tenants: Tenants) -> World:
    return tenants.world()


@pytest.fixture
def here(world: World) -> str:
    return f"/organizations/{world.acme['slug']}"


@pytest.fixture
def there(here: str, world: World) -> str:
    return f"{here}/applications/{world.application['id']}"


def test_me(tenants: Tenants) -> None:
    me = tenants.data("GET", "/me", "ada")
    assert me.pop("created_at").endswith("Z")
    assert me == {"id": tenants.people["ada"].id, "name": "Ada", "email": "ada@example.com", "is_root": False}


def test_an_organization_is_created_shown_renamed_archived_and_brought_back(tenants: Tenants) -> None:
    answer = tenants.call("POST", "/organizations", "ada", json={"organization": {"name": "Umbrella, Inc."}})
    made = answer.json()["data"]
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/organizations/{made['id']}")
    slug = "umbrella-inc"
    assert made == {"id": made["id"], "name": "Umbrella, Inc.", "slug": slug, "archived_at": None}
    assert tenants.data("GET", answer.headers["Location"].removeprefix("/api"), "ada") == made
    renamed = tenants.data("PATCH", f"/organizations/{slug}", "ada", json={"name": "Umbrella 2"})
    assert renamed == {**made, "name": "Umbrella 2"}
    assert tenants.data("PUT", f"/organizations/{slug}", "ada", json={"name": "Umbrella"})["name"] == "Umbrella"
    assert tenants.data("DELETE", f"/organizations/{slug}", "ada") is None
    assert made["id"] not in [one["id"] for one in tenants.data("GET", "/organizations", "ada")]
    (archived,) = (one for one in tenants.data("GET", "/organizations?archived=true", "ada") if one["id"] == made["id"])
    assert archived["archived_at"].endswith("Z")
    assert tenants.data("POST", f"/organizations/{slug}/unarchive", "ada")["archived_at"] is None


def test_an_enrollment_is_made_changed_and_ended(tenants: Tenants, here: str) -> None:
    olga = tenants.people["olga"]
    answer = tenants.call("POST", f"{here}/enrollments", "ada", json={"enrollment": {"user": olga.email}})
    made = answer.json()["data"]
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api{here}/enrollments/{olga.id}")
    assert made.pop("created_at").endswith("Z")
    user = {"id": olga.id, "name": "Olga", "email": olga.email}
    assert made == {"user": user, "is_admin": False, "can_publish": True}
    path = f"{here}/enrollments/{olga.id}"
    assert tenants.data("PATCH", path, "ada", data={"can_publish": "false"})["can_publish"] is False
    assert tenants.data("PUT", path, "ada", data={"enrollment[is_admin]": "true"})["is_admin"] is True
    listed = tenants.data("GET", f"{here}/enrollments", "olga")
    assert sorted(one["user"]["name"] for one in listed) == ["Ada", "Olga", "Pete", "Rita"]
    assert tenants.call("DELETE", f"{here}/enrollments/me", "olga").status_code == 204
    assert tenants.call("GET", here, "olga").status_code == 404


def test_the_last_admin_stays(tenants: Tenants, here: str) -> None:
    answer = tenants.call("DELETE", f"{here}/enrollments/me", "ada")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["user"])
    answer = tenants.call("PATCH", f"{here}/enrollments/me", "ada", json={"is_admin": False})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["is_admin"])


def test_an_application_is_created_shown_changed_archived_and_brought_back(tenants: Tenants, here: str) -> None:
    answer = tenants.call(
        "POST", f"{here}/applications", "ada", json={"application": {"name": "Test App", "settings": {"enabled": True}}}
    )
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api{here}/applications/{made['id']}"
    assert set(made) == {"id", "name", "app_key", "app_secret", "is_owned", "settings", "archived_at"}
    assert (made["name"], made["settings"], made["archived_at"]) == ("Test App", {"enabled": True}, None)
    path = f"{here}/applications/{made['app_key']}"
    assert tenants.data("GET", path, "ada") == made
    assert tenants.data("PATCH", path, "ada", json={"name": "Better App"}) == {**made, "name": "Better App"}
    changed = tenants.data("PUT", path, "ada", json={"settings": {"client_events": True, "enabled": None}})
    assert changed == {**made, "name": "Better App", "settings": {"client_events": True}}
    archived = tenants.data("DELETE", path, "ada")
    assert archived["archived_at"].endswith("Z")
    assert made["id"] not in [one["id"] for one in tenants.data("GET", f"{here}/applications", "ada")]
    assert tenants.data("GET", f"{here}/applications?archived=true", "ada") == [archived]
    assert tenants.call("POST", f"{path}/event/x", "ada").status_code == 404
    assert tenants.data("POST", f"{path}/unarchive", "ada")["archived_at"] is None
    assert tenants.call("POST", f"{path}/event/x", "ada").status_code == 204


def test_settings_come_from_a_form_too(tenants: Tenants, there: str) -> None:
    form = {"application[settings][client_events]": "true", "application[settings][max_event_bytes]": "100"}
    assert tenants.data("PATCH", there, "ada", data=form)["settings"] == {
        "client_events": True,
        "max_event_bytes": 100,
    }
    answer = tenants.call("POST", f"{there}/event/x", "ada", data={"text": "x" * 100})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["payload"])


def test_faulty_settings_are_named(tenants: Tenants, there: str) -> None:
    answer = tenants.call("PATCH", there, "ada", json={"settings": {"max_event_bytes": 0, "nonsense": 1}})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"settings", "settings.max_event_bytes"}


def test_a_disabled_application_publishes_nothing(tenants: Tenants, there: str) -> None:
    tenants.data("PATCH", there, "ada", json={"settings": {"enabled": False}})
    for method, path in (("POST", "event/x"), ("GET", "event/presence_list")):
        answer = tenants.call(method, f"{there}/{path}", "ada")
        assert (answer.status_code, list(answer.json()["errors"])) == (403, ["detail"])


def test_keys_are_added_and_revoked(tenants: Tenants, there: str, world: World) -> None:
    first, second = tenants.data("GET", f"{there}/keys", "ada")
    assert (first["key"], second["key"]) == (world.application["app_key"], world.slots["key"])
    answer = tenants.call("POST", f"{there}/keys", "ada")
    third = answer.json()["data"]
    assert answer.status_code == 201
    assert set(third) == {"key", "secret", "created_at"}
    app = tenants.data("GET", there, "ada")
    assert (app["app_key"], app["app_secret"]) == (third["key"], third["secret"])
    for pair in (first, second):
        tenants.data("DELETE", f"{there}/keys/{pair['key']}", "ada")
    assert tenants.data("GET", f"{there}/keys", "ada") == [third]
    answer = tenants.call("DELETE", f"{there}/keys/{third['key']}", "ada")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["key"])


def test_an_application_is_lent_taken_back_and_given_back(tenants: Tenants, there: str, world: World) -> None:
    owner, borrower = tenants.data("GET", f"{there}/ownerships", "ada")
    assert (owner["organization"]["id"], owner["is_owned"]) == (world.acme["id"], True)
    assert (borrower["organization"]["id"], borrower["is_owned"]) == (world.globex["id"], False)
    loan = {"ownership[organization]": world.initech["slug"]}
    lent = tenants.data("POST", f"{there}/ownerships", "ada", data=loan)
    assert (lent["organization"]["name"], lent["is_owned"]) == (world.initech["name"], False)
    seen = tenants.data("GET", f"/organizations/{world.initech['id']}/applications", "olga")
    assert [(one["id"], one["app_secret"], one["is_owned"]) for one in seen] == [(world.application["id"], None, False)]
    by_id = f"/organizations/{world.initech['id']}/applications/{world.application['id']}"
    answer = tenants.call("DELETE", f"{by_id}/ownerships/{world.initech['slug']}", "olga")
    assert answer.status_code == 204
    assert tenants.call("DELETE", f"{there}/ownerships/{world.globex['id']}", "ada").status_code == 204
    assert tenants.data("GET", f"{there}/ownerships", "ada") == [owner]
    answer = tenants.call("DELETE", f"{there}/ownerships/{world.acme['slug']}", "ada")
    assert answer.status_code == 422


def test_a_borrower_publishes_and_reads_presence(tenants: Tenants, world: World) -> None:
    path = f"/organizations/{world.globex['slug']}/applications/{world.application['app_key']}"
    assert tenants.call("POST", f"{path}/event/x", "bob").status_code == 204
    assert tenants.call("GET", f"{path}/event/presence_list", "bob").json() == {"data": {}}


def test_a_user_token_is_made_listed_and_ended_with_what_was_issued_from_it(tenants: Tenants) -> None:
    made = tenants.data("POST", "/users/me/tokens", "rita")
    assert (set(made), made["invalidated_at"]) == ({"id", "token", "invalidated_at"}, None)
    jwt = tenants.call("POST", "/session", json={"token": made["token"]}).json()["jwt"]
    assert tenants.call("GET", "/me", jwt).status_code == 200
    newest, *_ = tenants.data("GET", "/users/me/tokens", "rita")
    assert newest.pop("created_at").endswith("Z")
    assert newest == {"id": made["id"], "prefix": made["token"][:8], "invalidated_at": None}
    ended = tenants.data("DELETE", f"/users/me/tokens/{made['token']}", "rita")
    assert (ended["id"], ended["invalidated_at"][-1]) == (made["id"], "Z")
    assert tenants.call("GET", "/me", jwt).status_code == 401
    assert tenants.call("POST", "/session", json={"token": made["token"]}).status_code == 401


def test_root_makes_tokens_for_anybody(tenants: Tenants) -> None:
    made = tenants.data("POST", "/users/olga@example.com/tokens", "rosa")
    jwt = tenants.call("POST", "/session", json={"token": made["token"]}).json()["jwt"]
    assert tenants.data("GET", "/me", jwt)["name"] == "Olga"


def test_lists_have_pages(tenants: Tenants, here: str) -> None:
    for number in range(4):
        tenants.data("POST", f"{here}/applications", "ada", json={"name": f"App {number}"})

    def page(query: str) -> dict[str, Any]:
        answer: dict[str, Any] = tenants.call("GET", f"{here}/applications{query}", "ada").json()
        return {**answer, "data": [one["name"] for one in answer["data"]]}

    names = ["Chat", "App 0", "App 1", "App 2", "App 3"]
    assert page("") == {"data": names}
    assert page("?page=1") == {"data": names, "meta": {"page": 1, "per_page": 50, "total": 5}}
    assert page("?page=2&per_page=2") == {"data": names[2:4], "meta": {"page": 2, "per_page": 2, "total": 5}}
    assert page("?per_page=2") == {"data": names[:2], "meta": {"page": 1, "per_page": 2, "total": 5}}
    assert page("?page=9") == {"data": [], "meta": {"page": 9, "per_page": 50, "total": 5}}


@pytest.mark.parametrize("which", ["keys", "ownerships"])
def test_short_lists_have_pages_too(tenants: Tenants, there: str, which: str) -> None:
    whole = tenants.data("GET", f"{there}/{which}", "ada")
    answer = tenants.call("GET", f"{there}/{which}?page=2&per_page=1", "ada").json()
    assert answer == {"data": whole[1:2], "meta": {"page": 2, "per_page": 1, "total": 2}}


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "page=1.5", "page=", f"page={10**20}", "per_page=0", "per_page=101"],
)
def test_a_page_that_cannot_be_is_refused(tenants: Tenants, query: str) -> None:
    answer = tenants.call("GET", f"/organizations?{query}", "ada")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [query.partition("=")[0]])
