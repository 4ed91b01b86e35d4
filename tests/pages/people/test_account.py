import re
import time

import requests
from pyotp import TOTP
from sqlalchemy import text

from hubbub.accounts.accounts import Accounts
from hubbub.store import Store
from pages.letters import link_in
from pages.visitor import Visitor

from .conftest import LIMIT, PASSWORD, Town

NEW = "another horse battery"


def test_the_profile_tells_who_one_is_and_takes_another_name(town: Town) -> None:
    email = town.newcomer("Petra")
    visitor = town.visitor(email)
    assert email in visitor.text
    assert "from 127.0.0.1" in visitor.text
    visitor.submit("/account", name="<b>Pétra</b>")
    assert "&lt;b&gt;Pétra&lt;/b&gt;" in visitor.text
    assert "<b>Pétra" not in visitor.text
    visitor.submit("/account", name=" ")
    assert (visitor.status, 'id="name-error"' in visitor.text) == (422, True)


def test_another_address_counts_once_it_is_confirmed(town: Town) -> None:
    email, new = town.newcomer("Mia"), "mia-elsewhere@example.com"
    visitor = town.visitor(email).get("/account/email")
    visitor.submit("/account/email", email=new, password="wrong horse")
    assert (visitor.status, 'id="password-error"' in visitor.text) == (422, True)
    assert f'value="{new}"' in visitor.text
    visitor.submit("/account/email", email=new, password=PASSWORD)
    assert f"We have written to {new}" in visitor.text
    visitor.submit("/account/email/again")
    code = link_in(town.letter(new, "Confirm", 2), "/confirm")
    visitor.get("/confirm").submit("/confirm", code=code)
    assert visitor.path == "/account"
    assert new in visitor.text
    assert town.visitor(new).path == "/account"


def test_whose_an_address_is_nobody_learns_by_asking_for_it(town: Town) -> None:
    taken, answers = town.newcomer("Owner"), []
    for address in (taken, "free@example.com"):
        visitor = town.visitor(town.newcomer("Eve")).get("/account/email")
        visitor.submit("/account/email", email=address, password=PASSWORD)
        plain = re.sub(r'name="csrf" (value|content)="[^"]*"|eve-\d+', "", visitor.text)
        answers.append((visitor.status, visitor.path, plain.replace(address, "ADDRESS")))
    assert answers[0] == answers[1]
    town.letter(taken, "You have an account already")


def test_another_password_signs_out_all_other_browsers(town: Town) -> None:
    email = town.newcomer()
    here, there = town.visitor(email), town.visitor(email)
    before = here.http.cookies["hubbub_session"]
    here.get("/account/password")
    here.submit("/account/password", old_password="wrong", new_password=NEW, new_password_again=NEW)
    assert (here.status, 'id="old_password-error"' in here.text) == (422, True)
    here.submit("/account/password", old_password=PASSWORD, new_password=NEW, new_password_again="x")
    assert 'id="new_password_again-error"' in here.text
    here.submit("/account/password", old_password=PASSWORD, new_password=NEW, new_password_again=NEW)
    assert (here.status, here.path) == (200, "/account")
    assert here.http.cookies["hubbub_session"] != before
    assert there.get("/account").path.startswith("/sign-in")
    assert ("user.change_password", "127.0.0.1") in town.audited(email)


def test_one_sees_ones_browsers_and_signs_them_out(town: Town) -> None:
    email = town.newcomer()
    here = town.visitor(email)
    there = Visitor(town)
    there.http.headers["User-Agent"] = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML) Version/18.0 Safari/604.1"
    )
    there.get("/sign-in").submit("/sign-in", email=email, password=PASSWORD)
    third = town.visitor(email)
    assert here.get("/account/sessions").text.count("this one") == 1
    assert "Safari on iPhone" in here.text
    assert "python-requests" in here.text
    [session] = re.findall(
        r'name="session" value="(\d+)"><button[^>]*aria-label="Sign out Safari on iPhone at 127.0.0.1"', here.text
    )
    here.submit("/account/sessions/end", session=session)
    assert there.get("/account").path.startswith("/sign-in")
    assert "Safari on iPhone" not in here.text
    assert here.submit("/account/sessions/end", session=session).status == 404
    here.get("/account/sessions").submit("/account/sessions/end-others")
    assert third.get("/account").path.startswith("/sign-in")
    assert here.get("/account/sessions").text.count("<tr>") == 2


def test_nobody_signs_out_somebody_elses(town: Town) -> None:
    eve, ann = town.visitor(town.newcomer("Eve")), town.visitor(town.newcomer())
    newest = town.behind(_newest_session)
    eve.get("/account/tokens")
    csrf = eve.form("/account/tokens").fields["csrf"]
    assert eve.post("/account/sessions/end", session=str(newest), csrf=csrf).status == 404
    assert ann.get("/account").path == "/account"


async def _newest_session(_: Accounts, store: Store) -> int:
    async with store._connections.connection() as connection:
        return int(await connection.scalar(text("SELECT max(id) FROM browser_sessions")) or 0)


def test_a_token_is_shown_once_and_works_until_it_is_ended(town: Town) -> None:
    visitor = town.visitor(town.newcomer()).get("/account/tokens")
    assert "No token yet" in visitor.text
    form = visitor.form("/account/tokens").fields
    visitor.submit("/account/tokens", password="wrong horse")
    assert (visitor.status, "is not yours" in visitor.text) == (422, True)
    assert "No token yet" in visitor.text
    visitor.submit("/account/tokens", password=PASSWORD)
    [token] = re.findall(r"<code>([0-9a-f-]{36})</code>", visitor.text)
    assert _api_answers(town, token) == 201
    assert visitor.post("/account/tokens", **form).path == "/account/tokens"  # sent again by accident
    assert "There is a newer token already" in visitor.text
    visitor.get("/account/tokens")
    assert token not in visitor.text
    assert visitor.text.count(token[:8]) > 0
    visitor.submit("/account/tokens/end")
    assert _api_answers(town, token) == 401


def _api_answers(town: Town, token: str) -> int:
    return requests.post(f"{town.url}/api/session", json={"token": token}, timeout=LIMIT).status_code


def test_a_second_factor_is_asked_for_from_then_on(town: Town) -> None:
    email = town.newcomer("Faye")
    here, there = town.visitor(email), town.visitor(email)
    here.get("/account/two-factor").submit("/account/two-factor/begin", password="wrong horse")
    assert (here.status, 'id="password-error"' in here.text) == (422, True)
    here.submit("/account/two-factor/begin", password=PASSWORD)
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", here.text)
    assert 'src="data:image/svg+xml' in here.text
    here.submit("/account/two-factor/confirm", code="000000")
    assert (here.status, 'id="code-error"' in here.text) == (422, True)
    step = time.time() // 30 * 30
    here.submit("/account/two-factor/confirm", code=TOTP(secret).at(int(step)))
    [codes] = re.findall(r"<code>([a-z0-9\s-]+)</code>", here.text)
    assert len(codes.split()) == 10
    assert there.get("/account").path.startswith("/sign-in")

    visitor = Visitor(town).get("/account/email").submit("/sign-in", email=email, password=PASSWORD)
    assert visitor.path == "/sign-in/code?next=%2Faccount%2Femail"
    assert visitor.get("/account").path == "/sign-in?next=/account"
    visitor.get("/sign-in/code", next="/account/email").submit("/sign-in/code", code="000000")
    assert visitor.status == 401
    assert "not right, or was used already" in visitor.text
    visitor.submit("/sign-in/code", code=TOTP(secret).at(int(step) + 30))
    assert (visitor.status, visitor.path) == (200, "/account/email")
    assert visitor.get("/sign-in/code").path == "/organizations"

    other = Visitor(town).get("/sign-in").submit("/sign-in", email=email, password=PASSWORD)
    other.submit("/sign-in/code", code=codes.split()[0].upper())
    assert other.path == "/organizations"
    other.get("/account/two-factor")
    assert "<dd>9</dd>" in re.sub(r"\s*<span.*?</span>", "", other.text)
    other.submit("/account/two-factor/codes", password_to_renew="wrong")
    assert 'id="password_to_renew-error"' in other.text
    other.submit("/account/two-factor/codes", password_to_renew=PASSWORD)
    assert codes not in other.text
    other.get("/account/two-factor").submit("/account/two-factor/off", password_to_switch_off=PASSWORD)
    assert other.path == "/account/two-factor"
    assert town.visitor(email).path == "/account"


def test_a_code_is_asked_of_nobody_who_did_not_give_a_password(town: Town) -> None:
    assert Visitor(town).get("/sign-in/code").path == "/sign-in"
    visitor = Visitor(town).get("/sign-in")
    csrf = visitor.form("/sign-in").fields["csrf"]
    assert visitor.post("/sign-in/code", code="000000", csrf=csrf).path == "/sign-in"
