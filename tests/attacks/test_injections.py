"""Text that would be obeyed where it is only to be shown."""

import re
from html import escape
from html.parser import HTMLParser

import pytest

from applications.conftest import Staff
from pages.visitor import LIMIT
from tenants import Tenants

NAMES = (
    "{{ 7*7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "{0.__class__.__mro__} %(secret)s %n",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
)


class Obeyed(HTMLParser):
    """Finds what a browser would obey: scripts within the page, and handlers of events."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (tag == "script" and "src" not in given and given.get("type") != "application/json") or any(
            name.startswith("on") or (value or "").strip().lower().startswith("javascript:")
            for name, value in attrs
            if name in {"href", "src", "action", "formaction"} or name.startswith("on")
        ):
            self.found.append(f"{tag} {given}")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is_and_never_obeyed(tenants: Tenants, staff: Staff, name: str) -> None:
    """The name of an organization and of its application, on every page that shows them, and in the head of a page."""
    made = tenants.data("POST", "/organizations", "ada", json={"name": name})
    there = f"/organizations/{made['slug']}"
    app = tenants.data("POST", f"{there}/applications", "ada", json={"name": name})
    ada = staff("ada")
    pages = (
        "",
        "/start",
        "/keys",
        "/console",
        "/creator",
        "/channels",
        "/errors",
        "/webhooks",
        "/sharing",
        "/settings",
    )
    shown = [there, f"{there}/members", f"{there}/audit", *(f"/applications/{app['id']}{page}" for page in pages)]
    seen = 0
    for path in shown:
        page = ada.get(path)
        assert page.status == 200, path
        rest = page.text
        for written in (escape(name), escape(name).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")):
            seen += rest.count(written)
        reader = Obeyed()
        reader.feed(page.text)
        assert reader.found == [], path
        assert "49" not in re.findall(r"<h1[^>]*>([^<]*)", page.text)
    assert seen >= len(shown) - 2


@pytest.mark.parametrize(
    "text",
    [
        "%0d%0aSet-Cookie:%20x=y",
        "%0aLocation:%20https://evil.example",
        "%E5%98%8A%E5%98%8DSet-Cookie:x",
        "//evil.example",
        "/%5cevil.example",
        "https://evil.example",
        "%09//evil.example",
        "javascript:alert(1)",
        "/account%0d%0a%0d%0a<script>",
    ],
)
def test_no_address_on_this_site_splits_an_answer_or_leads_elsewhere(tenants: Tenants, staff: Staff, text: str) -> None:
    for path in (
        f"/sign-in?next={text}",
        f"/{text}",
        f"/organizations/{text}",
        f"/admin/{text}",
        f"/account?notice={text}",
    ):
        answer = staff("ada").http.get(tenants.url + path, timeout=LIMIT, allow_redirects=False)
        assert answer.headers.get("x") is None
        assert "x=y" not in answer.headers.get("set-cookie", "")
        location = answer.headers.get("location", "/")
        assert location.startswith("/"), location
        assert not re.match(r"/[/\\]", location), location
