"""The Python server SDK, unmodified, with a plain WebSocket as the browser."""

import base64
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import nacl.secret
import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.errors import (  # type: ignore[import-untyped]
    PusherBadAuth,
    PusherBadRequest,
    PusherBadStatus,
    PusherForbidden,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from running import Running

LIMIT = 5.0
MASTER_KEY = os.urandom(32)

_numbers = itertools.count()


def unique(name: str) -> str:
    return f"{name}-python-{next(_numbers)}"


class Browser:
    """A WebSocket client that knows the envelope of the protocol and nothing else."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        event, welcome = self.next()
        assert event == "pusher:connection_established"
        self.socket_id: str = welcome["socket_id"]

    def send(self, event: str, data: object) -> None:
        self._socket.send(json.dumps({"event": event, "data": data}))

    def next(self) -> tuple[str, Any]:
        """Give the event and the decoded data of the next frame."""
        frame = json.loads(self._socket.recv(LIMIT))
        data = frame.get("data")
        return frame["event"], json.loads(data) if isinstance(data, str) else data

    def subscribe(self, channel: str, **auth: object) -> Any:
        """Subscribe, and give what the server says of the channel."""
        self.send("pusher:subscribe", {"channel": channel, **auth})
        event, data = self.next()
        assert event == "pusher_internal:subscription_succeeded", data
        return data

    def sign_in(self, sdk: Pusher, user_id: str) -> None:
        """Sign in as the SDK authenticates a user, and subscribe to the user's channel as pusher-js does."""
        given = sdk.authenticate_user(self.socket_id, {"id": user_id, "user_info": {"name": "Ada"}})
        self.send("pusher:signin", given)
        assert self.next() == ("pusher:signin_success", {"user_data": given["user_data"]})
        assert self.subscribe(f"#server-to-user-{user_id}", auth="") == {}

    def close_code(self) -> int | None:
        """Give the code that the server closed with, whatever it had to say before."""
        try:
            while True:
                self.next()
        except ConnectionClosed:
            return self._socket.close_code


@pytest.fixture
def browser(server: Running) -> Iterator[Callable[[], Browser]]:
    with ExitStack() as sockets:
        yield lambda: Browser(sockets.enter_context(connect(f"{server.socket_url}?protocol=7")))


@pytest.fixture
def sdk(server: Running, backend: Callable[..., Pusher]) -> Pusher:
    return backend(server, encryption_master_key_base64=base64.b64encode(MASTER_KEY).decode())


def test_trigger_reaches_one_channel(sdk: Pusher, browser: Callable[[], Browser]) -> None:
    page = browser()
    channel = unique("news")
    assert page.subscribe(channel) == {}
    assert sdk.trigger(channel, "event", {"text": "héllo 🎉"}) == {}
    assert page.next() == ("event", {"text": "héllo 🎉"})


def test_trigger_reaches_many_channels_and_leaves_one_socket_out(sdk: Pusher, browser: Callable[[], Browser]) -> None:
    author, reader = browser(), browser()
    channels = [unique("a"), unique("b")]
    for page, channel in itertools.product((author, reader), channels):
        page.subscribe(channel)
    sdk.trigger(channels, "saved", {}, author.socket_id)
    sdk.trigger(channels[0], "last", {})
    assert [reader.next()[0] for _ in range(3)] == ["saved", "saved", "last"]
    assert author.next()[0] == "last"


def test_a_batch_arrives_in_order(sdk: Pusher, browser: Callable[[], Browser]) -> None:
    page = browser()
    channel = unique("batch")
    page.subscribe(channel)
    batch = [{"channel": channel, "name": f"event-{number}", "data": {"number": number}} for number in range(10)]
    assert sdk.trigger_batch(batch) == {}
    assert [page.next() for _ in range(10)] == [(f"event-{number}", {"number": number}) for number in range(10)]


def test_authenticate_opens_private_and_presence_channels(sdk: Pusher, browser: Callable[[], Browser]) -> None:
    ada, bob = browser(), browser()
    private, presence = unique("private-room"), unique("presence-room")
    assert ada.subscribe(private, **sdk.authenticate(private, ada.socket_id)) == {}
    first = {"user_id": "1", "user_info": {"name": "Ada"}}
    ada.subscribe(presence, **sdk.authenticate(presence, ada.socket_id, first))
    second = {"user_id": 2, "user_info": {"name": "Bob"}}
    assert bob.subscribe(presence, **sdk.authenticate(presence, bob.socket_id, second)) == {
        "presence": {"count": 2, "ids": ["1", "2"], "hash": {"1": {"name": "Ada"}, "2": {"name": "Bob"}}}
    }
    assert ada.next() == ("pusher_internal:member_added", {"user_id": "2", "user_info": {"name": "Bob"}})


def test_channels_and_users_can_be_asked_about(sdk: Pusher, browser: Callable[[], Browser]) -> None:
    prefix = unique("presence-room")
    channel = f"{prefix}-asked"
    for user in ("1", "2", "2"):
        page = browser()
        page.subscribe(channel, **sdk.authenticate(channel, page.socket_id, {"user_id": user}))
    assert sdk.channels_info(prefix, ["user_count"]) == {"channels": {channel: {"user_count": 2}}}
    assert sdk.channel_info(channel, ["user_count"]) == {"occupied": True, "user_count": 2}
    assert sorted(user["id"] for user in sdk.users_info(channel)["users"]) == ["1", "2"]
    assert sdk.channel_info(unique("empty")) == {"occupied": False}
    assert channel in sdk.channels_info()["channels"]


def test_a_channel_whose_name_uses_the_whole_alphabet_can_be_asked_about(
    sdk: Pusher, browser: Callable[[], Browser]
) -> None:
    channel = f"{unique('a')}=b@c,d.e;f_g-h"
    browser().subscribe(channel)
    assert sdk.channel_info(channel) == {"occupied": True}
    assert sdk.channels_info(channel) == {"channels": {channel: {}}}


def test_encrypted_events_are_opened_with_the_key_that_authenticate_gives(
    sdk: Pusher, browser: Callable[[], Browser]
) -> None:
    page = browser()
    channel = unique("private-encrypted-room")
    auth = sdk.authenticate(channel, page.socket_id)
    key = base64.b64decode(auth.pop("shared_secret"))
    assert key == hashlib.sha256(channel.encode() + MASTER_KEY).digest()
    page.subscribe(channel, **auth)
    sdk.trigger(channel, "secret", {"text": "🎉"})
    event, sealed = page.next()
    assert event == "secret"
    opened = nacl.secret.SecretBox(key).decrypt(
        base64.b64decode(sealed["ciphertext"]), base64.b64decode(sealed["nonce"])
    )
    assert json.loads(opened) == {"text": "🎉"}


def test_an_event_to_a_user_is_accepted(sdk: Pusher) -> None:
    assert sdk.send_to_user("42", "event", {}) == {}


def test_a_user_who_signs_in_hears_what_is_sent_to_them(sdk: Pusher, browser: Callable[[], Browser]) -> None:
    ada, bob = browser(), browser()
    users = [unique("ada"), unique("bob")]
    for page, user in zip((ada, bob), users, strict=True):
        page.sign_in(sdk, user)
    for number, user in enumerate(users):
        assert sdk.send_to_user(user, "mail", {"number": number}) == {}
    assert ada.next() == ("mail", {"number": 0})
    assert bob.next() == ("mail", {"number": 1})


def test_the_connections_of_a_user_are_terminated(sdk: Pusher, browser: Callable[[], Browser]) -> None:
    tab, phone, other = browser(), browser(), browser()
    user = unique("ada")
    for page in (tab, phone):
        page.sign_in(sdk, user)
    other.sign_in(sdk, unique("bob"))
    assert sdk.terminate_user_connections(user) == {}
    assert (tab.close_code(), phone.close_code()) == (4009, 4009)
    other.send("pusher:ping", {})
    assert other.next()[0] == "pusher:pong"


def test_what_a_cache_channel_keeps_can_be_asked_about(sdk: Pusher) -> None:
    channel = unique("cache-news")
    assert sdk.channel_info(channel, ["cache"]) == {"occupied": False, "cache": None}
    sdk.trigger(channel, "event", {"text": "héllo"})
    cache = sdk.channel_info(channel, ["cache"])["cache"]
    assert json.loads(cache["data"]) == {"text": "héllo"}
    assert 0 < cache["ttl"] <= 1800


def test_a_wrong_secret_an_unknown_key_and_another_app_are_bad_auth(
    server: Running, backend: Callable[..., Pusher]
) -> None:
    with pytest.raises(PusherBadAuth, match="Invalid signature: you should have sent HmacSHA256Hex"):
        backend(server, secret="wrong").trigger("room", "event", {})
    with pytest.raises(PusherBadAuth):
        backend(server, key="unknown").trigger("room", "event", {})
    with pytest.raises(PusherBadAuth):
        backend(server, app_id="999").trigger("room", "event", {})


def test_a_bad_question_is_a_bad_request(sdk: Pusher) -> None:
    with pytest.raises(PusherBadRequest, match="Users can only be retrieved for presence channels"):
        sdk.users_info("room")
    with pytest.raises(PusherBadRequest, match="Batch too large"):
        sdk.trigger_batch([{"channel": "room", "name": "event", "data": ""}] * 11)


def test_too_much_data_is_told_with_its_status(sdk: Pusher) -> None:
    with pytest.raises(PusherBadStatus, match="413: The data content of this event exceeds the allowed maximum"):
        sdk.trigger("room", "event", "x" * 10_241)


def test_a_disabled_app_is_forbidden(start_server: Callable[..., Running], backend: Callable[..., Pusher]) -> None:
    with pytest.raises(PusherForbidden, match="Application disabled"):
        backend(start_server(app_enabled=False)).trigger("room", "event", {})
