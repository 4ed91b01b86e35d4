"""The settings of an application as a form made of their table, its name, and the end of it.

Knows: how settings are grouped and called on the page. Does not know what they do, nor which values are good: their
table does.
"""

from typing import Any, Final

import msgspec
from markupsafe import Markup, escape
from pydantic.fields import FieldInfo
from starlette.responses import Response

from hubbub.errors import Refusal
from hubbub.settings import AppSettings
from hubbub.web.application.stored import stored
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import get, post
from hubbub.web.subject import Subject
from hubbub.web.visit import Form, Visit

_PATH: Final = "/applications/{application}/settings"
APART: Final = frozenset({"enabled"})
"""Settings that have a button of their own."""

GROUPS: Final[dict[str, dict[str, str]]] = {
    "Access": {
        "force_tls": "Connections by TLS alone",
        "allowed_origins": "Allowed origins",
        "authorized_connections": "Authorized connections",
        "authorization_timeout": "Time for that, in seconds",
        "max_connections": "Connections at once",
    },
    "Client events": {
        "client_events": "Client events",
        "client_events_per_second": "Client events per second and connection",
    },
    "Events": {
        "events_per_second": "Events per second",
        "max_event_bytes": "Largest data of an event, in bytes",
        "max_event_name_length": "Longest name of an event",
        "max_channels_per_event": "Channels of one event",
        "max_batch_events": "Events of one batch",
    },
    "Channels": {
        "subscription_counts": "Subscription counting",
        "subscription_error_frames": "Frames that tell of refused subscriptions",
        "max_subscriptions": "Subscriptions of one connection",
        "leaves_per_second": "Channels left per second and connection",
        "max_channel_name_length": "Longest name of a channel",
        "cache_ttl": "Life of what cache channels keep, in seconds",
        "max_cached_channels": "Cache channels that keep an event",
    },
    "Presence and users": {
        "max_presence_members": "Members of a presence channel",
        "max_presence_user_id_length": "Longest id of a member",
        "max_presence_member_bytes": "Largest data of a member, in bytes",
        "max_topic_members": "Members that a Phoenix topic tells of",
        "watchlists": "Watchlist events",
        "max_watchlist": "Users of a watchlist",
        "max_user_id_length": "Longest id of a user",
    },
    "Webhooks": {
        "webhook_batches": "Several events in one webhook",
    },
}
"""Every setting but those APART, by the heading it stands under, with what it is called."""


_KINDS: Final[dict[object, str]] = {bool: "flag", int: "number", float: "fraction"}


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting, as the form shows it: `field` is its input's name, `kind` is `flag`, `number`, `fraction` or `text`.

    `value` is what the input has, `default` what it has where nothing was set.
    """

    name: str
    field: str
    label: str
    help: Markup
    kind: str
    value: str
    default: str
    least: str
    most: str
    is_changed: bool


async def _settings(visit: Visit) -> Response:
    return _page(visit, await visit.subject())


async def _save(visit: Visit) -> Response:
    """Change what differs from what it was; a button by a setting has that alone go back to its default."""
    subject, form = await stored(visit), await visit.form()
    changes = {form["reset"]: None} if form.has("reset") else _changes(subject.settings, form)
    return await _update(visit, subject, f"{_count(changes)} changed.", form=form, settings=changes)


async def _rename(visit: Visit) -> Response:
    subject, form = await stored(visit), await visit.form()
    return await _update(visit, subject, "The name is changed.", form=form, name=form["name"])


async def _enable(visit: Visit) -> Response:
    """Put it out of use, or back into use: `enabled` says which."""
    subject, form = await stored(visit), await visit.form()
    if form["enabled"] == "true":
        return await _update(visit, subject, "The application is in use again.", form=form, settings={"enabled": None})
    words = "The application is disabled: its connections are closed, and its API answers 403."
    return await _update(visit, subject, words, form=form, settings={"enabled": False})


async def _archive(visit: Visit) -> Response:
    """Archive it, for who has typed its name."""
    subject, form = await stored(visit), await visit.form()
    if form["typed"].strip() != subject.name:
        return _page(visit, subject, 422, form=form, errors={"typed": ["is not the name of this application"]})
    await visit.services.accounts.applications.archive(visit.who, subject.reference, subject.id)
    return visit.redirect(
        f"{subject.path}/settings", "The application is archived: nobody can connect or publish any more."
    )


async def _unarchive(visit: Visit) -> Response:
    subject = await stored(visit)
    await visit.services.accounts.applications.unarchive(visit.who, subject.reference, subject.id)
    return visit.redirect(f"{subject.path}/settings", "The application is back.")


async def _update(visit: Visit, subject: Subject, said: str, *, form: Form, **changes: Any) -> Response:
    try:
        await visit.services.accounts.applications.update(visit.who, subject.reference, subject.id, **changes)
    except Refusal as refusal:
        return _page(visit, subject, 422, form=form, errors=faults_of(refusal))
    return visit.redirect(f"{subject.path}/settings", said)


def _changes(settings: AppSettings, form: Form) -> dict[str, str | None]:
    """Give the settings that the form has otherwise than they are; None for what is to be the default."""
    changes: dict[str, str | None] = {}
    for name, field in AppSettings.model_fields.items():
        if name in APART or not form.has("shown"):
            continue
        given = _given(name, form)
        default = _text(field.default)
        if given != _text(getattr(settings, name)):
            # Who empties a number wants the usual one; an empty text is a text.
            changes[name] = None if given == default or (given == "" and field.annotation is not str) else given
    return changes


def _given(name: str, form: Form) -> str:
    """Give what the form has of a setting; a box that is not ticked is not in it."""
    if AppSettings.model_fields[name].annotation is bool:
        return "true" if form.has(_field(name)) else "false"
    return form[_field(name)].strip()


def _page(
    visit: Visit, subject: Subject, status: int = 200, *, form: Form | None = None, errors: Faults | None = None
) -> Response:
    """Show everything; of a form that was refused what it had."""
    sent = form if form is not None and form.has("shown") else None
    groups = [
        (heading, [_setting(name, label, subject.settings, sent) for name, label in labels.items()])
        for heading, labels in GROUPS.items()
    ]
    return visit.render(
        "applications/settings.html",
        status,
        subject=subject,
        here="settings",
        groups=groups,
        changed=sum(one.is_changed for _, settings in groups for one in settings),
        can_edit=subject.may_edit and not subject.is_archived,
        new_name=form["name"] if form is not None and form.has("name") else subject.name,
        errors=errors or {},
        known=["name", "typed", *(one.field for _, settings in groups for one in settings)],
    )


def _setting(name: str, label: str, settings: AppSettings, sent: Form | None) -> Setting:
    field = AppSettings.model_fields[name]
    now, default = _text(getattr(settings, name)), _text(field.default)
    least, most = _bounds(field)
    return Setting(
        name=name,
        field=_field(name),
        label=label,
        help=_help(field.description or ""),
        kind=_KINDS.get(field.annotation, "text"),
        value=now if sent is None else _given(name, sent),
        default=default,
        least=least,
        most=most,
        is_changed=now != default,
    )


def _bounds(field: FieldInfo) -> tuple[str, str]:
    """Give the least and the most that a number may be, empty where there is none, or none that an input can say."""
    found = {
        bound: _text(getattr(one, bound))
        for one in field.metadata
        for bound in ("ge", "le")
        if getattr(one, bound, None) is not None
    }
    most = found.get("le", "")
    return found.get("ge", ""), "" if most == _text(2**31) else most


def _text(value: object) -> str:
    """Write a value as an input has it."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() else str(value)
        case _:
            return str(value)


def _help(description: str) -> Markup:
    """Give a description with what stands between backticks as code."""
    parts = description.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def _field(name: str) -> str:
    """Give the name of a setting's input, which is what the use-case calls its faults."""
    return f"settings.{name}"


def _count(changes: dict[str, Any]) -> str:
    return "Nothing was" if not changes else "One setting is" if len(changes) == 1 else f"{len(changes)} settings are"


PAGES: Final = (
    get(_PATH, _settings),
    post(_PATH, _save),
    post(f"{_PATH}/name", _rename),
    post(f"{_PATH}/enabled", _enable),
    post(f"{_PATH}/archive", _archive),
    post(f"{_PATH}/unarchive", _unarchive),
)
