"""What scripts add to the statistics: charts, also for who uses no mouse, and figures of now."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hubbub.statistics.figures import Figures
from hubbub.statistics.seam import INTERVAL, Noted
from hubbub.store import Store
from pages.conftest import Visit
from pages.offices import apart
from pages.visitor import Visitor, administrator
from seeded import Seeded

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """Give a server that counted something two minutes ago."""
    url = f"sqlite:///{Path(tmp_path_factory.mktemp('statistics'), 'hubbub.db')}"

    async def add(app_id: str) -> None:
        store = Store.open(url)
        at = int(time.time() - 120) // INTERVAL * INTERVAL
        noted = [Noted(app_id, at + step * INTERVAL, Figures(events=1000 + step, deliveries=5)) for step in range(3)]
        await store.statistics.add(noted, [])
        await store.close()

    with ExitStack() as stack:
        running = stack.enter_context(Seeded(database_url=url))
        apart(lambda: asyncio.run(add(running.app_id)))
        yield running


@pytest.fixture(scope="module")
def admin(server: Seeded) -> Visitor:
    return administrator(server)


@pytest.fixture
def page(visit: Visit, server: Seeded, admin: Visitor) -> Page:
    """Give the statistics of the last hour, seen in the dark."""
    kept: dict[str, Any] = {
        "name": "hubbub_session",
        "value": admin.http.cookies["hubbub_session"],
        "domain": server.host,
    }
    kept |= {"path": "/", "expires": -1, "httpOnly": True, "secure": False, "sameSite": "Lax"}
    path = f"/applications/{server.app_id}/statistics?range=hour"
    signed_in: dict[str, Any] = {"cookies": [kept], "origins": []}
    signed_out = re.compile("status of 401")
    return visit(server, path, signed_out, storage_state=signed_in, color_scheme="dark")


def test_charts_are_drawn_and_read_by_key(page: Page, server: Seeded) -> None:
    chart = page.locator('[data-chart="messages"]')
    expect(chart.locator("canvas")).to_be_visible()
    told = page.locator("#told")
    chart.focus()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
        if "1,002" in (told.text_content() or ""):
            break
    expect(told).to_contain_text("From servers 1,002, From clients 0")
    page.keyboard.press("ArrowLeft")
    expect(told).to_contain_text("From servers 1,001")
    page.keyboard.press("Home")
    expect(told).to_contain_text("From servers 0")
    page.locator("[data-theme-switch]").click()
    expect(chart.locator("canvas")).to_have_count(1)
    page.goto(f"{server.url}/applications/{server.app_id}")
    expect(page.locator("#state")).to_have_text("live")
    expect(page.locator('[data-line="messages"] path')).to_have_attribute("d", re.compile("^M0.00 "))
    page.context.clear_cookies()
    expect(page.locator("#state")).to_have_text("signed out: reload")


def test_nothing_is_wider_than_a_phone(page: Page, server: Seeded) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator('[data-chart="messages"] canvas')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{server.url}/applications/{server.app_id}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
