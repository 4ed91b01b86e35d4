"""The administration: who comes in, and that everything is listed, shown, made and changed there."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.store import Store
from hubbub.web.admin.pages import PAGES, RESOURCES
from hubbub.web.admin.resource import Resource
from hubbub.web.page import Access, Page
from pages.offices import apart, behind, entries, office, sign_up, visitor_as
from pages.visitor import Visitor
from tenants import Tenants, World

GETS = [page for page in PAGES if page.method == "GET"]
POSTS = [page for page in PAGES if page.method == "POST"]
CROWD = 120


@pytest.fixture(scope="module")
def server() -> Iterator[Tenants]:
    with office() as running:
        yield running


@pytest.fixture(scope="module")
def world(server: Tenants) -> World:
    """Give a world with one of everything, and a crowd of users."""
    world = apart(lambda: server.with_webhook(server.world()))

    async def furnish(accounts: Accounts, store: Store) -> None:
        await accounts.invitations.invite(OPERATOR, world.acme["slug"], email="guest@example.com", name="Gustav Guest")
        async with store.work() as work:
            for number in range(CROWD):
                await work.people.add(
                    name=f"Crowd {number:03}", email=f"crowd{CROWD - number:03}@example.net", password_hash="none"
                )

    behind(server, furnish)
    return world


@pytest.fixture(scope="module")
def rosa(server: Tenants) -> Visitor:
    """Give the browser of a root user."""
    return visitor_as(server, "rosa")


def path_of(page: Page, world: World) -> str:
    keys = {
        "enrollments": f"{world.acme['id']}-{world.slots['user_id']}",
        "ownerships": f"{world.slots['application']}-{world.acme['id']}",
        "applications": world.slots["application"],
        "webhooks": world.slots["endpoint"],
        "organizations": str(world.acme["id"]),
    }
    resource = page.path.split("/")[2] if page.path != "/admin" else ""
    found = RESOURCES.get(resource)
    deed = found.deeds[0].name if found is not None and found.deeds else ""
    return page.path.replace("{key}", keys.get(resource, "1")).replace("{deed}", deed)


def csrf(visitor: Visitor) -> str:
    return visitor.get("/").form("/sign-out").fields["csrf"]


def names(visitor: Visitor) -> list[str]:
    """Give what the rows of the page's first table are called."""
    return [unescape(one) for one in re.findall(r'<th scope="row">\s*<a [^>]*>([^<]*)</a>', visitor.text)]


# Who comes in


def test_every_page_is_for_root_users() -> None:
    assert {page.access for page in PAGES} == {Access.ROOT}
    assert {page.path.split("/")[1] for page in PAGES} == {"admin"}


@pytest.mark.parametrize("name", ["pete", "ada"])  # who is in an organization, and an admin of it
def test_who_is_no_root_user_is_sent_home(server: Tenants, world: World, name: str) -> None:
    visitor, before = visitor_as(server, name), entries(server)
    token = csrf(visitor)
    for page in GETS:
        visitor.get(path_of(page, world))
        assert (visitor.path, visitor.status) == ("/", 200), page.path
        assert "That page is for administrators of this server." in visitor.text
    for page in POSTS:
        visitor.post(path_of(page, world), csrf=token, value="true", name="Mine", email="mine@example.com")
        assert (visitor.path, visitor.status) == ("/", 200), page.path
        assert "That page is for administrators of this server." in visitor.text
    assert entries(server) == before


def test_who_is_not_signed_in_is_asked_to(server: Tenants, world: World) -> None:
    before = entries(server)
    for page in PAGES:
        visitor, path = Visitor(server), path_of(page, world)
        answer = visitor.http.request(page.method, server.url + path, allow_redirects=False, timeout=15)
        if page.method == "GET":
            assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")
        else:
            assert answer.status_code == 403
    assert entries(server) == before


@pytest.mark.parametrize("token", ["", "x" * 24])
def test_a_form_without_its_token_does_nothing(server: Tenants, rosa: Visitor, world: World, token: str) -> None:
    before = entries(server)
    for page in POSTS:
        rosa.post(path_of(page, world), csrf=token, value="true", name="Forged", email="forged@example.com")
        assert rosa.status == 403, page.path
    assert entries(server) == before


def test_who_is_made_an_ordinary_user_is_out_at_once(server: Tenants) -> None:
    sign_up(server, "ruth")

    def set_root(*, is_so: bool) -> None:
        behind(server, lambda accounts, _: accounts.profiles.edit(OPERATOR, "ruth@example.com", is_root=is_so))

    set_root(is_so=True)
    visitor = visitor_as(server, "ruth").get("/admin/users")
    assert visitor.path == "/admin/users"
    set_root(is_so=False)
    assert visitor.get("/admin/users").path == "/"


# The dashboard


def test_the_dashboard_tells_how_much_there_is_and_what_is_new(server: Tenants, rosa: Visitor, world: World) -> None:
    rosa.get("/admin")
    assert rosa.status == 200
    counts = behind(server, lambda accounts, _: accounts.records.counts(OPERATOR))
    told = dict(re.findall(r'<dt><a href="[^"]*">([^<]+)</a></dt><dd>([\d,]+)</dd>', rosa.text))
    assert told["Users"] == f"{counts.users:,}"
    assert int(told["Users"]) > CROWD
    assert (told["Open invitations"], told["Webhooks"]) == (str(counts.invitations), str(counts.endpoints))
    newest, *_ = entries(server)
    assert f"#{newest.id}" in rosa.text
    assert (
        names(rosa)[0]
        == behind(server, lambda accounts, _: accounts.register.users(OPERATOR, sort="-id", limit=1)).items[0].user.name
    )
    for said in ("in memory, for one node", "SQLite", "0.1.0"):
        assert said in rosa.text
    for href in re.findall(r'href="(/admin[^"]*)"', rosa.text):
        assert rosa.get(unescape(href)).status == 200


# Lists


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_every_list_is_sorted_searched_and_narrowed(rosa: Visitor, world: World, resource: Resource) -> None:
    whole = rosa.get(resource.path)
    assert (whole.status, f"<h1>{resource.many}</h1>" in whole.text) == (200, True)
    assert "<tbody>" in whole.text
    orders = [column.name for column in resource.columns if column.is_sorted]
    assert orders
    for order in orders:
        for sign, told in (("", "ascending"), ("-", "descending")):
            rosa.get(resource.path, sort=sign + order)
            assert (rosa.status, f'aria-sort="{told}"' in rosa.text) == (200, True)
    for one in resource.filters:
        for value, _ in one.choices:
            rosa.get(resource.path, **{one.name: value})
            assert (rosa.status, f'<option value="{value}" selected>' in rosa.text) == (200, True)
        if not one.choices:
            rosa.get(resource.path, **{one.name: "no such thing", "search": "x"})
            assert rosa.status == 200
            assert "is not there" in rosa.text or "Nothing found" in rosa.text
    rosa.get(resource.path, search="no such text")
    assert "Nothing found" in rosa.text
    rosa.get(resource.path, search="\0", sort="password_hash", offset="-1")
    assert (rosa.status, "must not have control characters" in rosa.text) == (200, True)


def test_a_list_has_parts_and_its_address_keeps_everything(rosa: Visitor, world: World) -> None:
    rosa.get("/admin/users", search="crowd", sort="email", archived="no")
    assert f"{CROWD} users found" in rosa.text
    first = names(rosa)
    assert first == [f"Crowd {number:03}" for number in reversed(range(CROWD - 50, CROWD))]
    [following] = re.findall(r'rel="next" href="([^"]*)"', rosa.text)
    rosa.get(unescape(following))
    assert names(rosa) == [f"Crowd {number:03}" for number in reversed(range(CROWD - 100, CROWD - 50))]
    assert rosa.form("/admin/users").fields == {
        "search": "crowd", "sort": "email", "archived": "no",
        **dict.fromkeys(("is_root", "is_confirmed", "is_locked", "must_change_password", "has_second_factor"), ""),
    }  # fmt: skip
    [head] = re.findall(r'href="([^"]*)">Name<', rosa.text)
    rosa.get(unescape(head))
    assert names(rosa)[:2] == ["Crowd 000", "Crowd 001"]
    assert rosa.path == "/admin/users?search=crowd&archived=no&sort=name"
    assert rosa.get("/admin/users", offset="9999999").status == 200


def test_filters_tell_things_apart(server: Tenants, rosa: Visitor, world: World) -> None:
    assert names(rosa.get("/admin/users", is_root="yes")) == ["Rosa"]
    assert names(rosa.get("/admin/users", is_confirmed="no", search="crowd", sort="name"))[:1] == ["Crowd 000"]
    acme = world.acme["slug"]
    assert names(rosa.get("/admin/enrollments", organization=acme, is_admin="yes")) == ["Ada"]
    assert names(rosa.get("/admin/enrollments", organization=acme, can_publish="no")) == ["Rita"]
    assert names(rosa.get("/admin/ownerships", organization=acme, is_owned="yes")) == ["Chat"]
    assert names(rosa.get("/admin/ownerships", organization=acme, is_owned="no")) == []
    assert "guest@example.com" in rosa.get("/admin/invitations", organization=acme, state="open").text
    assert "application.lend" in rosa.get("/admin/audit", application=world.slots["application"]).text
    assert "hooks.invalid" in rosa.get("/admin/webhooks", application=world.slots["application"]).text


# Each of them


def test_a_user_is_shown_with_what_belongs_to_them(server: Tenants, rosa: Visitor, world: World) -> None:
    ada = server.people["ada"]
    rosa.get(f"/admin/users/{ada.id}")
    for said in (ada.email, "Enrolled in", world.acme["name"], "Tokens", ada.token[:8], "application.create"):
        assert said in rosa.text
    assert ada.token not in rosa.text
    assert "user.create" in rosa.text, "what was done to them"


def test_an_organization_is_shown_with_members_applications_and_invitations(rosa: Visitor, world: World) -> None:
    rosa.get(f"/admin/organizations/{world.acme['id']}")
    for said in ("Ada", "Pete", "Rita", "Chat", "guest@example.com", "enrollment.add"):
        assert said in rosa.text


def test_an_application_is_shown_with_its_holders_and_without_secrets(rosa: Visitor, world: World) -> None:
    rosa.get(f"/admin/applications/{world.slots['application']}")
    for said in (world.acme["name"], world.globex["name"], world.slots["key"], "https://hooks.invalid/"):
        assert said in rosa.text
    assert world.application["app_secret"] not in rosa.text


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_each_has_a_page_and_what_is_not_there_has_none(rosa: Visitor, world: World, resource: Resource) -> None:
    rosa.get(resource.path)
    links = re.findall(rf'href="({resource.path}/[\d-]+)"', rosa.text)
    assert links
    assert rosa.get(links[0]).status == 200
    for key in ("0", "99999", "99999-1", "x", "1-", "-", "%00", "%F0%9F%98%80", "1" * 40):
        assert rosa.get(f"{resource.path}/{key}").status == 404, key
        assert rosa.get(f"{resource.path}/{key}/edit").status == 404, key


# Making and changing


def test_a_user_is_made_who_gets_a_letter(server: Tenants, rosa: Visitor) -> None:
    rosa.get("/admin/users/new").submit("/admin/users/new", name="Lotte", email="Lotte@example.com", is_root="true")
    assert re.fullmatch(r"/admin/users/\d+", rosa.path)
    assert "lotte@example.com was mailed a letter to choose a password." in rosa.text
    newest, *_ = entries(server)
    assert (newest.action, newest.address, newest.user and newest.user.name) == ("user.create", "127.0.0.1", "Rosa")
    profile = behind(server, lambda accounts, _: accounts.profiles.get(OPERATOR, "lotte@example.com"))
    assert (profile.user.is_root, profile.must_change_password) == (True, False)


def test_a_user_is_made_with_a_password_that_is_shown_once(server: Tenants, rosa: Visitor) -> None:
    rosa.get("/admin/users/new")
    rosa.submit("/admin/users/new", name="Once", email="once@example.com", way_in="password", password="")
    assert "One-time password" in rosa.text
    [password] = re.findall(r"<pre[^>]*><code>([^<]+)</code>", rosa.text)
    assert rosa.answer.headers["cache-control"] == "no-store"
    profile = behind(server, lambda accounts, _: accounts.profiles.get(OPERATOR, "once@example.com"))
    assert profile.must_change_password
    assert password not in rosa.get(f"/admin/users/{profile.user.id}").text
    came = behind(
        server,
        lambda accounts, _: accounts.sign_ins.sign_in(
            email="once@example.com", password=unescape(password), address=None
        ),
    )
    assert came.must_change_password


def test_a_form_that_is_not_accepted_comes_back_with_what_is_wrong(server: Tenants, rosa: Visitor) -> None:
    before = entries(server)
    rosa.get("/admin/users/new")
    rosa.submit(
        "/admin/users/new", name="", email="ADA@example.com", way_in="password", password="short", is_root="true"
    )
    assert rosa.status == 422
    for wrong in ("can&#39;t be blank", "should have 8 to 1024 characters"):
        assert wrong in rosa.text
    fields = rosa.form("/admin/users/new").fields
    assert (fields["email"], fields["password"], fields["is_root"]) == ("ADA@example.com", "", "true")
    rosa.submit("/admin/users/new", name="Ada", way_in="letter")
    assert (rosa.status, "has already been taken" in rosa.text) == (422, True)
    assert entries(server) == before


def test_a_user_is_changed(server: Tenants, rosa: Visitor) -> None:
    path = sign_up(server, "edith")
    rosa.get(f"{path}/edit")
    assert rosa.form(f"{path}/edit").fields["email"] == "edith@example.com"
    rosa.submit(f"{path}/edit", name="Edith E.", email="edith@example.org", is_root="true")
    assert (rosa.path, "Saved." in rosa.text) == (path, True)
    assert "Edith E." in rosa.text
    assert entries(server)[0].details == {"changed": ["name", "email", "is_root"]}
    rosa.get(f"{path}/edit").submit(f"{path}/edit", is_root=None, must_change_password="true")
    profile = behind(server, lambda accounts, _: accounts.profiles.get(OPERATOR, "edith@example.org"))
    assert (profile.user.is_root, profile.must_change_password) == (False, True)
    rosa.get(f"{path}/edit").submit(f"{path}/edit", email="ada@example.com")
    assert (rosa.status, "has already been taken" in rosa.text) == (422, True)


def test_an_organization_is_made_for_somebody_renamed_archived_and_brought_back(server: Tenants, rosa: Visitor) -> None:
    rosa.get("/admin/organizations/new")
    rosa.submit("/admin/organizations/new", name="Umbrella, Inc.", owner="nobody@example.com")
    assert (rosa.status, "does not exist" in rosa.text) == (422, True)
    rosa.submit("/admin/organizations/new", owner="olga@example.com")
    path = rosa.path
    assert "umbrella-inc" in rosa.text
    assert "Olga" in rosa.text
    rosa.get(f"{path}/edit").submit(f"{path}/edit", name="Umbrella")
    assert "<h1>Umbrella</h1>" in rosa.text
    rosa.get(f"{path}/do/archive").submit(f"{path}/do/archive")
    assert "Umbrella was archived." in rosa.text
    assert rosa.get(f"{path}/edit").status == 404
    rosa.get(path).submit(f"{path}/do/bring-back")
    assert "Umbrella was brought back." in rosa.text
    actions = [one.action for one in entries(server, limit=4)]
    assert actions == [f"organization.{did}" for did in ("unarchive", "archive", "rename", "create")]


def test_somebody_is_enrolled_from_their_own_page(server: Tenants, rosa: Visitor, world: World) -> None:
    here = f"/admin/users/{server.people['nina'].id}"
    [add] = re.findall(r'href="(/admin/enrollments/new[^"]*)"', rosa.get(here).text)
    rosa.get(unescape(add))
    assert rosa.form("/admin/enrollments/new").fields["user"] == str(server.people["nina"].id)
    rosa.submit("/admin/enrollments/new", organization="nowhere")
    assert (rosa.status, "does not exist" in rosa.text) == (422, True)
    rosa.submit("/admin/enrollments/new", organization=world.initech["slug"], is_admin="true")
    assert rosa.path == here
    assert f"Nina is enrolled in {world.initech['name']}." in rosa.text
    key = f"{world.initech['id']}-{server.people['nina'].id}"
    rosa.get(f"/admin/enrollments/{key}/edit").submit(f"/admin/enrollments/{key}/edit", is_admin=None)
    found = behind(server, lambda accounts, _: accounts.register.enrollments(OPERATOR, user="nina@example.com"))
    assert [(one.is_admin, one.can_publish) for one in found.items] == [(False, True)]


def test_an_application_is_made_changed_archived_and_brought_back(server: Tenants, rosa: Visitor, world: World) -> None:
    rosa.get("/admin/applications/new").submit("/admin/applications/new", name="Board", organization="nowhere")
    assert (rosa.status, "does not exist" in rosa.text) == (422, True)
    rosa.submit("/admin/applications/new", organization=world.acme["slug"])
    path = rosa.path
    rosa.get(f"{path}/edit").submit(f"{path}/edit", name="Blackboard", enabled=None)
    assert "<h1>Blackboard</h1>" in rosa.text
    assert ">disabled<" in rosa.text
    rosa.get(f"{path}/edit").submit(f"{path}/edit", enabled="true")
    assert ">disabled<" not in rosa.text
    rosa.get(f"{path}/do/archive").submit(f"{path}/do/archive")
    assert "Blackboard was archived." in rosa.text
    assert "Blackboard" in rosa.get("/admin/applications", archived="yes").text
    rosa.get(path).submit(f"{path}/do/bring-back")
    assert "Blackboard was brought back." in rosa.text


def test_an_organization_is_given_an_application_and_it_is_taken_back(rosa: Visitor, world: World) -> None:
    rosa.get("/admin/ownerships/new")
    rosa.submit("/admin/ownerships/new", application=world.slots["application"], organization=world.globex["slug"])
    assert (rosa.status, "holds the application already" in rosa.text) == (422, True)
    rosa.submit("/admin/ownerships/new", organization=world.initech["slug"], is_owned=None)
    assert f"{world.initech['name']} borrows Chat now." in rosa.text
    path = rosa.path
    rosa.get(f"{path}/edit").submit(f"{path}/edit", is_owned="true")
    assert 'aria-checked="true"' in rosa.text
    assert "End the loan" not in rosa.text
    rosa.get(f"{path}/edit").submit(f"{path}/edit", is_owned=None)
    rosa.get(f"{path}/do/end").submit(f"{path}/do/end")
    assert rosa.path == "/admin/ownerships"
    assert f"{world.initech['name']} borrows Chat no more." in rosa.text
    assert rosa.get(path).status == 404


def test_a_token_is_made_and_ended(server: Tenants, rosa: Visitor) -> None:
    rosa.get("/admin/tokens/new").submit("/admin/tokens/new", user="nobody@example.com")
    assert (rosa.status, "does not exist" in rosa.text) == (422, True)
    rosa.submit("/admin/tokens/new", user="pete@example.com")
    [text] = re.findall(r"<pre[^>]*><code>([^<]+)</code>", rosa.text)
    assert server.call("POST", "/session", json={"token": text}).status_code == 201
    rosa.get("/admin/tokens", search=text[:8], user="pete@example.com")
    assert text not in rosa.text
    [path] = re.findall(r'href="(/admin/tokens/\d+)"', rosa.text)
    rosa.get(f"{path}/do/invalidate").submit(f"{path}/do/invalidate")
    assert f"The token {text[:8]}… is invalid now." in rosa.text
    assert server.call("POST", "/session", json={"token": text}).status_code == 401
    assert rosa.get(f"{path}/do/invalidate").path == path, "there is nothing to ask any more"


def test_somebody_is_invited_and_it_is_revoked(rosa: Visitor, world: World) -> None:
    rosa.get("/admin/invitations/new")
    rosa.submit("/admin/invitations/new", organization=world.initech["slug"], email="ada@")
    assert (rosa.status, "is not an e-mail address" in rosa.text) == (422, True)
    rosa.submit("/admin/invitations/new", email="vera@example.com")
    assert "An invitation is on its way to vera@example.com." in rosa.text
    path = rosa.path
    rosa.get(f"{path}/do/revoke").submit(f"{path}/do/revoke")
    assert "The invitation of vera@example.com was revoked." in rosa.text
    assert "vera@example.com" in rosa.get("/admin/invitations", state="revoked").text


def test_a_webhook_is_added_changed_and_removed(server: Tenants, rosa: Visitor, world: World) -> None:
    rosa.get("/admin/webhooks/new")
    url = "https://hooks.example.com/new"
    rosa.submit("/admin/webhooks/new", application=world.slots["application"], url=url, headers="nonsense")
    assert (rosa.status, "are written as Name: value" in rosa.text) == (422, True)
    rosa.submit("/admin/webhooks/new", kinds="channel_occupied, nonsense", headers="X-Own: secret")
    assert rosa.status == 422
    rosa.submit("/admin/webhooks/new", kinds="channel_occupied, member_added")
    path = rosa.path
    assert "The webhook was added." in rosa.text
    assert "secret" not in rosa.text.partition("<main")[2]
    assert "channel_occupied, member_added" in rosa.text
    rosa.get(f"{path}/edit").submit(f"{path}/edit", channel_prefix="presence-", url=f"{url}er")
    assert "presence-" in rosa.text
    found = behind(server, lambda accounts, _: accounts.records.endpoint(OPERATOR, path.rpartition("/")[2]))
    assert (found.endpoint.url, dict(found.endpoint.headers)) == (f"{url}er", {"X-Own": "secret"})
    rosa.get(f"{path}/do/remove").submit(f"{path}/do/remove")
    assert (rosa.path, "The webhook was removed." in rosa.text) == ("/admin/webhooks", True)
