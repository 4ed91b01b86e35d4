"""A client for tests that speaks Phoenix Channels, both serializers, and hides nothing of them.

As with the Pusher client every wait is bounded, and "nothing was sent" is shown by a heartbeat whose reply comes next.
"""

import asyncio
import json
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from sockets.client import LIMIT, client_frame

V1: Final = "1.0.0"
V2: Final = "2.0.0"

_ITS_OWN: Final = object()


class Place(Protocol):
    """Where a server listens, and a key of one of its applications."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def key(self) -> str: ...


class Said(NamedTuple):
    """What the server says in one message; `join_ref` is None where V1 has no room for it."""

    join_ref: str | int | None
    ref: str | int | None
    topic: str
    event: str
    payload: Any


class PhoenixSocket:
    """A WebSocket to `/socket`, as the application of one key."""

    def __init__(self, connection: ClientConnection, key: str, vsn: str | None) -> None:
        self.connection = connection
        self.key = key
        self.is_v2 = vsn == V2
        self.joins: dict[str, str] = {}
        """The ref of the newest join of each topic."""
        self._refs = 0

    # Saying

    async def send(
        self, topic: str, event: str, payload: object = None, *, ref: object = None, join_ref: object = _ITS_OWN
    ) -> str:
        """Send one message, `{}` unless told, with a new ref and that of the topic's join unless others are given.

        Gives the ref.
        """
        if ref is None:
            self._refs += 1
            ref = str(self._refs)
        if join_ref is _ITS_OWN:
            join_ref = self.joins.get(topic)
        payload = {} if payload is None else payload
        message: object = [join_ref, ref, topic, event, payload]
        if not self.is_v2:
            # phoenix.js 1.2 and 1.3 know of no join_ref.
            message = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        await self.send_text(json.dumps(message))
        return str(ref)

    async def send_text(self, text: str | bytes) -> None:
        """Send one message, text or bytes, whatever it holds."""
        await asyncio.wait_for(self.connection.send(text), LIMIT)

    async def send_bytes(self, topic: str, event: str, content: bytes, ref: str = "b") -> None:
        """Send a binary push."""
        texts = [text.encode() for text in (self.joins.get(topic, ""), ref, topic, event)]
        await self.send_text(bytes([0, *map(len, texts)]) + b"".join(texts) + content)

    async def ask(self, topic: str) -> str:
        """Ask to join, and wait for nothing. Gives the ref."""
        ref = str(self._refs + 1)
        self.joins[topic] = await self.send(topic, "phx_join", join_ref=ref)
        return ref

    # Hearing

    async def receive(self) -> Said:
        """Give the next message, which must be text."""
        text = await asyncio.wait_for(self.connection.recv(), LIMIT)
        assert isinstance(text, str), text
        if self.is_v2:
            return Said(*json.loads(text))
        message = json.loads(text)
        assert message.keys() == {"topic", "event", "payload", "ref"}, message
        return Said(None, message["ref"], message["topic"], message["event"], message["payload"])

    async def receive_bytes(self) -> tuple[str, str, bytes]:
        """Give topic, event and content of the next message, which must be a binary broadcast."""
        data = await asyncio.wait_for(self.connection.recv(), LIMIT)
        assert isinstance(data, bytes), data
        kind, topic_size, event_size = data[:3]
        assert kind == 2
        topic, event = data[3 : 3 + topic_size], data[3 + topic_size : 3 + topic_size + event_size]
        return topic.decode(), event.decode(), data[3 + topic_size + event_size :]

    async def expect(self, topic: str, event: str) -> Any:
        """Give the payload of the next message, which must be a broadcast of this event on this topic."""
        said = await self.receive()
        assert said[:4] == (None, None, topic, event), said
        return said.payload

    async def expect_diff(self, topic: str, *, joins: list[str] | None = None, leaves: list[str] | None = None) -> Any:
        """The next message says who has come or gone."""
        diff = await self.expect(topic, "presence_diff")
        assert diff.keys() == {"joins", "leaves"}
        assert (list(diff["joins"]), list(diff["leaves"])) == (joins or [], leaves or []), diff
        return diff

    async def expect_state(self, topic: str) -> dict[str, Any]:
        """Give what the next message says of who is there."""
        said = await self.receive()
        assert said[:4] == (self.joins[topic] if self.is_v2 else None, None, topic, "presence_state"), said
        assert isinstance(said.payload, dict)
        return said.payload

    async def expect_reply(
        self, ref: str, topic: str, response: object = None, status: str = "ok", *, join_ref: object = _ITS_OWN
    ) -> None:
        """The next message answers that of this ref."""
        if join_ref is _ITS_OWN:
            join_ref = self.joins.get(topic)
        payload = {"status": status, "response": {} if response is None else response}
        assert await self.receive() == (join_ref if self.is_v2 else None, ref, topic, "phx_reply", payload)

    async def expect_error(self, ref: str, topic: str, reason: str) -> None:
        """The next message refuses that of this ref, for a reason that has these words."""
        said = await self.receive()
        assert said[1:4] == (ref, topic, "phx_reply"), said
        assert said.payload["status"] == "error", said
        assert said.payload["response"].keys() == {"reason"}, said
        assert reason in said.payload["response"]["reason"], said

    async def expect_phx_close(self, topic: str, join_ref: str) -> None:
        """The next message says that the join of this ref has ended."""
        assert await self.receive() == (join_ref if self.is_v2 else None, join_ref, topic, "phx_close", {})

    async def expect_nothing(self) -> None:
        """Nothing is on its way: the next message is the reply to a heartbeat."""
        ref = await self.send("phoenix", "heartbeat")
        await self.expect_reply(ref, "phoenix")

    async def expect_close(self, code: int) -> str:
        """No message comes any more, but a close with this code. Gives its reason."""
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(self.connection.recv(), LIMIT)
        received = closed.value.rcvd
        assert received is not None, "the connection was cut without a close frame"
        assert received.code == code, received
        return received.reason

    # Both

    async def join(self, topic: str) -> dict[str, Any]:
        """Join, and give who is there."""
        ref = await self.ask(topic)
        await self.expect_reply(ref, topic)
        return await self.expect_state(topic)

    async def leave(self, topic: str) -> None:
        """Leave, and wait until that has been done."""
        ref = await self.send(topic, "phx_leave")
        await self.expect_reply(ref, topic)
        await self.expect_phx_close(topic, self.joins.pop(topic))

    async def is_refused(self, topic: str, reason: str) -> None:
        """Ask to join, in vain."""
        before = self.joins.get(topic)
        ref = await self.ask(topic)
        await self.expect_error(ref, topic, reason)
        if before is None:
            del self.joins[topic]
        else:
            self.joins[topic] = before

    async def push(self, topic: str, event: str, payload: object = None) -> str:
        """Push, and wait for the reply, which is ok."""
        ref = await self.send(topic, event, payload)
        await self.expect_reply(ref, topic)
        return ref

    async def close(self) -> None:
        """Close as a browser does."""
        await asyncio.wait_for(self.connection.close(), LIMIT)

    def cut(self) -> None:
        """Be gone without a word."""
        self.connection.transport.abort()


def lobby(place: Place, name: str | None = None) -> str:
    """Give the topic of a channel, the general one by its short name unless told another."""
    return f"lobby:{place.key}" if name is None else f"lobby:{place.key}:{name}"


def direct(place: Place, uid: str) -> str:
    """Give the topic of one user."""
    return f"lobby:{place.key}/uid:{uid}"


def path_of(place: Place, **query: str | None) -> str:
    """Give the path that opens a socket; what is None is left out."""
    query = {"app_key": place.key, "vsn": V2, **query}
    return "/socket/websocket?" + urlencode({name: value for name, value in query.items() if value is not None})


async def knock(place: Place, *, subprotocols: list[str] | None = None, **query: str | None) -> PhoenixSocket:
    """Open a socket with this query. Raises InvalidStatus when it is refused."""
    connection = await connect(
        f"ws://{place.host}:{place.port}{path_of(place, **query)}",
        subprotocols=[Subprotocol(name) for name in subprotocols] if subprotocols is not None else None,
        compression=None,
        open_timeout=LIMIT,
        close_timeout=2 * LIMIT,
        ping_interval=None,
        max_size=None,
        max_queue=None,
        proxy=None,
    )
    return PhoenixSocket(connection, query.get("app_key") or place.key, query.get("vsn", V2))


async def refusal(place: Place, **query: str | None) -> tuple[int, str]:
    """Open a socket, in vain: give the status of the answer, and what it says."""
    with pytest.raises(InvalidStatus) as refused:
        await knock(place, subprotocols=None, **query)
    response = refused.value.response
    return response.status_code, response.body.decode().removesuffix("\n") if response.body else ""


def message(topic: str, event: str, payload: object = None, ref: str = "1", join_ref: str | None = "1") -> bytes:
    """Write a message of V2 as a client's frame."""
    return client_frame(json.dumps([join_ref, ref, topic, event, {} if payload is None else payload]).encode())
