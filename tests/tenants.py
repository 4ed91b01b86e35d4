"""A server with three organizations that must not see one another, and somebody in each role.

Acme      owns the application: ada is its admin, pete may publish, rita may not
Globex    borrows it: bob is its admin
Initech   has nothing to do with it: olga is its admin
rosa      is root, and in none of them
"""

import asyncio
import itertools
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
import requests

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.store import Store
from hubbub.webhooks.seam import Attempt, NewDelivery, State
from running import Running

LIMIT = 20.0  # seconds
PEOPLE = ("ada", "pete", "rita", "bob", "olga", "rosa", "nina")

_numbers = itertools.count(1)


class Person(msgspec.Struct, frozen=True):
    """A user of the server: an id, a user token, and a session token made from it."""

    id: int
    email: str
    token: str
    jwt: str


class World(msgspec.Struct, frozen=True):
    """One set of the three organizations and what they hold. `slots` fill the paths of the API's document."""

    acme: dict[str, Any]
    globex: dict[str, Any]
    initech: dict[str, Any]
    application: dict[str, Any]
    slots: dict[str, str]


class Tenants(Running):
    """`with Tenants() as server:` starts it. People are shared, each `world()` is new."""

    def __init__(self, **settings: object) -> None:
        self._files = tempfile.TemporaryDirectory(prefix="hubbub-tenants-")
        self.database_url = str(settings.get("database_url", f"sqlite:///{Path(self._files.name, 'hubbub.db')}"))
        self.jwt_secret = secrets.token_urlsafe(64)
        super().__init__(
            migrate=False,  # it does so by itself, SQLite being its own
            app_id=None,
            app_key=None,
            app_secret=None,
            **{**settings, "database_url": self.database_url, "jwt_secret": self.jwt_secret},
        )
        self.session = requests.Session()
        self.people: dict[str, Person] = {}

    def __enter__(self) -> "Tenants":
        """Start it, with everybody in it."""
        super().__enter__()
        try:
            self.people = self.sign_up(*PEOPLE)
        except BaseException:
            self._end(expect_life=False)
            raise
        return self

    def __exit__(self, *of_error: Any) -> None:
        """Stop it."""
        self.session.close()
        try:
            super().__exit__(*of_error)
        finally:
            self._files.cleanup()

    def sign_up(self, *names: str) -> dict[str, Person]:
        """Make users of these names, and sign them in. Not for a coroutine: it runs an event loop."""
        people = {}
        for name, (user_id, token) in asyncio.run(self._create(names)).items():
            answer = self.call("POST", "/session", json={"token": token})
            assert answer.status_code == 201, answer.text
            people[name] = Person(user_id, f"{name}@example.com", token, answer.json()["jwt"])
        return people

    async def _create(self, names: Sequence[str]) -> dict[str, tuple[int, str]]:
        store = Store.open(self.database_url)
        accounts = Accounts(store)
        tokens = {}
        for name in names:
            email, password = f"{name}@example.com", secrets.token_urlsafe()
            user = await accounts.users.create(
                OPERATOR, name=name.title(), email=email, password=password, is_root=name == "rosa"
            )
            tokens[name] = (user.id, (await accounts.tokens.create(OPERATOR, email)).text)
        await store.close()
        return tokens

    def call(self, method: str, path: str, who: str | None = None, **more: Any) -> requests.Response:
        """Call the API, as somebody by name, or with a session token, or as nobody."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            token = self.people[who].jwt if who in self.people else who
            headers["Authorization"] = f"Bearer {token}"
        return self.session.request(
            method, f"{self.url}/api{path}", headers=headers, timeout=LIMIT, allow_redirects=False, **more
        )

    def data(self, method: str, path: str, who: str, **more: Any) -> Any:
        """Call the API, which must do what it is asked, and give the `data` of the answer."""
        answer = self.call(method, path, who, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"] if answer.content else None

    def forged(self, who: str, key: str | None = None, algorithm: str = "HS512", **claims: object) -> str:
        """Give a session token like the one of somebody, with other claims, or signed by another key."""
        own = jwt.decode(self.people[who].jwt, options={"verify_signature": False})
        said = {name: value for name, value in {**own, **claims}.items() if value is not None}
        return jwt.encode(said, self.jwt_secret if key is None else key, algorithm=algorithm)

    def expired(self, who: str) -> str:
        """Give somebody's session token of yesterday."""
        return self.forged(who, exp=int(time.time()) - 1)

    def channel_only(self, who: str) -> str:
        """Give somebody's session token for a browser."""
        answer = self.call("POST", "/session", json={"token": self.people[who].token, "channel": True})
        return str(answer.json()["jwt"])

    def world(self) -> World:
        """Make three organizations, an application that one owns and one borrows, a second key, and a token of ada."""
        number = next(_numbers)
        acme = self.data("POST", "/organizations", "ada", json={"name": f"Acme {number}"})
        globex = self.data("POST", "/organizations", "bob", json={"name": f"Globex {number}"})
        initech = self.data("POST", "/organizations", "olga", json={"name": f"Initech {number}"})
        here = f"/organizations/{acme['slug']}"
        for name, can_publish in (("pete", True), ("rita", False)):
            member = {"user": self.people[name].email, "can_publish": can_publish}
            self.data("POST", f"{here}/enrollments", "ada", json=member)
        application = self.data("POST", f"{here}/applications", "ada", json={"name": "Chat"})
        there = f"{here}/applications/{application['id']}"
        self.data("POST", f"{there}/ownerships", "ada", json={"organization": globex["slug"]})
        key = self.data("POST", f"{there}/keys", "ada")["key"]
        token = self.data("POST", "/users/me/tokens", "ada")
        return World(
            acme,
            globex,
            initech,
            {**application, "new_key": key},
            {
                "organization": acme["slug"],
                "application": str(application["id"]),
                "user_id": str(self.people["ada"].id),
                "member": str(self.people["pete"].id),
                "token": str(token["id"]),
                "key": key,
                "borrower": globex["slug"],
                "event": "new_message",
            },
        )

    def with_webhook(self, world: World, url: str = "https://hooks.invalid/") -> World:
        """Give a world whose application has a webhook, which leads nowhere unless told, and a delivery that failed."""
        there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
        endpoint = self.data("POST", f"{there}/webhooks", "ada", json={"url": url})["id"]
        delivery = asyncio.run(self._deliver(world.slots["application"], endpoint))
        slots = {**world.slots, "endpoint": str(endpoint), "delivery": str(delivery)}
        return msgspec.structs.replace(world, slots=slots)

    async def _deliver(self, app_id: str, endpoint_id: int) -> int:
        store, now = Store.open(self.database_url), datetime.now(UTC)
        body = '{"time_ms":1,"events":[{"name":"channel_occupied","channel":"chat"}]}'
        [made] = await store.outbox.make([NewDelivery(app_id, endpoint_id, 1, ("chat",), body, "key", "signature", ())])
        assert made is not None
        await store.outbox.attempted([Attempt(made, now, 12, State.FAILED, 500, "", "Oh no")])
        await store.close()
        return made


@pytest.fixture(scope="session")
def tenants() -> Iterator[Tenants]:
    """Give the server with the three organizations; who changes anything makes a world of their own."""
    with Tenants() as server:
        yield server
