import re

import pytest

from pages.letters import letters_to, link_in
from pages.visitor import Visitor

from .conftest import PASSWORD, Town

JOE = {"name": "Joe", "password": PASSWORD, "organization": ""}


def test_a_newcomer_signs_up_confirms_and_signs_in(town: Town) -> None:
    email = "joe@example.com"
    visitor = Visitor(town).get("/sign-up")
    assert "no mail server" in visitor.text
    assert "var/mail" in visitor.text
    visitor.submit("/sign-up", **{**JOE, "organization": "Joe & Sons"}, email=f" {email.title()} ")
    assert (visitor.path, visitor.status) == ("/confirm", 200)
    assert "we have written to Joe@Example.Com" in visitor.text
    code = link_in(town.letter(email, "Confirm"), "/confirm")
    assert town.letter(email, "Confirm").count(town.url) > 0
    visitor.submit("/confirm", code=f" {code} ")
    assert visitor.path == "/sign-in"
    assert f"{email} is confirmed" in visitor.text
    town.letter(email, "Welcome")
    visitor.submit("/sign-in", email=email, password=PASSWORD)
    assert "Joe &amp; Sons" in visitor.get("/account").text
    assert visitor.get("/sign-up").path == "/organizations"
    assert {"user.sign_up", "user.confirm", "organization.create"} <= {action for action, _ in town.audited(email)}
    assert {address for _, address in town.audited(email)} == {"127.0.0.1"}


def test_all_that_is_wrong_is_told_beside_its_field_and_what_was_typed_stays(town: Town) -> None:
    visitor = Visitor(town).get("/sign-up").submit("/sign-up", name="", email="joe", password="short")
    assert visitor.status == 422
    for field in ("name", "email", "password"):
        assert f'id="{field}-error"' in visitor.text
        assert re.search(
            rf'<input id="{field}"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*{field}-error', visitor.text
        )
    assert 'value="joe"' in visitor.text
    assert "short" not in visitor.text


def test_of_an_address_that_is_taken_the_same_is_told_and_its_owner_gets_a_letter(town: Town) -> None:
    email, answers = town.newcomer("Tina"), []
    for address in (email, "tina-new@example.com"):
        visitor = Visitor(town).get("/sign-up").submit("/sign-up", **JOE, email=address)
        without = re.sub(r'name="csrf" value="[^"]*"', "", visitor.text)
        answers.append((visitor.status, visitor.path, without.replace(address, "ADDRESS")))
    assert answers[0] == answers[1]
    town.letter(email, "You have an account already")
    assert town.visitor(email).path == "/account"


def test_another_letter_is_had_by_whom_it_may_concern(town: Town) -> None:
    email = "late@example.com"
    Visitor(town).get("/sign-up").submit("/sign-up", **JOE, email=email)
    old = link_in(town.letter(email, "Confirm"), "/confirm")
    answers = set()
    for address in (email, town.nobody()):
        visitor = Visitor(town).get("/confirm").submit("/confirm/again", email=address)
        answers.add((visitor.status, visitor.path, re.sub(r'name="csrf" value="[^"]*"', "", visitor.text)))
    assert len(answers) == 1
    new = link_in(town.letter(email, "Confirm", 2), "/confirm")
    visitor = Visitor(town).get("/confirm").submit("/confirm", code=old)
    assert visitor.status == 422
    assert "This code is not good" in visitor.text
    assert visitor.submit("/confirm", code=new).path == "/sign-in"


@pytest.mark.parametrize("path", ["/confirm", "/reset", "/unlock"])
@pytest.mark.parametrize("code", ["", "nope", "x" * 5000, "\x00", "Ünïcode ✓"])
def test_any_other_code_is_refused_in_words(town: Town, path: str, code: str) -> None:
    visitor = Visitor(town).get(path)
    visitor.submit(path, code=code, **({"password": PASSWORD, "password_again": PASSWORD} if path == "/reset" else {}))
    assert visitor.status == 422
    assert "This code is not good" in visitor.text


def test_a_form_from_elsewhere_does_nothing(town: Town) -> None:
    visitor = Visitor(town).post("/sign-up", **JOE, email="forged@example.com")
    assert visitor.status == 403
    visitor.get("/sign-up")
    token = visitor.form("/sign-up").fields["csrf"]
    assert Visitor(town).post("/sign-up", **JOE, email="forged@example.com", csrf=token).status == 403
    assert letters_to(town, "forged@example.com") == []


def test_a_server_may_be_closed_to_who_is_not_invited_or_not_confirmed() -> None:
    with Town(sign_up=False, require_confirmation=True) as closed:
        visitor = Visitor(closed).get("/sign-up")
        assert "Signing up is switched off here" in visitor.text
        assert all(form.action != "/sign-up" for form in visitor.forms())
        visitor.get("/sign-in")
        assert "/sign-up" not in visitor.text
        csrf = visitor.form("/sign-in").fields["csrf"]
        assert visitor.post("/sign-up", **JOE, email="joe@example.com", csrf=csrf).status == 403

        email = closed.newcomer("Zoe", is_confirmed=False)
        visitor.get("/sign-in").submit("/sign-in", email=email, password=PASSWORD)
        assert visitor.status == 403
        assert "Confirm your e-mail address first" in visitor.text
        assert 'href="/confirm"' in visitor.text
        visitor.submit("/sign-in", email=email, password="wrong horse")
        assert visitor.status == 401
