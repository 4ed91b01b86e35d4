"""Links of letters in a browser: what is behind their `#` must get into the form, and out of the address."""

import re

from playwright.sync_api import expect

from pages.conftest import Visit
from pages.letters import link_in
from pages.visitor import Visitor

from .conftest import PASSWORD, Town
from .test_invitations import invite

NEW = "another horse battery"


def test_the_link_of_a_letter_fills_in_its_code(town: Town, visit: Visit) -> None:
    email = town.newcomer()
    Visitor(town).get("/forgotten").submit("/forgotten", email=email)
    page = visit(town, f"/reset#{link_in(town.letter(email, 'Set a new password'), '/reset')}")
    expect(page).to_have_url(f"{town.url}/reset")
    expect(page.get_by_label("Code of the letter")).to_be_hidden()
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password, once more").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("status")).to_contain_text("Your new password is set")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{town.url}/organizations")


def test_a_link_fills_in_its_code_where_its_page_is_open_already(town: Town, visit: Visit) -> None:
    email = town.newcomer()
    page = visit(town, "/forgotten")
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page).to_have_url(f"{town.url}/reset")
    code = link_in(town.letter(email, "Set a new password"), "/reset")
    page.evaluate("code => { location.hash = code }", code)  # as when it is opened in this very tab: nothing is loaded
    expect(page.get_by_label("Code of the letter")).to_be_hidden()
    expect(page.locator("input[data-from-fragment]")).to_have_value(code)
    expect(page).to_have_url(f"{town.url}/reset")


def test_the_link_of_an_invitation_leads_straight_to_it(town: Town, visit: Visit) -> None:
    page = visit(town, f"/invitation#{invite(town, 'linked@example.com')}")
    expect(page.get_by_role("heading", name="Join Acme Inc.")).to_be_visible()
    expect(page).to_have_url(f"{town.url}/invitation")
    page.get_by_label("Your name").fill("Linked")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up and join").click()
    expect(page).to_have_url(f"{town.url}/organizations/acme-inc")


def test_no_other_text_in_the_address_breaks_a_page(town: Town, visit: Visit) -> None:
    refused = re.compile("status of 422")
    page = visit(town, "/invitation#nope", ignores=refused)
    expect(page.get_by_text("This code is not good")).to_be_visible()
    page = visit(town, "/invitation#%E0%A4%A", ignores=refused)
    expect(page.get_by_text("This code is not good")).to_be_visible()
