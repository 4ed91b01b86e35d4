import itertools
import re

from applications.conftest import Staff
from pages.visitor import Visitor
from tenants import Tenants, World

_numbers = itertools.count(1)


def here(world: World) -> str:
    return f"/organizations/{world.acme['slug']}"


def rows(visitor: Visitor) -> list[str]:
    """Give the text of each row of the page's tables."""
    found = re.findall(r"<tr>(.*?)</tr>", visitor.text.partition("<tbody>")[2], re.DOTALL)
    return [
        " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<dialog.*?</dialog>", "", row, flags=re.DOTALL)).split())
        for row in found
    ]


def test_who_is_in_none_is_told_what_to_do_and_does_it(staff: Staff, tenants: Tenants) -> None:
    nina = staff("nina").get("/organizations")
    assert "You are in no organization yet" in nina.text
    name = f"Nina’s <i>& {next(_numbers)}"
    nina.get("/organizations/new").submit("/organizations/new", name=name)
    assert nina.path.startswith("/organizations/ninas-i-")
    assert "You are its admin." in nina.text
    assert "No application yet" in nina.text
    assert "<i>&" not in nina.text
    assert "Nina’s &lt;i&gt;&amp;" in nina.get("/organizations").text


def test_a_name_that_is_none_is_refused_beside_its_field(staff: Staff) -> None:
    ada = staff("ada").get("/organizations/new").submit("/organizations/new", name=" ")
    assert ada.status == 422
    assert re.search(r'id="name-error".*can&#39;t be blank', ada.text, re.DOTALL)


def test_one_called_new_has_an_address_too(staff: Staff) -> None:
    ada = staff("ada").get("/organizations/new").submit("/organizations/new", name="New")
    assert ada.path.startswith("/organizations/org-new")


def test_an_application_is_created_and_listed(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    ada.get(here(world)).get(f"{here(world)}/applications/new")
    ada.submit(f"{here(world)}/applications/new", name="")
    assert ada.status == 422
    ada.submit(f"{here(world)}/applications/new", name="Weather")
    assert re.fullmatch(r"/applications/\d+/start", ada.path)
    ada.get(here(world))
    assert [row.split()[0] for row in rows(ada)] == ["Chat", "Weather"]
    assert all(" owned " in row for row in rows(ada))


def test_a_borrowed_one_is_marked_and_can_be_given_back(staff: Staff, tenants: Tenants) -> None:
    world, bob = tenants.world(), staff("bob")
    globex = f"/organizations/{world.globex['slug']}"
    [row] = rows(bob.get(globex))
    assert row.startswith("Chat borrowed")
    bob.submit(f"{globex}/applications/{world.application['id']}/give-back")
    assert bob.path == globex
    assert "given back" in bob.text
    assert "No application yet" in bob.text


def test_a_member_sees_what_there_is_and_nothing_that_is_not_for_them(staff: Staff, tenants: Tenants) -> None:
    world = tenants.world()
    for name, may in (("pete", "and may publish"), ("rita", "but not publish")):
        page = staff(name).get(here(world))
        assert may in page.text
        assert world.application["name"] in page.text
        for hidden in ('/members"', "/invitations", "/audit", "/settings", "/applications/new"):
            assert f'href="{here(world)}{hidden}' not in page.text, hidden
        for path in ("/members", "/invitations", "/audit", "/settings", "/applications/new"):
            assert staff(name).get(here(world) + path).status == 403, path
        assert staff(name).get(f"{here(world)}/usage").status == 200


def test_nobody_else_learns_that_it_is_there(staff: Staff, tenants: Tenants) -> None:
    world = tenants.world()
    for path in ("", "/members", "/invitations", "/usage", "/audit", "/settings", "/applications/new"):
        there, nowhere = staff("olga").get(here(world) + path), staff("bob").get(f"/organizations/nowhere{path}")
        assert (there.status, nowhere.status) == (404, 404), path


def test_a_member_who_posts_what_is_not_for_them_changes_nothing(staff: Staff, tenants: Tenants) -> None:
    world, pete = tenants.world(), staff("pete")
    token = pete.get(here(world)).form("/sign-out").fields["csrf"]
    forms: dict[str, dict[str, str]] = {
        "/settings": {"name": "Pete’s"},
        "/archive": {},
        "/applications/new": {"name": "Pete’s"},
        "/invitations": {"email": "pete2@example.com"},
        f"/members/{tenants.people['pete'].id}": {"is_admin": "true"},
        f"/members/{tenants.people['rita'].id}/remove": {},
    }
    for path, fields in forms.items():
        assert pete.post(here(world) + path, csrf=token, **fields).status == 403, path
        assert staff("olga").post(here(world) + path, **fields).status == 403, "no token"
    assert staff("ada").get(f"{here(world)}/audit").text.count("Pete’s") == 0


def test_root_sees_it_without_being_in_it(staff: Staff, tenants: Tenants) -> None:
    rosa = staff("rosa").get(here(tenants.world()))
    assert "because you are a root user" in rosa.text
    assert "Leave" not in rosa.text
    assert "New application" in rosa.text


def test_it_is_renamed_archived_and_brought_back(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    ada.get(f"{here(world)}/settings").submit(f"{here(world)}/settings", name="x" * 256)
    assert ada.status == 422
    assert "should be at most 255" in ada.text
    ada.submit(f"{here(world)}/settings", name="Acme & Co")
    assert ada.path == f"{here(world)}/settings"
    assert "Acme &amp; Co" in ada.text
    ada.submit(f"{here(world)}/archive")
    assert "Acme &amp; Co is archived" in ada.text
    assert staff("pete").get(here(world)).status == 404
    assert "Acme &amp; Co" in ada.get("/organizations").text
    ada.submit(f"{here(world)}/unarchive")
    assert ada.path == here(world)
    assert staff("pete").get(here(world)).status == 200


def test_lists_have_pages_and_take_no_nonsense(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    for number in range(51):
        tenants.data("POST", here(world) + "/applications", "ada", json={"name": f"App {number}"})
    first = ada.get(here(world))
    assert len(rows(first)) == 50
    assert "1–50 of 52" in first.text
    second = ada.get(here(world), offset="50")
    assert len(rows(second)) == 2
    for path in ("", "/members", "/invitations", "/audit"):
        assert ada.get(here(world) + path, offset="-1").status == 422, path
        assert ada.get(here(world) + path, offset="1000000").status == 200, path
