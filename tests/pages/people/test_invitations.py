from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.store import Store
from pages.visitor import Visitor

from .conftest import PASSWORD, Town


def invite(town: Town, email: str, **more: object) -> str:
    """Invite somebody to the server's first organization, and give the code of the letter."""

    async def ask(accounts: Accounts, _: Store) -> str:
        return (await accounts.invitations.invite(OPERATOR, "acme-inc", email=email, **more)).text

    return town.behind(ask)


def test_somebody_new_signs_up_with_it_and_is_in(town: Town) -> None:
    code = invite(town, "nora@example.com", name="Nora")
    visitor = Visitor(town).get("/invitation").submit("/invitation", code=code)
    assert visitor.path == "/invitation"
    assert code not in visitor.text
    assert "Join Acme Inc." in visitor.text
    assert 'value="Nora"' in visitor.text
    visitor.submit("/invitation/accept-as-new", password="short")
    assert (visitor.status, 'id="password-error"' in visitor.text) == (422, True)
    visitor.submit("/invitation/accept-as-new", name="Nora", password=PASSWORD)
    assert (visitor.status, visitor.path) == (200, "/organizations/acme-inc")
    assert "Welcome to Acme Inc." in visitor.text
    visitor = Visitor(town).get("/invitation").submit("/invitation", code=code)
    assert (visitor.status, "This code is not good" in visitor.text) == (422, True)
    assert ("invitation.accept", "127.0.0.1") in town.audited("nora@example.com")


def test_who_has_an_account_signs_in_on_the_way(town: Town) -> None:
    email = town.newcomer("Old")
    visitor = Visitor(town).get("/invitation").submit("/invitation", code=invite(town, email))
    visitor.submit("/invitation/accept-as-new", name="Old", password=PASSWORD)
    assert visitor.status == 422
    assert f"There is an account with {email} already" in visitor.text
    visitor.get("/sign-in", next="/invitation").submit("/sign-in", email=email, password=PASSWORD)
    assert visitor.path == "/invitation"
    visitor.submit("/invitation/accept")
    assert (visitor.status, visitor.path) == (200, "/organizations/acme-inc")


def test_nobody_accepts_without_a_code(town: Town) -> None:
    visitor = town.visitor(town.newcomer()).get("/invitation")
    assert [form.action for form in visitor.forms() if form.action.startswith("/invitation")] == ["/invitation"]
    csrf = visitor.form("/invitation").fields["csrf"]
    assert visitor.post("/invitation/accept", csrf=csrf).status == 422
    assert visitor.submit("/invitation", code="nope").status == 422
    assert "This code is not good" in visitor.text


def test_one_that_was_revoked_meanwhile_is_asked_for_anew(town: Town) -> None:
    code = invite(town, "gone@example.com")
    visitor = Visitor(town).get("/invitation").submit("/invitation", code=code)
    invite(town, "gone@example.com")
    assert visitor.get("/invitation").status == 422
    assert visitor.get("/invitation").status == 200
