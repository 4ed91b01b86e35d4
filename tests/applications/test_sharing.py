import pytest

from applications.conftest import Staff
from tenants import Tenants, World


@pytest.fixture
def world(tenants: Tenants) -> World:
    return tenants.world()


def test_it_is_lent_and_taken_back(staff: Staff, here: str, world: World) -> None:
    path, slug = f"{here}/sharing", world.initech["slug"]
    assert staff("olga").get(here).status == 404
    ada = staff("ada").get(path)
    assert "owns it" in ada.text
    assert ada.text.count(">borrows it<") == 1
    ada.submit(f"{path}/lend", organization=slug)
    assert f"The application is lent to {world.initech['name']}." in ada.text
    assert staff("olga").get(path).status == 200
    assert "borrows this application" in staff("olga").text
    csrf = ada.form(f"{path}/lend").fields["csrf"]
    assert "The application is taken back" in ada.post(f"{path}/take-back", csrf=csrf, borrower=slug).text
    assert staff("olga").get(path).status == 404
    assert "does not borrow it any more" in ada.post(f"{path}/take-back", csrf=csrf, borrower=slug).text


def test_it_is_not_lent_to_whom_it_cannot_be(staff: Staff, here: str, world: World) -> None:
    path = f"{here}/sharing"
    ada = staff("ada").get(path)
    for slug, why in (
        ("no-such", "does not exist"),
        (world.acme["slug"], "holds the application already"),
        (world.globex["slug"], "holds the application already"),
        (str(world.initech["id"]), "does not exist"),
        (" ", "be blank"),
    ):
        ada.submit(f"{path}/lend", organization=slug)
        assert ada.status == 422
        assert why in ada.text.partition('id="organization-error"')[2].partition("</p>")[0]
        assert ada.form(f"{path}/lend").fields["organization"] == slug


def test_who_borrows_gives_it_back(staff: Staff, here: str, world: World) -> None:
    path = f"{here}/sharing"
    bob = staff("bob").get(path)
    assert world.acme["slug"] not in bob.text, "whose it is they need not know"
    bob.submit(f"{path}/give-back")
    assert bob.get(path).status == 404


@pytest.mark.parametrize("name", ["pete", "bob"])
def test_whom_it_is_lent_to_is_for_admins_of_the_owner(staff: Staff, here: str, world: World, name: str) -> None:
    path = f"{here}/sharing"
    visitor = staff(name).get(path)
    assert "Who holds it" not in visitor.text
    assert "What a borrower can do" in visitor.text
    csrf = visitor.form("/sign-out").fields["csrf"]
    assert visitor.post(f"{path}/lend", csrf=csrf, organization=world.initech["slug"]).status == 403
    assert visitor.post(f"{path}/take-back", csrf=csrf, borrower=world.globex["slug"]).status == 403


def test_a_borrower_sees_as_much_as_the_page_says(staff: Staff, here: str) -> None:
    bob = staff("bob").get(f"{here}/sharing")
    assert "Look at its channels and statistics" in bob.text
    assert "Look into its console, connections and error log" in bob.text
    for part, status in (
        ("channels", 200),
        ("statistics", 200),
        ("console", 403),
        ("connections", 403),
        ("errors", 403),
    ):
        assert bob.get(f"{here}/{part}").status == status, part
    for part in ("", "/start", "/creator", "/channels", "/statistics"):
        assert 'href="' + here + '/channels"' in bob.get(f"{here}{part}").text
        for closed in ("console", "connections", "errors"):
            assert f'href="{here}/{closed}' not in bob.text, f"{part} leads to {closed}"
