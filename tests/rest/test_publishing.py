"""Publishing over the signed API to a real server, and what its subscribers hear of it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from rest.driver import Backend, listening
from running import Running

TOO_LARGE = (
    "The data content of this event exceeds the allowed maximum (10240 bytes)."
    " See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(app_subscription_counts=True) as running:
        yield running


@pytest.fixture(scope="module")
def countless() -> Iterator[Running]:
    """Give a server whose application does not count subscriptions."""
    with Running() as running:
        yield running


@pytest.fixture
async def api(server: Running) -> AsyncIterator[Backend]:
    async with Backend(server) as backend:
        yield backend


# One event


@pytest.mark.parametrize("where", [{"channel": "a"}, {"channels": ["a"]}, {"channels": ["a", "b"]}], ids=str)
async def test_an_event_reaches_its_channels(server: Running, api: Backend, where: dict[str, Any]) -> None:
    async with listening(server, "a") as listener:
        answer = await api.post("/events", {"name": "greeting", "data": '{"hello":"world"}', **where})
        assert (answer.status, answer.body) == (200, b"{}")
        assert answer.headers["content-type"] == "application/json"
        assert await listener.event() == ("a", "greeting", '{"hello":"world"}')


async def test_an_event_for_several_channels_is_heard_in_each_and_nowhere_else(server: Running, api: Backend) -> None:
    async with listening(server, "both-1", "both-2", "both-3") as listener:
        await api.post("/events", {"name": "n", "channels": ["both-1", "both-2"], "data": "d"})
        heard = await listener.events_until(api, "both-3")
        assert sorted(heard) == [("both-1", "n", "d"), ("both-2", "n", "d")]


async def test_a_channel_named_twice_hears_an_event_once(server: Running, api: Backend) -> None:
    async with listening(server, "twice") as listener:
        await api.post("/events", {"name": "n", "channels": ["twice", "twice", "twice"], "data": "d"})
        assert await listener.events_until(api, "twice") == [("twice", "n", "d")]


async def test_where_both_channel_and_channels_are_given_channels_counts(server: Running, api: Backend) -> None:
    async with listening(server, "one", "many") as listener:
        await api.post("/events", {"name": "n", "channels": ["many"], "channel": "one", "data": "d"})
        assert await listener.events_until(api, "one") == [("many", "n", "d")]


async def test_a_channel_nobody_listens_to_takes_events_all_the_same(api: Backend) -> None:
    assert (await api.publish("nobody-is-here", "n")).body == b"{}"


async def test_a_hundred_channels_are_accepted_and_one_more_is_not(server: Running, api: Backend) -> None:
    channels = [f"hundred-{n}" for n in range(101)]
    async with listening(server, "hundred-99", "hundred-100") as listener:
        assert (await api.post("/events", {"name": "n", "channels": channels[:100], "data": "d"})).status == 200
        answer = await api.post("/events", {"name": "m", "channels": channels, "data": "d"})
        assert answer.refusal == (400, "Too many channels (101 > 100)")
        assert await listener.events_until(api, "hundred-100") == [("hundred-99", "n", "d")]


async def test_duplicates_do_not_count_towards_the_hundred(api: Backend) -> None:
    answer = await api.post("/events", {"name": "n", "channels": ["same"] * 101, "data": "d"})
    assert answer.status == 200


async def test_the_excluded_socket_hears_nothing_on_any_of_the_channels(server: Running, api: Backend) -> None:
    async with listening(server, "ex-1", "ex-2") as sender, listening(server, "ex-1", "ex-2") as other:
        body = {"name": "n", "channels": ["ex-1", "ex-2"], "data": "d", "socket_id": sender.socket_id}
        assert (await api.post("/events", body)).status == 200
        assert sorted([await other.event(), await other.event()]) == [("ex-1", "n", "d"), ("ex-2", "n", "d")]
        assert await sender.events_until(api, "ex-1") == []


async def test_an_unknown_socket_excludes_nobody(server: Running, api: Backend) -> None:
    async with listening(server, "unknown-socket") as listener:
        await api.publish("unknown-socket", "n", socket_id="1.1")
        assert (await listener.event())[1] == "n"


@pytest.mark.parametrize("bad", ["", "1", "1.", ".1", "1.2.3", "a.b", "1.2 ", "1.2\n", "-1.2", "١.٢"])
async def test_a_malformed_socket_id_is_refused(api: Backend, bad: str) -> None:
    answer = await api.post("/events", {"name": "n", "channel": "c", "data": "d", "socket_id": bad})
    assert answer.refusal == (400, f"Invalid socket id '{bad}'")


async def test_a_socket_id_of_null_excludes_nobody(api: Backend) -> None:
    await api.publish("null-socket", "n", socket_id=None)


async def test_events_arrive_in_the_order_they_were_accepted(server: Running, api: Backend) -> None:
    async with listening(server, "order") as listener:
        for number in range(100):
            await api.publish("order", "n", str(number))
        assert [int((await listener.event())[2]) for _ in range(100)] == list(range(100))


async def test_a_user_channel_takes_events_like_any_other(api: Backend) -> None:
    await api.publish("#server-to-user-42", "n")


# Data


@pytest.mark.parametrize(
    "data",
    ["", " ", "123", "null", '"quoted"', 'a"b\\c', "é☃😀", "\x00\x01\x7f", "line\r\nline", "\u2028</script>", "{}" * 9],
)
async def test_data_arrives_as_it_was_given(server: Running, api: Backend, data: str) -> None:
    async with listening(server, "as-given") as listener:
        await api.publish("as-given", "n", data)
        assert (await listener.event())[2] == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"a" : 1,\t"a":2, "\\u00e9" :[ ]}',
        b"[1, 2.50, 1e3]",
        b"1.0",
        b"-0",
        b"true",
        b"false",
        b"123456789012345678901234567890",
        b"[null]",
        '{"é":"☃😀"}'.encode(),
    ],
)
async def test_data_that_is_no_string_arrives_as_the_json_it_came_as(
    server: Running, api: Backend, data: bytes
) -> None:
    async with listening(server, "no-string") as listener:
        answer = await api.post("/events", b'{"name":"n","channel":"no-string","data": ' + data + b" }")
        assert answer.status == 200, answer
        assert (await listener.event())[2] == data.decode()


@pytest.mark.parametrize("unit", ["a", "é", "☃", "😀", '"', "\x00"])
async def test_the_limit_of_data_counts_the_bytes_of_its_utf8(server: Running, api: Backend, unit: str) -> None:
    fits = unit * (10240 // len(unit.encode()))
    fits += "x" * (10240 - len(fits.encode()))
    async with listening(server, "limit") as listener:
        await api.publish("limit", "n", fits)
        assert (await listener.event())[2] == fits
        answer = await api.post("/events", {"name": "n", "channel": "limit", "data": fits + "x"})
        assert answer.refusal == (413, TOO_LARGE)
        assert await listener.events_until(api, "limit") == []


async def test_the_limit_holds_for_data_that_is_no_string_too(api: Backend) -> None:
    fits = b'["' + b"x" * (10240 - 4) + b'"]'
    assert (await api.post("/events", b'{"name":"n","channel":"c","data":' + fits + b"}")).status == 200
    answer = await api.post("/events", b'{"name":"n","channel":"c","data":[' + fits + b"]}")
    assert answer.refusal == (413, TOO_LARGE)


# What is wrong with an event


def event(**changes: object) -> dict[str, object]:
    given = {"name": "n", "channel": "c", "data": "d", **changes}
    return {name: value for name, value in given.items() if value is not ...}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (event(name=...), "Missing required parameter: name"),
        (event(name=None), "Missing required parameter: name"),
        (event(data=...), "Missing required parameter: data"),
        (event(data=None), "Missing required parameter: data"),
        (event(channel=...), "Missing required parameter: channel"),
        (event(channel=None), "Missing required parameter: channel"),
        (event(channel=None, channels=None), "Missing required parameter: channel"),
        (event(channel=..., channels=[]), "Missing required parameter: channel"),
        ({}, "Missing required parameter: name"),
        (event(name=1), "Expected name parameter to be a string"),
        (event(name=["n"]), "Expected name parameter to be a string"),
        (event(name={}), "Expected name parameter to be a string"),
        (event(name=True), "Expected name parameter to be a string"),
        (event(channel=1), "Expected channel parameter to be a string"),
        (event(channel=["c"]), "Expected channel parameter to be a string"),
        (event(channels="c"), "Expected channels parameter to be a list of strings"),
        (event(channels={"0": "c"}), "Expected channels parameter to be a list of strings"),
        (event(channels=[1]), "Expected channels parameter to be a list of strings"),
        (event(channels=["c", None]), "Expected channels parameter to be a list of strings"),
        (event(channels=[["c"]]), "Expected channels parameter to be a list of strings"),
        (event(socket_id=1.5), "Expected socket_id parameter to be a string"),
        (event(info=["user_count"]), "Expected info parameter to be a string"),
        (event(name=""), "Event name must not be empty"),
        (event(name="n" * 201), "Event name of 201 characters exceeds the allowed maximum (200)"),
        (
            event(name="pusher:subscribe"),
            "Event name 'pusher:subscribe' is reserved: names starting with pusher: are Pusher's own",
        ),
        (
            event(name="pusher_internal:member_added"),
            "Event name 'pusher_internal:member_added' is reserved: names starting with pusher: are Pusher's own",
        ),
        (event(channel=""), "Invalid channel name ''"),
        (event(channel="c" * 201), "Channel name of 201 characters exceeds the allowed maximum (200)"),
        (event(channel="a b"), "Invalid channel name 'a b'"),
        (event(channel="a/b"), "Invalid channel name 'a/b'"),
        (event(channel="a:b"), "Invalid channel name 'a:b'"),
        (event(channel="a\nb"), "Invalid channel name 'a\nb'"),
        (event(channel="a\n"), "Invalid channel name 'a\n'"),
        (event(channel="a\x00"), "Invalid channel name 'a\x00'"),
        (event(channel="é"), "Invalid channel name 'é'"),
        (event(channel="😀"), "Invalid channel name '😀'"),
        (event(channel="٣"), "Invalid channel name '٣'"),
        (event(channel="#private"), "Invalid channel name '#private'"),
        (event(channel="#server-to-user-"), "Invalid channel name '#server-to-user-'"),
        (event(channel="#server-to-user-a b"), "Invalid channel name '#server-to-user-a b'"),
        (event(channel="x#server-to-user-1"), "Invalid channel name 'x#server-to-user-1'"),
        (event(channels=["fine", "a b"]), "Invalid channel name 'a b'"),
    ],
    ids=lambda value: str(value)[:60].encode("unicode_escape").decode(),
)
async def test_an_event_that_lacks_something_or_is_misshapen_is_refused(
    api: Backend, body: dict[str, object], text: str
) -> None:
    assert (await api.post("/events", body)).refusal == (400, text)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b"[{}]"])
async def test_a_body_that_is_json_but_no_object_is_refused(api: Backend, body: bytes) -> None:
    status, text = (await api.post("/events", body)).refusal
    assert status == 400
    assert text.startswith("Received invalid JSON: Expected `object`")


async def test_one_bad_channel_keeps_an_event_from_all_of_them(server: Running, api: Backend) -> None:
    async with listening(server, "all-or-none") as listener:
        answer = await api.post("/events", {"name": "n", "channels": ["all-or-none", "not good"], "data": "d"})
        assert answer.status == 400
        assert await listener.events_until(api, "all-or-none") == []


@pytest.mark.parametrize(
    "name",
    [
        "n" * 200,
        "client-typing",
        "App\\Events\\OrderShipped",
        ".order.shipped",
        "Illuminate\\Notifications\\Events\\BroadcastNotificationCreated",
        "pusher",
        "pusher-like",
        "Pusher:x",
        "a b:c/d",
        "é☃😀",
        "{0.__class__}",
        "%s%n",
        " ",
    ],
)
async def test_any_other_name_of_an_event_will_do(server: Running, api: Backend, name: str) -> None:
    async with listening(server, "names") as listener:
        await api.publish("names", name)
        assert (await listener.event())[1] == name


@pytest.mark.parametrize("channel", ["c" * 200, "a=b@c,d.e;f", "-", "_", "A-Z", "private-x", "presence-x", ",", "9"])
async def test_every_name_that_libraries_allow_is_a_channel(api: Backend, channel: str) -> None:
    await api.publish(channel, "n")


async def test_every_user_id_that_libraries_allow_has_a_channel(api: Backend) -> None:
    await api.publish("#server-to-user-" + "u" * 200, "n")


async def test_keys_that_nobody_knows_are_ignored(server: Running, api: Backend) -> None:
    async with listening(server, "unknown-keys") as listener:
        body = {"name": "n", "channel": "unknown-keys", "data": "d", "tags": {"a": [1]}, "": None, "Name": 5}
        assert (await api.post("/events", body)).status == 200
        assert await listener.event() == ("unknown-keys", "n", "d")


async def test_of_keys_given_twice_the_last_counts(server: Running, api: Backend) -> None:
    async with listening(server, "last", "first") as listener:
        body = b'{"name":"m","name":"n","channel":"first","data":"x","channel":"last","data":"y"}'
        assert (await api.post("/events", body)).status == 200
        assert await listener.events_until(api, "first") == [("last", "n", "y")]


# Counts with the answer


async def test_info_tells_the_counts_that_fit_each_channel(server: Running, api: Backend) -> None:
    async with listening(server, "presence-info", "info", user_id="7"), listening(server, "presence-info", user_id="7"):
        body = {"name": "n", "channels": ["presence-info", "info", "empty"], "data": "d"}
        answer = await api.post("/events", {**body, "info": "user_count"})
        assert answer.json == {"channels": {"presence-info": {"user_count": 1}, "info": {}, "empty": {}}}
        answer = await api.post("/events", {**body, "info": "user_count,subscription_count"})
        assert answer.json == {
            "channels": {
                "presence-info": {"user_count": 1, "subscription_count": 2},
                "info": {"subscription_count": 1},
                "empty": {"subscription_count": 0},
            }
        }


async def test_a_presence_channel_nobody_is_in_counts_no_users(api: Backend) -> None:
    answer = await api.publish("presence-nobody", "n", info="user_count")
    assert answer.json == {"channels": {"presence-nobody": {"user_count": 0}}}


async def test_subscription_counts_are_left_out_where_they_are_off(countless: Running) -> None:
    async with Backend(countless) as api:
        answer = await api.publish("a", "n", info="subscription_count")
        assert answer.json == {"channels": {"a": {}}}


@pytest.mark.parametrize("info", ["", ",", "nonsense", "user_count", "cache", " user_count , "])
async def test_info_that_fits_nothing_is_no_error(api: Backend, info: str) -> None:
    assert isinstance((await api.publish("plain", "n", info=info)).json, dict)


# Batches


def batch(*channels: str, **more: object) -> dict[str, Any]:
    return {"batch": [{"name": f"n{place}", "channel": c, "data": "d", **more} for place, c in enumerate(channels)]}


async def test_a_batch_reaches_its_channels_in_order(server: Running, api: Backend) -> None:
    async with listening(server, "batch-1", "batch-2") as listener:
        answer = await api.post("/batch_events", batch("batch-1", "batch-1", "batch-2"))
        assert (answer.status, answer.body) == (200, b"{}")
        heard = [await listener.event() for _ in range(3)]
        assert [name for channel, name, _ in heard if channel == "batch-1"] == ["n0", "n1"]
        assert ("batch-2", "n2", "d") in heard


async def test_ten_events_make_a_batch_and_eleven_are_too_many(server: Running, api: Backend) -> None:
    async with listening(server, "ten") as listener:
        assert (await api.post("/batch_events", batch(*["ten"] * 10))).status == 200
        answer = await api.post("/batch_events", batch(*["ten"] * 11))
        assert answer.refusal == (400, "Batch too large (11 > 10)")
        assert [name for _, name, _ in await listener.events_until(api, "ten")] == [f"n{n}" for n in range(10)]


async def test_ten_events_of_the_largest_data_fit_into_one_body_however_escaped(api: Backend) -> None:
    answer = await api.post("/batch_events", {"batch": [event(data='"' * 10240) for _ in range(10)]})
    assert answer.status == 200


async def test_a_batch_tells_counts_at_the_place_of_each_event(server: Running, api: Backend) -> None:
    async with listening(server, "presence-batch", "counted"):
        body = batch("presence-batch", "counted", "counted", "presence-batch")
        body["batch"][0]["info"] = "user_count"
        body["batch"][2]["info"] = "subscription_count,user_count"
        answer = await api.post("/batch_events", body)
        assert answer.json == {"batch": [{"user_count": 1}, {}, {"subscription_count": 1}, {}]}


async def test_each_event_of_a_batch_excludes_its_own_socket(server: Running, api: Backend) -> None:
    async with listening(server, "batch-ex") as one, listening(server, "batch-ex") as other:
        body = batch("batch-ex", "batch-ex")
        body["batch"][0]["socket_id"] = one.socket_id
        body["batch"][1]["socket_id"] = other.socket_id
        assert (await api.post("/batch_events", body)).status == 200
        assert await one.events_until(api, "batch-ex") == [("batch-ex", "n1", "d")]
        assert (await other.event())[1] == "n0"


@pytest.mark.parametrize(
    ("bad", "status", "text"),
    [
        (event(name=...), 400, "Missing required parameter: name"),
        (event(data=...), 400, "Missing required parameter: data"),
        (event(channel=...), 400, "Missing required parameter: channel"),
        (event(channel=..., channels=["c"]), 400, "Missing required parameter: channel"),
        (event(name=5), 400, "Expected name parameter to be a string"),
        (event(channel=["c"]), 400, "Expected channel parameter to be a string"),
        (event(channel="a b"), 400, "Invalid channel name 'a b'"),
        (event(socket_id="x"), 400, "Invalid socket id 'x'"),
        (event(data="x" * 10241), 413, TOO_LARGE),
        (
            event(name="pusher:x"),
            400,
            "Event name 'pusher:x' is reserved: names starting with pusher: are Pusher's own",
        ),
        (None, 400, "Expected batch parameter to be a list of events"),
        ("text", 400, "Expected batch parameter to be a list of events"),
        ([], 400, "Expected batch parameter to be a list of events"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_one_bad_event_refuses_the_whole_batch(
    server: Running, api: Backend, bad: object, status: int, text: str
) -> None:
    async with listening(server, "whole") as listener:
        body = {"batch": [event(channel="whole"), bad, event(channel="whole")]}
        assert (await api.post("/batch_events", body)).refusal == (status, text)
        assert await listener.events_until(api, "whole") == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Missing required parameter: batch"),
        ({"batch": None}, "Missing required parameter: batch"),
        ({"batch": {}}, "Expected batch parameter to be a list of events"),
        ({"batch": "events"}, "Expected batch parameter to be a list of events"),
    ],
    ids=str,
)
async def test_what_is_no_batch_is_refused(api: Backend, body: object, text: str) -> None:
    assert (await api.post("/batch_events", body)).refusal == (400, text)


async def test_an_empty_batch_is_accepted(api: Backend) -> None:
    assert (await api.post("/batch_events", {"batch": []})).body == b"{}"


async def test_a_batch_without_a_body_is_refused(api: Backend) -> None:
    assert (await api.post("/batch_events", b"")).status == 400


# Parameters in the query


async def test_an_event_may_stand_in_the_query(server: Running, api: Backend) -> None:
    async with listening(server, "in-query") as listener:
        answer = await api.post("/events", b"", name="n", channel="in-query", data='{"a b":"é&="}')
        assert (answer.status, answer.body) == (200, b"{}")
        assert await listener.event() == ("in-query", "n", '{"a b":"é&="}')


async def test_the_query_completes_what_the_body_leaves_out(server: Running, api: Backend) -> None:
    async with listening(server, "presence-completed") as listener:
        answer = await api.post(
            "/events", {"name": "n", "data": "d"}, channel="presence-completed", info="user_count", name="other"
        )
        assert answer.json == {"channels": {"presence-completed": {"user_count": 1}}}
        assert await listener.event() == ("presence-completed", "n", "d")


async def test_the_query_may_exclude_a_socket(server: Running, api: Backend) -> None:
    async with listening(server, "query-ex") as listener:
        answer = await api.post("/events", b"", name="n", channel="query-ex", data="d", socket_id=listener.socket_id)
        assert answer.status == 200
        assert await listener.events_until(api, "query-ex") == []


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"channel": "c", "data": "d"}, "Missing required parameter: name"),
        ({"name": "n", "channel": "c"}, "Missing required parameter: data"),
        ({"name": "n", "data": "d"}, "Missing required parameter: channel"),
        ({"name": "n", "channel": "a b", "data": "d"}, "Invalid channel name 'a b'"),
        ({"name": "", "channel": "c", "data": "d"}, "Event name must not be empty"),
    ],
    ids=str,
)
async def test_an_event_in_the_query_obeys_the_same_rules(api: Backend, parameters: dict[str, str], text: str) -> None:
    assert (await api.post("/events", b"", **parameters)).refusal == (400, text)


async def test_an_answer_to_a_publish_is_always_a_json_object(api: Backend) -> None:
    for info in (None, "", "user_count", "subscription_count"):
        for route, body in (("/events", event(info=info)), ("/batch_events", {"batch": [event(info=info)]})):
            answer = await api.post(route, body)
            assert answer.status == 200
            assert isinstance(json.loads(answer.body), dict)
