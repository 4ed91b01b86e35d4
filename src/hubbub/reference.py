"""The settings as text: a list with their present values, and the body of `docs/settings.md`.

Pure. A secret's present value is never in either. Knows, of an application's settings, the refusal that each may lead
to and the metric that counts it.
"""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from hubbub import errors
from hubbub.errors import Reason
from hubbub.metrics.table import refusals
from hubbub.settings import AppSettings, DeclaredApp, Settings, variable

HIDDEN = "****"

_INTRODUCTION = """\
Each setting has an environment variable. The same setting may stand in `hubbub.toml`, or the file that `HUBBUB_CONFIG`
names, under its name without `HUBBUB_` and in lower case. A flag of `hubbub serve` wins over the variable, the variable
over the file, the file over the default. A variable that begins with `HUBBUB_` and is not a setting stops the start,
except for those that Kubernetes makes for a service called hubbub, and `HUBBUB_PURE=1`, which leaves out the compiled
module.

What is secret need not be in the environment: each file in the folder that `HUBBUB_CREDENTIALS` names, as in the one
that systemd makes with `LoadCredential`, is a setting when its name is that of a variable, in any case:
`hubbub_jwt_secret`. A variable wins over such a file, and the file over `hubbub.toml`.\
"""

_APP_INTRODUCTION = """\
Each application of the database has its own: `hubbub app create NAME --set name=value`, and `hubbub app set` changes
them without a restart, for open connections too; `force_tls`, `allowed_origins`, `max_connections` and
`authorized_connections` are about who comes from then on. The variables are for the one application that settings can
declare, without a database row; in `hubbub.toml` they are names under `[app]`.

*Error* is the close code or the code inside `pusher:error` (`null` where Pusher has none), and the HTTP status where
the same is refused by the signed API; the JSON API says 422, with the field. *Metric* counts both by application, of
the JSON API only too high a rate; see [metrics](metrics.md).\
"""

REFUSALS: Final[dict[str, Reason]] = {
    "enabled": errors.APP_DISABLED,
    "force_tls": errors.TLS_REQUIRED,
    "client_events": errors.CLIENT_EVENT_OFF,
    "client_events_per_second": errors.CLIENT_EVENT_RATE,
    "subscription_counts": errors.SUBSCRIPTION_COUNT_OFF,
    "max_user_id_length": errors.USER_DATA_INVALID,
    "max_watchlist": errors.WATCHLIST_TOO_LONG,
    "authorized_connections": errors.NOT_AUTHORIZED,
    "authorization_timeout": errors.NOT_AUTHORIZED,
    "allowed_origins": errors.ORIGIN_FORBIDDEN,
    "events_per_second": errors.EVENT_RATE,
    "max_connections": errors.OVER_QUOTA,
    "max_event_bytes": errors.DATA_TOO_LARGE,
    "max_event_name_length": errors.EVENT_NAME_TOO_LONG,
    "max_channel_name_length": errors.CHANNEL_TOO_LONG,
    "max_channels_per_event": errors.TOO_MANY_CHANNELS,
    "max_batch_events": errors.BATCH_TOO_LARGE,
    "max_presence_members": errors.PRESENCE_FULL,
    "max_presence_user_id_length": errors.CHANNEL_DATA_INVALID,
    "max_presence_member_bytes": errors.MEMBER_TOO_LARGE,
    "max_subscriptions": errors.TOO_MANY_SUBSCRIPTIONS,
}
"""What is refused by each setting of an application; the others refuse nothing."""


def rows(settings: Settings) -> list[tuple[str, str, str, str]]:
    """Give variable, present value, default and help of every setting. `-` is no value."""
    server = [
        (
            variable((name,)),
            _database(settings) if name == "database_url" else _text(getattr(settings, name)),
            default(field),
            field.description or "",
        )
        for name, field in _server_fields()
    ]
    declared = [
        (
            variable(("app", name)),
            "-" if settings.app is None else _text(getattr(settings.app, name)),
            default(DeclaredApp.model_fields[name]),
            field.description or "",
        )
        for name, field in _app_fields()
    ]
    return server + declared


def names() -> list[str]:
    """Give the variable of every setting, and those of the file and the folder they may stand in."""
    server = [variable((name,)) for name, _ in _server_fields()]
    return [*server, *(variable(("app", name)) for name, _ in _app_fields()), "HUBBUB_CONFIG", "HUBBUB_CREDENTIALS"]


def markdown() -> str:
    """Give the body of `docs/settings.md`; it depends on the settings' tables alone, not on their present values."""
    server = [
        (_code(variable((name,))), _code(default(field)), field.description or "") for name, field in _server_fields()
    ]
    app = [
        (
            _code(name) if name in AppSettings.model_fields else "",
            _code(variable(("app", name))),
            _code(default(field)),
            _error(name),
            _code(refusals(errors.name_of(REFUSALS[name]))) if name in REFUSALS else "",
            field.description or "",
        )
        for name, field in _app_fields()
    ]
    return "\n\n".join(
        (
            "# Settings",
            _INTRODUCTION,
            "## The server",
            table(("Variable", "Default", "Meaning"), server),
            "## An application",
            _APP_INTRODUCTION,
            table(("Name", "Variable", "Default", "Error", "Metric", "Meaning"), app),
        )
    )


def variables() -> str:
    """Give a file of variables, each with its meaning and its default as a comment, to be filled in."""
    given = [(variable((name,)), field) for name, field in _server_fields()]
    given += [(variable(("app", name)), field) for name, field in _app_fields()]
    lines = ["# Settings of Hubbub: take away the # of a line to set it. `hubbub settings` shows what is set.", ""]
    for name, field in given:
        usual = default(field)
        lines += textwrap.wrap(field.description or "", 118, initial_indent="# ", subsequent_indent="# ")
        lines += [f"#{name}={'' if usual == '-' else usual}", ""]
    return "\n".join(lines).rstrip()


def _server_fields() -> Iterator[tuple[str, FieldInfo]]:
    # A model of its own has a variable for each of its fields, and none for itself.
    return ((name, field) for name, field in Settings.model_fields.items() if name != "app")


def _app_fields() -> Iterator[tuple[str, FieldInfo]]:
    """Give what declares an application, then what any application has."""
    own = {name: field for name, field in DeclaredApp.model_fields.items() if name not in AppSettings.model_fields}
    return iter((own | AppSettings.model_fields).items())


def _error(name: str) -> str:
    """Give the code and the HTTP status of what a setting refuses."""
    reason = REFUSALS.get(name)
    return "" if reason is None else f"{'null' if reason.code is None else reason.code}, {reason.status}"


def default(field: FieldInfo) -> str:
    """Give a setting's default as text; `-` is none."""
    if field.is_required():
        return "-"
    # The default of a secret is in the source for all to read, so it is none.
    default = field.default
    return _text(default.get_secret_value() if isinstance(default, SecretStr) else default)


def _text(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return str(value).lower()
        case SecretStr():
            return HIDDEN
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _database(settings: Settings) -> str:
    """Show which database it is, and hide what may be a password."""
    scheme, is_url, rest = settings.database_url.get_secret_value().partition("://")
    if not is_url:
        return HIDDEN
    credentials, at, place = rest.rpartition("@")
    user = credentials.partition(":")[0]
    place = place.partition("?")[0] + (f"?{HIDDEN}" if "?" in place else "")
    return f"{scheme}://{user}:{HIDDEN}@{place}" if at else f"{scheme}://{place}"


def _code(text: str) -> str:
    return "" if text == "-" else f"`{text}`"


def table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    """Write a table in Markdown."""
    cells = [head, tuple("---" for _ in head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells)
