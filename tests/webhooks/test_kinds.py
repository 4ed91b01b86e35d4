"""What receivers are told of each fact, to the byte."""

import json
import time

from hubbub.messages import CacheMissed, Counted, Event, Member, MemberAdded, MemberRemoved, Occupied, Vacated
from webhooks.conftest import APP, PAIR, Open, to
from webhooks.receiver import Receiver


async def test_a_webhook_is_to_the_byte_what_pusher_documents(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver, headers={"Authorization": "Bearer t", "x-pusher-key": "forged"}))
    before = time.time_ns() // 1_000_000
    await webhooks.record(APP, Occupied("my-channel"))
    received = await receiver.next()
    assert received.line == "POST /hook HTTP/1.1"
    assert before <= received.time_ms <= time.time_ns() // 1_000_000
    expected = f'{{"time_ms":{received.time_ms},"events":[{{"name":"channel_occupied","channel":"my-channel"}}]}}'
    assert received.body == expected.encode()
    assert received.is_signed_by(PAIR.key, PAIR.secret)
    assert sorted(name for name, _ in received.headers) == [
        "Authorization",
        "Content-Length",
        "Content-Type",
        "Host",
        "User-Agent",
        "X-Pusher-Key",
        "X-Pusher-Signature",
    ]
    assert received.header("Content-Type") == "application/json"
    assert received.header("Authorization") == "Bearer t"


async def test_every_kind_has_its_fields(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver))
    ada = Member("ada")
    for fact in (
        Occupied("presence-a"),
        MemberAdded("presence-a", ada),
        Event("presence-a", "client-hi", '{"text":"é"}', "ada"),
        CacheMissed("presence-a"),
        Counted("presence-a", 2),
        MemberRemoved("presence-a", ada),
        Vacated("presence-a"),
    ):
        await webhooks.record(APP, fact, socket_id="1.2")
    assert await receiver.events(7) == [
        {"name": "channel_occupied", "channel": "presence-a"},
        {"name": "member_added", "channel": "presence-a", "user_id": "ada"},
        {
            "name": "client_event",
            "channel": "presence-a",
            "event": "client-hi",
            "data": '{"text":"é"}',
            "socket_id": "1.2",
            "user_id": "ada",
        },
        {"name": "cache_miss", "channel": "presence-a"},
        {"name": "subscription_count", "channel": "presence-a", "subscription_count": 2},
        {"name": "member_removed", "channel": "presence-a", "user_id": "ada"},
        {"name": "channel_vacated", "channel": "presence-a"},
    ]


async def test_only_presence_channels_tell_of_members(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver))
    await webhooks.record(APP, MemberAdded("room", Member("ada")))
    await webhooks.record(APP, Event("private-room", "client-hi", "{}", "ada"), socket_id="1.2")
    await webhooks.record(APP, MemberRemoved("room", Member("ada")))
    await webhooks.record(APP, MemberAdded("presence-cache-room", Member("ada")))
    assert await receiver.events(2) == [
        {"name": "client_event", "channel": "private-room", "event": "client-hi", "data": "{}", "socket_id": "1.2"},
        {"name": "member_added", "channel": "presence-cache-room", "user_id": "ada"},
    ]


async def test_a_users_own_channel_tells_nothing(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver))
    for fact in (Occupied("#server-to-user-ada"), Counted("#server-to-user-ada", 1), Vacated("#server-to-user-ada")):
        await webhooks.record(APP, fact)
    await webhooks.record(APP, Occupied("last"))
    assert await receiver.events(1) == [{"name": "channel_occupied", "channel": "last"}]


async def test_text_of_any_kind_arrives_as_it_was(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver))
    strange = 'a"b\\c\0\N{GRINNING FACE}</script>\r\n'
    await webhooks.record(APP, Event("presence-a", f"client-{strange}", strange, strange), socket_id="1.2")
    (event,) = await receiver.events(1)
    assert (event["event"], event["data"], event["user_id"]) == (f"client-{strange}", strange, strange)


async def test_a_fact_that_cannot_be_written_down_holds_up_nobody(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver))
    await webhooks.record(APP, Event("presence-a", "client-a", "lone \ud800", "ada"), socket_id="1.2")
    await webhooks.record(APP, Occupied("last"))
    assert json.loads((await receiver.next()).body)["events"] == [{"name": "channel_occupied", "channel": "last"}]
