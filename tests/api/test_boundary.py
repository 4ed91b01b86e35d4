import logging
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import FastAPI

from api.asgi import ask
from hubbub.accounts.domain import OPERATOR, Identity
from hubbub.accounts.sessions import Sessions
from hubbub.api.app import api
from hubbub.api.services import Services
from hubbub.apps import Application
from hubbub.errors import OVER_CAPACITY, STORE_UNAVAILABLE
from hubbub.messages import Event, Member

BEARER = {"Authorization": "Bearer x"}


class Failing:
    """Use-cases and a node that all end the same way."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> "Failing":
        return self

    async def __call__(self, *_: object, **__: object) -> None:
        raise self._error


class Everybody(Mock):
    """Takes any token."""

    async def verify(self, _jwt: str) -> Identity:
        return OPERATOR

    async def issue(self, _token: object, **_: object) -> str:
        return "jwt"


async def publish(_app: Application, _event: Event) -> None:
    """Publish nothing."""


async def members(_app_id: str, _channel: str) -> dict[str, Member]:
    return {}


def failing(error: BaseException) -> FastAPI:
    broken: Any = Failing(error)
    return api(Services(broken, Everybody(Sessions), broken, publish, members, 1000))


async def test_what_was_not_expected_is_logged_once_and_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask(failing(RuntimeError("the secret")), "GET", "/me", headers={**BEARER, "Origin": "https://x"})
    assert (answer.status, answer.json) == (500, {"errors": {"detail": "Internal server error"}})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_a_token_in_the_path_of_a_failed_request_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    token = "4036de82-c6ab-11e6-9a53-28cfe91ef193"
    await ask(failing(RuntimeError()), "DELETE", f"/users/1/tokens/{token}", headers=BEARER)
    assert len(caplog.records) == 1
    assert token not in caplog.text


@pytest.mark.parametrize("refusal", [STORE_UNAVAILABLE(), OVER_CAPACITY()])
async def test_a_refusal_keeps_its_status_and_text(refusal: Exception, caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask(failing(refusal), "GET", "/me", headers=BEARER)
    assert (answer.status, answer.json) == (503, {"errors": {"detail": str(refusal)}})
    assert not caplog.records


async def test_a_client_that_goes_away_is_nobodys_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hubbub")
    headers = {"Content-Type": "application/json"}
    answer = await ask(failing(RuntimeError()), "POST", "/session", b"{", headers=headers, goes_away=True)
    assert answer.status == 0
    assert not [record for record in caplog.records if record.name.startswith("hubbub")]


async def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    app = failing(RuntimeError())
    headers = {"Content-Type": "application/json", "Content-Length": "1001"}
    answer = await ask(app, "POST", "/session", b"{", headers=headers)
    assert (answer.status, list(answer.json["errors"])) == (413, ["detail"])


async def test_a_body_over_the_limit_is_refused_while_it_is_read() -> None:
    app = failing(RuntimeError())
    headers = {"Content-Type": "application/json"}
    assert (await ask(app, "POST", "/session", b"{", b" " * 998, b"}", headers=headers)).status == 201
    assert (await ask(app, "POST", "/session", b"{", b" " * 999, b"}", headers=headers)).status == 413


async def test_head_is_get_without_a_body() -> None:
    app = failing(RuntimeError())
    get, head = await ask(app, "GET", "/openapi.json"), await ask(app, "HEAD", "/openapi.json")
    assert head.body == b""
    assert (head.status, head.headers) == (200, get.headers)


@pytest.mark.parametrize("target", ["/session/", "/session//"])
async def test_a_slash_at_the_end_means_nothing(target: str) -> None:
    assert (await ask(failing(RuntimeError()), "POST", target)).status == 201
