"""The calls about webhooks, and what they answer."""

from typing import Any

import pytest

from tenants import Tenants, World

HOOK = {"url": "https://hooks.invalid/a?b=c", "headers": {"Authorization": "Bearer hunter2"}}


@pytest.fixture
def world(tenants: Tenants) -> World:
    return tenants.with_webhook(tenants.world())


@pytest.fixture
def there(world: World) -> str:
    return f"/organizations/{world.acme['slug']}/applications/{world.application['id']}"


def errors(tenants: Tenants, method: str, path: str, **more: Any) -> Any:
    answer = tenants.call(method, path, "ada", **more)
    assert answer.status_code == 422, answer.text
    return answer.json()["errors"]


def test_a_webhook_is_made_changed_and_removed(tenants: Tenants, there: str) -> None:
    answer = tenants.call("POST", f"{there}/webhooks", "ada", json={"webhook": HOOK})
    made = answer.json()["data"]
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api{there}/webhooks/{made['id']}")
    assert made.keys() == {"id", "url", "kinds", "channel_prefix", "headers", "created_at", "updated_at"}
    assert {name: made[name] for name in HOOK} == HOOK
    assert (made["channel_prefix"], len(made["kinds"])) == ("", 7)
    path = f"{there}/webhooks/{made['id']}"
    assert tenants.data("GET", path, "ada") == made
    changed = tenants.data("PATCH", path, "ada", json={"kinds": ["member_added"], "channel_prefix": "presence-"})
    assert (changed["kinds"], changed["channel_prefix"], changed["headers"]) == (
        ["member_added"],
        "presence-",
        HOOK["headers"],
    )
    assert changed in tenants.data("GET", f"{there}/webhooks", "ada")
    assert tenants.data("DELETE", path, "ada") is None
    assert tenants.call("GET", path, "ada").status_code == 404
    assert made["id"] not in [one["id"] for one in tenants.data("GET", f"{there}/webhooks", "ada")]


def test_a_form_does_as_well(tenants: Tenants, there: str) -> None:
    form = {
        "webhook[url]": HOOK["url"],
        "webhook[kinds][]": ["cache_miss", "client_event"],
        "webhook[headers][X-Tenant]": "7",
    }
    made = tenants.data("POST", f"{there}/webhooks", "ada", data=form)
    assert (made["kinds"], made["headers"]) == (["client_event", "cache_miss"], {"X-Tenant": "7"})


def test_what_does_not_fit_is_named(tenants: Tenants, there: str, world: World) -> None:
    wrong = {"url": "http://127.0.0.1/", "kinds": ["party"], "headers": {"Host": "hunter2"}, "channel_prefix": 7}
    found = errors(tenants, "POST", f"{there}/webhooks", json=wrong)
    assert found.keys() == wrong.keys()
    assert "hunter2" not in str(found)
    assert errors(tenants, "POST", f"{there}/webhooks") == {"url": ["can't be blank"]}
    path = f"{there}/webhooks/{world.slots['endpoint']}"
    assert errors(tenants, "PATCH", path, json={"url": "ftp://example.com"}).keys() == {"url"}


def test_deliveries_come_in_pages(tenants: Tenants, there: str, world: World) -> None:
    more = tenants.with_webhook(world)
    for query, ids in (
        ("", [more, world]),
        ("?per_page=1", [more]),
        ("?per_page=1&page=2", [world]),
        ("?state=failed", [more, world]),
        ("?state=delivered", []),
        (f"?webhook={world.slots['endpoint']}", [world]),
    ):
        answer = tenants.call("GET", f"{there}/webhook_deliveries{query}", "ada").json()
        assert [str(one["id"]) for one in answer["data"]] == [one.slots["delivery"] for one in ids], query
        assert answer["meta"]["per_page"] == (1 if "per_page" in query else 50)
    assert answer["meta"] == {"page": 1, "per_page": 50, "total": 1}
    for query in ("state=lost", "webhook=one"):
        assert errors(tenants, "GET", f"{there}/webhook_deliveries?{query}").keys() == {query.partition("=")[0]}


def test_a_delivery_is_shown_with_body_and_attempts(tenants: Tenants, there: str, world: World) -> None:
    found = tenants.data("GET", f"{there}/webhook_deliveries/{world.slots['delivery']}", "ada")
    [listed] = tenants.data("GET", f"{there}/webhook_deliveries", "ada")
    assert found["delivery"] == listed
    assert (listed["webhook_id"], listed["kinds"]) == (int(world.slots["endpoint"]), ["channel_occupied"])
    assert (listed["state"], listed["channels"], listed["attempts"], listed["resent_at"]) == (
        "failed",
        ["chat"],
        1,
        None,
    )
    assert found["body"] == '{"time_ms":1,"events":[{"name":"channel_occupied","channel":"chat"}]}'
    assert (found["key"], found["signature"], found["has_webhook"]) == ("key", "signature", True)
    [attempt] = found["ledger"]
    assert attempt.pop("at").endswith("Z")
    assert attempt == {"duration_ms": 12, "status": 500, "problem": "", "answer": "Oh no"}


def test_what_failed_is_sent_again(tenants: Tenants, there: str, world: World) -> None:
    more = tenants.with_webhook(world)
    deliveries = f"{there}/webhook_deliveries"
    again = tenants.data("POST", f"{deliveries}/{more.slots['delivery']}/resend", "ada")
    assert (str(again["id"]), again["state"]) == (more.slots["delivery"], "failed")
    assert again["resent_at"].endswith("Z")
    assert tenants.data("POST", f"{deliveries}/resend_failed", "ada") == {"deliveries": 1}
    assert tenants.data("POST", f"{deliveries}/resend_failed", "ada") == {"deliveries": 0}
    tenants.data("DELETE", f"{there}/webhooks/{more.slots['endpoint']}", "ada")
    found = errors(tenants, "POST", f"{deliveries}/{more.slots['delivery']}/resend")
    assert found == {"delivery": ["cannot be sent again: its webhook is removed"]}


@pytest.mark.parametrize("delivery", ["0", "01", "9" * 19, "9" * 5000, "one", "%00", "-1"])
def test_what_is_no_delivery_is_not_found(tenants: Tenants, there: str, delivery: str) -> None:
    answer = tenants.call("GET", f"{there}/webhook_deliveries/{delivery}", "ada")
    assert (answer.status_code, answer.json()) == (404, {"errors": {"detail": "Not found"}})
