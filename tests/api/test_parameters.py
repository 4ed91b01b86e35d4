import json
from typing import Annotated, Any
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI, HTTPException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from api.asgi import Answer, ask
from hubbub.api.failures import on_http_exception
from hubbub.api.parameters import FORM, JSON, MULTIPART, Parameters, fields
from hubbub.api.services import Services

BOUNDARY = f"{MULTIPART}; boundary=b"


class Thing(BaseModel):
    """What the example takes."""

    name: str = ""
    tags: list[str] = []


app = FastAPI(exception_handlers={HTTPException: on_http_exception})
app.state.services = Services(Mock(), Mock(), Mock(), Mock(), Mock(), 1_000_000)


@app.post("/all")
async def everything(given: Parameters) -> Any:
    """Give what was read."""
    return given


@app.post("/thing")
async def thing(given: Annotated[dict[str, Any], fields(Thing, "thing")]) -> Any:
    """Give what was read of a thing."""
    return given


async def sent(target: str, body: bytes = b"", kind: str | None = None) -> Answer:
    return await ask(app, "POST", target, body, headers={} if kind is None else {"Content-Type": kind})


def part(name: str, value: str, more: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"a": "x", "b": {"c": "y"}}', JSON),
        ('{"a": "x", "b": {"c": "y"}}', "Application/JSON; charset=utf-8"),
        ('{"a": "x", "b": {"c": "y"}}', "application/vnd.api+json"),
        ("a=x&b[c]=y", FORM),
        ("a=x&b%5Bc%5D=y", f"{FORM}; charset=UTF-8"),
        (part("a", "x") + part("b[c]", "y") + "--b--\r\n", BOUNDARY),
    ],
)
async def test_one_set_of_parameters_comes_in_every_form(body: str, kind: str) -> None:
    assert (await sent("/all", body.encode(), kind)).json == {"a": "x", "b": {"c": "y"}}


async def test_the_query_does_without_a_body() -> None:
    assert (await sent("/all?a=x&b[c]=y&d=&e")).json == {"a": "x", "b": {"c": "y"}, "d": "", "e": ""}
    assert (await sent("/all?a=x", b"", JSON)).json == {"a": "x"}


async def test_the_body_wins_over_the_query() -> None:
    assert (await sent("/all?a=x&b=y", b'{"a": 1}', JSON)).json == {"a": 1, "b": "y"}


@pytest.mark.parametrize(
    "given",
    [
        {"thing": {"name": "x", "is_root": True}},
        {"name": "x", "is_root": True},
        {"name": "y", "thing": {"name": "x"}},
        {"name": "x", "thing": "text", "id": 5},
    ],
)
async def test_fields_are_read_flat_or_nested_and_nothing_else_is(given: dict[str, Any]) -> None:
    assert (await sent("/thing", json.dumps(given).encode(), JSON)).json == {"name": "x"}


async def test_a_file_is_no_parameter() -> None:
    body = part("name", "x") + part("tags", "content", '; filename="a.txt"') + "--b--\r\n"
    assert (await sent("/thing", body.encode(), BOUNDARY)).json == {"name": "x"}


@pytest.mark.parametrize(
    ("target", "body", "kind", "status"),
    [
        ("/all", b'{"a"', JSON, 400),
        ("/all", b"{'a': 1}", JSON, 400),
        ("/all", b'{"a": NaN}', JSON, 400),
        ("/all", b'{"a": "\xff"}', JSON, 400),
        ("/all", b'{"a": "\\ud800"}', JSON, 400),
        ("/all", b'{"a":' * 100_000, JSON, 400),
        ("/all", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 400),
        ("/all", "{}".encode("utf-16"), JSON, 400),
        ("/all", b"[]", JSON, 422),
        ("/all", b"null", JSON, 422),
        ("/all", b'"a"', JSON, 422),
        ("/all", b"a=\xff", FORM, 400),
        ("/all", b"a=%ff", FORM, 400),
        ("/all?a=%ff", b"", None, 400),
        ("/all", b"&".join([b"a=1"] * 1001), FORM, 400),
        ("/all?" + "&".join(["a=1"] * 1001), b"", None, 400),
        ("/all", b"a", BOUNDARY, 400),
        ("/all", part("a", "x").encode(), MULTIPART, 400),
        ("/all", b"--b\r\n\r\nx\r\n--b--\r\n", BOUNDARY, 400),
        ("/all", "".join([part("a", "x")] * 1001).encode() + b"--b--\r\n", BOUNDARY, 400),
        ("/all", b"a=1", "text/plain", 415),
        ("/all", b"a=1", None, 415),
        ("/all", b"a=1", "", 415),
        ("/all", b"<a/>", "application/xml", 415),
        ("/all", b"{}", "json", 415),
    ],
)
async def test_what_cannot_be_read_is_refused(target: str, body: bytes, kind: str | None, status: int) -> None:
    answer = await sent(target, body, kind)
    assert (answer.status, list(answer.json["errors"])) == (status, ["body" if status == 422 else "detail"])


@given(st.dictionaries(st.text("abc", min_size=1), st.text(st.characters(codec="utf-8")), max_size=5))
async def test_any_text_survives_a_form(pairs: dict[str, str]) -> None:
    assert (await sent("/all", urlencode(pairs).encode(), FORM)).json == pairs
    assert (await sent(f"/all?{urlencode(pairs)}")).json == pairs


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "utf-7", "nonsense"])
async def test_a_form_is_utf_8_whatever_charset_it_claims(charset: str) -> None:
    """Python knows codecs that take quadratic time, and some that fail in ways of their own."""
    body = part("a", "xn--ä" * 50_000).encode() + b"--b--\r\n"
    answer = await sent("/all", body, f"{BOUNDARY}; charset={charset}")
    assert (answer.status, answer.json) == (200, {"a": "xn--ä" * 50_000})
