"""Getting started, without a script: what is filled in, for whom, and the secret for one's password."""

import html

import pytest

from applications.conftest import PASSWORD, Audited, Key, Staff
from pages.visitor import LIMIT, Visitor
from tenants import Tenants, World

MASK = "••••••••"


def code_of(visitor: Visitor) -> str:
    """Give the page as people read it, quotes and all."""
    return html.unescape(visitor.text)


def test_the_newest_key_is_filled_in_and_the_secret_is_masked(staff: Staff, here: str, keys: list[Key]) -> None:
    page = code_of(staff("ada").get(f"{here}/start"))
    assert f"new Pusher('{keys[1].key}', {{" in page
    assert keys[0].key not in page
    assert f"secret='{MASK}'" in page
    assert not any(pair.secret in page for pair in keys)


def test_the_secret_is_shown_for_the_password_in_that_one_answer(
    staff: Staff, here: str, keys: list[Key], audited: Audited
) -> None:
    before = len(audited("application.show_secrets"))
    ada = staff("ada").get(f"{here}/start").submit(f"{here}/start", password=PASSWORD)
    page = code_of(ada)
    assert f"key='{keys[1].key}',\n    secret='{keys[1].secret}'," in page
    assert MASK not in page
    assert keys[0].secret not in page
    assert ada.answer.headers["cache-control"] == "no-store"
    assert keys[1].secret not in ada.get(f"{here}/start").text
    assert len(audited("application.show_secrets")) == before + 1


def test_a_wrong_password_shows_nothing(staff: Staff, here: str, keys: list[Key]) -> None:
    ada = staff("ada").get(f"{here}/start").submit(f"{here}/start", password="wrong horse battery")
    assert ada.status == 422
    assert "is not yours" in ada.text
    assert keys[1].secret not in ada.text
    ada.submit(f"{here}/start", password=PASSWORD)  # forgets the failure
    assert ada.status == 200


@pytest.mark.parametrize("name", ["pete", "rita", "bob"])
def test_who_may_not_see_the_secret_can_listen_all_the_same(
    staff: Staff, here: str, keys: list[Key], name: str
) -> None:
    visitor = staff(name).get(f"{here}/start")
    assert keys[1].key in visitor.text
    assert "only admins of the organization that owns" in visitor.text
    csrf = visitor.form("/sign-out").fields["csrf"]
    assert visitor.post(f"{here}/start", csrf=csrf, password=PASSWORD).status == 403
    assert keys[1].secret not in visitor.text


def test_the_lines_with_a_token_go_by_the_visitors_own_organization(staff: Staff, here: str, world: World) -> None:
    key = world.slots["key"]
    owner, borrower = (code_of(staff(name).get(f"{here}/start")) for name in ("ada", "bob"))
    assert f"/api/organizations/{world.slots['organization']}/applications/{key}/event/greeting" in owner
    assert f"/api/organizations/{world.slots['borrower']}/applications/{key}/event/greeting" in borrower


def test_who_has_nothing_to_do_with_it_finds_nothing(tenants: Tenants, staff: Staff, here: str) -> None:
    for path in (f"{here}/start", f"{here}/start/counts"):
        assert staff("olga").get(path).status == 404
        assert Visitor(tenants).get(path).path.startswith("/sign-in")


def test_an_application_that_is_disabled_is_said_to_be(tenants: Tenants, staff: Staff) -> None:
    world = tenants.world()
    there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
    tenants.data("PATCH", there, "ada", json={"settings": {"enabled": False}})
    page = staff("ada").get(f"/applications/{world.slots['application']}/start").text
    assert "This application is disabled" in page


def test_subscriptions_are_counted_as_they_come(staff: Staff, here: str) -> None:
    assert staff("rita").get(f"{here}/start/counts").answer.json() == {"subscriptions": 0}


def test_a_strange_host_is_not_repeated(tenants: Tenants, staff: Staff, here: str) -> None:
    assert f"{tenants.url}/js/pusher.js" in staff("ada").get(f"{here}/start").text
    strange = staff("ada").http.get(f"{tenants.url}{here}/start", headers={"Host": "a'b"}, timeout=LIMIT)
    assert "a'b" not in html.unescape(strange.text)
