"""What a request gives, wherever it stands: in the query, in a form, in JSON.

Knows content types, and how much may come. Does not know which parameters a route takes: `fields` reads those that a
model names, and nobody ever sees the others.
"""

from collections.abc import AsyncGenerator
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import Depends, HTTPException, Request
from pydantic import BaseModel
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from hubbub.api import forms
from hubbub.api.services import services_of

MOST_FIELDS = 1000
"""Fields of a form or of a query."""

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"

_json = msgspec.json.Decoder[Any]()


async def parameters(request: Request) -> dict[str, Any]:
    """Give all parameters of a request, those of the body over those of the query; of forms, values are texts.

    Raises 400 for what cannot be read, 413 for a body over the limit, 415 for a type that is none of the three, 422 for
    JSON that is no object.
    """
    query = forms.tree(_pairs(request.scope["query_string"], "query"))
    body = await _body(request, (await services_of(request)).max_body_bytes)
    if not body:
        return query
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        return query | forms.tree(_pairs(body, "form"))
    if kind == MULTIPART:
        return query | forms.tree(await _parts(request.headers, body))
    if kind == JSON or (kind.startswith("application/") and kind.endswith("+json")):
        return query | _object(body)
    raise HTTPException(415, f"Send parameters as {JSON}, {FORM} or {MULTIPART}, or in the query")


Parameters = Annotated[dict[str, Any], Depends(parameters)]
"""All parameters of the request, for a route that takes any."""


def fields(model: type[BaseModel], under: str | None) -> Any:
    """Give the dependency that reads the parameters a `model` names, by name or as `under[name]`.

    They come as they were sent: what fits is for the use-cases to say.
    """

    async def read(given: Parameters) -> dict[str, Any]:
        nested = given.get(under) if under is not None else None
        found = given | nested if isinstance(nested, dict) else given
        return {name: found[name] for name in model.model_fields if name in found}

    return Depends(read)


async def _body(request: Request, limit: int) -> bytes:
    too_large = HTTPException(413, f"The request body exceeds the allowed maximum ({limit} bytes)")
    if int(request.headers.get("content-length", 0)) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def _pairs(text: bytes, where: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS if text else None
        )
    except UnicodeDecodeError:
        raise HTTPException(400, f"The {where} is not UTF-8") from None
    except ValueError:
        raise HTTPException(400, f"The {where} has more than {MOST_FIELDS} fields") from None


async def _parts(headers: Headers, body: bytes) -> list[tuple[str, str]]:
    """Give the fields of a multipart form; files in it are nobody's parameter."""
    boundary = parse_options_header(headers.get("content-type"))[1].get(b"boundary", b"")
    # A charset that the client names would be any codec of Python's, some of them quadratic. Forms are UTF-8.
    plain = Headers(raw=[(b"content-type", b'multipart/form-data; boundary="' + boundary + b'"')])
    parser = MultiPartParser(plain, _once(body), max_files=MOST_FIELDS, max_fields=MOST_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"The form cannot be read: {error.message}") from None
    try:
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        for pair in pairs:
            "".join(pair).encode()  # some charsets have lone surrogates
    except UnicodeEncodeError:
        raise HTTPException(400, "The form is not UTF-8") from None
    finally:
        await form.close()
    return pairs


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = _json.decode(body)
    except RecursionError:
        raise HTTPException(400, "The JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise HTTPException(400, f"The JSON cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise HTTPException(422, {"body": ["must be a JSON object"]})
    return value
