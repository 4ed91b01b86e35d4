"""Locks, one for each channel in which somebody comes or goes at the moment."""

import asyncio
from weakref import WeakValueDictionary


class Gates:
    """Keep joins and leaves of one channel apart while an engine makes them wait."""

    def __init__(self) -> None:
        self._gates: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def of(self, app_id: str, channel: str) -> asyncio.Lock:
        """Give the lock of a channel; it is gone when nobody holds it or waits for it."""
        gate = self._gates.get((app_id, channel))
        if gate is None:
            gate = self._gates[app_id, channel] = asyncio.Lock()
        return gate
