"""What holds for every page there is, in a browser: nobody is shut out of it, and it asks no other host for a thing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from hubbub.web.site import PAGES
from pages.conftest import LIMIT
from pages.places import NOT_PAGES, Place, places
from pages.scenery import Scenery

pytestmark = pytest.mark.needs("chromium", "node")

AXE = Path(__file__).parent.parent / "clients" / "node_modules" / "axe-core" / "axe.min.js"
BUDGET = 150_000  # bytes
UNSEEN = frozenset(
    (
        "/sign-in/code",
        "/applications/{application}/errors/{reference}",
        "/errors/{reference}",
        "/applications/{application}/webhooks/{endpoint}",
        "/applications/{application}/webhooks/deliveries/{delivery}",
    )
)
"""Pages that need more than a path; tests of their own go there."""

SERIOUS = """async (options) => (await axe.run(document, {resultTypes: ['violations'], ...options})).violations
  .filter(({impact}) => impact === 'serious' || impact === 'critical')
  .map(({id, nodes}) => `${id}: ${nodes.slice(0, 3).map(({target}) => target.join(' ')).join(' | ')}`)"""


OF_LOOKS = {"runOnly": ["color-contrast", "scrollable-region-focusable", "target-size", "label-content-name-mismatch"]}
"""What of axe's rules may turn out otherwise in other colours, or on a phone."""


@pytest.fixture(scope="module")
def server() -> Iterator[Scenery]:
    with Scenery(demo=True) as running:
        yield running.furnish()


def context_of(chromium: Browser, server: Scenery, visitor: str, **options: Any) -> BrowserContext:
    """Give the browser of somebody; nothing of it moves."""
    context = chromium.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(LIMIT)
    if visitor == "admin":
        cookies = [{"name": one.name, "value": one.value, "url": server.url} for one in server.admin.http.cookies]
        context.add_cookies(cookies)  # type: ignore[arg-type]
    return context


def problems_of(page: Page, server: Scenery, place: Place, options: dict[str, Any]) -> list[str]:
    """Go there, and give what is wrong; `options` are axe's."""
    problems: list[str] = []

    def hear(asked: Request) -> None:
        if not asked.url.startswith((server.url, server.url.replace("http", "ws"), "data:", "blob:")):
            problems.append(f"asks for {asked.url}")

    page.on("request", hear)
    answer = page.goto(server.url + place.path)
    if answer is None or answer.status != (404 if place.name == "missing" else 200):
        problems.append("is not there")
    page.evaluate(AXE.read_text())
    problems += page.evaluate(SERIOUS, options)
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if width[0] > width[1]:
        problems.append(f"is {width[0]} pixels wide in a window of {width[1]}")
    if len(page.get_by_role("heading", level=1).all()) != 1:
        problems.append("has not one heading of the first level")
    page.remove_listener("request", hear)
    return [f"{place.name}: {problem}" for problem in problems]


def test_every_page_is_looked_at(server: Scenery) -> None:
    there = {page.path for page in PAGES if page.method == "GET"}
    seen = {place.pattern for place in places(server)} | NOT_PAGES | UNSEEN
    missing = {path for path in there if path not in seen and not path.startswith("/admin/")}
    assert not missing, "tests/pages/places.py does not know them"


@pytest.mark.parametrize(
    ("scheme", "width", "options"),
    [("light", 1280, {}), ("dark", 390, OF_LOOKS)],
    ids=["light-desktop", "dark-phone"],
)
def test_nothing_serious_is_found_by_axe_and_no_page_is_wider_than_its_window(
    server: Scenery, chromium: Browser, scheme: str, width: int, options: dict[str, Any]
) -> None:
    found: list[str] = []
    size = {"width": width, "height": 844}
    for visitor in ("nobody", "admin"):
        context = context_of(chromium, server, visitor, color_scheme=scheme, viewport=size)
        page = context.new_page()
        for place in places(server):
            if place.visitor == visitor:
                found += problems_of(page, server, place, options)
        context.close()
    assert not found, "\n".join(found)


def test_the_first_page_is_small(server: Scenery, chromium: Browser) -> None:
    context = context_of(chromium, server, "nobody")
    page = context.new_page()
    sizes: dict[str, int] = {}

    def weigh(asked: Request) -> None:
        sizes[asked.url] = sum(asked.sizes().values())  # type: ignore[arg-type]

    page.on("requestfinished", weigh)
    page.goto(server.url, wait_until="networkidle")
    context.close()
    assert 10_000 < sum(sizes.values()) < BUDGET, json.dumps(sizes, indent=1)
