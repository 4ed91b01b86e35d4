"""What the pages' scripts add: sending without leaving, lists that come anew, and questions before what is final."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from pages.conftest import Visit
from pages.visitor import Visitor, administrator
from seeded import Seeded

pytestmark = pytest.mark.needs("chromium")

Open = Callable[[str], Page]

SUBSCRIBE = """([key, channel]) => new Promise((done) => {
  const socket = new WebSocket(`ws://${location.host}/app/${key}?protocol=7`);
  socket.onmessage = ({ data }) => {
    const { event } = JSON.parse(data);
    if (event === 'pusher:connection_established') {
      socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel } }));
    } else if (event === 'pusher_internal:subscription_succeeded') {
      (window.heard ??= []), done();
    } else {
      window.heard.push(data);
    }
  };
  window.socket = socket;
})"""
"""Has the page itself subscribe, and resolves when it is; what it hears is in `window.heard`."""


PATTERN = re.compile("4(13|22)")


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    with Seeded() as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Seeded) -> Visitor:
    return administrator(server)


@pytest.fixture
def open_page(visit: Visit, server: Seeded, admin: Visitor) -> Open:
    """Give a way to open a page of the application as its admin: `open_page("keys")`. Forms may be refused."""

    def opened(page: str) -> Page:
        kept: dict[str, object] = {
            "name": "hubbub_session",
            "value": admin.http.cookies["hubbub_session"],
            "domain": server.host,
        }
        kept |= {"path": "/", "expires": -1, "httpOnly": True, "secure": False, "sameSite": "Lax"}
        path = f"/applications/{server.app_id}/{page}"
        return visit(server, path, PATTERN, storage_state={"cookies": [kept], "origins": []})

    return opened


def test_an_event_is_sent_without_leaving_the_page(open_page: Open, server: Seeded) -> None:
    page = open_page("creator?channel=room")
    page.evaluate(SUBSCRIBE, [server.key, "room"])
    page.get_by_label("Event", exact=True).fill("news")
    page.get_by_label("Data").fill('{"a": 1')
    page.locator("button.button", has_text="Send").click()
    expect(page.locator("#data-error")).to_contain_text("is no JSON")
    expect(page.get_by_label("Data")).to_be_focused()
    page.get_by_label("Data").fill('{"a": 1}')
    page.keyboard.press("Tab")
    page.locator("button.button", has_text="Send").click()
    expect(page.locator("#result")).to_contain_text("Sent to 1 subscriber.")
    expect(page.get_by_label("Data")).to_have_value('{"a": 1}')
    page.wait_for_function("window.heard.length === 1")
    assert page.evaluate("JSON.parse(window.heard[0])") == {"event": "news", "channel": "room", "data": '{"a": 1}'}
    page.get_by_label("Event", exact=True).fill("more")
    page.get_by_label("Event", exact=True).press("Enter")
    expect(page.locator("#recent + ul li")).to_have_count(2)
    page.get_by_role("button", name="Fill in news to room").click()
    expect(page.get_by_label("Event", exact=True)).to_have_value("news")
    assert page.evaluate("window.heard.length") == 2, "the page is still the same, and what is filled in is not sent"


def test_what_is_too_much_for_a_form_is_said_and_stays_typed(open_page: Open) -> None:
    page = open_page("creator?channel=room&event=news")
    page.get_by_label("Data").fill('"' + "x" * 70_000 + '"')
    page.locator("button.button", has_text="Send").click()
    expect(page.locator("#complaint")).to_contain_text("Too large: The request body exceeds the allowed maximum")
    assert len(page.get_by_label("Data").input_value()) == 70_002


def test_the_list_of_channels_comes_anew(open_page: Open, server: Seeded) -> None:
    page = open_page("channels")
    expect(page.get_by_role("link", name="seen", exact=True)).to_have_count(0)
    page.evaluate(SUBSCRIBE, [server.key, "seen"])
    page.get_by_label("Every 5 seconds").check()
    expect(page.get_by_role("link", name="seen", exact=True)).to_be_visible()


def test_a_key_is_revoked_after_a_question(open_page: Open, server: Seeded, admin: Visitor) -> None:
    keys = f"/applications/{server.app_id}/keys"
    admin.get(keys).submit(keys, password_to_add=server.password)
    page = open_page("keys")
    page.get_by_role("button", name=f"Revoke {server.key}").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name=f"Revoke {server.key}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("the last one stays")).to_be_visible()
