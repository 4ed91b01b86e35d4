"""The pages of an organization that only tell: usage, and the audit."""

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from applications.conftest import Staff
from hubbub.accounts.people import AuditEntry
from hubbub.statistics.figures import Figures
from hubbub.statistics.seam import INTERVAL, Noted
from hubbub.store import Store
from hubbub.web.organization import deeds
from hubbub.web.organization.usage import Share
from tenants import Tenants

from .test_organizations import here, rows


def test_the_audit_says_in_plain_words_who_did_what(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    path, pete = f"{here(world)}/members", tenants.people["pete"].id
    ada.get(f"{here(world)}/settings").submit(f"{here(world)}/settings", name="Acme & Co")
    ada.get(path).submit(f"{path}/{pete}", is_admin="true")
    ada.submit(f"{path}/{pete}/remove")
    ada.get(f"{here(world)}/invitations").submit(f"{here(world)}/invitations", email="x@example.com")
    told = [row.partition(" Ada ")[2] for row in rows(ada.get(f"{here(world)}/audit"))]
    assert told == [
        "invited x@example.com 127.0.0.1",
        "took Pete out of the organization 127.0.0.1",
        "made Pete an admin 127.0.0.1",
        "renamed the organization to “Acme &amp; Co” 127.0.0.1",
        "added a key pair to Chat 127.0.0.1",
        f"lent Chat to {world.globex['name']} 127.0.0.1",
        "created Chat 127.0.0.1",
        "added Rita as a member who may only read 127.0.0.1",
        "added Pete as a member who may publish 127.0.0.1",
        "created the organization 127.0.0.1",
    ]


def test_the_audit_is_narrowed_by_a_form(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    audit = f"{here(world)}/audit"
    ada.get(audit, action="application")
    assert [row.partition(" Ada ")[2].partition(" ")[0] for row in rows(ada)] == ["added", "lent", "created"]
    assert ada.form(audit).fields["action"] == "application", "the form keeps what was chosen"
    ada.get(audit).submit(audit, application=str(world.application["id"]))
    assert len(rows(ada)) == 3
    ada.submit(audit, application="", user=str(tenants.people["pete"].id))
    assert "Nothing like that" in ada.text
    assert ada.get(audit, user="nobody", action="'; DROP").status == 200


def test_usage_tells_what_is_used_of_what(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    there = f"/organizations/{world.acme['slug']}/applications/{world.application['id']}"
    tenants.data("PATCH", there, "ada", json={"application": {"settings": {"max_connections": 50}}})
    [row] = rows(ada.get(f"{here(world)}/usage"))
    assert row.startswith("Chat 0 of 50 0 no limit 0 0")
    assert 'class="share ' in ada.text
    assert rows(staff("bob").get(f"/organizations/{world.globex['slug']}/usage"))[0].startswith("Chat borrowed")


def test_usage_warns_of_what_is_nearly_used_up(staff: Staff, tenants: Tenants) -> None:
    world, ada = tenants.world(), staff("ada")
    app_id = str(world.application["id"])
    there = f"/organizations/{world.acme['slug']}/applications/{app_id}"
    limits = {"max_connections": 50, "events_per_second": 10}
    tenants.data("PATCH", there, "ada", json={"application": {"settings": limits}})
    counted = Figures(ws=45 * 1000 * INTERVAL, events=12 * INTERVAL)

    async def note() -> None:
        """Write down the same for the intervals around now."""
        store, now = Store.open(tenants.database_url), int(time.time()) // INTERVAL * INTERVAL
        times = [now + step * INTERVAL for step in range(-3, 13)]  # a slow machine looks later
        await store.statistics.add([Noted(app_id, at, counted) for at in times], [])
        await store.close()

    asyncio.run(note())
    [row] = rows(ada.get(f"{here(world)}/usage"))
    assert row.startswith("Chat 45 of 50 90 % 12 of 10 used up ")
    assert re.search(r"<strong>Chat</strong>\s+is close to a limit, or at it", ada.text)
    month = int(row.rpartition(" ")[2].replace(",", ""))
    assert 0 < month <= 16 * counted.billed, "those of the month before are not this one's"
    assert rows(ada.get(here(world)))[0].startswith("Chat owned 45 12 ")


@pytest.mark.parametrize(
    ("used", "limit", "kind"),
    [(0, 0, ""), (1e6, 0, ""), (79, 100, ""), (80, 100, "warn"), (99, 100, "warn"), (100, 100, "bad")],
)
def test_a_warning_begins_with_four_fifths(used: float, limit: int, kind: str) -> None:
    assert Share(used, limit).kind == kind


def test_every_action_has_words_of_a_kind_that_can_be_chosen() -> None:
    assert {action.partition(".")[0] for action in deeds.ACTIONS} == {*deeds.KINDS}


def entry(action: str, subject: str = "user:7", **facts: Any) -> AuditEntry:
    given = {"details": {}, "names": {}, "application_id": None, **facts}
    return AuditEntry(
        id=1,
        user=None,
        organization_id=1,
        action=action,
        subject=subject,
        address=None,
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
        **given,
    )


def test_what_is_gone_is_told_by_what_is_left_of_it() -> None:
    assert deeds.told(entry("enrollment.remove")) == "took user 7 out of the organization"
    lent = entry("application.lend", application_id=3, details={"organization": 9})
    assert deeds.told(lent) == "lent application 3 to organization 9"
    assert deeds.told(entry("invitation.invite")) == "invited somebody"
    assert deeds.told(entry("application.update", application_id=None)) == "changed some application"


def test_an_action_without_words_is_told_too() -> None:
    assert deeds.told(entry("moon.fly_to", "moon:1")) == "moon: fly to (moon:1)"


def test_what_was_changed_is_named() -> None:
    names = {"application:3": "Chat"}
    changed = entry("application.update", application_id=3, names=names, details={"changed": ["name", "enabled"]})
    assert deeds.told(changed) == "changed Chat: name, enabled"
