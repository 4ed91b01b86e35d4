import pytest

from applications.conftest import Staff
from hubbub.web.application.webhooks import KEPT, MEANINGS
from hubbub.webhooks.seam import KINDS
from pages.visitor import Visitor
from tenants import Tenants, World

URL = "https://hooks.invalid/here"
SECRET = "Bearer 4036de82"


@pytest.fixture
def world(tenants: Tenants) -> World:
    return tenants.world()


@pytest.fixture
def told(tenants: Tenants, world: World) -> World:
    """Give that world with a webhook, and a delivery that failed."""
    return tenants.with_webhook(world)


def unticked(*wanted: str) -> dict[str, None]:
    return {f"kind-{kind}": None for kind in KINDS if kind not in wanted}


def add(visitor: Visitor, here: str, **fields: str | None) -> Visitor:
    return visitor.get(f"{here}/webhooks/new").submit(f"{here}/webhooks/new", **{"url": URL, **fields})


def test_every_kind_is_explained() -> None:
    assert set(MEANINGS) == set(KINDS)


def test_a_webhook_is_added_changed_and_removed(staff: Staff, here: str, tenants: Tenants, world: World) -> None:
    ada = staff("ada").get(f"{here}/webhooks")
    assert "No webhook yet" in ada.text
    add(
        ada, here, channel_prefix="presence-", headers=f"Authorization: {SECRET}\r\nX-One: 1",
        **unticked("member_added", "member_removed"),
    )  # fmt: skip
    assert "it hears of what happens from now" in ada.text
    assert "<code>member_added</code>, <code>member_removed</code>" in ada.text
    assert SECRET not in ada.text
    there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}/webhooks"
    [made] = tenants.data("GET", there, "ada")
    assert made["headers"] == {"Authorization": SECRET, "X-One": "1"}
    path = f"{here}/webhooks/{made['id']}"
    form = ada.get(path).form(path)
    assert SECRET not in ada.text
    assert form.fields["headers"] == f"Authorization: {KEPT}\nX-One: {KEPT}"
    ada.submit(path, headers=f"Authorization: {KEPT}\r\nX-One: 2\r\n\r\nX-Two: 3", url=f"{URL}/there", **unticked())
    assert ada.status == 422, "it must hear of something"
    assert 'id="kinds-error"' in ada.text
    assert ada.form(path).fields["headers"] == "Authorization: \nX-One: \nX-Two: ", "nothing typed is sent back"
    ada.get(path).submit(path, headers=f"Authorization: {KEPT}\r\nX-One: 2", url=f"{URL}/there")
    [changed] = tenants.data("GET", there, "ada")
    assert changed["headers"] == {"Authorization": SECRET, "X-One": "2"}
    assert (changed["url"], changed["kinds"]) == (f"{URL}/there", ["member_added", "member_removed"])
    ada.get(path).submit(f"{path}/remove")
    assert "No webhook yet" in ada.text
    assert ada.get(path).status == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "ftp://example.com"}, "url"),
        ({"headers": "no header"}, "headers"),
        ({"headers": "A: 1\r\na: 2"}, "headers"),
        ({"headers": "Host: x"}, "headers"),
        ({"headers": "A:"}, "headers"),
        ({"headers": f"A: {KEPT}"}, "headers"),
        ({"channel_prefix": "x" * 201}, "channel_prefix"),
        (unticked(), "kinds"),
    ],
)
def test_what_cannot_be_one_is_refused_by_its_field(
    staff: Staff, here: str, fields: dict[str, str | None], field: str
) -> None:
    ada = add(staff("ada"), here, **fields)
    assert ada.status == 422
    assert f'id="{field}-error"' in ada.text


def test_deliveries_are_listed_shown_and_sent_again(staff: Staff, here: str, told: World) -> None:
    delivery, path = told.slots["delivery"], f"{here}/webhooks"
    ada = staff("ada").get(path)
    assert ">failed<" in ada.text
    assert f"{path}/deliveries/{delivery}" in ada.text
    assert f"{path}/deliveries/{delivery}" in ada.get(path, state="failed").text
    assert "There is no such delivery." in ada.get(path, state="delivered").text
    assert "There is no such delivery." in ada.get(path, webhook="4711").text
    for query in ({"state": "x"}, {"offset": "x"}, {"offset": "9" * 9}, {"webhook": "-1"}):
        assert ada.get(path, **query).status == 200, query
    ada.get(f"{path}/deliveries/{delivery}")
    assert "&#34;name&#34;: &#34;channel_occupied&#34;" in ada.text
    assert ">500<" in ada.text
    assert "12 ms" in ada.text
    assert "Oh no" in ada.text
    ada.submit(f"{path}/deliveries/{delivery}/resend")
    assert "are sent again, in a new delivery" in ada.text
    assert "sent again" in ada.get(f"{path}/deliveries/{delivery}").text
    ada.get(path).submit(f"{path}/resend-failed")
    assert "There was nothing to be sent again." in ada.text
    assert ada.get(f"{path}/deliveries/4711").status == 404
    assert ada.get(f"{path}/deliveries/x").status == 404


def test_what_failed_is_sent_again_but_not_to_a_removed_webhook(staff: Staff, here: str, told: World) -> None:
    path = f"{here}/webhooks"
    ada = staff("ada").get(path).submit(f"{path}/resend-failed")
    assert "One delivery is sent again." in ada.text
    ada.submit(f"{path}/{told.slots['endpoint']}/remove")
    assert "a removed webhook" in ada.text
    ada.get(f"{path}/deliveries/{told.slots['delivery']}")
    assert "it cannot be sent again" in ada.text
    csrf = ada.form("/sign-out").fields["csrf"]
    ada.post(f"{path}/deliveries/{told.slots['delivery']}/resend", csrf=csrf)
    assert "Delivery cannot be sent again: its webhook is removed." in ada.text


@pytest.mark.parametrize("name", ["pete", "bob"])
def test_they_are_for_admins_of_the_owner(staff: Staff, here: str, told: World, name: str) -> None:
    path, visitor = f"{here}/webhooks", staff(name)
    assert "Webhooks are for admins of the owner" in visitor.get(path).text
    assert "hooks.invalid" not in visitor.text
    csrf = visitor.form("/sign-out").fields["csrf"]
    paths = ("new", told.slots["endpoint"], f"deliveries/{told.slots['delivery']}")
    assert [visitor.get(f"{path}/{one}").status for one in paths] == [403] * 3
    acts = ("new", told.slots["endpoint"], f"{told.slots['endpoint']}/remove", "resend-failed",
            f"deliveries/{told.slots['delivery']}/resend")  # fmt: skip
    assert [visitor.post(f"{path}/{one}", csrf=csrf, url=URL).status for one in acts] == [403] * 5


def test_another_applications_webhooks_are_not_there(staff: Staff, tenants: Tenants, told: World) -> None:
    other = f"/applications/{tenants.world().slots['application']}/webhooks"
    ada = staff("ada")
    assert ada.get(f"{other}/{told.slots['endpoint']}").status == 404
    assert ada.get(f"{other}/deliveries/{told.slots['delivery']}").status == 404
