"""What should be: an application's clients, channels and members, in a few dictionaries, and what each client hears.

Simple where the real thing is clever: nothing here waits, is packed, or is known to more than one. Knows the rules that
docs/behaviour.md promises. Every method is one deed; what follows of it is added to what clients are to hear.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from fuzz.sessions.ends import Streams

GENERAL: Final = "general"


class Seat:
    """A Phoenix client's join of a topic; `user` is who it is as a member, None where there are too many to tell of."""

    def __init__(self, channel: str, ref: str, user: str | None) -> None:
        self.channel = channel
        self.ref = ref
        self.user = user


class Client:
    """One client. `uid` is a Phoenix client's user, None for a Pusher client."""

    def __init__(self, key: str, uid: str | None = None, jwt: str = "", *, is_v2: bool = True) -> None:
        self.key = key
        self.uid = uid
        self.jwt = jwt
        self.is_v2 = is_v2
        self.subscriptions: dict[str, str | None] = {}
        self.seats: dict[str, Seat] = {}
        self.user: str | None = None
        self.watchlist: tuple[str, ...] = ()
        self.watched: tuple[str, ...] = ()
        self.is_authorized = True
        self.deadline = 0.0
        """When it must have shown whose it is, if it has not."""
        self.hears = Streams()

    @property
    def is_phoenix(self) -> bool:
        return self.uid is not None

    def listens(self) -> Iterator[tuple[str, str, str | None]]:
        """Give the channel, the stream and the member of everything it is in, in the order it came there."""
        for channel, user in self.subscriptions.items():
            yield channel, channel, user
        for topic, seat in self.seats.items():
            yield seat.channel, topic, seat.user


class World:
    """The application as it is."""

    def __init__(self) -> None:
        self.keys = ["key", "old"]
        self.jwts = {"jwt-1", "jwt-2"}
        self.settings: dict[str, Any] = {
            "enabled": True,
            "client_events": True,
            "subscription_counts": False,
            "watchlists": True,
            "authorized_connections": False,
            "max_connections": 0,
            "max_presence_members": 100,
            "max_topic_members": 100,
            "max_subscriptions": 100,
            "max_watchlist": 2,
            "max_event_bytes": 1000,
            "cache_ttl": 60,
        }
        self.clients: list[Client] = []
        self.members: dict[str, dict[str, int]] = {}
        self.now = 0.0
        self.kept: dict[str, tuple[float, str, str]] = {}
        """The last event of cache channels, and when it is forgotten."""
        self.client_events: list[tuple[str, str]] = []
        """Channel and name of what clients have said, for webhooks."""

    # What holds

    def audience(self, channel: str) -> Iterator[tuple[Client, str]]:
        """Give who listens in a channel, with the stream in which it is heard."""
        for client in self.clients:
            for name, stream, _ in client.listens():
                if name == channel:
                    yield client, stream

    def occupied(self) -> set[str]:
        return {channel for client in self.clients for channel, _, _ in client.listens()}

    def count(self, channel: str) -> int:
        return sum(1 for _ in self.audience(channel))

    def online(self) -> dict[str, int]:
        """Count the connections of each user who is signed in."""
        return dict(Counter(client.user for client in self.clients if client.user is not None))

    @property
    def counted(self) -> int:
        """Count the connections that count for the limit."""
        return sum(client.is_authorized for client in self.clients)

    @property
    def has_room(self) -> bool:
        limit = self.settings["max_connections"]
        return not limit or self.counted < limit

    # Coming and going

    def came(self, client: Client) -> None:
        self.clients.append(client)
        if not client.is_phoenix:
            client.is_authorized = not self.settings["authorized_connections"]
            client.hears.add("replies", "welcome")

    def went(self, client: Client) -> None:
        """Leave everything, in the order it came there."""
        for channel, stream, user in list(client.listens()):
            del (client.seats if client.is_phoenix else client.subscriptions)[stream]
            self._left(channel, user)
        self.clients.remove(client)
        user, client.user = client.user, None
        if user is not None and user not in self.online():
            self._tell_watchers(user, "offline")

    def authorized(self, client: Client) -> bool:
        """Count a client that has shown whose it is; False if there is no room for it, and it must go."""
        if not client.is_authorized:
            if self.settings["authorized_connections"] and not self.has_room:
                return False
            client.is_authorized = True
        return True

    # Channels

    def joined(self, client: Client, channel: str, stream: str, user: str | None, ref: str = "") -> bool:
        """Let a client into a channel, as a member if it is one; False, and nothing has happened, if it is full."""
        is_presence = channel.startswith("presence-")
        if user is not None:
            members = self.members.get(channel, {})
            limit = self.settings["max_presence_members" if is_presence else "max_topic_members"]
            if user not in members and len(members) >= limit:
                if is_presence:
                    return False
                user = None
        if client.is_phoenix:
            client.hears.add("replies", "ok", ref)
        if user is not None:
            members = self.members.setdefault(channel, {})
            if user not in members:
                self._tell_members(channel, "added", user)
            members[user] = members.get(user, 0) + 1
        if client.is_phoenix:
            client.seats[stream] = Seat(channel, ref, user)
        else:
            client.subscriptions[channel] = user
        is_told = client.is_phoenix or is_presence
        client.hears.add(stream, "joined", *(self.members.get(channel, ()) if is_told else ()))
        if "cache-" in channel:
            ends, name, data = self.kept.get(channel, (0.0, "", ""))
            if ends > self.now:
                self._hear(client, stream, name, data, None)
            elif not client.is_phoenix:
                client.hears.add(stream, "miss")
        self._tell_count(channel)
        return True

    def left(self, client: Client, stream: str) -> None:
        """Let it out again."""
        if client.is_phoenix:
            seat = client.seats.pop(stream)
            self._left(seat.channel, seat.user)
            client.hears.add(stream, "closed")
        else:
            self._left(stream, client.subscriptions.pop(stream))

    def _left(self, channel: str, user: str | None) -> None:
        if user is not None:
            members = self.members[channel]
            members[user] -= 1
            if not members[user]:
                del members[user]
                self._tell_members(channel, "removed", user)
            if not members:
                del self.members[channel]
        self._tell_count(channel)

    # Users

    def signed_in(self, client: Client, user: str, watchlist: tuple[str, ...]) -> None:
        if user not in self.online():
            self._tell_watchers(user, "online")
        client.user = user
        client.watchlist = watchlist
        client.hears.add("replies", "signed in")
        client.watched = ()
        self.follow(client)
        if self.settings["watchlists"] and len(client.watched) < len(watchlist):
            client.hears.add("replies", "error")

    def follow(self, client: Client) -> None:
        """Watch as the settings are now."""
        if client.user is None:
            return
        wanted = client.watchlist[: self.settings["max_watchlist"]] if self.settings["watchlists"] else ()
        if wanted != client.watched:
            client.watched = wanted
            for user in wanted:
                client.hears.add(f"watch {user}", "online" if user in self.online() else "offline")

    # Telling

    def said(
        self, channel: str, name: str, data: str, user: str | None = None, *, to_all_but: Client | None = None
    ) -> None:
        """Tell an event to all who listen, but one Pusher client."""
        for client, stream in list(self.audience(channel)):
            if client is not to_all_but or client.is_phoenix:
                self._hear(client, stream, name, data, user)

    def keep(self, channel: str, name: str, data: str) -> None:
        """Keep the last event of a cache channel."""
        if "cache-" in channel:
            self.kept[channel] = (self.now + self.settings["cache_ttl"], name, data)

    def _hear(self, client: Client, stream: str, name: str, data: str, user: str | None) -> None:
        if not client.is_phoenix:
            client.hears.add(stream, "event", name, data, user)
            return
        if name.startswith(("phx_", "chan_reply_")) or name in ("presence_state", "presence_diff"):
            return
        try:
            value = json.loads(data)
        except ValueError:
            value = data
        client.hears.add(stream, "event", name, value if isinstance(value, dict) else {"data": value})

    def _tell_members(self, channel: str, how: str, user: str) -> None:
        for client, stream in self.audience(channel):
            if client.is_phoenix or channel.startswith("presence-"):
                client.hears.add(stream, how, user)

    def _tell_count(self, channel: str) -> None:
        count = self.count(channel)
        if not self.settings["subscription_counts"] or not count or channel.startswith(("presence-", "#")):
            return
        for client, stream in self.audience(channel):
            if not client.is_phoenix:
                client.hears.add(stream, "count", count)

    def _tell_watchers(self, user: str, how: str) -> None:
        for client in self.clients:
            if user in client.watched:
                client.hears.add(f"watch {user}", how)
