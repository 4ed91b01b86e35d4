"""Laravel Reverb: the REVERB_ variables of an application's `.env`, and `config('reverb')` as JSON.

Knows: names and defaults as the configuration that Laravel publishes has them. Does not read PHP: only PHP can.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hubbub.accounts.domain_imports import ForeignApp
from hubbub.importing.files import Document, File, Row, Rows, UnreadableError, Variables
from hubbub.importing.words import UNLIMITED, USUAL, Draft, flag, named, number, text

ELSEWHERE = (
    ("REVERB_SERVER_HOST", "REVERB_SERVER_HOST: set HUBBUB_HOST"),
    ("REVERB_SERVER_PORT", "REVERB_SERVER_PORT: set HUBBUB_PORT"),
    ("REVERB_SERVER_PATH", "REVERB_SERVER_PATH: Hubbub has no prefix; let the proxy take it off"),
    ("REVERB_MAX_REQUEST_SIZE", "REVERB_MAX_REQUEST_SIZE: set HUBBUB_MAX_BODY_BYTES"),
    ("REVERB_SCALING_ENABLED", "REVERB_SCALING_ENABLED: several nodes need HUBBUB_ENGINE_URL, a Redis"),
)
STAY = "REVERB_HOST, REVERB_PORT and REVERB_SCHEME of the Laravel application: they say where Hubbub is from now on"


def applications(files: Sequence[File]) -> tuple[list[ForeignApp], list[str]]:
    """Give the applications, and what of the server's own settings is to be done by hand. Raises UnreadableError."""
    found: list[ForeignApp] = []
    server: list[str] = []
    for file in files:
        match file:
            case Variables():
                found.append(_of_variables(file))
                server += [what for name, what in ELSEWHERE if file.values.get(name, "false") not in ("", "false")]
            case Document():
                found += _of_configuration(file)
            case Rows():
                raise UnreadableError(f"{file.path} is a list, and no configuration of Reverb.")
    return found, [*dict.fromkeys(server), STAY]


def _of_variables(file: Variables) -> ForeignApp:
    values = file.values
    missing = [name for name in ("REVERB_APP_ID", "REVERB_APP_KEY", "REVERB_APP_SECRET") if not values.get(name)]
    if missing:
        raise UnreadableError(f"{file.path} has no {', '.join(missing)}.")
    row = {
        "app_id": values["REVERB_APP_ID"],
        "key": values["REVERB_APP_KEY"],
        "secret": values["REVERB_APP_SECRET"],
        "ping_interval": values.get("REVERB_APP_PING_INTERVAL"),
        "activity_timeout": values.get("REVERB_APP_ACTIVITY_TIMEOUT"),
        "max_connections": values.get("REVERB_APP_MAX_CONNECTIONS"),
        "max_message_size": values.get("REVERB_APP_MAX_MESSAGE_SIZE"),
        "accept_client_events_from": values.get("REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM"),
    }
    return _application(row, values.get("APP_NAME", ""))


def _of_configuration(file: Document) -> list[ForeignApp]:
    """Read `config('reverb')`, or what holds it by that name, or its `apps` alone."""
    at: Any = file.value
    for name in ("reverb", "apps", "apps"):
        if isinstance(at, Mapping) and name in at:
            at = at[name]
    if not isinstance(at, list) or not at or not all(isinstance(row, dict) for row in at):
        raise UnreadableError(f"{file.path} has no list of applications at apps.apps, as config('reverb') has.")
    for place, row in enumerate(at, 1):
        missing = [name for name in ("app_id", "key", "secret") if not text(row.get(name))]
        if missing:
            raise UnreadableError(f"{file.path}: application {place} has no {', '.join(missing)}.")
    return [_application(row, "") for row in at]


def _application(row: Row, name: str) -> ForeignApp:
    draft = Draft()
    who = text(row.get("accept_client_events_from")) or "all"
    draft.keep("client_events", who != "none")
    if who != "none":
        _rate(draft, row.get("rate_limiting"))
    if row.get("max_connections") not in (None, ""):
        draft.whole([("max_connections", row["max_connections"], "max_connections", int)])
    largest = number(row.get("max_message_size"))
    if largest is not None and largest > USUAL.max_event_bytes:
        draft.keep("max_event_bytes", int(largest))
        draft.lose("max_message_size: what one client may send at once is HUBBUB_MAX_MESSAGE_BYTES, for the server")
    for theirs, ours in (("ping_interval", "HUBBUB_PING_AFTER"), ("activity_timeout", "HUBBUB_ACTIVITY_TIMEOUT")):
        if row.get(theirs) not in (None, ""):
            draft.lose(f"{theirs}: it is {ours}, for the whole server")
    origins = row.get("allowed_origins")
    hosts = [text(one) for one in origins] if isinstance(origins, list) else []
    if hosts and "*" not in hosts:
        draft.keep("allowed_origins", ",".join(hosts))
    return draft.app(
        id=text(row["app_id"]),
        name=named(text(row["app_id"]), name),
        key=text(row["key"]),
        secret=text(row["secret"]),
    )


def _rate(draft: Draft, limiting: object) -> None:
    """Keep how many messages one client may send; without a limit there, there is as good as none here."""
    given = limiting if isinstance(limiting, Mapping) else {}
    attempts, seconds = number(given.get("max_attempts")), number(given.get("decay_seconds"))
    if flag(given.get("enabled")) and attempts and seconds and attempts > 0 and seconds > 0:
        draft.keep("client_events_per_second", max(math.ceil(attempts / seconds), 1))
        draft.lose("rate_limiting: it counted all messages of a client, here only the events that it sends")
    else:
        draft.keep("client_events_per_second", UNLIMITED)
