"""Bringing applications of another server here: what would be done, and doing it.

Knows: that keys, secrets and ids stay, so that nobody's clients notice; what collides with what is here; that all of it
is done, or nothing. Does not know the other server.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hubbub.accounts import endpoint_rule
from hubbub.accounts.domain import HeldApplication, Identity, Organization
from hubbub.accounts.domain_imports import ForeignApp, ForeignWebhook, Step, Verdict
from hubbub.accounts.fields import Fields
from hubbub.accounts.permissions import Need, enter, need_root
from hubbub.accounts.policy import Policy
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.accounts.webhooks import MOST_ENDPOINTS
from hubbub.settings import AppSettings, DeclaredApp

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")

LONGEST_SECRET = 255

LARGEST_NUMBER = 1_000_000_000
"""The largest id that becomes a row's own: numbers go on from the largest there is."""


class Imports:
    """The use-cases. Both need root, and an organization that is there if one is named.

    With `new_ids` an application whose id is another's here gets a number of its own, and answers to the old id too.
    `declared` is the application that settings declare. Steps come in the order of the applications.
    """

    def __init__(self, transactions: Transactions, policy: Policy) -> None:
        self._transactions = transactions
        self._policy = policy

    async def plan(
        self,
        who: Identity,
        organization: str | None,
        apps: Sequence[ForeignApp],
        *,
        declared: DeclaredApp | None = None,
        new_ids: bool = False,
    ) -> list[Step]:
        """Say what would be done, and change nothing."""
        need_root(who)
        async with self._transactions.reading(who) as work:
            await _owner(work, who, organization)
            return await self._steps(work, apps, declared, new_ids=new_ids)

    async def carry_out(
        self,
        who: Identity,
        organization: str | None,
        apps: Sequence[ForeignApp],
        *,
        declared: DeclaredApp | None = None,
        new_ids: bool = False,
    ) -> list[Step]:
        """Do it, and give the steps with the number of each. Nothing is done if any is refused."""
        need_root(who)
        async with self._transactions.writing(who) as work:
            owner = await _owner(work, who, organization)
            steps = await self._steps(work, apps, declared, new_ids=new_ids)
            if any(step.verdict is Verdict.REFUSED for step in steps):
                return steps
            made = {
                step.app.key: await _make(work, who, owner, step)
                # Those with a number of their own first: the others take the next ones after them.
                for step in sorted(steps, key=lambda step: step.number is None)
                if step.verdict is Verdict.NEW
            }
            return [made.get(step.app.key, step) for step in steps]

    async def _steps(
        self, work: Work, apps: Sequence[ForeignApp], declared: DeclaredApp | None, *, new_ids: bool
    ) -> list[Step]:
        steps: list[Step] = []
        taken: dict[str, ForeignApp] = {}
        for app in apps:
            if any(app == step.app for step in steps):
                continue
            conflicts = [
                f"{what} is that of {other.name!r} too"
                for what, name in (("its id", f"id {app.id}"), ("its key", f"key {app.key}"))
                if (other := taken.setdefault(name, app)) is not app
            ]
            steps.append(await self._step(work, app, declared, conflicts, new_ids=new_ids))
        return steps

    async def _step(
        self, work: Work, app: ForeignApp, declared: DeclaredApp | None, conflicts: list[str], *, new_ids: bool
    ) -> Step:
        with Fields() as fields:
            name = fields.text("name", app.name)
            settings = fields.settings("settings", app.settings)
            conflicts += [f"{field} {fault}" for field, faults in fields.errors.items() for fault in faults]
            fields.errors.clear()
        if declared is not None and app.key == declared.key:
            conflicts.append("its key is that of the application that settings declare")
        if not KEY.fullmatch(app.key):
            conflicts.append("its key is not 1 to 64 letters, digits, _ and -")
        if not app.secret:
            conflicts.append("it has no secret")
        elif len(app.secret) > LONGEST_SECRET or not app.secret.isprintable():
            conflicts.append(f"its secret is not of {LONGEST_SECRET} characters at most that can be printed")
        holder = None if conflicts else await work.applications.holder_of_key(app.key)
        if holder is not None:
            return await self._compared(work, app, settings, holder)
        number = _number(app.id)
        if number is not None:
            other = await work.applications.find(None, app.id)
            whose = f"application {number} here, {other.name!r}" if other is not None else ""
            if declared is not None and declared.id == app.id:
                whose = "the application that settings declare"
            if whose and not new_ids:
                conflicts.append(f"its id is that of {whose}: --new-ids gives it another, and it answers to both")
            number = None if whose else number
        elif not 1 <= len(app.id) <= 64 or not app.id.isprintable():
            conflicts.append("its id is not 1 to 64 characters")
        alias = app.id if number is None else None
        if alias is not None and not conflicts and (other := await work.applications.find_alias(alias)) is not None:
            conflicts.append(f"its id is that of application {other.id} here, {other.name!r}, too")
        if conflicts:
            return Step(app=app, verdict=Verdict.REFUSED, conflicts=tuple(conflicts))
        webhooks, lost = self._fit(app)
        return Step(
            app=msgspec.structs.replace(app, name=name),
            verdict=Verdict.NEW,
            number=number,
            alias=alias,
            settings=settings,
            webhooks=tuple(webhooks),
            lost=(*app.lost, *lost),
        )

    async def _compared(
        self, work: Work, app: ForeignApp, settings: Mapping[str, Any], holder: tuple[HeldApplication, str | None]
    ) -> Step:
        """Compare one with the application here that has its key, of which the secret is None if it was revoked."""
        held, secret = holder
        if secret is None:
            conflict = f"its key was revoked here, at application {held.id}, {held.name!r}"
            return Step(app=app, verdict=Verdict.REFUSED, conflicts=(conflict,))
        if secret != app.secret:
            conflict = f"its key is that of application {held.id} here, {held.name!r}, with another secret"
            return Step(app=app, verdict=Verdict.REFUSED, conflicts=(conflict,))
        differences = []
        if app.id not in (str(held.id), held.alias):
            differences.append(f"its id is {held.id} here, and {app.id} there")
        if held.archived_at is not None:
            differences.append("it is archived here")
        usual = AppSettings().model_dump(mode="json")
        for name in sorted(settings.keys() | held.settings.keys()):
            here, there = held.settings.get(name, usual[name]), settings.get(name, usual[name])
            if here != there:
                differences.append(f"{name} is {_shown(here)} here, and would be {_shown(there)}")
        webhooks, lost = self._fit(app)
        present = {(one.url, one.kinds, one.channel_prefix) for one in await work.webhooks.endpoints(held.id)}
        differences += [
            f"there is no such webhook here: {one.shown}"
            for one in webhooks
            if (one.url, one.kinds, one.channel_prefix) not in present
        ]
        return Step(
            app=app,
            verdict=Verdict.THERE,
            number=held.id,
            alias=held.alias,
            differences=tuple(differences),
            lost=(*app.lost, *lost),
        )

    def _fit(self, app: ForeignApp) -> tuple[list[ForeignWebhook], list[str]]:
        """Give the webhooks that may be here as they were, and why others may not."""
        fit: list[ForeignWebhook] = []
        lost: list[str] = []
        for one in app.webhooks:
            fields = Fields()
            checked = ForeignWebhook(
                url=endpoint_rule.url(fields, one.url, may_be_private=self._policy.webhook_private),
                kinds=endpoint_rule.kinds(fields, one.kinds),
                channel_prefix=endpoint_rule.channel_prefix(fields, one.channel_prefix),
                headers=endpoint_rule.headers(fields, one.headers),
            )
            faults = [f"{field} {fault}" for field, messages in fields.errors.items() for fault in messages]
            if len(fit) >= MOST_ENDPOINTS:
                faults.append(f"there are {MOST_ENDPOINTS} already, the most there may be")
            if faults:
                lost.append(f"webhook {one.shown[:200]!a}: {'; '.join(faults)}")
            else:
                fit.append(checked)
        return fit, lost


def _number(text: str) -> int | None:
    """Give the id as a row's, None for one that is no such number: that becomes an alias."""
    is_usual = text.isascii() and text.isdigit() and not text.startswith("0") and len(text) <= 10
    return int(text) if is_usual and int(text) <= LARGEST_NUMBER else None


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "empty"


async def _owner(work: Work, who: Identity, organization: str | None) -> Organization | None:
    return None if organization is None else (await enter(work, who, organization, Need.ADMIN)).organization


async def _make(work: Work, who: Identity, owner: Organization | None, step: Step) -> Step:
    app = step.app
    owner_id = None if owner is None else owner.id
    held = await work.applications.bring(
        owner_id,
        number=step.number,
        alias=step.alias,
        name=app.name,
        settings=step.settings,
        key=app.key,
        secret=app.secret,
    )
    # Nodes may have been asked for the key before, and keep no miss; the journal is for what they keep of its id.
    await work.journal.note("application", held.id)
    audit = functools.partial(
        work.journal.audit, who.row_id, organization_id=owner_id, application_id=held.id, details={"imported": app.id}
    )
    await audit(action="application.create", subject=f"application:{held.id}")
    for one in step.webhooks:
        made = await work.webhooks.add(
            held.id, url=one.url, kinds=one.kinds, channel_prefix=one.channel_prefix, headers=one.headers
        )
        await audit(action="webhook.create", subject=f"webhook:{made.id}")
    return msgspec.structs.replace(step, number=held.id)
