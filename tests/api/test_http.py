"""What the API does with methods, origins and paths."""

import pytest

from tenants import Tenants

ORIGIN = {"Origin": "https://shop.example"}


@pytest.mark.parametrize(
    "path", ["/nowhere", "/organizations/1/2/3", "/Session", "/openapi.yaml", "/static", "/static/../app.py"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_not_there(tenants: Tenants, method: str, path: str) -> None:
    answer = tenants.call(method, path, "ada")
    assert (answer.status_code, answer.json()) == (404, {"errors": {"detail": "Not found"}})


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/session", "OPTIONS, POST"),
        ("/me", "GET, HEAD, OPTIONS"),
        ("/organizations", "GET, HEAD, OPTIONS, POST"),
        ("/organizations/x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/organizations/x/applications/y/event/presence_list", "GET, HEAD, OPTIONS, POST"),
        ("/organizations/x/applications/y/event/other", "OPTIONS, POST"),
    ],
)
def test_another_method_is_told_which_there_are(tenants: Tenants, path: str, allow: str) -> None:
    answer = tenants.call("TRACE", path)
    assert (answer.status_code, answer.json()) == (405, {"errors": {"detail": "Method Not Allowed"}})
    assert answer.headers["Allow"] == allow
    asked = tenants.call("OPTIONS", path)
    assert (asked.status_code, asked.headers["Allow"], asked.content) == (204, allow, b"")


def test_head_is_get_without_a_body(tenants: Tenants) -> None:
    get, head = tenants.call("GET", "/me", "ada"), tenants.call("HEAD", "/me", "ada")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert tenants.call("HEAD", "/me").status_code == 401
    assert tenants.call("HEAD", "/session").status_code == 405


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_of_any_origin_is_let_through(tenants: Tenants, method: str) -> None:
    asked = {
        **ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = tenants.call("OPTIONS", "/organizations/x", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert method in answer.headers["Access-Control-Allow-Methods"]
    assert {"Authorization", "Content-Type"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert int(answer.headers["Access-Control-Max-Age"]) >= 3600
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "who", "status"),
    [
        ("GET", "/me", "ada", 200),
        ("GET", "/me", None, 401),
        ("GET", "/organizations/none", "ada", 404),
        ("GET", "/nowhere", None, 404),
        ("POST", "/organizations", "ada", 422),
        ("DELETE", "/organizations", None, 405),
    ],
)
def test_scripts_of_any_origin_may_read_every_answer(
    tenants: Tenants, method: str, path: str, who: str | None, status: int
) -> None:
    answer = tenants.call(method, path, who, headers=ORIGIN)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "Location, X-Request-Id"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_the_address_alone_leads_to_the_page_of_the_document(tenants: Tenants) -> None:
    for path in ("", "/"):
        answer = tenants.session.get(f"{tenants.url}/api{path}", timeout=10)
        assert (answer.status_code, answer.url) == (200, f"{tenants.url}/api/docs")


def test_the_page_of_the_document_takes_nothing_from_elsewhere(tenants: Tenants) -> None:
    page = tenants.call("GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.text.replace("<!DOCTYPE html>", "")
    for name in ("vendor/swagger-ui.css", "vendor/swagger-ui-bundle.js", "docs.js", "vendor/LICENSE", "vendor/NOTICE"):
        assert tenants.call("GET", f"/static/{name}").status_code == 200
        assert name in page.text or name in ("vendor/LICENSE", "vendor/NOTICE")
