"""The events that wait for one endpoint, as far as they are in memory.

Pure. Knows: events of one channel go one request after the other, in their order, while other channels go on. Does not
know requests, nor what waits in the database behind these.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence

from hubbub.webhooks.seam import Waiting


class Line:
    """Events by channel. A channel is held while a request with events of it is unfinished."""

    def __init__(self) -> None:
        self._by_channel: dict[str, deque[Waiting]] = {}
        self._held: dict[str, int] = {}
        # The first event of each channel that is not held; also of some that are, or have another first by now.
        self._first: list[tuple[int, str]] = []
        self._count = 0
        self.characters = 0
        """How long the events in line are together."""
        self.last_id = 0
        """The id of the newest event that was ever put in line, 0 after `clear`."""

    def __len__(self) -> int:
        return self._count

    def add(self, events: Iterable[Waiting]) -> None:
        """Put events in line, by id, behind those that are there."""
        for event in events:
            queue = self._by_channel.setdefault(event.channel, deque())
            if not queue and event.channel not in self._held:
                heapq.heappush(self._first, (event.id, event.channel))
            queue.append(event)
            self._count += 1
            self.characters += len(event.event)
            self.last_id = event.id

    def take(self, most: int, characters: int) -> list[Waiting]:
        """Take out, by id, events that may go now in one request, and hold their channels.

        One at least if there is one, `most` at most, and so that their texts together are no longer than `characters`.
        """
        taken: list[Waiting] = []
        room = characters
        while self._first and len(taken) < most:
            event_id, channel = self._first[0]
            queue = self._by_channel.get(channel)
            if channel in self._held or not queue or queue[0].id != event_id:
                heapq.heappop(self._first)
                continue
            room -= len(queue[0].event)
            if taken and room < 0:
                break
            taken.append(self._take_first(channel, queue))
        self.hold({event.channel for event in taken})
        return taken

    def hold(self, channels: Iterable[str]) -> None:
        """Let no event of these channels go, until they are freed as often as they were held."""
        for channel in channels:
            self._held[channel] = self._held.get(channel, 0) + 1

    def free(self, channels: Iterable[str]) -> None:
        """Let events of these channels go again."""
        for channel in channels:
            self._held[channel] -= 1
            if not self._held[channel]:
                del self._held[channel]
                if queue := self._by_channel.get(channel):
                    heapq.heappush(self._first, (queue[0].id, channel))

    def clear(self) -> None:
        """Send all home. What is held stays held."""
        self._by_channel.clear()
        self._first.clear()
        self._count = self.characters = self.last_id = 0

    def _take_first(self, channel: str, queue: deque[Waiting]) -> Waiting:
        heapq.heappop(self._first)
        event = queue.popleft()
        self._count -= 1
        self.characters -= len(event.event)
        if queue:
            heapq.heappush(self._first, (queue[0].id, channel))
        else:
            del self._by_channel[channel]
        return event


def joined(time_ms: int, events: Sequence[str]) -> str:
    """Write the body of a request with these events."""
    return f'{{"time_ms":{time_ms},"events":[{",".join(events)}]}}'


def retimed(time_ms: int, body: str) -> str:
    """Write the body of a request anew, with another time and the very same events."""
    return f'{{"time_ms":{time_ms},{body.partition(",")[2]}'
