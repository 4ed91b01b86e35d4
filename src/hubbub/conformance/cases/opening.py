"""How a connection begins: the welcome, versions of the protocol, and what is refused with a close code."""

import asyncio
import re
from functools import partial

from hubbub.conformance.case import Failed, Skipped, Topic, check, equal
from hubbub.conformance.client import ERROR, ESTABLISHED, Close, user
from hubbub.conformance.scene import Scene

topic = Topic()

SOCKET_ID = re.compile(r"\d+\.\d+", re.ASCII)


async def _opened(scene: Scene, query: str) -> Close | None:
    """Open a connection with this query: None if it was welcomed, else how it ended."""
    client = await scene.open(f"/app/{scene.target.app.key}{query}")
    frame = await client.next(f"a welcome or an error for {query!r}")
    return None if frame.event == ESTABLISHED else await client.closed()


# Connect


@topic.case("Connect")
async def first_frame(scene: Scene) -> None:
    """The first frame is pusher:connection_established."""
    client = await scene.open()
    await client.expect(ESTABLISHED)


@topic.case("Connect")
async def welcome_is_text(scene: Scene) -> None:
    """The welcome's data is a string that holds an object."""
    client = await scene.open()
    frame = await client.expect(ESTABLISHED)
    check(isinstance(frame.data, str) and isinstance(frame.payload, dict), "data that is a string of an object", frame)


@topic.case("Connect")
async def welcome_has_no_channel(scene: Scene) -> None:
    """The welcome is of no channel."""
    client = await scene.open()
    frame = await client.expect(ESTABLISHED)
    check("channel" not in frame.whole, "no channel", frame)


@topic.case("Connect")
async def activity_timeout(scene: Scene) -> None:
    """The welcome tells activity_timeout, a whole number of seconds above 0."""
    client = await scene.open()
    timeout = (await client.welcome()).payload.get("activity_timeout")
    check(type(timeout) is int and timeout > 0, "a whole number above 0", repr(timeout))


@topic.case("Connect")
async def nothing_else_comes(scene: Scene) -> None:
    """Nothing comes unasked after the welcome."""
    client = await scene.connect()
    await client.quiet()


@topic.case("Socket id unique")
async def socket_id_form(scene: Scene) -> None:
    """A socket id is two numbers with a dot between."""
    client = await scene.connect()
    check(SOCKET_ID.fullmatch(client.socket_id) is not None, r"^\d+\.\d+$", repr(client.socket_id))


@topic.case("Socket id unique")
async def socket_ids_differ(scene: Scene) -> None:
    """Twenty connections at once have twenty socket ids."""
    clients = await asyncio.gather(*[scene.connect() for _ in range(20)])
    equal(len({client.socket_id for client in clients}), 20, "different ids:")


# Protocols


async def _is_welcome(scene: Scene, query: str) -> None:
    end = await _opened(scene, query)
    check(end is None, ESTABLISHED, end)


async def _is_unsupported(scene: Scene, query: str) -> None:
    client = await scene.open(f"/app/{scene.target.app.key}{query}")
    await client.expect_close(4007)


async def _what_becomes(scene: Scene, query: str) -> str:
    end = await _opened(scene, query)
    return "welcome" if end is None else str(end)


for number in (4, 5, 6, 7):
    topic.add("Protocols", f"Protocol {number} is welcome", partial(_is_welcome, query=f"?protocol={number}"))
for number in (1, 3, 99):
    topic.add(
        "Protocols", f"Protocol {number} is closed with 4007", partial(_is_unsupported, query=f"?protocol={number}")
    )
for name, query in {
    "The query of the Java client is welcome": "?client=java-client&protocol=5&version=2.4.4",
    "The query of the .NET client is welcome": "?protocol=5&client=pusher-dotnet-client&version=2.3.1",
    "The query of the Swift client is welcome": "?client=pusher-websocket-swift&protocol=7&version=10.1.10",
    "The query of pusher-js is welcome": "?protocol=7&client=js&version=8.6.0&flash=false",
    "Unknown parameters and another order are welcome": "?later=1&flash=maybe&version=x%20y&protocol=7&client=",
}.items():
    topic.add("Protocols", name, partial(_is_welcome, query=query))
for name, query in {
    "What becomes of a connection that names no protocol": "",
    "What becomes of a connection whose protocol is no number": "?protocol=abc",
    "What becomes of a connection whose protocol is empty": "?protocol=",
}.items():
    topic.add_observation("Protocols", name, partial(_what_becomes, query=query))


# Refused at the opening


@topic.case("Unknown key")
async def unknown_key(scene: Scene) -> None:
    """An unknown key is upgraded and then closed with 4001."""
    client = await scene.open("/app/no-such-key?protocol=7")
    end = await client.expect_close(4001)
    check(all(frame.event != ESTABLISHED for frame in end.before), "no welcome", end.before)


@topic.case("Unknown key")
async def unknown_key_before_six(scene: Scene) -> None:
    """Protocol 5 is told of an unknown key by pusher:error, code 4001, before the close."""
    client = await scene.open("/app/no-such-key?protocol=5")
    told = (await client.expect(ERROR)).data
    check(isinstance(told, dict) and told.get("code") == 4001, "an error with code 4001", told)
    await client.expect_close(4001)


@topic.case("Unknown key")
async def unknown_key_text(scene: Scene) -> None:
    """The text about an unknown key is Pusher's."""
    client = await scene.open("/app/no-such-key?protocol=5")
    payload = (await client.expect(ERROR)).payload
    equal(
        payload.get("message"),
        "App key no-such-key not in this cluster. Did you forget to specify the cluster?",
    )


@topic.case("Bad path")
async def doubled_slash(scene: Scene) -> None:
    """A socket at //app/KEY is upgraded and then closed with 4005."""
    client = await scene.open(f"//app/{scene.target.app.key}?protocol=7")
    await client.expect_close(4005)


@topic.case("Bad path")
async def unknown_path(scene: Scene) -> None:
    """A socket at /nope/KEY is upgraded and then closed with 4005."""
    client = await scene.open(f"/nope/{scene.target.app.key}?protocol=7")
    await client.expect_close(4005)


@topic.case("Bad path")
async def plain_request(scene: Scene) -> None:
    """A plain GET of a socket's address is answered by an error, and the server goes on."""
    reader, writer = await scene.socket_stream()
    writer.write(
        f"GET /app/{scene.target.app.key}?protocol=7 HTTP/1.1\r\nHost: {scene.target.host}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    try:
        first = await asyncio.wait_for(reader.readline(), scene.target.patience)
    except TimeoutError:
        raise Failed("an answer", "nothing") from None
    status = first.split(b" ")[1:2]
    check(status != [] and status[0][:1] in (b"4", b"5"), "a status from 400", first)
    await scene.connect()


@topic.observe("Proxy prefix")
async def prefixed_socket(scene: Scene) -> str:
    """A socket at /prefix/app/KEY, as it comes through a proxy that leaves its own prefix on."""
    client = await scene.open(f"/prefix/app/{scene.target.app.key}?protocol=7")
    frame = await client.next("a welcome or an error")
    return "welcome" if frame.event == ESTABLISHED else str(await client.closed())


@topic.case("Force TLS")
async def tls_only(scene: Scene) -> None:
    """An application that takes TLS only closes other connections with 4000."""
    key = scene.key_of("force-tls")
    if scene.target.tls:
        raise Skipped("needs a server that is asked without --tls")
    client = await scene.open(f"/app/{key}?protocol=7")
    await client.expect_close(4000)


@topic.case("App disabled")
async def disabled(scene: Scene) -> None:
    """A disabled application's connections are closed with 4003."""
    client = await scene.open(f"/app/{scene.key_of('disabled')}?protocol=7")
    await client.expect_close(4003)


@topic.case("App disabled")
async def disabled_requests(scene: Scene) -> None:
    """A disabled application's requests to the HTTP API are refused with 403."""
    (await scene.api_of(scene.special("disabled")).get("/channels")).expect(403)


@topic.case("Connection quota", alone=True)
async def quota(scene: Scene) -> None:
    """The connection over an application's quota is closed with 4004; a place that is free again can be taken."""
    path = f"/app/{scene.key_of('one-connection')}?protocol=7"
    first = await scene.open(path)
    await first.welcome()
    await (await scene.open(path)).expect_close(4004)
    await first.close()
    for _ in range(20):  # when a place is free again is the server's to say
        again = await scene.open(path)
        if (await again.next()).event == ESTABLISHED:
            return
        await asyncio.sleep(scene.target.patience / 20)
    raise Failed("a welcome when the first connection has ended", "closes with 4004")


@topic.case("Authorized Connections", slow=True, limit=120)
async def unauthorized(scene: Scene) -> None:
    """A connection that does nothing is closed with 4009, "Connection not authorized within timeout"."""
    client = await scene.open(f"/app/{scene.key_of('authorized-connections')}?protocol=7")
    end = await client.closed(limit=100)
    equal(end.code, 4009, "a close with")
    told = [frame.payload.get("message") for frame in end.before if frame.event == ERROR] or [end.reason]
    equal(told[0], "Connection not authorized within timeout")


@topic.case("Authorized Connections", slow=True, limit=120)
async def authorized(scene: Scene) -> None:
    """Who is subscribed to a private channel, or signed in, stays when an idle connection is closed with 4009."""
    app = scene.special("authorized-connections")
    subscriber, signed_in = await scene.connect(app), await scene.connect(app)
    await subscriber.subscribe(scene.channel("private-"))
    await signed_in.sign_in(user(scene.user()))
    idle = await scene.connect(app)
    equal((await idle.closed(limit=100)).code, 4009, "a close with")
    await subscriber.quiet()
    await signed_in.quiet()


@topic.case("Subprotocol")
async def subprotocol(scene: Scene) -> None:
    """A client that offers the subprotocol of Swift's library is welcome."""
    client = await scene.open(subprotocols=["pusher-channels-protocol-7"])
    await client.expect(ESTABLISHED)


@topic.observe("Subprotocol")
async def subprotocol_chosen(scene: Scene) -> str:
    """Which subprotocol is chosen when Swift's is offered."""
    client = await scene.open(subprotocols=["pusher-channels-protocol-7"])
    return str(client.connection.subprotocol)
