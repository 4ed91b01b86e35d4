"""The application that settings declare: a root user sees its pages, and can change nothing there.

Nor can they change by its pages the one in the database that has the same id.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from applications.conftest import PASSWORD, sessions
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR, HeldApplication
from hubbub.store import Store
from pages.visitor import Visitor
from running import Running
from sockets.client import Dial

HERE = "/applications/1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = tmp_path_factory.mktemp("declared") / "hubbub.db"
    with Running(
        database_url=f"sqlite:///{path}",
        app_max_connections=7,
        app_webhook_url="https://hooks.invalid/secret-path",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def visitors(server: Running) -> Iterator[dict[str, Visitor]]:
    """Give `root` and `other`, who is no root user, signed in."""
    database_url = str(server._settings["database_url"])
    assert Path(database_url.removeprefix("sqlite:///")).exists()
    cookies = asyncio.run(_enter(database_url))
    people = {name: Visitor(server) for name in cookies}
    for name, visitor in people.items():
        visitor.http.cookies.set("hubbub_session", cookies[name])
    yield people
    for visitor in people.values():
        visitor.http.close()


async def _hidden(database_url: str) -> HeldApplication:
    store = Store.open(database_url)
    found = await Accounts(store).applications.get(OPERATOR, None, "1")
    await store.close()
    return found


async def _enter(database_url: str) -> dict[str, str]:
    store = Store.open(database_url)
    users = Accounts(store).users
    made = {
        name: await users.create(
            OPERATOR, name=name, email=f"{name}@example.com", password=PASSWORD, is_root=name == "root"
        )
        for name in ("root", "other")
    }
    await Accounts(store).applications.create(OPERATOR, None, name="Hidden")
    await store.close()
    return await sessions(database_url, {name: user.id for name, user in made.items()})


def test_its_pages_say_where_it_is_declared_and_have_no_secret(server: Running, visitors: dict[str, Visitor]) -> None:
    root = visitors["root"]
    for page, said in (
        ("keys", "HUBBUB_APP_SECRET"),
        ("settings", "HUBBUB_APP_CLIENT_EVENTS"),
        ("webhooks", "HUBBUB_APP_WEBHOOK_URL"),
        ("sharing", "no organization owns it"),
        ("channels", "No channel is occupied"),
    ):
        assert root.get(f"{HERE}/{page}").status == 200
        assert said in root.text, page
        assert server.secret not in root.text
        assert "secret-path" not in root.text
    assert 'value="7"' in root.get(f"{HERE}/settings").text
    assert "Save settings" not in root.text


async def test_an_event_can_be_sent(server: Running, visitors: dict[str, Visitor], connect: Dial) -> None:
    client = await connect(server)
    await client.subscribe("room")
    root = visitors["root"].get(f"{HERE}/creator").submit(f"{HERE}/creator", channel="room", event="news", data="[1]")
    assert "Sent to 1 subscriber." in root.text
    assert await client.expect("news", "room") == [1]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("keys", {"password_to_add": PASSWORD, "newest": "app-key"}),
        ("keys/show", {"password_to_show": PASSWORD}),
        ("start", {"password": PASSWORD}),
        ("keys/revoke", {"key": "app-key"}),
        ("settings", {"shown": "1", "settings.client_events": "true"}),
        ("settings/name", {"name": "Mine"}),
        ("settings/enabled", {"enabled": "false"}),
        ("settings/archive", {"typed": "declared by settings"}),
        ("sharing/lend", {"organization": "acme"}),
        ("sharing/take-back", {"borrower": "acme"}),
        ("sharing/give-back", {}),
        ("webhooks/new", {"url": "https://hooks.invalid/"}),
        ("settings/unarchive", {}),
        ("webhooks/0", {"url": "https://hooks.invalid/"}),
        ("webhooks/0/remove", {}),
    ],
)
def test_nothing_of_it_can_be_changed(
    server: Running, visitors: dict[str, Visitor], path: str, fields: dict[str, str]
) -> None:
    root = visitors["root"]
    hidden = asyncio.run(_hidden(str(server._settings["database_url"])))
    csrf = root.get(f"{HERE}/keys").form("/sign-out").fields["csrf"]
    for key in ("app-key", str(hidden.app_key)):
        given = {name: key if value == "app-key" else value for name, value in fields.items()}
        assert root.post(f"{HERE}/{path}", csrf=csrf, **given).status == 403
        assert server.secret not in root.text
    assert asyncio.run(_hidden(str(server._settings["database_url"]))) == hidden


@pytest.mark.parametrize("page", ["keys", "creator", "channels", "webhooks", "settings", "sharing"])
def test_to_others_it_is_not_there(visitors: dict[str, Visitor], page: str) -> None:
    assert visitors["other"].get(f"{HERE}/{page}").status == 404
