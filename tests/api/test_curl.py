"""The lines of ExPusherLite's documentation, as somebody pastes them into a shell."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from sockets.client import dial
from tenants import Tenants, World

pytestmark = pytest.mark.needs("curl")

Curl = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def world(tenants: Tenants) -> World:
    return tenants.world()


@pytest.fixture
def curl(tenants: Tenants) -> Curl:
    """Give a way to call curl: arguments as in a shell, the address of the server for `HOST`. Gives status and JSON."""

    def run(*arguments: str) -> tuple[int, Any]:
        done = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", *(one.replace("HOST", tenants.url) for one in arguments)],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body else None

    return run


@pytest.fixture
def bearer(tenants: Tenants, curl: Curl) -> str:
    """Sign in as the documentation tells, and give the header."""
    status, answer = curl("-X", "POST", "--data", f"token={tenants.people['ada'].token}", "HOST/api/session")
    assert (status, list(answer)) == (201, ["jwt"])
    return f"Authorization: Bearer {answer['jwt']}"


def test_signing_in(bearer: str) -> None:
    assert len(bearer) > 200


def test_organizations(curl: Curl, bearer: str, world: World) -> None:
    status, answer = curl("-H", bearer, "HOST/api/organizations")
    assert (status, world.acme in answer["data"]) == (200, True)
    status, answer = curl("-X", "POST", "-H", bearer, "--data", "organization[name]=Curl Ltd", "HOST/api/organizations")
    assert (status, answer["data"]["slug"]) == (201, "curl-ltd")
    slug = "HOST/api/organizations/curl-ltd"
    assert curl("-X", "PUT", "-H", bearer, "--data", "organization[name]=Curl 2", slug)[0] == 200
    assert curl("-X", "DELETE", "-H", bearer, slug) == (204, None)


def test_applications(curl: Curl, bearer: str, world: World) -> None:
    there = f"HOST/api/organizations/{world.acme['slug']}/applications"
    status, answer = curl("-H", bearer, there)
    assert status == 200
    assert {"name", "id", "archived_at", "app_secret", "app_key"} <= set(answer["data"][0])
    status, answer = curl("-X", "POST", "-H", bearer, "--data", "application[name]=New App", there)
    assert status == 201
    key = answer["data"]["app_key"]
    assert curl("-X", "PUT", "-H", bearer, "--data", "application[name]=Newer", f"{there}/{key}")[0] == 200
    status, answer = curl("-X", "DELETE", "-H", bearer, f"{there}/{key}")
    assert (status, answer["data"]["archived_at"] is not None) == (200, True)


def test_tokens(tenants: Tenants, curl: Curl, bearer: str) -> None:
    there = f"HOST/api/users/{tenants.people['ada'].id}/tokens"
    status, answer = curl("-X", "POST", "-H", bearer, there)
    assert (status, set(answer["data"])) == (200, {"id", "token", "invalidated_at"})
    status, answer = curl("-X", "DELETE", "-H", bearer, f"{there}/{answer['data']['token']}")
    assert (status, answer["data"]["invalidated_at"] is not None) == (200, True)


@pytest.mark.parametrize("more", [[], ["-H", "Content-Length:"], ["-d", ""], ["-H", "Content-Type: application/json"]])
async def test_broadcasting(tenants: Tenants, curl: Curl, bearer: str, world: World, more: list[str]) -> None:
    key = world.application["app_key"]
    event = f"HOST/api/organizations/{world.acme['slug']}/applications/{key}/event"
    listener = await dial(tenants, f"/app/{key}?protocol=7")
    await listener.welcome()
    await listener.subscribe("general")
    hello = f"{event}/new_message?name=John&message=Hello"
    assert curl("-X", "POST", *more, "-H", bearer, hello) == (204, None)
    assert await listener.expect("new_message", "general") == {"name": "John", "message": "Hello"}
    direct = f"{event}/new_message?name=John&message=HelloWorld&uid=akitaonrails&direct=true"
    assert curl("-X", "POST", *more, "-H", bearer, direct) == (204, None)
    await listener.expect_nothing()
    await listener.close()
    assert curl("-X", "POST", *more, "-H", bearer, f"{event}/presence_list?topic=general") == (200, {"data": {}})
    assert curl("-H", bearer, f"{event}/presence_list") == (200, {"data": {}})
