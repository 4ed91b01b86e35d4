import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from hubbub.accounts.accounts import Accounts
from hubbub.store import Store
from hubbub.web.pace import PACE_SECONDS
from hubbub.web.visit import REMEMBER, SESSION
from pages.letters import link_in
from pages.visitor import Visitor

from .conftest import LIMIT, PASSWORD, Town

NEW = "another horse battery"


def run(town: Town, sql: str) -> None:
    async def execute(_: Accounts, store: Store) -> None:
        async with store._connections.connection(writing=True) as connection:
            await connection.execute(text(sql))

    town.behind(execute)


def attempt(town: Town, email: str, password: str) -> Visitor:
    return Visitor(town).get("/sign-in").submit("/sign-in", email=email, password=password)


def test_signing_in_leads_to_the_page_that_asked_for_it(town: Town) -> None:
    visitor = Visitor(town).get("/account/tokens", page="2")
    assert visitor.path == "/sign-in?next=/account/tokens%3Fpage%3D2"
    visitor.submit("/sign-in", email=town.newcomer(), password=PASSWORD)
    assert (visitor.status, visitor.path) == (200, "/account/tokens?page=2")
    assert visitor.get("/sign-in").path == "/organizations"


@pytest.mark.parametrize("next_page", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "account"])
def test_it_never_leads_elsewhere(town: Town, next_page: str) -> None:
    visitor = Visitor(town).get("/sign-in", next=next_page)
    visitor.submit("/sign-in", email=town.newcomer(), password=PASSWORD)
    assert visitor.path == "/organizations"


def test_one_answer_for_all_that_may_be_wrong(town: Town) -> None:
    email, texts = town.newcomer(), set()
    for given, password in ((email, "wrong horse"), ("nobody@example.com", PASSWORD), (email, ""), ("", "")):
        visitor = attempt(town, given, password)
        assert visitor.status == 401
        assert password == "" or password not in visitor.text
        texts.add(re.sub(r'(name="csrf" value|id="email" name="email" type="email" value)="[^"]*"', "", visitor.text))
    assert len(texts) == 1
    assert "do not belong together" in texts.pop()


def test_the_cookie_is_for_no_script_and_goes_with_the_browser(town: Town) -> None:
    visitor = Visitor(town).get("/sign-in")
    form = visitor.form("/sign-in")
    answer = visitor.http.post(
        town.url + "/sign-in",
        {**form.fields, "email": town.newcomer(), "password": PASSWORD},
        allow_redirects=False,
        timeout=LIMIT,
    )
    [cookie] = [one for one in answer.raw.headers.getlist("set-cookie") if one.startswith(f"{SESSION}=")]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "expires" not in cookie.lower()
    assert "max-age" not in cookie.lower()


def test_who_stays_signed_in_comes_back_and_signs_out_for_good(town: Town) -> None:
    email = town.newcomer()
    visitor = Visitor(town).get("/sign-in").submit("/sign-in", email=email, password=PASSWORD, remember="true")
    first = visitor.http.cookies[SESSION]
    del visitor.http.cookies[SESSION]  # the browser was closed
    run(town, "UPDATE remembered_sign_ins SET used_at = '2001-01-01 00:00:00'")  # a while ago
    assert visitor.get("/account").path == "/account"
    assert visitor.http.cookies[SESSION] != first
    assert visitor.get("/account/sessions").text.count("stays signed in") == 1
    kept = visitor.http.cookies[REMEMBER]
    visitor.submit("/sign-out")
    assert SESSION not in visitor.http.cookies
    assert REMEMBER not in visitor.http.cookies
    assert visitor.get("/account").path == "/sign-in?next=/account"
    visitor.http.cookies[REMEMBER] = kept
    assert visitor.get("/account").path == "/sign-in?next=/account"


def test_who_does_not_ends_with_the_session(town: Town) -> None:
    visitor = town.visitor(town.newcomer())
    assert REMEMBER not in visitor.http.cookies
    late = datetime.now(UTC) - timedelta(hours=13)
    run(town, f"UPDATE browser_sessions SET used_at = '{late.replace(tzinfo=None).isoformat(' ')}'")
    assert visitor.get("/account").path == "/sign-in?next=/account"


def test_signing_in_gives_another_cookie_than_any_before(town: Town) -> None:
    email = town.newcomer()
    visitor = Visitor(town)
    visitor.http.cookies.set(SESSION, "chosen by somebody else", domain=town.host, path="/")
    visitor.get("/sign-in").submit("/sign-in", email=email, password=PASSWORD)
    assert visitor.http.cookies[SESSION] != "chosen by somebody else"


def test_a_forgotten_password_is_set_anew_by_a_letter(town: Town) -> None:
    email, answers = town.newcomer(), set()
    inside = town.visitor(email)
    for address in (email, town.nobody()):
        visitor = Visitor(town).get("/forgotten").submit("/forgotten", email=address)
        answers.add((visitor.status, visitor.path, re.sub(r'name="csrf" value="[^"]*"', "", visitor.text)))
    assert len(answers) == 1
    code = link_in(town.letter(email, "Set a new password"), "/reset")
    visitor.submit("/reset", code=code, password=NEW, password_again="another")
    assert (visitor.status, "is not the same" in visitor.text) == (422, True)
    visitor.submit("/reset", password="short", password_again="short")
    assert 'id="password-error"' in visitor.text
    visitor.submit("/reset", password=NEW, password_again=NEW)
    assert visitor.path == "/sign-in"
    assert inside.get("/account").path.startswith("/sign-in")
    assert attempt(town, email, PASSWORD).status == 401
    assert visitor.submit("/sign-in", email=email, password=NEW).status == 200
    assert ("user.reset_password", "127.0.0.1") in town.audited(email)


@pytest.mark.parametrize("path", ["/forgotten", "/confirm/again", "/unlock/again"])
def test_asking_for_a_letter_takes_as_long_for_nobody(town: Town, path: str) -> None:
    visitor = Visitor(town).get(path.removesuffix("/again"))
    form = visitor.form(path)
    for email in (town.newcomer(), town.nobody()):
        answer = visitor.http.post(
            town.url + path, {**form.fields, "email": email}, allow_redirects=False, timeout=LIMIT
        )
        assert answer.status_code == 303
        assert answer.elapsed.total_seconds() >= PACE_SECONDS


def test_who_is_locked_out_is_let_in_by_a_letter(town: Town) -> None:
    email = town.newcomer()
    for _ in range(10):
        attempt(town, email, "wrong horse")
    assert attempt(town, email, PASSWORD).status == 401
    town.letter(email, "Your account is locked")
    visitor = Visitor(town).get("/unlock").submit("/unlock/again", email=email)
    assert visitor.path == "/unlock"
    code = link_in(town.letter(email, "Your account is locked", 2), "/unlock")
    assert visitor.submit("/unlock", code=code).path == "/sign-in"
    assert visitor.submit("/sign-in", email=email, password=PASSWORD).path == "/organizations"


def test_whoever_tries_too_often_waits(town: Town) -> None:
    email = town.newcomer("Flood")
    for _ in range(3):
        visitor = Visitor(town).get("/forgotten").submit("/forgotten", email=email)
        assert visitor.path == "/reset"
    visitor = Visitor(town).get("/forgotten").submit("/forgotten", email=f" {email.upper()}")
    assert visitor.status == 429
    assert "try again in 5 minutes" in visitor.text
    assert 0 < int(visitor.answer.headers["retry-after"]) <= 300
    assert Visitor(town).get("/forgotten").submit("/forgotten", email="other@example.com").path == "/reset"


def test_the_first_administrator_sets_a_password_before_anything_else(town: Town) -> None:
    visitor = Visitor(town).get("/sign-in").submit("/sign-in", email=town.email, password=town.password)
    for path in ("/organizations", "/account", "/account/tokens", "/admin/", "/organizations/acme-inc"):
        assert visitor.get(path).path == "/account/password"
    assert "Set a password of your own first" in visitor.text
    visitor.submit(
        "/account/password", old_password=town.password, new_password=town.password, new_password_again=town.password
    )
    assert "must be another one" in visitor.text
    visitor.submit("/account/password", old_password=town.password, new_password=NEW, new_password_again=NEW)
    assert visitor.path == "/organizations"
    assert visitor.get("/organizations/acme-inc").path == "/organizations/acme-inc"
