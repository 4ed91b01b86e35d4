"""The administration in a browser: switches flip where they stand, by mouse and by keyboard, and without a script."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from hubbub.accounts.domain import OPERATOR
from hubbub.web.visit import SESSION
from pages.conftest import Visit
from pages.offices import behind, cookie_of, office
from tenants import Tenants, World


@pytest.fixture(scope="module")
def server() -> Iterator[Tenants]:
    with office() as running:
        yield running


@pytest.fixture(scope="module")
def world(server: Tenants) -> World:
    return server.world()


def open_as_rosa(visit: Visit, server: Tenants, path: str, **options: object) -> Page:
    cookie = {"name": SESSION, "value": cookie_of(server, "rosa"), "domain": server.host, "path": "/"}
    state = {
        "cookies": [{**cookie, "expires": -1, "httpOnly": True, "secure": False, "sameSite": "Lax"}],
        "origins": [],
    }
    return visit(server, path, storage_state=state, **options)


def is_admin(server: Tenants, world: World, email: str) -> bool:
    found = behind(
        server,
        lambda accounts, _: accounts.register.enrollments(OPERATOR, user=email, organization=world.acme["slug"]),
    )
    return bool(found.items[0].is_admin)


def test_a_switch_flips_where_it_stands(visit: Visit, server: Tenants, world: World) -> None:
    page = open_as_rosa(visit, server, f"/admin/enrollments?organization={world.acme['slug']}")
    page.evaluate("window.isTheSamePage = true")
    switch = page.get_by_role("switch", name=f"Pete in {world.acme['name']}: admin")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()
    expect(page.locator("body > .notice")).to_contain_text("is an admin now")
    assert is_admin(server, world, "pete@example.com")
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(page.locator("#said")).to_contain_text("is no admin any more")
    assert page.evaluate("window.isTheSamePage")
    last = page.get_by_role("switch", name=f"Ada in {world.acme['name']}: admin")
    last.click()
    expect(page.locator("body > .notice.bad")).to_contain_text("last admin")
    expect(last).to_have_attribute("aria-checked", "true")


def test_a_filter_applies_by_itself_and_stays_in_the_address(visit: Visit, server: Tenants, world: World) -> None:
    page = open_as_rosa(visit, server, f"/admin/enrollments?organization={world.acme['slug']}")
    page.get_by_role("combobox", name="May publish").select_option("no")
    expect(page).to_have_url(f"{server.url}/admin/enrollments?can_publish=no&organization={world.acme['slug']}")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Since").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Since")
    page.go_back()
    expect(page.locator("th[aria-sort=ascending]")).to_have_count(0)


def test_everything_works_without_a_script(visit: Visit, server: Tenants, world: World) -> None:
    page = open_as_rosa(visit, server, "/admin", java_script_enabled=False)
    page.get_by_role("navigation", name="Administration").get_by_role("link", name="Enrollments").click()
    page.get_by_role("searchbox").fill("rita")
    page.get_by_role("button", name="Apply").click()
    switch = page.get_by_role("switch", name=f"Rita in {world.acme['name']}: may publish")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(page.get_by_text("may publish now")).to_be_visible()
    page.get_by_role("link", name="Details").first.click()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Rita is no longer enrolled")).to_be_visible()
    page.get_by_role("link", name="New enrollment").click()
    page.get_by_label("User").fill("rita@example.com")
    page.get_by_label("Organization").fill(world.acme["slug"])
    page.get_by_role("button", name="Enroll").click()
    expect(page.get_by_role("heading", name=f"Rita in {world.acme['name']}")).to_be_visible()


def test_nothing_is_wider_than_a_phone(visit: Visit, server: Tenants, world: World) -> None:
    paths = (
        "/admin", "/admin/users", f"/admin/users/{server.people['ada'].id}", "/admin/enrollments", "/admin/ownerships",
        f"/admin/applications/{world.slots['application']}", "/admin/audit", "/admin/users/new",
    )  # fmt: skip
    page = open_as_rosa(visit, server, paths[0], viewport={"width": 390, "height": 800})
    for path in paths:
        page.goto(f"{server.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
