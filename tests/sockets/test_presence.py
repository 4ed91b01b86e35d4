"""Who is in a channel, and how the others learn of it (pusher-protocol, "Subscribe / unsubscribe")."""

import asyncio
import json
from collections.abc import Callable

import pytest

from running import Running
from sockets.client import MEMBER_ADDED, MEMBER_REMOVED, Dial
from sockets.conftest import Publish

Start = Callable[..., Running]


def person(user_id: object, **info: object) -> str:
    data = {"user_id": user_id, **({"user_info": info} if info else {})}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


@pytest.fixture
def channel(name: str) -> str:
    return f"presence-{name}"


async def test_one_who_joins_is_told_who_is_there(server: Running, connect: Dial, channel: str) -> None:
    ada, bob = await connect(server), await connect(server)
    assert await ada.subscribe(channel, person("ada", name="Ada")) == {
        "presence": {"count": 1, "ids": ["ada"], "hash": {"ada": {"name": "Ada"}}}
    }
    assert await bob.subscribe(channel, person("bob", name="Bob")) == {
        "presence": {"count": 2, "ids": ["ada", "bob"], "hash": {"ada": {"name": "Ada"}, "bob": {"name": "Bob"}}}
    }


async def test_the_others_are_told_and_oneself_is_not(server: Running, connect: Dial, channel: str) -> None:
    ada, bob = await connect(server), await connect(server)
    await ada.subscribe(channel, person("ada"))
    await bob.subscribe(channel, person("bob", name="Bob"))
    await ada.expect_frame(
        {"event": MEMBER_ADDED, "channel": channel, "data": '{"user_id":"bob","user_info":{"name":"Bob"}}'}
    )
    await bob.expect_nothing()
    await bob.unsubscribe(channel)
    await ada.expect_frame({"event": MEMBER_REMOVED, "channel": channel, "data": '{"user_id":"bob"}'})
    await bob.expect_nothing()


@pytest.mark.parametrize("number", [10, 0, -5, 2**53])
async def test_a_numeric_id_goes_out_as_text(server: Running, connect: Dial, channel: str, number: int) -> None:
    ada, other = await connect(server), await connect(server)
    await ada.subscribe(channel, person("ada"))
    told = await other.subscribe(channel, person(number, name="N"))
    assert told["presence"]["ids"] == ["ada", str(number)]
    assert told["presence"]["hash"] == {"ada": None, str(number): {"name": "N"}}
    assert (await ada.expect(MEMBER_ADDED, channel))["user_id"] == str(number)
    await other.close()
    assert await ada.expect(MEMBER_REMOVED, channel) == {"user_id": str(number)}


async def test_a_number_and_its_text_are_the_same_user(server: Running, connect: Dial, channel: str) -> None:
    ada, again = await connect(server), await connect(server)
    await ada.subscribe(channel, person(10))
    assert (await again.subscribe(channel, person("10")))["presence"]["count"] == 1
    await ada.expect_nothing()


@pytest.mark.parametrize("data", ['{"user_id":"x"}', '{"user_id":"x","user_info":null}'])
async def test_a_member_without_info_has_none(server: Running, connect: Dial, channel: str, data: str) -> None:
    ada, other = await connect(server), await connect(server)
    await ada.subscribe(channel, person("ada", name="Ada"))
    told = await other.subscribe(channel, data)
    assert told["presence"]["hash"] == {"ada": {"name": "Ada"}, "x": None}
    assert (await ada.expect(MEMBER_ADDED, channel)).get("user_info") is None


@pytest.mark.parametrize(
    "info", ["{}", '{"a":1e300,"b":12345678901234567890,"c":"\\ud83c\\udf89 🎉 \\u0000 </script>","a":[1.0]}']
)
async def test_info_is_passed_on_as_it_was_signed(server: Running, connect: Dial, channel: str, info: str) -> None:
    ada, other = await connect(server), await connect(server)
    await ada.subscribe(channel, person("ada"))
    await other.ask(channel, f'{{"user_id":"x","user_info":{info}}}')
    data = f'{{"user_id":"x","user_info":{info}}}'
    await ada.expect_frame({"event": MEMBER_ADDED, "channel": channel, "data": data})
    assert f'"x":{info}' in (await other.receive())["data"]


@pytest.mark.parametrize("info", ["[]", '"Ada"', "1", "true", "[{}]"])
async def test_info_must_be_a_hash(server: Running, connect: Dial, channel: str, info: str) -> None:
    socket = await connect(server)
    await socket.ask(channel, f'{{"user_id":"1","user_info":{info}}}')
    text = "user_info supplied to presence subscription is invalid - if supplied it must be a type of hash"
    await socket.expect_refusal(channel, text, 400)


async def test_channel_data_is_needed(server: Running, connect: Dial, channel: str) -> None:
    socket = await connect(server)
    await socket.ask(channel)
    text = f"'{channel}' is a presence channel and subscription must include channel_data"
    await socket.expect_refusal(channel, text, 400)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "Ada",
        "{",
        "[]",
        "null",
        '"1"',
        "{}",
        '{"user_info":{}}',
        '{"user_id":null}',
        '{"user_id":""}',
        '{"user_id":true}',
        '{"user_id":1.5}',
        '{"user_id":{}}',
        '{"user_id":["1"]}',
        f'{{"user_id":{2**53 + 1}}}',
        f'{{"user_id":{10**500}}}',
        '{"user_id":1e999}',
        '{"user_id":"\\ud800"}',
        '{"user_id":"1","user_info":{"a":"\\ud800"}}',
        '{"user_id":"1","user_info":{]}}',
        '{"user_id":"1"}}',
        '{"user_id":"1","user_info":' + '{"a":' * 90 + "1" + "}" * 89 + "}",
    ],
)
async def test_channel_data_without_sense_is_refused(server: Running, connect: Dial, channel: str, data: str) -> None:
    socket = await connect(server)
    await socket.ask(channel, data)
    assert (await socket.expect("pusher:error"))["message"].startswith("Invalid channel_data: ")
    assert (await socket.expect("pusher:subscription_error", channel))["status"] == 400
    await socket.expect_nothing()


@pytest.mark.parametrize("data", ['{"user_id":"1"}', "[]", "1", "false"])
async def test_channel_data_is_text(server: Running, connect: Dial, channel: str, data: str) -> None:
    socket = await connect(server)
    auth = socket.sign(channel)
    await socket.send_text(
        f'{{"event":"pusher:subscribe","data":{{"channel":"{channel}","auth":"{auth}","channel_data":{data}}}}}'
    )
    error = await socket.expect("pusher:error")
    assert error["message"].startswith("Invalid message: ")
    assert "channel_data" in error["message"]
    await socket.expect_nothing()


async def test_a_user_of_several_connections_is_one_member(server: Running, connect: Dial, channel: str) -> None:
    watcher, tab, phone = await connect(server), await connect(server), await connect(server)
    await watcher.subscribe(channel, person("watcher"))
    await tab.subscribe(channel, person("ada", device="tab"))
    told = await phone.subscribe(channel, person("ada", device="phone"))
    assert told["presence"]["ids"] == ["watcher", "ada"]
    assert await watcher.expect(MEMBER_ADDED, channel) == {"user_id": "ada", "user_info": {"device": "tab"}}
    await tab.unsubscribe(channel)
    await watcher.expect_nothing()
    await phone.unsubscribe(channel)
    assert await watcher.expect(MEMBER_REMOVED, channel) == {"user_id": "ada"}
    await watcher.expect_nothing()


async def test_the_info_of_the_first_connection_counts(server: Running, connect: Dial, channel: str) -> None:
    tab, phone, late = await connect(server), await connect(server), await connect(server)
    await tab.subscribe(channel, person("ada", device="tab"))
    told = await phone.subscribe(channel, person("ada", device="phone"))
    assert told["presence"]["hash"] == {"ada": {"device": "tab"}}
    await tab.close()
    told = await late.subscribe(channel, person("bob"))
    assert told["presence"]["hash"] == {"ada": {"device": "tab"}, "bob": None}
    await phone.close()
    assert await late.expect(MEMBER_REMOVED) == {"user_id": "ada"}
    told = await (await connect(server)).subscribe(channel, person("ada", device="new"))
    assert told["presence"]["hash"] == {"bob": None, "ada": {"device": "new"}}


async def test_comings_and_goings_are_told_in_their_order(server: Running, connect: Dial, channel: str) -> None:
    watcher, first, second = await connect(server), await connect(server), await connect(server)
    await watcher.subscribe(channel, person("watcher"))
    for _ in range(10):
        await first.subscribe(channel, person("1"))
        await second.subscribe(channel, person("2"))
        assert (await first.expect(MEMBER_ADDED, channel))["user_id"] == "2"
        await first.unsubscribe(channel)
        assert await second.expect(MEMBER_REMOVED, channel) == {"user_id": "1"}
        await second.unsubscribe(channel)
    heard = [((frame := await watcher.receive())["event"], json.loads(frame["data"])["user_id"]) for _ in range(40)]
    round_of_four = [(MEMBER_ADDED, "1"), (MEMBER_ADDED, "2"), (MEMBER_REMOVED, "1"), (MEMBER_REMOVED, "2")]
    assert heard == round_of_four * 10


@pytest.mark.parametrize("how", ["close", "cut"])
async def test_one_who_is_gone_is_no_member(server: Running, connect: Dial, channel: str, how: str) -> None:
    watcher, gone = await connect(server), await connect(server)
    await watcher.subscribe(channel, person("watcher"))
    await gone.subscribe(channel, person("gone"))
    await watcher.expect(MEMBER_ADDED)
    if how == "cut":
        gone.cut()
    else:
        await gone.close()
    await watcher.expect_frame({"event": MEMBER_REMOVED, "channel": channel, "data": '{"user_id":"gone"}'})
    again = await (await connect(server)).subscribe(channel, person("again"))
    assert again["presence"]["ids"] == ["watcher", "again"]


async def test_one_who_is_gone_is_told_in_every_channel(server: Running, connect: Dial, channel: str) -> None:
    watcher, gone = await connect(server), await connect(server)
    channels = [f"{channel}-{number}" for number in range(20)]
    for one in channels:
        await watcher.subscribe(one, person("watcher"))
        await gone.subscribe(one, person("gone"))
        await watcher.expect(MEMBER_ADDED, one)
    gone.cut()
    told = [await watcher.receive() for _ in channels]
    assert {frame["event"] for frame in told} == {MEMBER_REMOVED}
    assert sorted(frame["channel"] for frame in told) == sorted(channels)


async def test_a_refused_second_subscription_changes_no_members(server: Running, connect: Dial, channel: str) -> None:
    watcher, ada = await connect(server), await connect(server)
    await watcher.subscribe(channel, person("watcher"))
    await ada.subscribe(channel, person("ada"))
    await watcher.expect(MEMBER_ADDED)
    await ada.ask(channel, person("eve"))
    await ada.expect_error(f"Existing subscription to channel {channel}")
    await watcher.expect_nothing()
    await ada.unsubscribe(channel)
    assert await watcher.expect(MEMBER_REMOVED) == {"user_id": "ada"}


async def test_the_hundred_and_first_user_is_refused(server: Running, connect: Dial, channel: str) -> None:
    crowd = await asyncio.gather(*(connect(server) for _ in range(102)))
    for number, socket in enumerate(crowd[:100]):
        await socket.subscribe(channel, person(number))
    outside, again = crowd[100:]
    await outside.ask(channel, person("outside"))
    await outside.expect_refusal(
        channel, f"Presence channel {channel} is over its limit of 100 members", 403, "LimitReached"
    )
    assert (await again.subscribe(channel, person(7)))["presence"]["count"] == 100
    assert [(await crowd[0].expect(MEMBER_ADDED))["user_id"] for _ in range(99)] == [str(n) for n in range(1, 100)]
    await crowd[0].expect_nothing()


async def test_the_place_of_a_member_who_leaves_is_free(start_server: Start, connect: Dial, channel: str) -> None:
    server = start_server(app_max_presence_members=1)
    ada, bob = await connect(server), await connect(server)
    await ada.subscribe(channel, person("ada"))
    for _ in range(3):
        await bob.ask(channel, person("bob"))
        await bob.expect_refusal(
            channel, f"Presence channel {channel} is over its limit of 1 members", 403, "LimitReached"
        )
    await ada.unsubscribe(channel)
    assert (await bob.subscribe(channel, person("bob")))["presence"]["ids"] == ["bob"]


async def test_a_refused_member_hears_nothing(
    start_server: Start, connect: Dial, publish: Publish, channel: str
) -> None:
    server = start_server(app_max_presence_members=1)
    ada, bob = await connect(server), await connect(server)
    await ada.subscribe(channel, person("ada"))
    await bob.ask(channel, person("bob"))
    await bob.expect("pusher:error")
    await bob.expect("pusher:subscription_error")
    publish(server, channel, "secret", "for members")
    await bob.expect_nothing()
    assert (await ada.receive())["event"] == "secret"


async def test_an_id_has_128_characters_at_most(server: Running, connect: Dial, channel: str) -> None:
    socket = await connect(server)
    await socket.ask(channel, person("🎉" * 129))
    text = "Invalid channel_data: user_id of more than 128 characters"
    await socket.expect_refusal(channel, text, 400)
    assert (await socket.subscribe(channel, person("🎉" * 128)))["presence"]["ids"] == ["🎉" * 128]


async def test_a_member_has_a_kilobyte_at_most(server: Running, connect: Dial, channel: str) -> None:
    socket = await connect(server)
    room = 1024 - len(person("1", text=""))
    for text in ("x" * (room + 1), "é" * (room // 2 + 1)):
        await socket.ask(channel, person("1", text=text))
        message = "The channel_data of this member exceeds the allowed maximum (1024 bytes)"
        await socket.expect_refusal(channel, message, 413, "LimitReached")
    await socket.subscribe(channel, person("1", text="x" * room))


async def test_events_come_after_the_list_of_members(
    server: Running, connect: Dial, publish: Publish, channel: str
) -> None:
    crowd = await asyncio.gather(*(connect(server) for _ in range(20)))
    for number, socket in enumerate(crowd):
        await socket.ask(channel, person(number))
    for socket in crowd:
        known = set((await socket.expect("pusher_internal:subscription_succeeded", channel))["presence"]["ids"])
        while len(known) < len(crowd):
            known.add((await socket.expect(MEMBER_ADDED, channel))["user_id"])
        await socket.expect_nothing()
        assert known == {str(number) for number in range(20)}
