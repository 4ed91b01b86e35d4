"""Who may open a Phoenix socket: everyone else is answered 403 to the upgrade, as Phoenix answers."""

import asyncio
import base64
import time
from typing import Any

import pytest

from seeded import ORGANIZATION, Seeded
from sockets.client import TEXT, RawSocket, request
from sockets.phoenix.client import V1, V2, direct, knock, lobby, message, path_of, refusal
from sockets.phoenix.conftest import Visit
from tenants import Tenants

TOKEN = "Missing or invalid connect parameter: guardian_token"
UID = "Missing or invalid connect parameter: unique_identifier"


class Place:
    """The server with the three organizations, by the key of an application of the first."""

    def __init__(self, tenants: Tenants) -> None:
        self.host, self.port = tenants.host, tenants.port
        self.key = tenants.world().application["app_key"]


@pytest.fixture(scope="module")
def place(tenants: Tenants) -> Place:
    return Place(tenants)


@pytest.fixture(scope="module")
def jwt(seeded: Seeded) -> str:
    return seeded.jwt()


@pytest.mark.parametrize("vsn", [None, V1, V2, "1.0", "2"])
async def test_one_who_is_known_comes_in(seeded: Seeded, visit: Visit, name: str, vsn: str | None) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    socket.is_v2 = vsn in (V2, "2")
    assert list(await socket.join(lobby(seeded, name))) == ["ann"]
    await socket.expect_nothing()


async def test_one_comes_in_with_a_token_for_browsers(seeded: Seeded, visit: Visit, name: str) -> None:
    socket = await visit(seeded, "ann", jwt=seeded.jwt(channel=True))
    await socket.join(lobby(seeded, name))
    await socket.push(lobby(seeded, name), "hello")


@pytest.mark.parametrize("uid", ["a", "x" * 128, "a-Z_0=@,.;", "0", "general"])
async def test_a_user_is_called_as_channels_are(seeded: Seeded, visit: Visit, uid: str) -> None:
    socket = await visit(seeded, uid)
    assert list(await socket.join(direct(seeded, uid))) == [uid]


@pytest.mark.parametrize(
    "uid", ["", " ", "a b", "a/b", "a:b", "#a", "#server-to-user-a", "é", "🎉", "a\n", "a\0", "a%", "a*", "x" * 129]
)
async def test_a_user_whose_name_no_channel_can_have_is_refused(seeded: Seeded, jwt: str, uid: str) -> None:
    assert await refusal(seeded, guardian_token=jwt, unique_identifier=uid) == (403, UID)


async def test_nothing_may_be_missing(seeded: Seeded, jwt: str) -> None:
    assert await refusal(seeded, guardian_token=jwt) == (403, UID)
    assert await refusal(seeded, unique_identifier="ann") == (403, TOKEN)
    assert await refusal(seeded, unique_identifier="ann", guardian_token="") == (403, TOKEN)
    key = "Missing or invalid connect parameter: app_key"
    assert await refusal(seeded, guardian_token=jwt, unique_identifier="ann", app_key=None) == (403, key)
    assert await refusal(seeded, guardian_token=jwt, unique_identifier="ann", app_key="") == (403, key)


@pytest.mark.parametrize("vsn", ["", "3.0.0", "0.9.0", "two", "2.0.0.0", "-1", "2.x"])
async def test_a_serializer_that_nobody_knows_is_refused(seeded: Seeded, jwt: str, vsn: str) -> None:
    status, text = await refusal(seeded, guardian_token=jwt, unique_identifier="ann", vsn=vsn)
    assert (status, text[:26]) == (403, "Unknown serializer version")


@pytest.mark.parametrize("key", ["nobody", "x" * 5000, "%00", "../admin", "🎉", "'; drop table applications; --"])
async def test_an_unknown_application_is_refused(seeded: Seeded, jwt: str, key: str) -> None:
    status, text = await refusal(seeded, guardian_token=jwt, unique_identifier="ann", app_key=key)
    assert (status, text[:8]) == (403, "App key ")
    assert len(text) < 700


async def test_an_application_that_nobody_owns_is_refused(seeded: Seeded, jwt: str) -> None:
    key = seeded.create_app()
    for token in (jwt, seeded.jwt(channel=True)):
        assert (await refusal(seeded, guardian_token=token, unique_identifier="ann", app_key=key))[0] == 403


async def test_an_archived_application_is_refused(seeded: Seeded, visit: Visit, jwt: str) -> None:
    key = seeded.create_app("--organization", ORGANIZATION)
    await (await visit(seeded, "ann", key=key)).close()
    seeded.command("app", "archive", key)
    await asyncio.sleep(1)
    assert (await refusal(seeded, guardian_token=jwt, unique_identifier="ann", app_key=key))[0] == 403


async def test_a_disabled_application_is_refused(seeded: Seeded, jwt: str) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "enabled=false")
    answer = await refusal(seeded, guardian_token=jwt, unique_identifier="ann", app_key=key)
    assert answer == (403, "Application disabled")


async def test_an_application_may_insist_on_tls(seeded: Seeded, jwt: str) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "force_tls=true")
    status, text = await refusal(seeded, guardian_token=jwt, unique_identifier="ann", app_key=key)
    assert (status, "TLS" in text) == (403, True)


async def test_connections_over_the_quota_are_refused_and_their_places_are_free_again(
    seeded: Seeded, visit: Visit, jwt: str
) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "max_connections=2")
    first, _ = await visit(seeded, "ann", key=key), await visit(seeded, "bob", key=key)
    answer = await refusal(seeded, guardian_token=jwt, unique_identifier="cat", app_key=key)
    assert answer == (403, "Application is over its connection quota of 2")
    await first.close()
    await visit(seeded, "cat", key=key)


async def test_of_many_who_come_at_once_as_many_come_in_as_may(seeded: Seeded, jwt: str) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "max_connections=3")
    knocks = (
        knock(seeded, guardian_token=jwt, unique_identifier=f"user-{number}", app_key=key) for number in range(20)
    )
    outcomes = await asyncio.gather(*knocks, return_exceptions=True)
    inside = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    for socket in inside:
        await socket.close()
    assert len(inside) == 3


async def test_all_of_a_crowd_that_comes_at_once_come_in(seeded: Seeded, jwt: str) -> None:
    """As after a restart, when there are far more of them than connections to the database."""
    knocks = (knock(seeded, guardian_token=jwt, unique_identifier=f"user-{number}") for number in range(150))
    sockets = await asyncio.gather(*knocks)
    await sockets[-1].expect_nothing()
    await asyncio.gather(*(socket.close() for socket in sockets))
    assert "Traceback" not in seeded.log


async def test_a_full_server_says_so() -> None:
    with Seeded(max_connections=1) as server:
        jwt = server.jwt()
        socket = await knock(server, guardian_token=jwt, unique_identifier="ann")
        answer = await refusal(server, guardian_token=jwt, unique_identifier="bob")
        assert answer == (503, "Over capacity, try again later")
        await socket.close()


# Tokens


async def test_a_token_that_is_none_is_refused(seeded: Seeded, jwt: str) -> None:
    head, claims, signature = jwt.split(".")
    flipped = signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    for forged in (
        "x",
        ".",
        "..",
        seeded.token,  # a user token is no session token
        f"{head}.{claims}",
        f"{head}.{claims}.",
        f"{head}.{claims}.{flipped}",
        f"{unsigned}.{claims}.",
        f"{unsigned}.{claims}.{signature}",
        jwt + ".",
        jwt + "x",
        "é" * 20,
        "\0",
        "x" * 7_000,
        f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.{claims}.{signature}",
    ):
        status, text = await refusal(seeded, guardian_token=forged, unique_identifier="ann")
        assert status == 403, (forged[:40], text)
        assert len(text) < 300


FORGED: dict[str, dict[str, Any]] = {
    "by another key": {"key": "0" * 64},
    "by another algorithm": {"algorithm": "HS256"},
    "by no algorithm": {"algorithm": "none", "key": ""},
    "expired": {"exp": 1_000_000_000},
    "without an end": {"exp": None},
    "of another issuer": {"iss": "Somebody"},
    "of another subject": {"sub": "User:1", "aud": "User:999999"},
    "of nobody": {"sub": "User:999999", "aud": "User:999999"},
    "of a name": {"sub": "User:ada", "aud": "User:ada"},
    "of another type": {"typ": "refresh"},
    "that lets nobody join": {"pem": {"default": 2}},
    "without permissions": {"pem": {}},
    "for administrators only": {"pem": {"admin": 1}},
    "of a token that is not there": {"tok": 999_999},
    "for another application": {"app": "999999"},
    "for no application": {"app": ""},
}


@pytest.mark.parametrize("claims", FORGED.values(), ids=FORGED)
async def test_a_token_of_others_making_is_refused(tenants: Tenants, place: Place, claims: dict[str, Any]) -> None:
    forged = tenants.forged("ada", **claims)
    assert (await refusal(place, guardian_token=forged, unique_identifier="ada"))[0] == 403


@pytest.mark.parametrize("who", ["ada", "pete", "rita", "bob"])
async def test_who_belongs_to_an_organization_that_holds_the_application_comes_in(
    tenants: Tenants, place: Place, who: str
) -> None:
    """Its owner's admin, its members, and the admin of the borrower."""
    socket = await knock(place, guardian_token=tenants.people[who].jwt, unique_identifier=who)
    await socket.join(lobby(place))
    await socket.close()


@pytest.mark.parametrize("who", ["olga", "rosa"])
async def test_an_outsider_is_refused(tenants: Tenants, place: Place, who: str) -> None:
    """Even a root user, who is in no organization."""
    for token in (tenants.people[who].jwt, tenants.channel_only(who)):
        status, _ = await refusal(place, guardian_token=token, unique_identifier=who)
        assert status == 403


async def test_a_token_for_one_application_opens_no_other(seeded: Seeded, visit: Visit) -> None:
    other = seeded.create_app("--organization", ORGANIZATION)
    token = seeded.jwt(app_key=other)
    assert (await refusal(seeded, guardian_token=token, unique_identifier="ann"))[0] == 403
    await visit(seeded, "ann", jwt=token, key=other)


async def test_a_token_for_one_user_is_for_nobody_else(seeded: Seeded, name: str) -> None:
    token = seeded.jwt(uid="ann")
    for uid in ("bob", "Ann", "ann ", "ann\0", "an", "annn"):
        assert await refusal(seeded, guardian_token=token, unique_identifier=uid) == (403, UID)
    for named in ("ann", None):
        socket = await knock(seeded, guardian_token=token, unique_identifier=named)
        assert list(await socket.join(direct(seeded, "ann"))) == ["ann"]
        await socket.close()


async def test_a_token_lasts_as_long_as_was_asked_for(seeded: Seeded) -> None:
    token = seeded.jwt(expires_in=1)
    await (await knock(seeded, guardian_token=token, unique_identifier="ann")).close()
    await asyncio.sleep(2)
    answer = await refusal(seeded, guardian_token=token, unique_identifier="ann")
    assert answer == (403, "This session token has expired")


async def test_the_token_may_come_as_phoenix_js_sends_it_without_a_query(seeded: Seeded, jwt: str, name: str) -> None:
    coded = base64.b64encode(jwt.encode()).decode().rstrip("=")
    protocols = ["phoenix", f"base64url.bearer.phx.{coded}"]
    socket = await knock(seeded, unique_identifier="ann", subprotocols=protocols)
    assert socket.connection.subprotocol == "phoenix"
    await socket.join(lobby(seeded, name))
    await socket.close()


@pytest.mark.parametrize("coded", ["", "x", "w6k", "8J-OiQ", "e30", "bm9uc2Vuc2U"])
async def test_a_token_in_a_subprotocol_is_looked_at_as_any_other(seeded: Seeded, coded: str) -> None:
    path = path_of(seeded, unique_identifier="ann")
    async with RawSocket.open(seeded) as raw:
        await raw.send(request(seeded, path, Sec_WebSocket_Protocol=f"phoenix, base64url.bearer.phx.{coded}"))
        assert (await raw.head()).startswith("HTTP/1.1 403 ")


async def test_one_who_offers_no_subprotocol_gets_none(seeded: Seeded, visit: Visit) -> None:
    assert (await visit(seeded, "ann")).connection.subprotocol is None


# How it comes


@pytest.fixture(scope="module")
def path(seeded: Seeded, jwt: str) -> str:
    return path_of(seeded, guardian_token=jwt, unique_identifier="ann")


OK_JOIN = b'["1","1","TOPIC","phx_reply",{"status":"ok","response":{}}]'


async def joined(raw: RawSocket, topic: str) -> None:
    await raw.expect_frame(TEXT, OK_JOIN.replace(b"TOPIC", topic.encode()))
    opcode, payload = await raw.frame()
    assert (opcode, payload.startswith(f'["1",null,"{topic}","presence_state",{{"ann":'.encode())) == (TEXT, True)


async def test_what_comes_with_the_request_is_obeyed_when_one_is_in(seeded: Seeded, path: str, name: str) -> None:
    topic = lobby(seeded, name)
    async with RawSocket.open(seeded) as raw:
        said = message(topic, "phx_join") + message(topic, "hello", {"a": 1}, ref="2") + message("phoenix", "heartbeat")
        await raw.upgrade(path, then=said)
        await joined(raw, topic)
        await raw.expect_frame(TEXT, OK_JOIN.replace(b"TOPIC", topic.encode()).replace(b'"1","1"', b'"1","2"'))
        heard = {(await raw.frame())[1] for _ in range(2)}
        assert heard == {
            OK_JOIN.replace(b"TOPIC", b"phoenix"),
            f'[null,null,"{topic}","hello",{{"a": 1}}]'.encode(),
        }


async def test_what_comes_with_the_request_of_one_who_is_refused_is_not_heard(seeded: Seeded, name: str) -> None:
    path = path_of(seeded, guardian_token="x", unique_identifier="ann")
    async with RawSocket.open(seeded) as raw:
        await raw.send(request(seeded, path) + message(lobby(seeded, name), "phx_join"))
        head = await raw.head()
        assert head.startswith("HTTP/1.1 403 ")
        await raw.body(head)
        raw.end()
        assert await raw.expect_hang_up() == b""


async def test_bytes_may_come_one_by_one(seeded: Seeded, path: str, name: str) -> None:
    topic = lobby(seeded, name)
    async with RawSocket.open(seeded) as raw:
        for byte in request(seeded, path) + message(topic, "phx_join"):
            await raw.send(bytes([byte]))
        assert (await raw.head()).startswith("HTTP/1.1 101 ")
        await joined(raw, topic)


async def test_many_packets_may_come_before_the_answer(seeded: Seeded, path: str, name: str) -> None:
    topic = lobby(seeded, name)
    async with RawSocket.open(seeded) as raw:
        await raw.send(request(seeded, path))
        await raw.send(message(topic, "phx_join")[:10])
        await raw.send(message(topic, "phx_join")[10:])
        for number in range(20):
            await raw.send(message("phoenix", "heartbeat", ref=str(number)))
        assert (await raw.head()).startswith("HTTP/1.1 101 ")
        await joined(raw, topic)
        for number in range(20):
            assert f'"{number}","phoenix","phx_reply"'.encode() in (await raw.frame())[1]


async def test_many_come_and_go_before_they_are_answered(seeded: Seeded, visit: Visit, path: str, name: str) -> None:
    """Nobody is left behind in the channel."""
    topic = lobby(seeded, name)

    async def come_and_go(number: int) -> None:
        async with RawSocket.open(seeded) as raw:
            await raw.send(request(seeded, path) + message(topic, "phx_join"))
            if number % 2:
                raw.cut()

    await asyncio.gather(*map(come_and_go, range(100)))
    socket = await visit(seeded, "bob")
    until = time.monotonic() + 10
    while list(await socket.join(topic)) != ["bob"]:
        assert time.monotonic() < until
        await socket.close()
        await asyncio.sleep(0.1)
        socket = await visit(seeded, "bob")


@pytest.mark.parametrize("path", ["/socket", "/socket/", "/socket/websocket/", "/socket/websocketx", "/socket/app"])
async def test_another_path_is_not_found(seeded: Seeded, path: str) -> None:
    async with RawSocket.open(seeded) as raw:
        await raw.upgrade(path)
        await raw.expect_event("pusher:error")
        await raw.expect_close(4005)


async def test_a_request_that_is_no_upgrade_is_told(seeded: Seeded) -> None:
    async with RawSocket.open(seeded) as raw:
        await raw.send(request(seeded, path_of(seeded), without="Upgrade"))
        assert (await raw.head()).startswith("HTTP/1.1 426 ")


async def test_a_query_of_absurd_length_or_number_is_refused(seeded: Seeded, path: str) -> None:
    async with RawSocket.open(seeded) as raw:
        await raw.send(request(seeded, path + "&a=" + "x" * 20_000))
        assert (await raw.head()).startswith("HTTP/1.1 431 ")
    async with RawSocket.open(seeded) as raw:
        await raw.send(request(seeded, path + "&a" * 100))
        assert (await raw.head()).startswith("HTTP/1.1 403 ")
