"""What one client has made of what it heard: who is in each channel, who is online, how many there are, what was said.

Holds, as it hears, that nothing is told twice, late or never: who is added was not there, who is removed was.
"""

import json
from typing import Final

from fuzz.sessions.ends import End, Heard

MARK: Final = "mark"
"""The event that shows that everything before it has come."""


class Ear:
    """A client's connection, listened to."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.members: dict[str, set[str]] = {}
        """Who is in each stream that it has joined and not left, as it was told."""
        self.counts: dict[str, int] = {}
        self.online: dict[str, bool] = {}
        self.events: dict[str, list[str]] = {}
        """What was said in each stream since it was asked last, in its order."""
        self.marks: set[tuple[str, str]] = set()

    def listen(self) -> None:
        """Take in what has come."""
        for stream, heard in self.end.heard().items():
            if stream.startswith("watch "):
                self.online[stream.removeprefix("watch ")] = heard[-1][0] == "online"
            elif stream != "replies":
                for one in heard:
                    self._hear(stream, one)

    def _hear(self, stream: str, heard: Heard) -> None:
        match heard:
            case ("joined", *users):
                assert len(set(users)) == len(users)
                self.members[stream] = set(users)
                self.counts.pop(stream, None)
            case ("closed",):
                self.members.pop(stream, None)
            case ("added", user):
                assert user not in self.members[stream], f"{user} came to {stream} twice"
                self.members[stream].add(user)
            case ("removed", user):
                assert user in self.members[stream], f"{user} left {stream} without having come"
                self.members[stream].discard(user)
            case ("count", int(count)):
                self.counts[stream] = count
            case ("event", name, data, *_) if name == MARK:
                self.marks.add((stream, _text(data)))
            case ("event", _, data, *_):
                self.events.setdefault(stream, []).append(_text(data))


def _text(data: object) -> str:
    """Give what was said, however a protocol wraps it."""
    if isinstance(data, str) and data.startswith("{"):
        data = json.loads(data)
    return str(data["data"] if isinstance(data, dict) else data)
