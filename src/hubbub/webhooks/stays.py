"""Who is there, as endpoints were told: occupied channels, and members in them.

Pure: it is given the time. Knows that who leaves is gone only after a grace, and never left when back within it. So
what is told of one channel or member begins and ends by turns. Does not know how that is told.
"""

import heapq

from hubbub.webhooks.seam import Standing

STAYING = 0
"""Stands for "not about to end": endings are numbered from 1."""


class Stays:
    """Channels and members that have come. `grace` is in seconds; times are seconds of any steady clock."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        # Each with the number of its ending, if it is about to end.
        self._ending: dict[Standing, int] = {}
        # By time, then by number: who left first is told first. One that came back is still in here, and passed over.
        self._endings: list[tuple[float, int, Standing]] = []
        self._untold: set[Standing] = set()
        self._number = 0
        self._is_frozen = False

    def __contains__(self, stay: Standing) -> bool:
        return stay in self._ending

    def came(self, stay: Standing) -> bool:
        """Note that it is there; True if that is to be told, False if it never left."""
        is_new = stay not in self._ending
        self._ending[stay] = STAYING
        return is_new

    def left(self, stay: Standing, now: float) -> bool:
        """Note that it left; True if it was not known to be there, so that its end must be kept in mind."""
        if self._is_frozen:
            return False
        if stay in self._untold:
            self._untold.discard(stay)
            del self._ending[stay]
            return False
        is_new = stay not in self._ending
        if is_new or self._ending[stay] == STAYING:
            self._end(stay, now + self._grace)
        return is_new

    def untold(self, stay: Standing) -> None:
        """Note that nobody could be told that it came, so that nobody will be told that it left."""
        self._untold.add(stay)

    def returning(self, stays: list[Standing], until: float) -> None:
        """Note those who were there before a restart: they leave unless they come before `until`. Members go first."""
        for stay in sorted(stays, key=lambda stay: (not stay.user_id, stay.app_id, stay.channel)):
            self._end(stay, until)

    def over(self, now: float) -> list[Standing]:
        """Give those who are gone for good, in the order in which they left, and forget them."""
        gone = []
        while not self._is_frozen and self._endings and self._endings[0][0] <= now:
            _, number, stay = heapq.heappop(self._endings)
            if self._ending.get(stay) == number:
                del self._ending[stay]
                gone.append(stay)
        return gone

    def next_over(self) -> float | None:
        """Give when to ask for the next who are gone, None while nobody is leaving."""
        return self._endings[0][0] if self._endings and not self._is_frozen else None

    def freeze(self) -> None:
        """Let nobody leave any more, nor those who are about to: who is there now may be there again after a start."""
        self._is_frozen = True

    def forget(self, app_id: str) -> list[Standing]:
        """Give all of an application, and forget them without an end."""
        gone = [stay for stay in self._ending if stay.app_id == app_id]
        for stay in gone:
            del self._ending[stay]
            self._untold.discard(stay)
        return gone

    def _end(self, stay: Standing, at: float) -> None:
        self._number += 1
        self._ending[stay] = self._number
        heapq.heappush(self._endings, (at, self._number, stay))
