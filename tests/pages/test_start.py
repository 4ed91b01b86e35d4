"""Getting started with an application, in a browser."""

import html
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pusher  # type: ignore[import-untyped]
import pytest
import requests
from playwright.sync_api import Page, expect

from pages.conftest import Visit
from pages.visitor import LIMIT, Visitor, administrator
from running import Running
from seeded import ORGANIZATION, Seeded

CLIENTS = Path(__file__).parent.parent / "clients"


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    with Seeded() as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Seeded) -> Visitor:
    return administrator(server)


def path_of(server: Seeded) -> str:
    return f"/applications/{server.app_id}/start"


def change(server: Seeded, **settings: str | None) -> None:
    """Change settings of the application."""
    answer = requests.patch(
        f"{server.url}/api/organizations/{ORGANIZATION}/applications/{server.app_id}",
        json={"settings": settings},
        headers={"Authorization": f"Bearer {server.jwt()}"},
        timeout=LIMIT,
    )
    assert answer.status_code == 200, answer.text


def start(server: Seeded, admin: Visitor, visit: Visit, **options: object) -> Page:
    """Open the page in a browser that is signed in."""
    cookies = [
        {
            "name": name,
            "value": value,
            "domain": server.host,
            "path": "/",
            "expires": -1,
            "httpOnly": True,
            "secure": False,
            "sameSite": "Lax",
        }
        for name, value in admin.http.cookies.items()
    ]
    return visit(server, path_of(server), storage_state={"cookies": cookies, "origins": []}, **options)


@pytest.mark.needs("chromium", "node")
def test_the_page_sees_the_first_listener_and_the_first_event(server: Seeded, admin: Visitor, visit: Visit) -> None:
    page = start(server, admin, visit)
    arrival, listeners = page.locator("[data-arrival]"), page.locator("[data-listeners]")
    expect(arrival).to_have_text("Waiting for your first event…")
    expect(listeners).to_have_text("Nobody listens yet")
    page.get_by_role("tab", name="pusher-js").click()
    pasted = page.get_by_role("tabpanel", name="pusher-js").locator("pre").inner_text()
    listener = subprocess.Popen(
        ["node", "--input-type=module", "-e", pasted], cwd=CLIENTS, stdout=subprocess.PIPE, text=True
    )
    try:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "Listening\n"
        expect(listeners).to_have_text("One client listens")
        client = pusher.Pusher(
            app_id=server.app_id, key=server.key, secret=server.secret, host=server.host, port=server.port, ssl=False
        )
        client.trigger("general", "greeting", {"text": "<b>Hello</b>"})
        expect(arrival).to_have_text("It arrived. All of it works.")
        expect(page.get_by_role("list", name="What has arrived").get_by_role("listitem")).to_contain_text(
            ['greeting{"text": "<b>Hello</b>"}']
        )
        assert listener.stdout.readline() == "{ text: '<b>Hello</b>' }\n"
    finally:
        listener.kill()
        listener.communicate()
    expect(listeners).to_have_text("Nobody listens yet")


@pytest.mark.needs("chromium")
def test_who_may_not_listen_is_told_why(server: Seeded, admin: Visitor, visit: Visit) -> None:
    change(server, allowed_origins="elsewhere.example")
    try:
        page = start(server, admin, visit)
        expect(page.locator("[data-arrival]")).to_contain_text("This page may not listen: ")
        expect(page.locator("[data-arrival]")).to_contain_text("rigin")
    finally:
        change(server, allowed_origins=None)


@pytest.mark.needs("chromium")
def test_a_phone_shows_it_without_scrolling_sideways(server: Seeded, admin: Visitor, visit: Visit) -> None:
    page = start(server, admin, visit, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_address_is_that_of_the_setting() -> None:
    with Running(public_url="https://rt.example.com/") as elsewhere:
        text = html.unescape(Visitor(elsewhere).get("/").text)
        assert "wsHost: 'rt.example.com', wsPort: 443, wssPort: 443, forceTLS: true" in text
        assert elsewhere.host not in text
