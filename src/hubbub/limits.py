"""Every limit, in one table: what it is of, its setting or value, how it is told, what counts it, and what tests it.

`docs/limits.md` is made of this, and tests walk through it. Knows what limits there are; those who keep them know how.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final

import msgspec

from hubbub import errors, reference
from hubbub.errors import Reason, name_of
from hubbub.metrics.table import refusals
from hubbub.settings import AppSettings, Settings, variable
from hubbub.transports.handshake import MOST_PARAMETERS
from hubbub.transports.kind import MOST_FIELDS
from hubbub.transports.request import WINDOW
from hubbub.transports.sockjs import MOST_AT_ONCE


class Told(Enum):
    """How who is over a limit hears of it, and what counts that."""

    CLOSED = "an open socket is closed"
    TURNED_AWAY = "a socket is closed as it opens"
    ERROR = "a message that leaves the socket open"
    ANSWERED = "an answer over HTTP"


CLOSED, TURNED_AWAY, ERROR, ANSWERED = Told


class Limit(msgspec.Struct, frozen=True):
    """A row. `setting` is of the server, or `app.NAME` of an application; without one `value` says how much it is.

    `silent` says what happens where nobody is told by a reason. Who is told is counted unless `is_counted` is False: of
    what pages refuse only the status is. `test` is what drives it over its edge, `path::name` below `tests/`;
    without one, `limits/edges.py` must know it by `what`.
    """

    what: str
    setting: str = ""
    value: str = ""
    reason: Reason | None = None
    told: tuple[Told, ...] = ()
    silent: str = ""
    metric: str = ""
    is_counted: bool = True
    test: str = ""


class Group(msgspec.Struct, frozen=True):
    """Limits that belong together."""

    title: str
    limits: tuple[Limit, ...]


GROUPS: Final = (
    Group(
        "Connections",
        (
            Limit(
                "Sockets open at once, in a process",
                "max_connections",
                reason=errors.OVER_CAPACITY,
                told=(TURNED_AWAY,),
            ),
            Limit(
                "Connections of an application, on all nodes",
                "app.max_connections",
                reason=errors.OVER_QUOTA,
                told=(TURNED_AWAY,),
                test="sockets/test_opening.py::test_the_place_of_one_who_leaves_is_free",
            ),
            Limit(
                "Connections of one address, in a process",
                "max_connections_per_address",
                reason=errors.ADDRESS_CONNECTIONS,
                told=(TURNED_AWAY, ANSWERED),
            ),
            Limit(
                "New sockets of one address in a second, in a process",
                "connections_per_second_per_address",
                reason=errors.ADDRESS_OPENINGS,
                told=(TURNED_AWAY, ANSWERED),
            ),
            Limit(
                "Time to sign in or subscribe, where that is asked for",
                "app.authorization_timeout",
                reason=errors.NOT_AUTHORIZED,
                told=(CLOSED,),
                metric=refusals(name_of(errors.NOT_AUTHORIZED)),
                test="sockets/test_authorized_connections.py::test_one_that_shows_nothing_is_closed",
            ),
            Limit(
                "Bytes that wait to be read by one client",
                "max_backlog_bytes",
                reason=errors.TOO_SLOW,
                told=(CLOSED,),
                test="sockets/test_slow_readers.py::test_one_who_does_not_read_is_closed_and_told_why",
            ),
            Limit(
                "Silence after a ping",
                "pong_timeout",
                reason=errors.PONG_NOT_RECEIVED,
                told=(CLOSED,),
                test="sockets/test_liveness.py::test_a_mute_client_is_asked_and_then_closed",
            ),
            Limit(
                "Silence of a Phoenix client",
                "heartbeat_timeout",
                reason=errors.INACTIVE,
                told=(CLOSED,),
                test="sockets/phoenix/test_phoenix_liveness.py::test_a_silent_client_is_closed_as_inactive",
            ),
            Limit(
                "Time without a poll, of a client that polls",
                "poll_timeout",
                reason=errors.INACTIVE,
                told=(CLOSED,),
                test="sockets/fallbacks/test_fallback_polling.py::test_a_client_that_polls_no_more_is_gone",
            ),
            Limit(
                "Time for the client's side of a close",
                "close_timeout",
                silent="cut",
                test="sockets/test_shutdown.py::test_those_who_do_not_answer_hold_nothing_up_for_long",
            ),
        ),
    ),
    Group(
        "Requests",
        (
            Limit(
                "Requests of one address in a second, in a process",
                "requests_per_second_per_address",
                reason=errors.ADDRESS_REQUESTS,
                told=(ANSWERED,),
            ),
            Limit("Bytes of the line and headers", "max_head_bytes", reason=errors.HEAD_TOO_LARGE, told=(ANSWERED,)),
            Limit("Header fields", value=str(MOST_FIELDS), reason=errors.TOO_MANY_FIELDS, told=(ANSWERED,)),
            Limit("Bytes of a body", "max_body_bytes", reason=errors.BODY_TOO_LARGE, told=(ANSWERED,)),
            Limit(
                "Bytes of a page's form",
                value="65536",
                reason=errors.BODY_TOO_LARGE,
                told=(ANSWERED,),
                is_counted=False,
            ),
            Limit(
                "Levels of JSON within JSON in a body",
                value="500 are read, 1000 are not",
                reason=errors.BODY_INVALID,
                told=(ANSWERED,),
            ),
            Limit(
                "Time for TLS to be agreed on",
                "tls_handshake_timeout",
                silent="cut",
                test="listening/test_tls.py::test_who_does_not_go_on_with_the_handshake_is_cut",
            ),
            Limit(
                "Time for the line and headers",
                "head_timeout",
                reason=errors.REQUEST_TIMEOUT,
                told=(ANSWERED,),
                test="sockets/test_hostile_connections.py::test_half_a_request_is_waited_for_no_longer_than_told",
            ),
            Limit(
                "Time for a body",
                "body_timeout",
                reason=errors.REQUEST_TIMEOUT,
                told=(ANSWERED,),
                test="rest/test_hostile_http.py::test_a_length_that_is_too_long_runs_out_of_time",
            ),
            Limit(
                "Time between two requests of a connection",
                "keep_alive_timeout",
                silent="closed",
                test="rest/test_http_itself.py::test_an_idle_connection_is_closed_in_silence",
            ),
            Limit(
                "Seconds a signature's time may be off",
                value=str(WINDOW),
                reason=errors.TIMESTAMP_EXPIRED,
                told=(ANSWERED,),
            ),
            Limit(
                "Parameters of a socket's address",
                value=f"{MOST_PARAMETERS}, more count as none",
                silent="none is read",
                test="sockets/test_handshake.py::test_absurdly_many_parameters_are_none",
            ),
        ),
    ),
    Group(
        "Messages of clients",
        (
            Limit(
                "Bytes of a message, whole and inflated",
                "max_message_bytes",
                reason=errors.MESSAGE_TOO_LARGE,
                told=(CLOSED,),
            ),
            Limit(
                "Frames in a second, pings and fragments among them",
                "messages_per_second",
                reason=errors.TOO_TALKATIVE,
                told=(CLOSED,),
            ),
            Limit("Bytes of a ping, pong or close", value="125", reason=errors.FRAME_INVALID, told=(CLOSED,)),
            Limit(
                "Levels of JSON within JSON in a message",
                value="500 are read, 1000 are not",
                reason=errors.INVALID_JSON,
                told=(ERROR,),
            ),
            Limit(
                "Messages in one of SockJS",
                value=str(MOST_AT_ONCE),
                reason=errors.BAD_REQUEST,
                told=(ERROR,),
                test="sockets/fallbacks/test_sockjs.py::test_a_websocket_message_holds_at_most_a_thousand",
            ),
            Limit(
                "Bytes of requests that wait until earlier ones are obeyed, of one session",
                "max_body_bytes",
                reason=errors.TOO_EAGER,
                told=(ANSWERED, CLOSED),
                test="sockets/fallbacks/test_fallback_absence.py::test_who_lets_too_much_wait_is_closed",
            ),
            Limit(
                "Client events of a connection in a second",
                "app.client_events_per_second",
                reason=errors.CLIENT_EVENT_RATE,
                told=(ERROR,),
            ),
            Limit("Subscriptions of a connection", "app.max_subscriptions", told=(ERROR,)),
            Limit(
                "Departures in a second that others are told of",
                "app.leaves_per_second",
                silent="they wait their turn",
                test="sockets/phoenix/test_phoenix_hostile.py::test_who_comes_and_goes_without_end_is_held_up_and_nobody_else",
            ),
        ),
    ),
    Group(
        "Channels and users",
        (
            Limit("Characters of a channel's name", "app.max_channel_name_length", told=(ERROR, ANSWERED)),
            Limit(
                "What a channel's name is made of",
                value="`A-Z a-z 0-9 _ - = @ , . ;`",
                reason=errors.CHANNEL_INVALID,
                told=(ERROR, ANSWERED),
            ),
            Limit("Members of a presence channel", "app.max_presence_members", told=(ERROR,)),
            Limit("Characters of a member's id", "app.max_presence_user_id_length", told=(ERROR,)),
            Limit("Bytes of a member's `channel_data`", "app.max_presence_member_bytes", told=(ERROR,)),
            Limit("Characters of the id of who signs in", "app.max_user_id_length", told=(ERROR,)),
            Limit("Users on a watchlist", "app.max_watchlist", told=(ERROR,)),
            Limit(
                "Members that a topic of Phoenix clients tells of",
                "app.max_topic_members",
                silent="more are not told of",
                test="sockets/phoenix/test_phoenix_presence.py::test_a_crowded_topic_lets_more_in_and_does_not_tell_of_them",
            ),
            Limit(
                "Cache channels that keep an event",
                "app.max_cached_channels",
                silent="the oldest is forgotten",
                test="engine/test_engines.py::test_of_more_channels_than_may_keep_one_the_oldest_forgets",
            ),
        ),
    ),
    Group(
        "Publishing",
        (
            Limit("Events of an application in a second", "app.events_per_second", told=(ANSWERED,)),
            Limit("Bytes of an event's data", "app.max_event_bytes", told=(ERROR, ANSWERED)),
            Limit("Characters of an event's name", "app.max_event_name_length", told=(ERROR, ANSWERED)),
            Limit("Channels of an event", "app.max_channels_per_event", told=(ANSWERED,)),
            Limit("Events of a batch", "app.max_batch_events", told=(ANSWERED,)),
        ),
    ),
    Group(
        "Pages, accounts and webhooks",
        (
            Limit(
                "Fields of a page's form",
                value="500",
                reason=errors.BAD_REQUEST,
                told=(ANSWERED,),
                is_counted=False,
            ),
            Limit(
                "Fields of a request of the JSON API",
                value="1000",
                silent="HTTP 400: The form has more than 1000 fields",
                test="api/test_parameters.py::test_what_cannot_be_read_is_refused",
            ),
            Limit(
                "Characters of a name, or an e-mail address",
                value="255",
                silent="HTTP 422: should be at most 255 character(s)",
                test="accounts/test_fields.py::test_a_text_has_1_to_255_characters_of_one_line",
            ),
            Limit(
                "Characters of a password",
                value="8 to 1024",
                silent="HTTP 422: should have 8 to 1024 characters",
                test="accounts/test_fields.py::test_a_password_has_8_to_1024_characters",
            ),
            Limit(
                "Topics that a session token is narrowed to",
                value="50",
                silent="HTTP 422: must be at most 50",
                test="accounts/test_sessions.py::test_a_narrowing_that_is_none_is_refused_by_field",
            ),
            Limit(
                "Key pairs of an application",
                value="10",
                silent="HTTP 422: there are 10 key pairs already, revoke one first",
                test="accounts/test_applications.py::test_there_are_ten_pairs_at_most",
            ),
            Limit(
                "Endpoints of an application's webhooks",
                value="10",
                silent="HTTP 422: there are 10 webhooks already, remove one first",
                test="accounts/test_webhooks.py::test_there_is_a_limit_of_endpoints",
            ),
            Limit(
                "Characters of an endpoint's address",
                value="2000",
                silent="HTTP 422: should be at most 2000 character(s)",
                test="accounts/test_endpoint_rule.py::test_an_address_that_will_not_do",
            ),
            Limit(
                "Headers that an endpoint is sent",
                value="20",
                silent="HTTP 422: should be at most 20",
                test="accounts/test_endpoint_rule.py::test_what_does_not_fit_is_named_and_never_shown",
            ),
            Limit(
                "Tries to sign in, to sign up, of codes and letters, by address and account",
                "throttle",
                reason=errors.TOO_MANY,
                told=(ANSWERED,),
                is_counted=False,
                test="pages/test_throttle.py::test_an_address_tries_so_often_whatever_the_account",
            ),
            Limit(
                "Wrong passwords in a row",
                "lock_after",
                silent="locked for `lock_seconds`; the answer is that of a wrong one",
                test="accounts/test_signins.py::test_failures_lock_and_a_success_begins_anew",
            ),
            Limit(
                "Passwords that wait to be hashed",
                value="100",
                reason=errors.OVER_CAPACITY,
                told=(ANSWERED,),
                is_counted=False,
                test="accounts/test_passwords.py::test_few_are_hashed_at_once_and_what_stands_too_far_behind_is_put_off",
            ),
            Limit(
                "Consoles that a user has open",
                value="10, in a process",
                reason=errors.OVER_CAPACITY,
                told=(ANSWERED,),
                is_counted=False,
                test="console/test_console.py::test_one_user_has_so_many_streams_and_others_still_have_theirs",
            ),
            Limit(
                "Letters that wait to be sent, in a process",
                value="1000",
                silent="further ones are dropped, and the log says so",
                test="mail/test_mail.py::test_one_too_many_is_dropped_and_the_others_go",
            ),
            Limit(
                "Entries that the error log keeps of an application",
                "incident_limit",
                silent="the oldest go",
                test="console/test_incidents.py::test_the_old_and_the_too_many_are_forgotten",
            ),
            Limit(
                "Commands that wait for Redis to answer, of a connection",
                value="100,000, or 64 MB",
                silent="it counts as away: HTTP 503, as `engine_away` says",
                test="engine/redis/test_outages.py::test_what_may_wait_for_a_server_that_does_not_answer_is_limited",
            ),
            Limit(
                "Events that wait for one endpoint of webhooks",
                "webhook_backlog",
                silent="further ones are dropped",
                metric="hubbub_webhooks_dropped_events_total",
                test="webhooks/test_outages.py::test_beyond_the_limit_an_outage_drops_what_is_new_and_counts_it",
            ),
            Limit(
                "Time in which a webhook is tried again",
                "webhook_window",
                silent="kept as failed",
                metric="hubbub_webhooks_failed_total",
                test="webhooks/test_retrying.py::test_after_its_window_a_request_has_failed_and_the_next_of_its_channel_goes",
            ),
        ),
    ),
)

_INTRODUCTION = """\
Made by `hubbub settings --limits` of the table that the tests drive over its edges: up to each limit all is accepted,
and one more is refused with this error and counted by this metric. [Settings](settings.md) says more of each setting;
those named `app.NAME` are an application's own, all others hold for the server, each process for itself.

*Error* is what who is over the limit is told: `close` the code of a WebSocket, which clients that poll are told too;
`error` the code inside `pusher:error`, after which the connection goes on; `HTTP` the status, which the answer to a
long-poll of Phoenix has inside. `429` comes with `Retry-After`; where it is for an address it is plain text, whatever
was asked for; `/health` and what is below it are always answered. Refusals are counted by application, or without one
where it is not known yet; ends of connections by code and reason. See [metrics](metrics.md).\
"""

_NO_LIMITS = """\
## What has no limit of its own

- **Requests of one connection**, one after the other: `requests_per_second_per_address` is theirs. Pipelined ones are
  answered in their order; while one waits, no more are read.
- **Fragments of a message**: nothing is kept of them but their bytes, which count for `max_message_bytes`, and they are
  frames, which count for `messages_per_second`.
- **Compressed requests**: `Content-Encoding` is not read. Such a body is no JSON, and is refused as that.
- **Channels of an application**: one that nobody is subscribed to takes no memory, unless it keeps an event.\
"""


def limits() -> Iterator[Limit]:
    """Give all rows."""
    return (limit for group in GROUPS for limit in group.limits)


def reason_of(limit: Limit) -> Reason | None:
    """Give what is refused with; that of an application's setting stands in the table of settings."""
    return limit.reason or reference.REFUSALS.get(limit.setting.removeprefix("app."))


def metric_of(limit: Limit) -> str:
    """Give the series that counts who is over a limit; none where nobody is told by a reason."""
    reason = reason_of(limit)
    if limit.metric or reason is None or not limit.is_counted:
        return limit.metric
    if limit.told == (CLOSED,):
        return f'hubbub_closes_total{{code="{reason.code}",reason="{name_of(reason)}"}}'
    return refusals(name_of(reason))


def markdown() -> str:
    """Give the body of `docs/limits.md`."""
    parts = ["# Limits", _INTRODUCTION]
    for group in GROUPS:
        lines = [
            (limit.what, _name(limit), _default(limit), _error(limit), _code(metric_of(limit)))
            for limit in group.limits
        ]
        parts += [f"## {group.title}", reference.table(("Limit", "Setting", "Default", "Error", "Metric"), lines)]
    return "\n\n".join((*parts, _NO_LIMITS))


def _name(limit: Limit) -> str:
    return (
        _code(limit.setting if limit.setting.startswith("app.") else variable((limit.setting,)))
        if limit.setting
        else ""
    )


def _default(limit: Limit) -> str:
    if not limit.setting:
        return limit.value
    model = AppSettings if limit.setting.startswith("app.") else Settings
    return _code(reference.default(model.model_fields[limit.setting.removeprefix("app.")]))


def _error(limit: Limit) -> str:
    reason = reason_of(limit)
    if reason is None or not limit.told:
        return limit.silent
    code = "null" if reason.code is None else str(reason.code)
    words = {CLOSED: f"close {code}", TURNED_AWAY: f"close {code}", ERROR: f"error {code}"}
    said = ", ".join(words.get(told, f"HTTP {reason.status}") for told in limit.told)
    return f"{said}: {reason.text.partition(' See https')[0]}"


def _code(text: str) -> str:
    return f"`{text}`" if text not in ("", "-") else ""
