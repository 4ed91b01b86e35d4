"""Every call of the document, by everybody who may not, and by everybody who may.

A call that is missing from the table fails the tests, and so does one that is there no more.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from tenants import Tenants, World

ORGANIZATION = "/organizations/{organization}"
APPLICATION = ORGANIZATION + "/applications/{application}"


class Call(msgspec.Struct, frozen=True):
    """A call, and the status for each role, in the order of ROLES. Nobody, and tokens of no worth, are always 401."""

    statuses: tuple[int, ...]
    body: dict[str, Any] = {}
    others: dict[str, str] = {}


ROLES: Final = ("outsider", "reader", "publisher", "borrower", "admin", "root")
PEOPLE: Final = dict(zip(ROLES, ("olga", "rita", "pete", "bob", "ada", "rosa"), strict=True))

# Who has no account in Acme: the outsider, and for what is no application the borrower.
ANYBODY = (200, 200, 200, 200, 200, 200)
ENROLLED = (404, 200, 200, 404, 200, 200)
ADMIN = (404, 403, 403, 404, 200, 200)
OWNER = (404, 403, 403, 403, 200, 200)
HOLDER = (404, 200, 200, 200, 200, 200)
SELF = (404, 404, 404, 404, 200, 200)


def but(statuses: tuple[int, ...], done: int) -> tuple[int, ...]:
    """Give these with another status for what is done."""
    return tuple(done if status == 200 else status for status in statuses)


MEMBER = {"user_id": "{member}"}
NAME = {"name": "Renamed"}
HOOK = {"url": "https://elsewhere.invalid/"}

CALLS: Final = {
    "GET /me": Call(ANYBODY),
    "GET /users/{user_id}/tokens": Call(SELF),
    "POST /users/{user_id}/tokens": Call(SELF),
    "DELETE /users/{user_id}/tokens/{token}": Call(SELF),
    "GET /organizations": Call(ANYBODY),
    "POST /organizations": Call(but(ANYBODY, 201), NAME),
    f"GET {ORGANIZATION}": Call(ENROLLED),
    f"PUT {ORGANIZATION}": Call(ADMIN, NAME),
    f"PATCH {ORGANIZATION}": Call(ADMIN, NAME),
    f"DELETE {ORGANIZATION}": Call(but(ADMIN, 204)),
    f"POST {ORGANIZATION}/unarchive": Call(ADMIN),
    f"GET {ORGANIZATION}/enrollments": Call(ADMIN),
    f"POST {ORGANIZATION}/enrollments": Call(but(ADMIN, 201), {"user": "rosa@example.com"}),
    f"PUT {ORGANIZATION}/enrollments/{{user_id}}": Call(ADMIN, {"is_admin": True}, MEMBER),
    f"PATCH {ORGANIZATION}/enrollments/{{user_id}}": Call(ADMIN, {"is_admin": True}, MEMBER),
    # The publisher is the member that is removed.
    f"DELETE {ORGANIZATION}/enrollments/{{user_id}}": Call((404, 403, 204, 404, 204, 204), {}, MEMBER),
    f"GET {ORGANIZATION}/applications": Call(HOLDER),
    f"POST {ORGANIZATION}/applications": Call(but(ADMIN, 201), NAME),
    f"GET {APPLICATION}": Call(HOLDER),
    f"PUT {APPLICATION}": Call(OWNER, NAME),
    f"PATCH {APPLICATION}": Call(OWNER, NAME),
    f"DELETE {APPLICATION}": Call(OWNER),
    f"POST {APPLICATION}/unarchive": Call(OWNER),
    f"GET {APPLICATION}/keys": Call(HOLDER),
    f"POST {APPLICATION}/keys": Call(but(OWNER, 201)),
    f"DELETE {APPLICATION}/keys/{{key}}": Call(OWNER),
    f"GET {APPLICATION}/ownerships": Call(OWNER),
    f"POST {APPLICATION}/ownerships": Call(but(OWNER, 201), {"organization": "{initech}"}),
    # The borrower gives back what the owner may take back.
    f"DELETE {APPLICATION}/ownerships/{{borrower}}": Call((404, 403, 403, 204, 204, 204)),
    f"GET {APPLICATION}/webhooks": Call(OWNER),
    f"POST {APPLICATION}/webhooks": Call(but(OWNER, 201), HOOK),
    f"GET {APPLICATION}/webhooks/{{endpoint}}": Call(OWNER),
    f"PATCH {APPLICATION}/webhooks/{{endpoint}}": Call(OWNER, HOOK),
    f"DELETE {APPLICATION}/webhooks/{{endpoint}}": Call(but(OWNER, 204)),
    f"GET {APPLICATION}/webhook_deliveries": Call(OWNER),
    f"POST {APPLICATION}/webhook_deliveries/resend_failed": Call(OWNER),
    f"GET {APPLICATION}/webhook_deliveries/{{delivery}}": Call(OWNER),
    f"POST {APPLICATION}/webhook_deliveries/{{delivery}}/resend": Call(OWNER),
    f"GET {APPLICATION}/event/presence_list": Call(HOLDER),
    f"POST {APPLICATION}/event/presence_list": Call(HOLDER),
    f"POST {APPLICATION}/event/{{event}}": Call((404, 403, 204, 204, 204, 204), {"text": "Hello"}),
}

PUBLIC: Final = {"POST /session", "POST /sessions"}


def operations(server: Tenants) -> dict[str, Any]:
    """Give the calls of the document, by method and path."""
    document = server.call("GET", "/openapi.json").json()
    return {
        f"{method.upper()} {path}": about
        for path, methods in document["paths"].items()
        for method, about in methods.items()
    }


def request(server: Tenants, world: World, call: str, who: str | None, role: str = "admin") -> Any:
    """Make a call in a world, as somebody by name or token."""
    method, _, path = call.partition(" ")
    asked = CALLS[call]
    slots = {**world.slots, "initech": world.initech["slug"]}
    slots |= {name: text.format(**slots) for name, text in asked.others.items()}
    if role == "borrower" and "/applications" in path and call != f"POST {ORGANIZATION}/applications":
        slots["organization"] = world.globex["slug"]
    body = {name: value.format(**slots) if isinstance(value, str) else value for name, value in asked.body.items()}
    return server.call(method, path.format(**slots), who, **({"json": body} if body else {}))


def state(server: Tenants, world: World) -> list[Any]:
    """Give all that the admin sees of a world."""
    here = f"/organizations/{world.acme['id']}"
    there = f"{here}/applications/{world.application['id']}"
    paths = [here, f"{here}/enrollments", f"{here}/applications", f"{there}/keys", f"{there}/ownerships"]
    paths += [f"{there}/webhooks", f"{there}/webhook_deliveries"]
    tokens = server.data("GET", "/users/me/tokens", "ada")
    is_valid = next(one["invalidated_at"] is None for one in tokens if str(one["id"]) == world.slots["token"])
    return [*(server.data("GET", path, "ada") for path in paths), is_valid]


@pytest.fixture(scope="module")
def untouched(tenants: Tenants) -> Iterator[World]:
    """Give a world in which everything is refused, and see at the end that nothing has changed."""
    world = tenants.with_webhook(tenants.world())
    before = state(tenants, world)
    yield world
    assert state(tenants, world) == before


def test_every_call_of_the_document_is_in_the_table(tenants: Tenants) -> None:
    assert set(operations(tenants)) == set(CALLS) | PUBLIC


@pytest.mark.parametrize("call", CALLS)
def test_who_has_no_good_token_is_told_nothing_else(tenants: Tenants, untouched: World, call: str) -> None:
    for token in (None, "garbage", tenants.expired("ada"), tenants.forged("ada", key="x" * 64)):
        answer = request(tenants, untouched, call, token)
        assert answer.status_code == 401, (token, answer.text)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert list(answer.json()["errors"]) == ["detail"]


@pytest.mark.parametrize("call", CALLS)
def test_a_token_for_browsers_opens_nothing_here(tenants: Tenants, untouched: World, call: str) -> None:
    for who in ("ada", "rosa"):
        answer = request(tenants, untouched, call, tenants.channel_only(who))
        assert (answer.status_code, list(answer.json()["errors"])) == (403, ["detail"])


@pytest.mark.parametrize("call", CALLS)
def test_each_role_may_do_what_the_table_says(tenants: Tenants, untouched: World, call: str) -> None:
    for role, status in zip(ROLES, CALLS[call].statuses, strict=True):
        changes_nothing = status >= 400 or call.startswith("GET")
        world = untouched if changes_nothing else tenants.world()
        if "/webhook" in call and not changes_nothing:
            world = tenants.with_webhook(world)
        answer = request(tenants, world, call, PEOPLE[role], role)
        assert answer.status_code == status, (role, answer.text)
        if status >= 400:
            assert list(answer.json()["errors"]) == ["detail"]


@pytest.mark.parametrize("call", [call for call in CALLS if "{" in call])
def test_what_is_not_yours_looks_like_what_is_not_there(tenants: Tenants, untouched: World, call: str) -> None:
    world = untouched
    nothing = {"organization": "no-such", "application": "999999", "user_id": "999999", "member": "999999"}
    nothing |= {"endpoint": "999999", "delivery": "999999"}
    by_id = {"organization": str(world.acme["id"]), "application": world.application["app_key"]}
    answers = [
        request(tenants, msgspec.structs.replace(world, slots={**world.slots, **slots}), call, "olga")
        for slots in ({}, by_id, nothing, {"organization": "no-such"})
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    own = {"date", "x-request-id"}  # of each answer
    heads = [{name: text for name, text in answer.headers.items() if name.lower() not in own} for answer in answers]
    assert heads == heads[:1] * len(heads)


@pytest.mark.parametrize("call", [call for call in CALLS if "{application}" in call])
def test_an_application_of_another_organization_is_not_there(tenants: Tenants, untouched: World, call: str) -> None:
    other = msgspec.structs.replace(untouched, slots={**untouched.slots, "organization": untouched.initech["slug"]})
    assert request(tenants, other, call, "olga").status_code == 404


def test_secrets_are_for_admins_of_the_owner_alone(tenants: Tenants) -> None:
    world = tenants.world()
    for role, sees in (("reader", False), ("publisher", False), ("borrower", False), ("admin", True), ("root", True)):
        for call in (f"GET {ORGANIZATION}/applications", f"GET {APPLICATION}", f"GET {APPLICATION}/keys"):
            answer = request(tenants, world, call, PEOPLE[role], role)
            data = answer.json()["data"]
            for one in data if isinstance(data, list) else [data]:
                secret = one["secret"] if call.endswith("/keys") else one["app_secret"]
                assert (secret is not None) is sees, (role, call)
            assert answer.headers["Cache-Control"] == "no-store"


def test_only_what_one_is_in_is_listed(tenants: Tenants) -> None:
    world = tenants.world()
    for who, expected in (("ada", world.acme), ("rita", world.acme), ("bob", world.globex), ("olga", world.initech)):
        ids = {one["id"] for one in tenants.data("GET", "/organizations", who)}
        assert ids & {world.acme["id"], world.globex["id"], world.initech["id"]} == {expected["id"]}
