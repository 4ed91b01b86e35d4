"""What the OpenAPI document says beyond what FastAPI reads from signatures: bodies, examples, refusals.

Knows how the three content types of one set of parameters are described. Does not know any route.
"""

from typing import Any

from pydantic import BaseModel, Field

from hubbub.api.parameters import FORM, JSON, MULTIPART


class Detail(BaseModel):
    """Why a request was refused as a whole."""

    detail: str = Field(description="A sentence for whoever reads it.", examples=["Not found"])


class Refused(BaseModel):
    """The answer to a request that was refused as a whole."""

    errors: Detail


class Invalid(BaseModel):
    """The answer to parameters that will not do."""

    errors: dict[str, list[str]] = Field(
        description="For each parameter at fault, what is wrong with it.", examples=[{"name": ["can't be blank"]}]
    )


_REFUSALS = {
    400: "The request cannot be read: JSON, a form or a query that is malformed.",
    401: "No token, or one that is expired, forged or not for this server.",
    403: "Signed in and known here, but not allowed; or a token that is only for channels.",
    404: "Not there, or not yours: one cannot tell which.",
    413: "The body is larger than the server takes.",
    415: "The body is neither JSON nor a form.",
    422: "A parameter will not do.",
    429: "The application publishes more events in a second than it may.",
    503: "The server cannot look this up at the moment: try again later.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give the documented answers of these statuses; 503, which any route may give, is always among them."""
    return {status: _refusal(status) for status in sorted({*statuses, 503})}


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _REFUSALS[status], "model": Invalid if status == 422 else Refused}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}}
    return answer


READING = (401, 403, 404)
"""What any route of one thing may answer."""

PARAMETERS = (400, 413, 415, 422)
"""What a route with parameters may answer."""

WRITING = (*READING, *PARAMETERS)
"""What a route of one thing, with parameters, may answer."""


def created(what: str) -> dict[int | str, dict[str, Any]]:
    """Describe the `Location` of an answer 201."""
    schema = {"type": "string", "format": "uri-reference"}
    return {201: {"headers": {"Location": {"description": f"Where the new {what} is.", "schema": schema}}}}


def body(model: type[BaseModel], under: str | None, example: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """Describe a body with the fields of `model`: JSON or a form, flat or each under `under[…]`.

    `example` is one set of parameters, `more` are further ones by name. Query parameters of these names do as well.
    """
    flat = _schema(model)
    schema, examples = flat, {"flat": example, **more}
    if under is not None:
        nested = {"type": "object", "properties": {under: flat}, "required": [under] if "required" in flat else []}
        schema = {"anyOf": [nested, flat]}
        examples = {f"under {under}": {under: example}} | examples
    form = {
        "schema": _form(flat, under),
        "example": {_form_name(name, under): value for name, value in example.items()},
    }
    return {
        "requestBody": {
            "description": "As JSON, as a form, or in the query"
            + (f"; each parameter by its name or as `{under}[name]`." if under else "."),
            # The parameters may all stand in the query.
            "required": False,
            "content": {
                JSON: {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}},
                FORM: form,
                MULTIPART: form,
            },
        }
    }


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    del schema["title"], schema["description"]
    return schema


def _form(flat: dict[str, Any], under: str | None) -> dict[str, Any]:
    """Describe a form: lists are `name[]`; what is an object in JSON is many fields, or its text."""
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for name, about in flat["properties"].items():
        match about:
            case {"type": "object"}:
                continue
            case {"anyOf": _, "description": description}:
                schema["properties"][_form_name(name, under)] = {"type": "string", "description": description}
            case {"type": "array"}:
                schema["properties"][_form_name(name, under) + "[]"] = about
            case _:
                schema["properties"][_form_name(name, under)] = about
    if "required" in flat:
        schema["required"] = [_form_name(name, under) for name in flat["required"]]
    return schema


def _form_name(name: str, under: str | None) -> str:
    return f"{under}[{name}]" if under else name
