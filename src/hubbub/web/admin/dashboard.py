"""The first page of the administration: how much there is of everything, what is new, and how the server is.

Knows: which figures there are. Does not know how they come about.
"""

from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from hubbub.accounts.domain import Identity
from hubbub.statistics.statistics import Now
from hubbub.web.admin.audit import AUDIT
from hubbub.web.admin.cells import Cell
from hubbub.web.admin.users import USERS
from hubbub.web.services import Services
from hubbub.web.visit import Visit

NEWEST = 5
"""Users that are shown as new."""

LAST = 10
"""Entries of the audit that are shown."""

MOST_SUMMED = 1000
"""Applications whose figures are added up to those of the server."""


class State(msgspec.Struct, frozen=True):
    """How a part of the server is: `tone` is `good`, `warn` or `bad`."""

    name: str
    said: str
    tone: str
    more: str = ""


async def dashboard(visit: Visit) -> Response:
    """Show it."""
    accounts, who = visit.services.accounts, visit.who
    users = await accounts.register.users(who, sort="-id", limit=NEWEST)
    entries = await accounts.records.entries(who, sort="-id", limit=LAST)
    return visit.render(
        "admin/dashboard.html",
        here="",
        counts=await accounts.records.counts(who),
        states=_states(visit.services),
        now=await _now(visit.services, who),
        declared=visit.services.declared,
        users=[(one, USERS.badges(one)) for one in users.items],
        entries=[_cells(one) for one in entries.items],
        entry_columns=AUDIT.columns,
    )


async def _now(services: Services, who: Identity) -> Now:
    """Add up what goes on, on all nodes."""
    found = await services.accounts.register.applications(who, archived=False, limit=MOST_SUMMED)
    ids = {str(one.id) for one in found.items}
    if services.declared is not None:
        ids.add(services.declared.id)
    figures = (await services.statistics.now(sorted(ids))).values()
    return Now(
        sum(one.connections for one in figures),
        sum(one.messages for one in figures),
        sum(one.deliveries for one in figures),
    )


def _cells(entry: object) -> tuple[Cell, ...]:
    return tuple(column.cell(entry) for column in AUDIT.columns)


def _states(services: Services) -> list[State]:
    settings, node = services.settings, services.node
    away = node.away
    engine = "in memory, for one node" if node.is_alone else "Redis"
    counted = node.membership.nodes
    kind = urlsplit(settings.database_url.get_secret_value()).scheme.partition("+")[0]
    return [
        State("Nodes", f"{counted} running" if counted != 1 else "one running", "good"),
        State(
            "Engine",
            engine if away is None else f"{engine}, away for {away:.0f} s",
            "good" if away is None else "bad",
        ),
        # Who reads this page has just been looked up in it.
        State("Database", {"postgresql": "PostgreSQL", "sqlite": "SQLite"}.get(kind, kind), "good"),
        State("Mail", "written to a folder: no mail server is set", "warn")
        if services.mail_is_local
        else State("Mail", "by SMTP", "good"),
    ]
