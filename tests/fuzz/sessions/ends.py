"""Clients' ends of connections: the real sessions say something into them, and what they say is read again.

An `End` stands where a WebSocket would: it has the wires of one, closes as one does, a turn later, and from then on
writes nothing. It reads the server's frames by its own few lines.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from hubbub.errors import BINARY_UNSUPPORTED, Refusal
from hubbub.messages import Refused
from hubbub.session.doors import Line
from hubbub.session.session import Session
from hubbub.transports.frames import PUSHER

Heard = tuple[Any, ...]
"""What was heard, in words that do not depend on the protocol's version."""

REPLIES: Final = {
    "pusher:connection_established": "welcome",
    "pusher:error": "error",
    "pusher:signin_success": "signed in",
    "pusher:pong": "pong",
}

NOWHERE: Final = Line("test", "", 0)


class End:
    """One client's. `session` is set when it has one."""

    is_socket = True

    def __init__(self) -> None:
        self.wire = PUSHER
        self.session: Session | None = None
        self.refusal: Refusal | None = None
        self.is_shut = False
        self._bytes = bytearray()

    # What the hub and the session call

    @property
    def write(self) -> Callable[[bytes], object]:
        return self._take

    def _take(self, data: bytes) -> None:
        if not self.is_shut:
            self._bytes += data

    def close(self, refusal: Refusal) -> None:
        assert refusal.__cause__ is None, "a fault of ours"
        assert refusal.status < 500 or refusal.code is not None, refusal
        if self.refusal is None:
            self.refusal = refusal
            if self.session is not None:
                self.session.part(refusal)
            asyncio.get_running_loop().call_soon(self._hang_up)

    @property
    def queued(self) -> int:
        return 0

    def look(self) -> Line:
        return NOWHERE

    def resume(self) -> None:
        """Nothing was held back: who sends before is answered later."""

    # What the client does

    def say(self, message: str | bytes) -> None:
        """Send a message, unless the server is closing the connection."""
        session = self.session
        assert session is not None
        if self.refusal is not None:
            return
        if isinstance(message, bytes) and not session.takes_binary:
            refusal = BINARY_UNSUPPORTED()
            session.refused(refusal)
            self._take(self.wire.pack(Refused(refusal.code, refusal.message)))
            return
        session.receive(message)

    def part(self, *, politely: bool) -> None:
        """End the connection."""
        session = self.session
        assert session is not None
        if self.is_shut:
            return
        if politely:
            session.left(lambda _: "bye")
        else:
            session.lost()
        self.is_shut = True
        session.end()

    def _hang_up(self) -> None:
        """The client answers the close, and the connection is gone."""
        if not self.is_shut and self.session is not None:
            self.is_shut = True
            asyncio.get_running_loop().call_soon(self.session.end)

    # What it has heard

    def frames(self) -> Iterator[Any]:
        """Give the messages that came since this was asked last, read as JSON."""
        data, self._bytes = bytes(self._bytes), bytearray()
        while data:
            first, size, start = data[0], data[1], 2
            assert first == 0x81, "only text is said here"
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(data[2:start], "big")
            assert len(data) >= start + size, "a frame is cut short"
            yield json.loads(data[start : start + size])
            data = data[start + size :]

    def heard(self) -> "Streams":
        """Give the same, apart by what has an order of its own."""
        streams = Streams()
        for frame in self.frames():
            if isinstance(frame, list) or "topic" in frame:
                _phoenix(frame, streams)
            else:
                _pusher(frame, streams)
        return streams


class Streams(dict[str, list[Heard]]):
    """What a client hears, by channel or topic, by watched user, or as `replies`: within each there is one order."""

    def add(self, stream: str, *heard: Any) -> None:
        """Hear something more."""
        self.setdefault(stream, []).append(heard)


def _pusher(frame: dict[str, Any], streams: Streams) -> None:
    channel, event = frame.get("channel", ""), frame["event"]
    data = frame.get("data")
    told: Any = data
    if isinstance(data, str) and event.startswith(("pusher:", "pusher_internal:")):
        told = json.loads(data)
    match event:
        case "pusher_internal:subscription_succeeded":
            presence = told.get("presence")
            if presence is not None:
                assert presence["count"] == len(presence["ids"]) == len(presence["hash"])
            streams.add(channel, "joined", *(presence["ids"] if presence is not None else ()))
        case "pusher_internal:member_added":
            streams.add(channel, "added", told["user_id"])
        case "pusher_internal:member_removed":
            streams.add(channel, "removed", told["user_id"])
        case "pusher_internal:subscription_count":
            streams.add(channel, "count", told["subscription_count"])
        case "pusher:cache_miss":
            streams.add(channel, "miss")
        case "pusher_internal:watchlist_events":
            for one in told["events"]:
                for user_id in one["user_ids"]:
                    streams.add(f"watch {user_id}", one["name"])
        case "pusher:subscription_error":
            streams.add("replies", "refused", channel)
        case _ if event in REPLIES:
            streams.add("replies", REPLIES[event])
        case _:
            assert not event.startswith(("pusher:", "pusher_internal:")), frame
            streams.add(channel, "event", event, data, frame.get("user_id"))


def _phoenix(frame: Any, streams: Streams) -> None:
    if isinstance(frame, list):
        _, ref, topic, event, payload = frame
    else:
        topic, event, payload, ref = frame["topic"], frame["event"], frame["payload"], frame["ref"]
    match event:
        case "phx_reply":
            streams.add("replies", payload["status"], ref)
        case "phx_close":
            streams.add(topic, "closed")
        case "presence_state":
            streams.add(topic, "joined", *payload)
        case "presence_diff":
            for user_id in payload["joins"]:
                streams.add(topic, "added", user_id)
            for user_id in payload["leaves"]:
                streams.add(topic, "removed", user_id)
        case _:
            streams.add(topic, "event", event, payload)
