"""The console in a browser: it shows what happens as it happens, and stays usable when that is much."""

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect
from pusher import Pusher  # type: ignore[import-untyped]

from console.browsers import cookies_of
from hubbub.web.visit import SESSION
from pages.conftest import Visit
from pages.offices import apart, office
from running import Running
from tenants import Tenants

pytestmark = pytest.mark.needs("chromium")


class Chat(NamedTuple):
    """An application, as the library of servers wants it."""

    host: str
    port: int
    key: str
    secret: str
    app_id: str


@pytest.fixture(scope="module", name="office")
def _office() -> Iterator[Tenants]:
    with office() as server:
        yield server


@pytest.fixture(scope="module")
def cookie(office: Tenants) -> str:
    return apart(lambda: cookies_of(office.database_url, {"ada": "ada@example.com"}))["ada"]


@pytest.fixture
def chat(office: Tenants) -> Chat:
    app = office.world().application
    return Chat(office.host, office.port, app["app_key"], app["app_secret"], str(app["id"]))


@pytest.fixture
def api(backend: Callable[..., Pusher], chat: Chat) -> Pusher:
    return backend(chat)


@pytest.fixture
def page(visit: Visit, office: Tenants, cookie: str, chat: Chat) -> Page:
    page = visit(office, "/health", re.compile("status of 401"))  # some are signed out
    page.context.add_cookies([{"name": SESSION, "value": cookie, "url": office.url}])
    page.goto(f"{office.url}/applications/{chat.app_id}/console")
    expect(page.locator("#banner")).to_contain_text("Live")
    return page


def test_events_appear_and_can_be_sent_again(page: Page, api: Pusher, office: Running, chat: Chat) -> None:
    expect(page.locator("#nothing")).to_be_visible()
    api.trigger("orders", "created", {"number": 42})
    row = page.locator("#rows tr", has_text="created")
    expect(row).to_contain_text("API message")
    expect(row).to_contain_text('{"number": 42}')
    expect(page.locator("[data-count=api_message]")).to_have_text("1")
    expect(page.locator("#seen-channels button", has_text="orders")).to_be_visible()
    row.get_by_role("link", name="Replay").click()
    expect(page.locator("#channel")).to_have_value("orders")
    expect(page.locator("#event")).to_have_value("created")
    expect(page.locator("#data")).to_have_value(re.compile("42"))


def test_what_is_shown_is_chosen_by_kind_and_text(page: Page, api: Pusher) -> None:
    api.trigger("orders", "created", {})
    api.trigger("chat", "said", {})
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(2)
    page.locator("#text").fill("ORD")
    expect(rows).to_have_count(1)
    page.locator("#text").fill("")
    page.locator("input[value=api_message]").uncheck()
    expect(rows).to_have_count(0)
    page.get_by_role("button", name="All kinds").click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(rows).to_have_count(0)
    expect(page.locator("[data-count=api_message]")).to_have_text("0")


def test_a_pause_counts_on_and_shows_the_rest_afterwards(page: Page, api: Pusher) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#banner")).to_contain_text("Paused")
    api.trigger("orders", "created", {})
    expect(page.locator("[data-count=api_message]")).to_have_text("1")
    expect(page.locator("#rows tr")).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#rows tr")).to_have_count(1)


def test_a_flood_is_sampled_and_the_page_says_so(page: Page, api: Pusher) -> None:
    batch = [{"channel": "flood", "name": f"event-{number}", "data": json.dumps({"n": number})} for number in range(10)]
    for _ in range(100):
        api.trigger_batch(batch)
    expect(page.locator("[data-count=api_message]")).to_have_text("1,000")
    expect(page.locator("#sampling")).to_contain_text("API message: showing 1 of")
    assert page.locator("#rows tr").count() <= 500


def test_a_refusal_leads_to_its_explanation(page: Page, backend: Callable[..., Pusher], chat: Chat) -> None:
    with pytest.raises(Exception, match="Invalid signature"):
        backend(chat._replace(secret="wrong")).trigger("orders", "created", {})
    row = page.locator("#rows tr.trouble")
    expect(row).to_contain_text("API error")
    link = row.get_by_role("link", name="Why?")
    expect(link).to_be_visible()
    # It is written down a second later.
    path = link.get_attribute("href")
    for _ in range(50):
        if page.request.get(f"http://{chat.host}:{chat.port}{path}").ok:
            break
        page.wait_for_timeout(100)
    link.click()
    expect(page.get_by_role("heading", name="Request signature")).to_be_visible()
    expect(page.locator(".code")).to_contain_text(f"auth_key={chat.key}")
    page.get_by_role("link", name="Everything of this reason").click()
    expect(page.locator(".incidents tbody tr")).to_have_count(1)


def test_who_is_signed_out_is_told_so(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    expect(page.locator("#banner")).to_contain_text("You are signed out")
