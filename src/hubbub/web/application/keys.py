"""The keys of an application: its pairs, one more, one less, and their secrets for who says their password again.

Knows what is shown of a pair. Does not know who may: the use-cases do.
"""

from datetime import datetime
from typing import Final

import msgspec
from starlette.responses import Response

from hubbub.accounts.domain import HeldApplication
from hubbub.errors import Refusal
from hubbub.web.application.stored import stored
from hubbub.web.faults import Faults, faults_of, in_words, renamed
from hubbub.web.page import get, post
from hubbub.web.subject import Subject
from hubbub.web.visit import Visit

_PATH: Final = "/applications/{application}/keys"


class Pair(msgspec.Struct, frozen=True):
    """A pair as the page shows it; `secret` is None while it is hidden."""

    key: str
    secret: str | None
    created_at: datetime | None
    is_newest: bool
    is_oldest: bool


async def _keys(visit: Visit) -> Response:
    return _page(visit, await visit.subject())


async def _show(visit: Visit) -> Response:
    """Show the secrets, this once: it is the answer to a form, and kept nowhere."""
    subject, form = await stored(visit), await visit.form()
    try:
        with visit.services.throttle.trying("password", visit.address, visit.who.user.email):
            shown = await visit.services.accounts.keys.show(
                visit.who, subject.reference, subject.id, password=form["password_to_show"]
            )
    except Refusal as refusal:
        return _page(visit, subject, 422, errors=renamed(faults_of(refusal), "password", "password_to_show"))
    return _page(visit, subject, opened={pair.key: pair.secret or "" for pair in shown.key_pairs})


async def _add(visit: Visit) -> Response:
    """Add a pair and show its secret, this once. A form that is sent again adds no other."""
    subject, form = await stored(visit), await visit.form()
    if form["newest"] != subject.key:
        return visit.redirect(f"{subject.path}/keys", "There is a newer pair already.", kind="bad")
    try:
        with visit.services.throttle.trying("password", visit.address, visit.who.user.email):
            after = await visit.services.accounts.keys.add(
                visit.who, subject.reference, subject.id, password=form["password_to_add"]
            )
    except Refusal as refusal:
        return _page(visit, subject, 422, errors=renamed(faults_of(refusal), "password", "password_to_add"))
    newest = after.key_pairs[-1]
    opened = {newest.key: newest.secret or ""}
    return _page(visit, await visit.subject(), opened=opened, added=newest.key)


async def _revoke(visit: Visit) -> Response:
    subject, form = await stored(visit), await visit.form()
    path = f"{subject.path}/keys"
    try:
        await visit.services.accounts.applications.revoke(visit.who, subject.reference, subject.id, form["key"])
    except Refusal as refusal:
        return visit.redirect(path, f"{in_words(faults_of(refusal))}.", kind="bad")
    return visit.redirect(path, "That key is no longer in use; who was connected by it has been disconnected.")


def _page(
    visit: Visit,
    subject: Subject,
    status: int = 200,
    *,
    errors: Faults | None = None,
    opened: dict[str, str] | None = None,
    added: str = "",
) -> Response:
    return visit.render(
        "applications/keys.html",
        status,
        subject=subject,
        here="keys",
        pairs=_pairs(subject, opened or {}),
        errors=errors or {},
        is_open=bool(opened),
        added=added,
    )


def _pairs(subject: Subject, opened: dict[str, str]) -> list[Pair]:
    """Give the pairs, newest first, with the secrets that are to be seen."""
    times = {} if subject.held is None else _times(subject.held)
    keys = [pair.key for pair in subject.application.key_pairs]
    return [
        Pair(key, opened.get(key), times.get(key), is_newest=number == len(keys) - 1, is_oldest=number == 0)
        for number, key in reversed(list(enumerate(keys)))
    ]


def _times(held: HeldApplication) -> dict[str, datetime]:
    return {pair.key: pair.created_at for pair in held.key_pairs}


PAGES: Final = (
    get(_PATH, _keys),
    post(_PATH, _add),
    post(f"{_PATH}/show", _show),
    post(f"{_PATH}/revoke", _revoke),
)
