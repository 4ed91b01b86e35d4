"""What is done in the administration beside making and changing: switches, and deeds, felt by who is connected."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from html import escape
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from hubbub.accounts.domain import OPERATOR
from hubbub.web.admin.pages import RESOURCES
from pages.offices import behind, entries, office, sign_up, visitor_as
from pages.visitor import LIMIT, Visitor
from tenants import Tenants, World


@pytest.fixture(scope="module")
def server() -> Iterator[Tenants]:
    with office() as running:
        yield running


@pytest.fixture(scope="module")
def world(server: Tenants) -> World:
    return server.world()


@pytest.fixture(scope="module")
def rosa(server: Tenants) -> Visitor:
    return visitor_as(server, "rosa")


@contextmanager
def socket_of(server: Tenants, world: World, name: str) -> Iterator[ClientConnection]:
    """Give somebody's Phoenix socket, which has joined."""
    key = world.application["app_key"]
    path = (
        f"/socket/websocket?app_key={key}&guardian_token={server.people[name].jwt}&unique_identifier={name}&vsn=2.0.0"
    )
    with connect(f"ws://{server.host}:{server.port}{path}") as socket:
        socket.send(json.dumps(["1", "1", f"lobby:{key}", "phx_join", {}]))
        assert json.loads(socket.recv(LIMIT))[3:] == ["phx_reply", {"status": "ok", "response": {}}]
        yield socket


def code_of_end(socket: ClientConnection) -> int | None:
    with suppress(ConnectionClosed):
        while True:
            socket.recv(LIMIT)
    return socket.close_code


def profile(server: Tenants, name: str) -> Any:
    email = server.people[name].email
    return behind(server, lambda accounts, _: accounts.profiles.get(OPERATOR, email))


def change(server: Tenants, who: str, /, **changes: Any) -> None:
    """Change a user's row."""

    async def write(_accounts: object, store: Any) -> None:
        async with store.work() as work:
            await work.people.change(server.people[who].id, **changes)

    behind(server, write)


def flip(visitor: Visitor, page: str, action: str) -> Visitor:
    """Press a switch on a page."""
    visitor.get(page).submit(action)
    assert visitor.status == 200
    return visitor


# Switches


def test_an_enrollment_is_switched_in_the_list(server: Tenants, rosa: Visitor, world: World) -> None:
    here = f"/admin/enrollments?search=pete&organization={world.acme['slug']}"
    one = f"/admin/enrollments/{world.acme['id']}-{server.people['pete'].id}"
    assert 'aria-checked="false" aria-label="Pete in' in rosa.get(here).text
    flip(rosa, here, f"{one}/do/admin")
    assert rosa.path == here
    assert f"Pete in {world.acme['name']} is an admin now." in rosa.text
    assert 'aria-checked="true" aria-label="Pete in' in rosa.text
    flip(rosa, here, f"{one}/do/publisher")
    assert "may no longer publish" in rosa.text
    rosa.submit(f"{one}/do/publisher")
    assert "may publish now" in rosa.text
    rosa.submit(f"{one}/do/admin")
    assert "is no admin any more" in rosa.text
    newest = entries(server, limit=4)
    assert {(entry.action, entry.address) for entry in newest} == {("enrollment.change", "127.0.0.1")}
    assert {entry.user and entry.user.name for entry in newest} == {"Rosa"}


def test_a_switch_says_what_is_wanted_so_that_two_presses_do_not_undo_one(
    server: Tenants, rosa: Visitor, world: World
) -> None:
    one = f"/admin/enrollments/{world.acme['id']}-{server.people['rita'].id}"
    rosa.get(one)
    form = rosa.form(f"{one}/do/publisher")
    for _ in range(2):
        rosa.post(f"{one}/do/publisher", **form.fields)
        assert "may publish now" in rosa.text
    rosa.post(f"{one}/do/publisher", **{**form.fields, "value": "perhaps"})
    assert "Not done: Rita in" in rosa.text
    assert "must be true or false" in rosa.text


def test_the_last_admin_stays_one(server: Tenants, rosa: Visitor, world: World) -> None:
    one = f"/admin/enrollments/{world.acme['id']}-{server.people['ada'].id}"
    flip(rosa, one, f"{one}/do/admin")
    assert f"Not done: Ada in {world.acme['name']} is the organization&#39;s last admin." in rosa.text
    assert 'aria-checked="true" aria-label="Ada in' in rosa.text
    rosa.get(f"{one}/do/remove").submit(f"{one}/do/remove")
    assert "is the organization&#39;s last admin." in rosa.text
    assert rosa.path == one


def test_an_ownership_is_switched_on_the_page_of_the_application(rosa: Visitor, world: World) -> None:
    here = f"/admin/applications/{world.slots['application']}"
    owner, borrower = [
        f"/admin/ownerships/{world.slots['application']}-{one['id']}" for one in (world.acme, world.globex)
    ]
    flip(rosa, here, f"{owner}/do/owned")
    assert "is the application&#39;s last owner" in rosa.text
    rosa.submit(f"{borrower}/do/owned")
    assert (rosa.path, f"{world.globex['name']} owns Chat now." in rosa.text) == (here, True)
    rosa.submit(f"{owner}/do/owned")
    assert f"{world.acme['name']} borrows Chat now." in rosa.text
    rosa.submit(f"{owner}/do/owned").submit(f"{borrower}/do/owned")
    assert f"{world.globex['name']} borrows Chat now." in rosa.text


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/account", "/admin\\..", ""])
def test_a_switch_leads_back_to_the_administration_only(
    server: Tenants, rosa: Visitor, world: World, back: str
) -> None:
    one = f"/admin/enrollments/{world.acme['id']}-{server.people['rita'].id}"
    fields = rosa.get(one).form(f"{one}/do/publisher").fields
    rosa.post(f"{one}/do/publisher", **{**fields, "back": back})
    assert (rosa.path, rosa.status) == (one, 200)


# Felt at once


def test_removing_an_enrollment_closes_a_live_socket(server: Tenants, rosa: Visitor) -> None:
    world = server.world()
    one = f"/admin/enrollments/{world.acme['id']}-{server.people['pete'].id}"
    with socket_of(server, world, "pete") as pete, socket_of(server, world, "ada") as ada:
        rosa.get(f"{one}/do/remove").submit(f"{one}/do/remove")
        assert f"Pete is no longer enrolled in {world.acme['name']}." in rosa.text
        assert code_of_end(pete) == 4009
        ada.send(json.dumps([None, "2", "phoenix", "heartbeat", {}]))
        while json.loads(ada.recv(LIMIT))[1] != "2":
            pass
    assert rosa.get(one).status == 404


def test_archiving_a_user_or_an_application_closes_live_sockets(server: Tenants, rosa: Visitor) -> None:
    world = server.world()
    path = sign_up(server, "zoe")
    member = {"user": "zoe@example.com"}
    server.data("POST", f"/organizations/{world.acme['slug']}/enrollments", "ada", json=member)
    with ExitStack() as stack:
        zoe, ada = [stack.enter_context(socket_of(server, world, name)) for name in ("zoe", "ada")]
        rosa.get(f"{path}/do/archive").submit(f"{path}/do/archive")
        assert "Zoe was archived." in rosa.text
        assert code_of_end(zoe) == 4009
        application = f"/admin/applications/{world.slots['application']}"
        rosa.get(f"{application}/do/archive").submit(f"{application}/do/archive")
        assert code_of_end(ada) == 4001
    rosa.get(path).submit(f"{path}/do/bring-back")
    assert "Zoe was brought back." in rosa.text
    with socket_of(server, server.world(), "ada"):
        pass


# What is done to users


def test_who_is_locked_out_is_let_in(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "lou")
    assert "/do/unlock" not in rosa.get(path).text
    change(server, "lou", failed_attempts=9, locked_at=datetime.now(UTC))
    assert "Lou" in rosa.get("/admin/users", is_locked="yes").text
    rosa.get(path).submit(f"{path}/do/unlock")
    assert "Lou can sign in again." in rosa.text
    assert (profile(server, "lou").locked_at, profile(server, "lou").failed_attempts) == (None, 0)


def test_an_address_is_taken_as_confirmed(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "nan")
    assert "/do/confirm" not in rosa.get(path).text
    change(server, "nan", confirmed_at=None)
    rosa.get(f"{path}/do/confirm").submit(f"{path}/do/confirm")
    assert "nan@example.com is taken as confirmed." in rosa.text
    assert profile(server, "nan").confirmed_at is not None


def test_a_reset_letter_is_sent_after_a_question(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "max")
    assert f'href="{path}/do/send-reset"' in rosa.get(path).text
    rosa.get(f"{path}/do/send-reset").submit(f"{path}/do/send-reset")
    assert "is on its way to max@example.com" in rosa.text
    assert entries(server, limit=1)[0].action == "user.send_reset"


def test_a_password_must_be_changed(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "kim")
    rosa.get(f"{path}/do/must-change-password").submit(f"{path}/do/must-change-password")
    assert "must change the password before anything else" in rosa.text
    assert profile(server, "kim").must_change_password


def test_two_factor_is_switched_off(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "pip")
    assert "switch-off-two-factor" not in rosa.get(path).text
    change(server, "pip", second_factor_since=datetime.now(UTC), second_factor_secret="secret")
    assert ">two-factor<" in rosa.get(path).text
    rosa.get(f"{path}/do/switch-off-two-factor").submit(f"{path}/do/switch-off-two-factor")
    assert "signs in with the password alone now" in rosa.text
    assert profile(server, "pip").second_factor_since is None


def test_a_root_user_is_made_and_unmade_and_the_last_one_stays(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "tom")
    rosa.get(f"{path}/do/make-root").submit(f"{path}/do/make-root")
    assert "Tom is a root user now." in rosa.text
    tom = visitor_as(server, "tom").get("/admin")
    assert tom.path == "/admin"
    rosa.get(f"{path}/do/unmake-root").submit(f"{path}/do/unmake-root")
    assert "Tom is no root user any more." in rosa.text
    assert tom.get("/admin").path == "/"
    own = f"/admin/users/{server.people['rosa'].id}"
    for deed in ("unmake-root", "archive"):
        rosa.get(f"{own}/do/{deed}").submit(f"{own}/do/{deed}")
        assert "Not done: Rosa is the last root user." in rosa.text


def test_what_has_changed_in_the_meantime_is_not_done_twice(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "eve")
    rosa.get(f"{path}/do/archive")
    form = rosa.form(f"{path}/do/archive")
    rosa.post(f"{path}/do/archive", **form.fields)
    rosa.post(f"{path}/do/archive", **form.fields)
    assert "Eve has changed in the meantime." in rosa.text
    assert [one.action for one in entries(server, subject=f"user:{server.people['eve'].id}")] == [
        "user.archive", "user.create",
    ]  # fmt: skip


def test_names_are_text_and_nothing_else(server: Tenants, rosa: Visitor, world: World) -> None:
    path, name = sign_up(server, "xss"), '<b class="x">"\'&amp;</b>'
    change(server, "xss", name=name)
    rosa.get("/admin/enrollments/new")
    rosa.submit("/admin/enrollments/new", user="xss@example.com", organization=world.initech["slug"])
    said = escape(f"{name} is enrolled in {world.initech['name']}.")
    assert said.replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in rosa.text
    one = f"/admin/enrollments/{world.initech['id']}-{server.people['xss'].id}"
    for page in ("/admin", "/admin/users?search=b+class", path, f"{path}/edit", f"{path}/do/archive", one):
        assert "<b class" not in rosa.get(page).text, page
        assert "&lt;b class=" in rosa.text, page


def test_there_is_no_deed_of_another_name(server: Tenants, rosa: Visitor) -> None:
    token = rosa.get("/").form("/sign-out").fields["csrf"]
    path = f"/admin/users/{server.people['pete'].id}/do/delete"
    assert rosa.get(path).status == 404
    assert rosa.post(path, csrf=token).status == 404
    assert not [deed for one in RESOURCES.values() for deed in one.deeds if "impersonate" in deed.name]
