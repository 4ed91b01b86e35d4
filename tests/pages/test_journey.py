"""What people come for, from signing up to an event in a page of their own, in a browser."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pages.conftest import LIMIT
from pages.scenery import PASSWORD, Scenery

pytestmark = pytest.mark.needs("chromium")

LOCK_AFTER = 3


@pytest.fixture(scope="module")
def server() -> Iterator[Scenery]:
    with Scenery(demo=True, lock_after=LOCK_AFTER) as running:
        yield running


@pytest.fixture
def people(chromium: Browser) -> Iterator["People"]:
    found = People(chromium)
    yield found
    found.close()
    assert not found.problems, "\n".join(found.problems)


class People:
    """Browsers of different people, whose faults are collected."""

    def __init__(self, chromium: Browser) -> None:
        self.problems: list[str] = []
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []

    def somebody(self) -> BrowserContext:
        """Give the browser of one more person."""
        context = self._chromium.new_context(timezone_id="UTC", locale="en-GB")
        context.set_default_timeout(LIMIT)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        self._contexts.append(context)
        return context

    def close(self) -> None:
        """Let all of them go."""
        for context in self._contexts:
            context.close()


class Elsewhere:
    """A page of somebody's own, on another origin."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        answer = partial(SimpleHTTPRequestHandler, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/page.html"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def write(self, page: str) -> None:
        """Put this into the page."""
        (self._folder / "page.html").write_text(page)

    def close(self) -> None:
        """Serve it no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    found = Elsewhere(tmp_path)
    yield found
    found.close()


def sign_up(server: Scenery, page: Page, name: str, email: str, organization: str = "") -> None:
    """Sign up, and confirm the address by the link of the letter."""
    page.goto(f"{server.url}/sign-up")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Organization").fill(organization)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("status").first).to_contain_text("Almost there")
    page.goto(f"{server.url}/confirm#{server.code(email, '/confirm')}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".notice.good")).to_be_visible()


def sign_in(server: Scenery, page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_from_signing_up_to_an_event_in_a_page_of_ones_own(
    server: Scenery, people: People, elsewhere: Elsewhere
) -> None:
    ada = people.somebody()
    page = ada.new_page()
    sign_up(server, page, "Ada Lovelace", "ada@example.com", "Analytical Engines")
    sign_in(server, page, "ada@example.com")
    page.get_by_role("link", name="Analytical Engines").first.click()
    page.get_by_role("link", name="New application").first.click()
    page.get_by_label("Name").fill("Chat")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("link", name="Getting started").first.click()
    here = page.url.removesuffix("/start")

    # The snippet as it is shown, in a page of another site.
    elsewhere.write(page.locator("[id^=listen-]:not([hidden]) pre code").first.inner_text())
    own = people.somebody().new_page()
    own.goto(elsewhere.url)
    expect(own.locator("#heard")).to_have_text("Listening")

    console = ada.new_page()
    console.goto(f"{here}/console")
    expect(console.locator("#banner")).to_have_class("notice good")

    page.goto(f"{here}/creator")
    page.get_by_label("Channel").fill("general")
    page.get_by_label("Event", exact=False).first.fill("greeting")
    page.get_by_label("Data", exact=True).fill('{"text": "Hello, page"}')
    page.get_by_role("main").get_by_role("button", name="Send", exact=True).last.click()
    expect(page.locator("#result")).to_contain_text("Sent to 1 subscriber")
    expect(own.locator("#heard")).to_have_text("Hello, page")
    row = console.locator("#rows tr").filter(has_text="greeting").first
    expect(row).to_contain_text("general")
    expect(row).to_contain_text("Hello, page")

    # Keys are rotated while the page stays connected.
    page.goto(f"{here}/keys")
    page.locator("#password_to_add").fill(PASSWORD)
    page.get_by_role("button", name="Add a pair").click()
    expect(page.get_by_text("The new pair is ready")).to_be_visible()
    page.goto(f"{here}/creator?channel=general&event=greeting&data=%7B%22text%22%3A%22Still+here%22%7D")
    page.get_by_role("main").get_by_role("button", name="Send", exact=True).last.click()
    expect(own.locator("#heard")).to_have_text("Still here")


def test_a_second_user_is_invited(server: Scenery, people: People) -> None:
    page = people.somebody().new_page()
    sign_up(server, page, "Grace Hopper", "grace@example.com", "Compilers")
    sign_in(server, page, "grace@example.com")
    page.goto(f"{server.url}/organizations/compilers/invitations")
    page.get_by_label("E-mail address").fill("barbara@example.com")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_role("rowheader", name="barbara@example.com")).to_be_visible()

    guest = people.somebody().new_page()
    guest.goto(f"{server.url}/invitation#{server.code('barbara@example.com', '/invitation')}")
    if guest.get_by_role("button", name="Go on").is_visible():
        guest.get_by_role("button", name="Go on").click()
    expect(guest.get_by_role("heading", name="Join Compilers")).to_be_visible()
    guest.get_by_label("Your name").fill("Barbara Liskov")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Sign up and join").click()
    guest.goto(f"{server.url}/organizations")
    if "/sign-in" in guest.url:
        sign_in(server, guest, "barbara@example.com")
        guest.goto(f"{server.url}/organizations")
    expect(guest.get_by_role("link", name="Compilers").first).to_be_visible()
    page.goto(f"{server.url}/organizations/compilers/members")
    expect(page.get_by_role("row").filter(has_text="Barbara Liskov")).to_be_visible()


def test_who_types_a_wrong_password_too_often_is_locked_out_and_let_in_by_a_letter(
    server: Scenery, people: People
) -> None:
    page = people.somebody().new_page()
    sign_up(server, page, "Linus", "linus@example.com")
    for _ in range(LOCK_AFTER):
        sign_in(server, page, "linus@example.com", "wrong password")
        expect(page.get_by_role("alert")).to_be_visible()
    sign_in(server, page, "linus@example.com")
    expect(page.get_by_role("alert")).to_contain_text("locked")
    page.goto(f"{server.url}/unlock#{server.code('linus@example.com', '/unlock')}")
    page.get_by_role("button", name="Unlock", exact=True).click()
    sign_in(server, page, "linus@example.com")
    expect(page.get_by_role("heading", name="Organizations")).to_be_visible()


def test_an_ordinary_user_is_sent_home_from_the_administration(server: Scenery, people: People) -> None:
    page = people.somebody().new_page()
    sign_up(server, page, "Edsger", "edsger@example.com", "Structures")
    sign_in(server, page, "edsger@example.com")
    for path in ("/admin", "/admin/users", "/admin/users/1/edit"):
        page.goto(server.url + path)
        expect(page).to_have_url(f"{server.url}/")
        expect(page.locator(".notice.bad")).to_contain_text("administrators")


def test_the_first_administrator_must_set_another_password(server: Scenery, people: People) -> None:
    page = people.somebody().new_page()
    sign_in(server, page, server.email, server.password)
    expect(page).to_have_url(f"{server.url}/account/password")
    page.goto(f"{server.url}/admin")
    expect(page).to_have_url(f"{server.url}/account/password")
    page.locator("#old_password").fill(server.password)
    page.locator("#new_password").fill(PASSWORD)
    page.locator("#new_password_again").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.goto(f"{server.url}/admin")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page).to_have_url(f"{server.url}/admin")


def test_the_chat_works_between_two_windows(server: Scenery, people: People) -> None:
    windows = [people.somebody().new_page() for _ in range(2)]
    for window in windows:
        window.goto(f"{server.url}/")
        expect(window.locator(".window .state").first).to_have_text("Connected")
    here, there = (window.locator(".window").first for window in windows)
    here.locator(".to-all input").fill("To all of you")
    here.locator(".to-all button").click()
    expect(there.get_by_role("listitem").last).to_contain_text("To all of you")
    name = there.get_by_role("heading").inner_text()
    here.locator("select").select_option(name)
    here.locator(".to-one input").fill("To you alone")
    here.locator(".to-one button").click()
    expect(there.get_by_role("listitem").last).to_contain_text("To you alone")
