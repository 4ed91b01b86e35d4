import json
from typing import Any

import pytest

from hubbub.api.broadcast import event
from hubbub.errors import INVALID, Refusal
from hubbub.messages import Event
from hubbub.settings import AppSettings

SETTINGS = AppSettings(max_event_bytes=100, max_event_name_length=20, max_channel_name_length=30)


def faults(name: str, given: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(Refusal) as caught:
        event(name, given, SETTINGS)
    assert caught.value.reason is INVALID
    errors = caught.value.facts["errors"]
    assert isinstance(errors, dict)
    return errors


def test_all_parameters_that_do_not_route_are_the_payload() -> None:
    given = {"name": "John", "message": "Hello", "topic": "orders", "uid": "u"}
    assert event("new_message", given, SETTINGS) == Event("orders", "new_message", '{"name":"John","message":"Hello"}')


def test_without_a_topic_it_is_the_general_one_and_without_parameters_an_empty_object() -> None:
    assert event("ping", {}, SETTINGS) == Event("general", "ping", "{}")


@pytest.mark.parametrize("yes", [True, "true", "1", 1, "on"])
def test_direct_goes_to_a_user(yes: object) -> None:
    made = event("hello", {"direct": yes, "uid": "jane", "topic": "orders", "a": 1}, SETTINGS)
    assert made == Event("#server-to-user-jane", "hello", '{"a":1}')


def test_a_numeric_uid_is_its_digits() -> None:
    assert event("hello", {"direct": True, "uid": 42}, SETTINGS).channel == "#server-to-user-42"


@pytest.mark.parametrize("no", [False, "false", "0", 0])
def test_what_is_not_direct_goes_to_the_topic_whatever_the_uid(no: object) -> None:
    assert event("hello", {"direct": no, "uid": "jane"}, SETTINGS).channel == "general"


@pytest.mark.parametrize("payload", [{"topic": "inside"}, '{"topic": "inside"}', ' {"topic":"inside"} '])
def test_payload_is_the_whole_payload(payload: object) -> None:
    made = event("hello", {"payload": payload, "other": 1, "topic": "orders"}, SETTINGS)
    assert made == Event("orders", "hello", '{"topic":"inside"}')


@pytest.mark.parametrize("payload", ["", "[]", "1", "null", '{"a":', "\udcff", "[" * 5000, None, [], 1, True])
def test_a_payload_is_an_object(payload: object) -> None:
    assert list(faults("hello", {"payload": payload})) == ["payload"]


def test_data_is_measured_in_bytes() -> None:
    assert len(event("hello", {"a": "é" * 46}, SETTINGS).data.encode()) == 100
    assert faults("hello", {"a": "é" * 46 + "a"}) == {"payload": ["should be at most 100 bytes of JSON"]}


@pytest.mark.parametrize(
    "name", ["pusher:x", "pusher_internal:x", "phx_join", "phx_", "presence_state", "presence_diff"]
)
def test_reserved_names_are_refused(name: str) -> None:
    assert faults(name, {}) == {"event": ["is reserved"]}


@pytest.mark.parametrize("name", ["pusher", "phx", "presence", "client-x", "new message", "a/b", "ü"])
def test_other_names_are_free(name: str) -> None:
    assert event(name, {}, SETTINGS).name == name


def test_a_name_has_its_limit() -> None:
    assert event("x" * 20, {}, SETTINGS).name == "x" * 20
    assert list(faults("x" * 21, {})) == ["event"]


@pytest.mark.parametrize("topic", ["", "a:b", "a b", "x" * 31, "#x", 1, None, ["orders"], "a\0"])
def test_a_topic_is_the_name_of_a_channel(topic: object) -> None:
    assert list(faults("hello", {"topic": topic})) == ["topic"]


@pytest.mark.parametrize("uid", [None, "", "a:b", "x" * 31, True, 1.5, {}])
def test_a_uid_is_part_of_the_name_of_a_channel(uid: object) -> None:
    given = {"direct": True} if uid is None else {"direct": True, "uid": uid}
    assert list(faults("hello", given)) == ["uid"]


@pytest.mark.parametrize("direct", ["maybe", "", 2, None, []])
def test_direct_is_yes_or_no(direct: object) -> None:
    assert list(faults("hello", {"direct": direct})) == ["direct"]


def test_every_fault_is_told_at_once() -> None:
    given = {"topic": ":", "payload": "x"}
    assert sorted(faults("phx_x", given)) == ["event", "payload", "topic"]


def test_an_object_that_is_nested_beyond_all_bounds_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert faults("hello", {"payload": deep}) == {"payload": ["is nested too deeply"]}
    while deep:  # else the interpreter would take it apart recursively
        deep = deep["a"]


def test_text_is_compact_json() -> None:
    data = event("hello", {"payload": {"a": [1, 2.5, None, True], "ü": "\0"}}, SETTINGS).data
    assert data == '{"a":[1,2.5,null,true],"ü":"\\u0000"}'
    assert json.loads(data)["ü"] == "\0"
