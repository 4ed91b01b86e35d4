"""What an organization uses, against what its applications may.

Knows: from where on a share is worth a warning. Does not know how figures are kept.
"""

from typing import Final

import msgspec
from starlette.responses import Response

from hubbub.accounts.domain import HeldApplication
from hubbub.settings import AppSettings
from hubbub.web.organization.figures import Figures, figures_of
from hubbub.web.organization.organizations import stand
from hubbub.web.page import get
from hubbub.web.visit import Visit

MUCH: Final = 0.8
"""The share of a limit from which on a page warns."""


MOST: Final = 1000
"""Applications that are looked at: all on one page, so that sums and warnings leave none out."""


class Share(msgspec.Struct, frozen=True):
    """How much of a limit is used; a limit of 0 is none."""

    used: float
    limit: int

    @property
    def part(self) -> float:
        """What is used of it, 1 being all; 0 without a limit."""
        return self.used / self.limit if self.limit else 0.0

    @property
    def kind(self) -> str:
        """`bad` where it is used up, `warn` where little is left, else nothing."""
        if self.part >= 1:
            return "bad"
        return "warn" if self.part >= MUCH else ""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """An application, and what it uses."""

    held: HeldApplication
    figures: Figures
    connections: Share
    events: Share


async def _usage(visit: Visit) -> Response:
    accounts = visit.services.accounts
    standing = await stand(visit)
    slug = standing.organization.slug
    held = await accounts.applications.list(visit.who, slug, limit=MOST)
    members = (await accounts.enrollments.list(visit.who, slug, limit=1)).total if standing.is_admin else None
    figures = await figures_of(visit.services, [str(one.id) for one in held.items])
    used = [_used(one, figures[str(one.id)]) for one in held.items]
    return visit.render(
        "organizations/usage.html",
        here="usage",
        standing=standing,
        used=used,
        total=held.total,
        members=members,
    )


def _used(held: HeldApplication, figures: Figures) -> Used:
    settings = AppSettings.model_validate(dict(held.settings))
    return Used(
        held=held,
        figures=figures,
        connections=Share(figures.connections, settings.max_connections),
        events=Share(figures.events, settings.events_per_second),
    )


PAGES: Final = (get("/organizations/{organization}/usage", _usage),)
