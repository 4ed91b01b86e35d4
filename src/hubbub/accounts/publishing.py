"""Who may publish to what by session token, remembered until something changes.

Knows: that an answer of the database holds until the journal tells of a change. Publishing is what the JSON API is
asked for most: an event costs 0.25 ms of the server's time; with a transaction for token and permission each, 3.6 ms.
"""

import time

from hubbub.accounts.applications import Applications
from hubbub.accounts.permissions import refuse_browsers
from hubbub.accounts.sessions import Sessions
from hubbub.apps import Application

MOST = 10_000
"""Answers remembered; the oldest goes first."""


class Publishing:
    """The answers, one for all who call. `forget` is for who follows the journal."""

    def __init__(self, sessions: Sessions, applications: Applications) -> None:
        self._sessions = sessions
        self._applications = applications
        self._answers: dict[tuple[str, str, str], tuple[Application, float]] = {}
        self._forgettings = 0

    async def may_publish(self, jwt: str, organization: str, application: str) -> Application:
        """Give the application to publish to: see `Sessions.verify` and `Applications.may_publish`, also for refusals.

        Refusals are not remembered.
        """
        asked = (jwt, organization, application)
        known = self._answers.get(asked)
        if known is not None and known[1] > time.time():
            return known[0]
        forgettings = self._forgettings
        who = await self._sessions.verify(jwt)
        refuse_browsers(who)
        app = await self._applications.may_publish(who, organization, application)
        if forgettings == self._forgettings:  # else it may be true no more
            if len(self._answers) >= MOST:
                del self._answers[next(iter(self._answers))]
            self._answers[asked] = app, who.grant.expires_at
        return app

    def forget(self) -> None:
        """Ask again: something has changed."""
        self._forgettings += 1
        self._answers.clear()
