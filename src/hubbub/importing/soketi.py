"""soketi 1.6: its configuration as JSON, its SOKETI_ variables, and the rows of its table of applications.

Knows: names and defaults as soketi's own server has them, and that variables win over the file. Does not know whether a
soketi runs.

The defaults of soketi that are wider than Hubbub's are kept for each application: what worked there works here.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from hubbub.accounts.domain_imports import ForeignApp, ForeignWebhook
from hubbub.importing.files import Document, File, Row, Rows, UnreadableError, Variables
from hubbub.importing.words import UNLIMITED, Draft, decoded, flag, kilobytes, named, number, same, text
from hubbub.webhooks.seam import KINDS

VARIABLES = {
    "DEFAULT_APP_ID": "appManager.array.apps.0.id",
    "DEFAULT_APP_KEY": "appManager.array.apps.0.key",
    "DEFAULT_APP_SECRET": "appManager.array.apps.0.secret",
    "DEFAULT_APP_MAX_CONNS": "appManager.array.apps.0.maxConnections",
    "DEFAULT_APP_ENABLE_CLIENT_MESSAGES": "appManager.array.apps.0.enableClientMessages",
    "DEFAULT_APP_ENABLED": "appManager.array.apps.0.enabled",
    "DEFAULT_APP_MAX_BACKEND_EVENTS_PER_SEC": "appManager.array.apps.0.maxBackendEventsPerSecond",
    "DEFAULT_APP_MAX_CLIENT_EVENTS_PER_SEC": "appManager.array.apps.0.maxClientEventsPerSecond",
    "DEFAULT_APP_MAX_READ_REQ_PER_SEC": "appManager.array.apps.0.maxReadRequestsPerSecond",
    "DEFAULT_APP_USER_AUTHENTICATION": "appManager.array.apps.0.enableUserAuthentication",
    "DEFAULT_APP_WEBHOOKS": "appManager.array.apps.0.webhooks",
    "APP_MANAGER_DRIVER": "appManager.driver",
    "CHANNEL_LIMITS_MAX_NAME_LENGTH": "channelLimits.maxNameLength",
    "CHANNEL_CACHE_TTL": "channelLimits.cacheTtl",
    "EVENT_MAX_BATCH_SIZE": "eventLimits.maxBatchSize",
    "EVENT_MAX_CHANNELS_AT_ONCE": "eventLimits.maxChannelsAtOnce",
    "EVENT_MAX_NAME_LENGTH": "eventLimits.maxNameLength",
    "EVENT_MAX_SIZE_IN_KB": "eventLimits.maxPayloadInKb",
    "PRESENCE_MAX_MEMBER_SIZE": "presence.maxMemberSizeInKb",
    "PRESENCE_MAX_MEMBERS": "presence.maxMembersPerChannel",
    "USER_AUTHENTICATION_TIMEOUT": "userAuthenticationTimeout",
    "WEBHOOKS_BATCHING": "webhooks.batching.enabled",
    "PORT": "port",
    "HOST": "host",
    "PATH_PREFIX": "pathPrefix",
    "SSL_CERT": "ssl.certPath",
    "SSL_KEY": "ssl.keyPath",
    "ADAPTER_DRIVER": "adapter.driver",
    "METRICS_ENABLED": "metrics.enabled",
}
"""Variables, without the SOKETI_ that they begin with, and the option that each sets."""

DEFAULTS = {
    "channelLimits.maxNameLength": 200,
    "channelLimits.cacheTtl": 3600,
    "eventLimits.maxBatchSize": 10,
    "eventLimits.maxChannelsAtOnce": 100,
    "eventLimits.maxNameLength": 200,
    "eventLimits.maxPayloadInKb": 100,
    "presence.maxMemberSizeInKb": 2,
    "presence.maxMembersPerChannel": 100,
    "userAuthenticationTimeout": 30_000,
}

LIMITS = (
    (("maxPresenceMembersPerChannel", "max_presence_members_per_channel"), "presence.maxMembersPerChannel",
     "max_presence_members", same),
    (("maxPresenceMemberSizeInKb", "max_presence_member_size_in_kb"), "presence.maxMemberSizeInKb",
     "max_presence_member_bytes", kilobytes),
    (("maxChannelNameLength", "max_channel_name_length"), "channelLimits.maxNameLength",
     "max_channel_name_length", same),
    (("maxEventChannelsAtOnce", "max_event_channels_at_once"), "eventLimits.maxChannelsAtOnce",
     "max_channels_per_event", same),
    (("maxEventNameLength", "max_event_name_length"), "eventLimits.maxNameLength", "max_event_name_length", same),
    (("maxEventPayloadInKb", "max_event_payload_in_kb"), "eventLimits.maxPayloadInKb", "max_event_bytes", kilobytes),
    (("maxEventBatchSize", "max_event_batch_size"), "eventLimits.maxBatchSize", "max_batch_events", same),
)  # fmt: skip
"""Limits: what an application calls each, which option stands in for it, our name, and how it is counted here."""

ELSEWHERE = (
    ("port", "port: set HUBBUB_PORT"),
    ("host", "host: set HUBBUB_HOST"),
    ("pathPrefix", "pathPrefix: Hubbub has none; let the proxy take it off"),
    ("ssl.certPath", "ssl: set HUBBUB_TLS_CERTIFICATE and HUBBUB_TLS_KEY"),
    ("adapter.driver", "adapter: several nodes need HUBBUB_ENGINE_URL, a Redis; one node needs nothing"),
    ("metrics.enabled", "metrics: set HUBBUB_METRICS_TOKEN"),
)
"""Options of the server, which are settings of another name, or none."""

MOST_APPLICATIONS = 999
"""The largest place in a list that an option may name."""

SQL = {"mysql", "postgres", "dynamodb"}


def applications(files: Sequence[File]) -> tuple[list[ForeignApp], list[str]]:
    """Give the applications, and what of the server's own settings is to be done by hand.

    Raises UnreadableError for files in which soketi would find none.
    """
    options: dict[str, Any] = {}
    rows: list[Row] = []
    for file in files:
        match file:
            case Document():
                if not isinstance(file.value, dict):
                    raise UnreadableError(f"{file.path} is no configuration of soketi.")
                for name, value in file.value.items():
                    _put(options, str(name), value)
            case Rows():
                rows += file.rows
            case Variables():
                pass
    for file in files:
        if isinstance(file, Variables):
            _put_variables(options, file.values)
    driver = text(_get(options, "appManager.driver")) or "array"
    found = _get(options, "appManager.array.apps")
    listed = [app for app in (found if isinstance(found, list) else []) if isinstance(app, dict)]
    if driver in SQL and not rows:
        raise UnreadableError(
            f"soketi has its applications in {driver}: give the rows of that table too, as CSV with the names of the"
            " columns, or as a list in JSON."
        )
    if driver == "array":
        rows = [*listed, *rows]
    if not rows:
        raise UnreadableError("There is no application in these files: soketi would run with app-id, app-key alone.")
    server = [what for option, what in ELSEWHERE if _get(options, option) not in (None, "", False, "false", "local")]
    return [_application(row, options) for row in rows], server


def _application(row: Row, options: Mapping[str, Any]) -> ForeignApp:
    draft = Draft()
    app_id = text(_of(row, "id", "AppId")) or "app-id"
    secret = _of(row, "secret", "AppSecret")
    if secret is None:
        draft.lose("secret: none was set, so it is the one that everybody can read in soketi's source. Change it:")
        draft.lose("`hubbub app rotate`, then `hubbub app revoke`")
    if not flag(_of(row, "enabled", default=True)):
        draft.keep("enabled", False)
    has_client_events = flag(_of(row, "enableClientMessages", "enable_client_messages", default=False))
    draft.keep("client_events", has_client_events)
    _rates(draft, row, has_client_events=has_client_events)
    draft.whole(
        (names[0], _of(row, *names, default=_get(options, option, DEFAULTS[option])), ours, how)
        for names, option, ours, how in LIMITS
    )
    if flag(_of(row, "enableUserAuthentication", "enable_user_authentication", default=False)):
        draft.keep("authorized_connections", True)
        milliseconds = number(_get(options, "userAuthenticationTimeout", DEFAULTS["userAuthenticationTimeout"]))
        if milliseconds is not None and milliseconds > 0:
            draft.keep("authorization_timeout", milliseconds / 1000)
        draft.lose("enableUserAuthentication: here a subscription to a private channel does too, as at Pusher")
    _cache(draft, _get(options, "channelLimits.cacheTtl"))
    _webhooks(draft, row)
    if draft.webhooks and not flag(_get(options, "webhooks.batching.enabled", default=False)):
        draft.keep("webhook_batches", False)
    return draft.app(
        id=app_id,
        name=named(app_id, text(row.get("name"))),
        key=text(_of(row, "key", "AppKey")) or "app-key",
        secret="app-secret" if secret is None else text(secret),
    )


def _rates(draft: Draft, row: Row, *, has_client_events: bool) -> None:
    connections = number(_of(row, "maxConnections", "max_connections", default=-1))
    if connections is not None and connections > 0:
        draft.keep("max_connections", int(connections))
    elif connections != -1:
        draft.lose("maxConnections: 0 is no limit here; to let nobody in, set enabled=false")
    events = number(_of(row, "maxBackendEventsPerSecond", "max_backend_events_per_sec", default=-1))
    if events is not None and events > 0:
        draft.keep("events_per_second", int(events))
    whispers = number(_of(row, "maxClientEventsPerSecond", "max_client_events_per_sec", default=-1))
    if whispers is not None and whispers > 0:
        draft.keep("client_events_per_second", int(whispers))
    elif has_client_events:
        draft.keep("client_events_per_second", UNLIMITED)
    reads = number(_of(row, "maxReadRequestsPerSecond", "max_read_req_per_sec", default=-1))
    if reads is not None and reads > 0:
        draft.lose("maxReadRequestsPerSecond: Hubbub has no limit for reading")


def _cache(draft: Draft, seconds: object) -> None:
    longest = 1800
    given = number(seconds)
    if given is None:
        return
    draft.keep("cache_ttl", int(min(max(given, 1), longest)))
    if given > longest:
        draft.lose(f"channelLimits.cacheTtl: {given:g} s; cache channels keep an event for {longest} s at most")


def _webhooks(draft: Draft, row: Row) -> None:
    listed = decoded(_of(row, "webhooks", "Webhooks", default=[]))
    if not isinstance(listed, list):
        draft.lose("webhooks: they are not a list in JSON, and soketi has none then")
        return
    for place, one in enumerate(listed, 1):
        given = one if isinstance(one, dict) else {}
        url, which = text(given.get("url")), f"webhook {place}"
        types = given.get("event_types")
        wanted = [text(kind) for kind in types] if isinstance(types, list) else []
        unknown = [kind for kind in wanted if kind not in KINDS]
        kinds = tuple(kind for kind in KINDS if kind in wanted)
        where = given.get("filter") if isinstance(given.get("filter"), dict) else {}
        assert isinstance(where, dict)
        if unknown:
            draft.lose(f"{which}: there is no event {', '.join(f'{kind[:50]!a}' for kind in unknown)} here")
        if not url:
            draft.lose(f"{which}: Hubbub sends to addresses, not to a function of Lambda")
        elif where.get("channel_name_ends_with"):
            draft.lose(f"{which}: channels can be chosen by how they begin, not by how they end")
        elif not kinds:
            draft.lose(f"{which}: it is told of no event that there is here")
        else:
            headers = given.get("headers") or {}
            draft.webhooks.append(
                ForeignWebhook(
                    url=url,
                    kinds=kinds,
                    channel_prefix=text(where.get("channel_name_starts_with")),
                    headers=headers if isinstance(headers, dict) else {},
                )
            )


def _of(row: Row, *names: str, default: Any = None) -> Any:
    """Give what a row has by one of some names, the last winning; nothing and null are not there, as for soketi."""
    found = default
    for name in names:
        for form in (name, name[:1].upper() + name[1:]):
            if row.get(form) not in (None, ""):
                found = row[form]
    return found


def _put_variables(options: dict[str, Any], values: Mapping[str, str]) -> None:
    for name, option in VARIABLES.items():
        value = values.get(f"SOKETI_{name}")
        if value:
            # Ids, keys and secrets are texts, whatever digits they are.
            is_text = option.rpartition(".")[2] in ("id", "key", "secret")
            known = None if is_text else decoded(value)
            _put(options, option, value if known is None else known)


def _put(options: dict[str, Any], name: str, value: object) -> None:
    """Set an option by its name, whose dots lead into it, as soketi does."""
    at: Any = options
    steps = name.split(".")
    for step, then in pairwise(steps):
        fresh: Any = [] if then.isdigit() else {}
        if isinstance(at, list):
            place = min(int(step), MOST_APPLICATIONS) if step.isdigit() else 0
            at.extend({} for _ in range(len(at), place + 1))
            at = at[place]
        else:
            if not isinstance(at.get(step), dict | list):
                at[step] = fresh
            at = at[step]
    if isinstance(at, dict):
        at[steps[-1]] = value


def _get(options: Mapping[str, Any], name: str, default: Any = None) -> Any:
    at: Any = options
    for step in name.split("."):
        at = at.get(step) if isinstance(at, Mapping) else None
    return default if at is None else at
