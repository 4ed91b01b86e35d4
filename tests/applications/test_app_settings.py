import pytest

from applications.conftest import Key, Staff
from hubbub.settings import AppSettings
from hubbub.web.application.settings import APART, GROUPS
from sockets.client import Dial
from tenants import Tenants, World


@pytest.fixture
def world(tenants: Tenants) -> World:
    return tenants.world()


def kept(tenants: Tenants, world: World) -> dict[str, object]:
    """Give the settings that differ from the defaults."""
    there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
    settings = tenants.data("GET", there, "ada")["settings"]
    assert isinstance(settings, dict)
    return settings


def test_every_setting_stands_in_one_group() -> None:
    grouped = [name for settings in GROUPS.values() for name in settings]
    assert sorted([*grouped, *APART]) == sorted(AppSettings.model_fields)


def test_settings_are_changed_and_go_back(staff: Staff, here: str, tenants: Tenants, world: World) -> None:
    path = f"{here}/settings"
    ada = staff("ada").get(path)
    assert "All are as usual." in ada.text
    ada.submit(
        path,
        **{
            "settings.client_events": "true",
            "settings.subscription_error_frames": None,
            "settings.max_connections": "100",
            "settings.authorization_timeout": "2.5",
            "settings.allowed_origins": "https://example.com",
        },
    )
    assert "5 settings are changed." in ada.text
    assert "5 settings differ from the defaults." in ada.text
    assert kept(tenants, world) == {
        "client_events": True,
        "subscription_error_frames": False,
        "max_connections": 100,
        "authorization_timeout": 2.5,
        "allowed_origins": "https://example.com",
    }
    fields = ada.form(path).fields
    assert (fields["settings.max_connections"], fields["settings.authorization_timeout"]) == ("100", "2.5")
    ada.submit(path, reset="max_connections", **{"settings.client_events": None})
    assert "One setting is changed." in ada.text
    assert "max_connections" not in kept(tenants, world)
    assert kept(tenants, world)["client_events"] is True, "a button that resets one leaves the others"
    ada.submit(
        path,
        **{"settings.client_events": None, "settings.authorization_timeout": "", "settings.allowed_origins": ""},
    )
    assert kept(tenants, world) == {"subscription_error_frames": False}
    ada.submit(path)
    assert "Nothing was changed." in ada.text


def test_faults_are_told_by_their_fields_and_nothing_is_half_done(
    staff: Staff, here: str, tenants: Tenants, world: World
) -> None:
    path = f"{here}/settings"
    wrong = {
        "settings.max_event_bytes": "0",
        "settings.cache_ttl": "1801",
        "settings.max_batch_events": "many",
        "settings.allowed_origins": "not an origin",
        "settings.authorization_timeout": "-1",
    }
    ada = staff("ada").get(path).submit(path, **{**wrong, "settings.client_events": "true"})
    assert ada.status == 422
    for field, value in wrong.items():
        assert f'id="{field}-error"' in ada.text, field
        assert ada.form(path).fields[field] == value
    assert ada.form(path).fields["settings.client_events"] == "true", "what was typed is still there"
    assert kept(tenants, world) == {}


def test_it_is_renamed(staff: Staff, here: str) -> None:
    ada = staff("ada").get(f"{here}/settings").submit(f"{here}/settings/name", name="Chat <b>bold</b>")
    assert "Chat &lt;b&gt;bold" in ada.text
    assert "<b>bold" not in ada.text
    ada.submit(f"{here}/settings/name", name=" ")
    assert ada.status == 422
    assert "be blank" in ada.text


async def test_it_is_disabled_and_enabled(staff: Staff, here: str, keys: list[Key], connect: Dial) -> None:
    client = await connect(keys[0])
    ada = staff("ada").get(f"{here}/settings").submit(f"{here}/settings/enabled")
    await client.expect_end(4003, "Application disabled")
    assert ">disabled<" in ada.text
    ada.submit(f"{here}/settings/enabled")
    assert "in use again" in ada.text
    await (await connect(keys[0])).expect_nothing()


def test_it_is_archived_by_its_name_and_comes_back(staff: Staff, here: str) -> None:
    ada = staff("ada").get(f"{here}/settings").submit(f"{here}/settings/archive", typed="chat")
    assert ada.status == 422
    assert "is not the name of this application" in ada.text
    ada.submit(f"{here}/settings/archive", typed="Chat")
    assert ">archived<" in ada.text
    assert f"{here}/settings/archive" not in [form.action for form in ada.forms()]
    for page in ("keys", "creator", "channels", "webhooks", "sharing"):
        assert ada.get(f"{here}/{page}").status == 200, page
        assert [form.action for form in ada.forms() if form.method == "post"] == ["/sign-out"], page
    assert staff("pete").get(f"{here}/settings").status == 404
    ada.get(f"{here}/settings").submit(f"{here}/settings/unarchive")
    assert "The application is back." in ada.text
    assert staff("pete").get(f"{here}/settings").status == 200


@pytest.mark.parametrize(("name", "why"), [("pete", "They are changed by admins of"), ("bob", "borrows")])
def test_who_may_not_edit_reads(staff: Staff, here: str, name: str, why: str, tenants: Tenants, world: World) -> None:
    visitor = staff(name).get(f"{here}/settings")
    assert why in visitor.text
    assert "Save settings" not in visitor.text
    assert "Danger zone" not in visitor.text
    csrf = visitor.form("/sign-out").fields["csrf"]
    for path, fields in (
        ("", {"shown": "1", "settings.client_events": "true"}),
        ("/name", {"name": "Mine"}),
        ("/enabled", {"enabled": "false"}),
        ("/archive", {"typed": "Chat"}),
    ):
        assert visitor.post(f"{here}/settings{path}", csrf=csrf, **fields).status == 403, path
    assert kept(tenants, world) == {}
