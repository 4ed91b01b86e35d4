"""The OpenAPI document says all that there is to say of each call."""

from typing import Any

import pytest

from tenants import Tenants


@pytest.fixture(scope="module")
def document(tenants: Tenants) -> dict[str, Any]:
    answer = tenants.call("GET", "/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_calls_stand_where_the_application_is_mounted(document: dict[str, Any]) -> None:
    assert document["servers"] == [{"url": "/api"}]


def test_every_call_is_described(operations: dict[str, dict[str, Any]]) -> None:
    for call, operation in operations.items():
        assert operation["summary"], call
        assert operation["description"], call
        assert operation["tags"], call
        for parameter in operation.get("parameters", []):
            assert parameter["description"], call


def test_every_call_has_a_name_of_its_own(operations: dict[str, dict[str, Any]]) -> None:
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)


def test_every_call_but_signing_in_needs_a_session_token(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    open_to_all = {call for call, operation in operations.items() if not operation.get("security")}
    assert open_to_all == {"POST /session", "POST /sessions"}
    scheme = document["components"]["securitySchemes"]["session"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")


def test_every_refusal_is_documented_in_its_shape(operations: dict[str, dict[str, Any]]) -> None:
    for call, operation in operations.items():
        assert {"401", "503"} <= set(operation["responses"]), call
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]["$ref"]
                assert schema.endswith("/Invalid" if status == "422" else "/Refused"), call


def test_every_body_has_examples_in_each_of_its_types(operations: dict[str, dict[str, Any]]) -> None:
    for call, operation in operations.items():
        if call.startswith(("PUT", "PATCH")):
            assert "requestBody" in operation, call
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            assert list(content) == ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
            assert content["application/json"]["examples"], call


def test_every_answer_has_an_example_of_each_of_its_fields(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, about in schema.get("properties", {}).items():
            is_plain = about.get("type") in ("string", "integer", "boolean")
            assert not is_plain or "examples" in about or "const" in about, (name, field)
