import pytest

from applications.conftest import PASSWORD, Audited, Key, Staff
from sockets.client import Dial
from tenants import Tenants, World

NAMED = "private-room"


@pytest.fixture
def world(tenants: Tenants) -> World:
    return tenants.world()


def test_pairs_are_listed_without_their_secrets(staff: Staff, here: str, keys: list[Key]) -> None:
    page = staff("ada").get(f"{here}/keys").text
    newest, oldest = page.index(keys[1].key), page.index(keys[0].key)
    assert newest < page.index(">newest<") < oldest < page.index(">oldest, signs webhooks<")
    assert not any(pair.secret in page for pair in keys)


def test_secrets_are_shown_once_more_by_password_and_that_is_kept(
    staff: Staff, here: str, keys: list[Key], audited: Audited
) -> None:
    ada = staff("ada").get(f"{here}/keys").submit(f"{here}/keys/show", password_to_show=PASSWORD)
    assert all(pair.secret in ada.text for pair in keys)
    assert ada.answer.headers["cache-control"] == "no-store"
    assert not any(pair.secret in ada.get(f"{here}/keys").text for pair in keys)
    assert audited("application.show_secrets") == [({}, "127.0.0.1")]


@pytest.mark.parametrize("path", ["keys", "keys/show"])
def test_a_wrong_password_shows_and_changes_nothing(staff: Staff, here: str, keys: list[Key], path: str) -> None:
    field = "password_to_show" if path.endswith("show") else "password_to_add"
    ada = staff("ada").get(f"{here}/keys").submit(f"{here}/{path}", **{field: "wrong horse battery"})
    assert ada.status == 422
    assert f'id="{field}-error"' in ada.text
    assert "is not yours" in ada.text
    assert not any(pair.secret in ada.text for pair in keys)
    assert ada.text.count('scope="row"') == 2
    ada.get(f"{here}/keys").submit(f"{here}/keys/show", password_to_show=PASSWORD)  # forgets the failure
    assert ada.status == 200


@pytest.mark.parametrize(("name", "why"), [("rita", "for admins of"), ("pete", "for admins of"), ("bob", "borrows")])
def test_who_may_not_see_secrets_is_told_why(staff: Staff, here: str, keys: list[Key], name: str, why: str) -> None:
    visitor = staff(name).get(f"{here}/keys")
    assert all(pair.key in visitor.text for pair in keys)
    assert why in visitor.text
    assert "/keys" not in [form.action.removeprefix(here) for form in visitor.forms()]
    csrf = visitor.form("/sign-out").fields["csrf"]
    for path, fields in (
        ("keys/show", {"password_to_show": PASSWORD}),
        ("keys", {"password_to_add": PASSWORD, "newest": keys[1].key}),
        ("keys/revoke", {"key": keys[0].key}),
    ):
        assert visitor.post(f"{here}/{path}", csrf=csrf, **fields).status == 403
        assert not any(pair.secret in visitor.text for pair in keys)


def test_to_strangers_the_application_is_not_there(staff: Staff, here: str) -> None:
    assert staff("olga").get(f"{here}/keys").status == 404


async def test_rotating_cuts_nobody_off_but_who_stays_with_the_old_key(
    staff: Staff, here: str, keys: list[Key], connect: Dial
) -> None:
    old = await connect(keys[0])
    await old.subscribe(NAMED)
    ada = staff("ada").get(f"{here}/keys").submit(f"{here}/keys", password_to_add=PASSWORD)
    assert "The new pair is ready" in ada.text
    row = ada.text.partition('<tr class="is-new">')[2].partition("</tr>")[0]
    key, secret = (part.partition('"')[0] for part in row.split('data-copy="')[1:3])
    assert not any(pair.secret in ada.text for pair in keys)
    new = await connect(keys[0]._replace(key=key, secret=secret))
    await new.subscribe(NAMED)
    ada.get(f"{here}/creator").submit(f"{here}/creator", channel=NAMED, event="both", data='{"hear": true}')
    for client in (old, new):
        assert await client.expect("both", NAMED) == {"hear": True}
    ada.get(f"{here}/keys")
    form = next(form for form in ada.forms() if form.fields.get("key") == keys[0].key)
    asked = {"asked_title": "Revoke this key?", "asked_text": "…", "asked_button": "Revoke"}
    ada.post(form.action, **form.fields, **asked)
    assert "Revoke this key?" in ada.text, "without a script the next page asks"
    ada.submit(form.action, confirmed="1")
    assert "no longer in use" in ada.text
    assert keys[0].key not in ada.text.partition("<table")[2].partition("</table")[0]
    await old.expect_end(4001, f"App key {keys[0].key} is no longer in use")
    await new.expect_nothing()


def test_a_form_that_is_sent_again_adds_no_other_pair(staff: Staff, here: str, keys: list[Key]) -> None:
    ada = staff("ada").get(f"{here}/keys")
    form = ada.form(f"{here}/keys")
    ada.post(form.action, **{**form.fields, "password_to_add": PASSWORD})
    assert "3 key pairs" in ada.text
    ada.post(form.action, **{**form.fields, "password_to_add": PASSWORD})
    assert "There is a newer pair already." in ada.text
    assert "3 key pairs" in ada.text


def test_the_last_pair_stays(staff: Staff, here: str, keys: list[Key]) -> None:
    ada = staff("ada").get(f"{here}/keys")
    csrf = ada.form(f"{here}/keys").fields["csrf"]
    assert "1 key pair<" in ada.post(f"{here}/keys/revoke", csrf=csrf, key=keys[0].key).text
    assert "the last one stays" in ada.text
    assert f"{here}/keys/revoke" not in [form.action for form in ada.forms()]
    assert "Key is the last key pair." in ada.post(f"{here}/keys/revoke", csrf=csrf, key=keys[1].key).text
    assert ada.post(f"{here}/keys/revoke", csrf=csrf, key="no such key").status == 404
