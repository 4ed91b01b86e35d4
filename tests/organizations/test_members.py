from applications.conftest import Staff
from tenants import Tenants

from .conftest import letters_to, link_in
from .test_organizations import here, rows


def test_roles_are_switched(staff: Staff, tenants: Tenants) -> None:
    world, ada, rita = tenants.world(), staff("ada"), tenants.people["rita"]
    path = f"{here(world)}/members"
    ada.get(path)
    assert [row.split()[0] for row in rows(ada)] == ["Ada", "Pete", "Rita"]
    ada.submit(f"{path}/{rita.id}", can_publish="true")
    assert "Rita is a member who may publish now." in ada.text
    ada.submit(f"{path}/{rita.id}", is_admin="true")
    assert "Rita is an admin now." in ada.text
    assert staff("rita").get(path).status == 200
    ada.submit(f"{path}/{rita.id}", is_admin="false")
    assert staff("rita").get(path).status == 403


def test_the_last_admin_stays_and_is_told_why(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    path, own = f"{here(world)}/members", tenants.people["ada"].id
    ada.get(path).submit(f"{path}/{own}", is_admin="false")
    assert "is the organization&#39;s last admin" in ada.text
    ada.submit(f"{path}/{own}/remove")
    assert "is the organization&#39;s last admin" in ada.text
    assert len(rows(ada.get(path))) == 3


def test_an_admin_who_gives_up_being_one_comes_to_what_members_see(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    path = f"{here(world)}/members"
    ada.get(path).submit(f"{path}/{tenants.people['pete'].id}", is_admin="true")
    ada.submit(f"{path}/{tenants.people['ada'].id}", is_admin="false")
    assert (ada.path, ada.status) == (here(world), 200)
    assert "Ada is a member who may publish now." in ada.text


def test_a_member_is_removed(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    path = f"{here(world)}/members"
    ada.get(path).submit(f"{path}/{tenants.people['pete'].id}/remove")
    assert "no longer in the organization" in ada.text
    assert len(rows(ada)) == 2
    assert staff("pete").get(here(world)).status == 404
    token = ada.form("/sign-out").fields["csrf"]
    assert ada.post(f"{path}/{tenants.people['pete'].id}/remove", csrf=token).status == 404


def test_a_member_leaves(staff: Staff, tenants: Tenants) -> None:
    world, rita = tenants.world(), staff("rita")
    rita.get(here(world)).submit(f"{here(world)}/members/{tenants.people['rita'].id}/remove")
    assert rita.path == "/organizations"
    assert "You have left the organization." in rita.text
    assert "left the organization" in staff("ada").get(f"{here(world)}/audit").text


def test_somebody_is_invited_by_a_letter_again_and_not_after_all(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    path, email = f"{here(world)}/invitations", f"new-{world.acme['slug']}@example.com"
    ada.get(path)
    assert "No invitation is open" in ada.text
    assert "HUBBUB_SMTP_URL" in ada.text, "letters are only kept in a folder here, and the page says so"
    ada.submit(path, email=email, name="Nova", is_admin="true")
    assert f"The letter to {email} is in var/mail" in ada.text
    [row] = rows(ada)
    assert f"{email} Nova admin" in row
    [letter] = letters_to(tenants, email, 1)
    assert "Hello Nova," in letter
    assert f"Ada invites {email} to the organization {world.acme['name']}" in letter
    number = ada.text.partition("/resend")[0].rpartition("/")[2]
    ada.submit(f"{path}/{number}/resend")
    first, second = letters_to(tenants, email, 2)
    assert link_in(first, "/invitation") != link_in(second, "/invitation")
    assert link_in(second, f"{tenants.url}/invitation") not in ada.text + tenants.log
    assert first not in tenants.log
    number = ada.text.partition("/resend")[0].rpartition("/")[2]
    ada.submit(f"{path}/{number}/revoke")
    assert "No invitation is open" in ada.text


def test_nobodys_letter_box_is_filled_with_invitations(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    path, email = f"{here(world)}/invitations", f"tired-{world.acme['slug']}@example.com"
    ada.get(path).submit(path, email=email)
    for _ in range(3):
        assert ada.status == 200
        number = ada.text.partition("/resend")[0].rpartition("/")[2]
        ada.submit(f"{path}/{number}/resend")
    assert ada.status == 429
    assert len(letters_to(tenants, email, 3)) == 3


def test_what_is_wrong_with_an_invitation_is_said_beside_its_field(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    path = f"{here(world)}/invitations"
    ada.get(path).submit(path, email="nobody", name="Kept")
    assert ada.status == 422
    assert "is not an e-mail address" in ada.text
    assert ada.form(path).fields["name"] == "Kept"
    ada.submit(path, email="pete@example.com")
    assert "is enrolled already" in ada.text


def test_another_organizations_invitation_cannot_be_taken_back(staff: Staff, tenants: Tenants) -> None:
    world, ada, bob = tenants.world(), staff("ada"), staff("bob")
    path = f"{here(world)}/invitations"
    ada.get(path).submit(path, email="someone@example.com")
    number = ada.text.partition("/resend")[0].rpartition("/")[2]
    globex = f"/organizations/{world.globex['slug']}"
    token = bob.get(globex).form("/sign-out").fields["csrf"]
    for verb in ("resend", "revoke"):
        assert bob.post(f"{globex}/invitations/{number}/{verb}", csrf=token).status == 404
    assert len(rows(ada.get(path))) == 1
