"""What holds for every page: its heads, its cookies, the token of its forms, and what is said when it is refused."""

import re
from collections.abc import Iterator

import pytest
import requests

from pages.visitor import LIMIT, Visitor, administrator
from seeded import Seeded


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    with Seeded() as running:
        yield running


def csrf(visitor: Visitor) -> str:
    return visitor.form("/sign-out").fields["csrf"]


def test_a_page_lets_nothing_in_from_elsewhere_and_is_not_kept(server: Seeded) -> None:
    heads = Visitor(server).get("/").answer.headers
    policy = dict(part.split(" ", 1) for part in heads["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert heads["cache-control"] == "no-store"
    assert heads["referrer-policy"] == "same-origin"


def test_the_home_page_sets_no_cookie(server: Seeded) -> None:
    assert not Visitor(server).get("/").http.cookies


@pytest.mark.parametrize("path", ["/organizations", "/account", "/account/sessions", "/organizations/acme-inc"])
def test_who_is_not_signed_in_is_asked_to_and_comes_back(server: Seeded, path: str) -> None:
    visitor = Visitor(server).get(path)
    assert visitor.path == f"/sign-in?next={path}"


def test_a_script_that_is_not_signed_in_gets_a_status(server: Seeded) -> None:
    answer = requests.get(f"{server.url}/organizations", headers={"Accept": "application/json"}, timeout=LIMIT)
    assert answer.status_code == 401


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(server: Seeded) -> None:
    visitor = administrator(server)
    kept = {cookie.name: cookie for cookie in visitor.http.cookies}
    assert kept["hubbub_session"].has_nonstandard_attr("HttpOnly")
    assert kept["hubbub_session"].get_nonstandard_attr("SameSite") == "lax"
    assert not kept["hubbub_session"].secure, "this server has no TLS"
    forwarded = requests.get(f"{server.url}/sign-in", headers={"X-Forwarded-Proto": "https"}, timeout=LIMIT)
    assert all(cookie.secure for cookie in forwarded.cookies), "a trusted proxy said that the browser came by TLS"
    assert forwarded.cookies


@pytest.mark.parametrize("token", ["", "x", "0" * 24, None])
def test_a_form_without_its_token_does_nothing(server: Seeded, token: str | None) -> None:
    visitor = administrator(server)
    given = {} if token is None else {"csrf": token}
    assert visitor.post("/sign-out", **given).status == 403
    assert visitor.get("/account").status == 200


def test_the_token_of_another_browser_is_none(server: Seeded) -> None:
    one, other = administrator(server), administrator(server)
    assert one.post("/sign-out", csrf=csrf(other)).status == 403
    assert one.get("/account").path == "/account"


@pytest.mark.parametrize(
    "heads",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_site_can_send_no_form_of_ours(server: Seeded, heads: dict[str, str]) -> None:
    visitor = administrator(server).get("/account")
    answer = visitor.http.post(
        f"{server.url}/sign-out", {"csrf": csrf(visitor)}, headers=heads, timeout=LIMIT, allow_redirects=False
    )
    assert answer.status_code == 403
    assert visitor.get("/account").path == "/account"


def test_a_notice_is_said_once(server: Seeded) -> None:
    visitor = administrator(server).get("/account")
    visitor.submit("/sign-out")
    said = re.compile(r'<div class="notice good"')
    assert said.search(visitor.text)
    assert not said.search(visitor.get(visitor.path).text)


def test_a_notice_that_is_not_ours_is_not_shown(server: Seeded) -> None:
    visitor = Visitor(server)
    visitor.http.cookies.set(
        "hubbub_notice", "eyJ0ZXh0IjoiU2VuZCBtb25leSIsImtpbmQiOiJnb29kIn0=.AAAAAAAAAAAAAAAAAAAAAAAA"
    )
    assert "Send money" not in visitor.get("/").text


@pytest.mark.parametrize(
    "body",
    [b"a=%ff%fe", b"\xff\xfe", b"&".join(b"f%d=1" % number for number in range(600))],
)
def test_what_is_no_form_is_refused(server: Seeded, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{server.url}/sign-in", body, headers=kind, timeout=LIMIT)
    assert answer.status_code == 400
    assert requests.post(f"{server.url}/sign-in", json={"csrf": "x"}, timeout=LIMIT).status_code == 400


def test_a_huge_form_is_refused(server: Seeded) -> None:
    assert requests.post(f"{server.url}/sign-in", {"email": "x" * 70_000}, timeout=LIMIT).status_code == 413


@pytest.mark.parametrize(
    "path", ["/nothing", "/applications/999999", "/applications/0x1", "/applications/²", "/organizations/nobodys"]
)
def test_what_is_not_there_is_a_page_that_says_so(server: Seeded, path: str) -> None:
    visitor = administrator(server).get(path)
    assert visitor.status == 404
    assert "Not found" in visitor.text


def test_another_method_is_refused_by_a_page(server: Seeded) -> None:
    answer = requests.put(f"{server.url}/account", headers={"Accept": "text/html"}, timeout=LIMIT)
    assert answer.status_code == 405
    assert "content-security-policy" in answer.headers


def test_files_that_are_asked_for_by_what_is_in_them_are_kept_for_good(server: Seeded) -> None:
    page = Visitor(server).get("/").text
    found = re.search(r'href="(/css/site\.css\?v=[0-9a-f]+)"', page)
    assert found
    lasting = requests.get(server.url + found[1], timeout=LIMIT)
    assert "immutable" in lasting.headers["cache-control"]
    assert "immutable" not in requests.get(f"{server.url}/css/site.css", timeout=LIMIT).headers["cache-control"]
