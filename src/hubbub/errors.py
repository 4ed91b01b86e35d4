"""Every way Hubbub says no, in one table.

Knows: the reasons, their close code, HTTP status and text. Does not know: how a protocol or a transport puts a refusal
on its wire. Whatever is raised and is not a `Refusal` is a bug of ours, logged once and never blamed on the client.

Texts in Pusher's own words are those the real service sends; SDKs and people search for them.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec


class Reconnect(Enum):
    """What a close code tells a client to do (Pusher protocol, "Error codes")."""

    NEVER = "do not reconnect unchanged"
    LATER = "reconnect after a second or more"
    NOW = "reconnect at once"


class Reason(msgspec.Struct, frozen=True):
    """One row of the table. Call it with the facts its text names to get the `Refusal` to raise.

    `code` is the WebSocket close code, or the code inside `pusher:error`, or None where Pusher sends null. `status` is
    the HTTP status where the same refusal meets an HTTP client. `text` is a `str.format` template.
    """

    code: int | None
    status: int
    text: str

    def __call__(self, **facts: object) -> "Refusal":
        """Make the refusal to raise. `facts` are the values that `text` names."""
        return Refusal(self, self.text.format(**facts), facts)

    @property
    def reconnect(self) -> Reconnect:
        """How a client whose socket was closed with this code should go on."""
        if self.code is None or self.code < 4100 or self.code >= 4300:
            return Reconnect.NEVER
        return Reconnect.LATER if self.code < 4200 else Reconnect.NOW


class Refusal(Exception):
    """A refused request, with the reason, a message fit for the client's eyes, and the facts that it names."""

    def __init__(self, reason: Reason, message: str, facts: Mapping[str, object]) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.facts = facts

    @property
    def code(self) -> int | None:
        """The WebSocket close code or `pusher:error` code, None for null."""
        return self.reason.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.reason.status


# Close codes: 4000-4099 do not come back unchanged, 4100-4199 come back later, 4200-4299 come back at once.
TLS_REQUIRED = Reason(4000, 403, "Application only accepts TLS connections, reconnect using wss://")
UNKNOWN_KEY = Reason(4001, 401, "App key {key} not in this cluster. Did you forget to specify the cluster?")
APP_DISABLED = Reason(4003, 403, "Application disabled")
OVER_QUOTA = Reason(4004, 403, "Application is over its connection quota of {limit}")
APP_GONE = Reason(4001, 401, "App key {key} is no longer in use")
GRANT_ENDED = Reason(4009, 401, "What this connection rests on no longer holds: its token, user, enrollment or loan")
ORIGIN_FORBIDDEN = Reason(4009, 403, "Pages of origin '{origin}' may not connect to this application")
NOT_AUTHORIZED = Reason(4009, 401, "Connection not authorized within timeout")
USER_TERMINATED = Reason(4009, 403, "The application has closed all connections of this user")
UPGRADE_REQUIRED = Reason(None, 426, "This address is for WebSocket clients, such as pusher-js")
PATH_NOT_FOUND = Reason(4005, 404, "Path not found")
VERSION_INVALID = Reason(4006, 400, "Invalid version string format: '{version}'")
VERSION_UNSUPPORTED = Reason(4007, 400, "Unsupported protocol version: {version}, this server speaks 4 to 7")
VERSION_MISSING = Reason(4008, 400, "No protocol version supplied")
OVER_CAPACITY = Reason(4100, 503, "Over capacity, try again later")
TOO_SLOW = Reason(4100, 503, "Closed: more than {limit} bytes were waiting to be read by this client")
TOO_EAGER = Reason(4100, 503, "Closed: more than {limit} bytes of this client were waiting to be obeyed")
TOO_TALKATIVE = Reason(4100, 429, "Closed: more than {limit} messages in a second came from this client")
ADDRESS_CONNECTIONS = Reason(4100, 429, "More than {limit} connections from one address, try again later")
ADDRESS_OPENINGS = Reason(4100, 429, "More than {limit} new connections in a second from one address, try again later")
SHUTTING_DOWN = Reason(4200, 503, "Server is restarting, please reconnect")
STORE_UNAVAILABLE = Reason(4100, 503, "The server is cut off from what it needs at the moment, try again later")
PONG_NOT_RECEIVED = Reason(4201, 408, "Pong reply not received in time")
INACTIVE = Reason(4202, 408, "Closed after inactivity")
MESSAGE_TOO_LARGE = Reason(1009, 413, "The message exceeds the allowed maximum ({limit} bytes)")
DEFLATE_INVALID = Reason(1007, 400, "The compressed data of the message is broken")
INTERRUPTED = Reason(1002, 408, "Connection interrupted")
CONNECTION_LOST = Reason(1006, 408, "The connection broke off: neither side had said that it would end")
FRAME_INVALID = Reason(1002, 400, "Closed: {problem}")
CLOSED_BY_HAND = Reason(4009, 403, "Closed by hand, by somebody who looks after this application")
STILL_OPEN = Reason(2010, 409, "Another connection still open")

# pusher:error frames that leave the connection open.
INVALID_JSON = Reason(None, 400, "Received invalid JSON")
INVALID_MESSAGE = Reason(None, 400, "Invalid message: {problem}")
BINARY_UNSUPPORTED = Reason(None, 400, "Binary messages are not supported, send text")
RESERVED_EVENT = Reason(None, 400, "Event '{event}' cannot be sent by clients: names starting with pusher are reserved")
CHANNEL_INVALID = Reason(None, 400, "Invalid channel name '{channel}'")
CHANNEL_TOO_LONG = Reason(None, 400, "Channel name of {length} characters exceeds the allowed maximum ({limit})")
AUTH_FORMAT = Reason(None, 401, "Invalid format: auth must have the format key:signature")
AUTH_KEY = Reason(None, 401, "Invalid key in subscription auth data: '{key}'")
AUTH_SIGNATURE = Reason(
    None, 401, "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got {signature}"
)
CHANNEL_DATA_MISSING = Reason(None, 400, "'{channel}' is a presence channel and subscription must include channel_data")
CHANNEL_DATA_INVALID = Reason(None, 400, "Invalid channel_data: {problem}")
USER_INFO_INVALID = Reason(
    None,
    400,
    "user_info supplied to presence subscription is invalid - if supplied it must be a type of hash",
)
MEMBER_TOO_LARGE = Reason(None, 413, "The channel_data of this member exceeds the allowed maximum ({limit} bytes)")
PRESENCE_FULL = Reason(None, 403, "Presence channel {channel} is over its limit of {limit} members")
SIGN_IN_MISSING = Reason(None, 400, "Missing parameter: data.user_data")
USER_DATA_INVALID = Reason(None, 400, "Invalid user_data: {problem}")
SIGNED_IN_ALREADY = Reason(None, 400, "Connection is signed in as another user already")
WATCHLIST_TOO_LONG = Reason(
    4302, 400, "Watchlist of {count} users exceeds the allowed maximum ({limit}), only these are watched: {watched}"
)
USER_CHANNEL = Reason(None, 403, "Channel {channel} is only open to the connections of the signed-in user it names")
ALREADY_SUBSCRIBED = Reason(None, 400, "Existing subscription to channel {channel}")
NOT_SUBSCRIBED = Reason(None, 400, "No current subscription to channel {channel}, or subscription in progress")
TOO_MANY_SUBSCRIPTIONS = Reason(None, 403, "This connection is at its limit of {limit} subscriptions")
CLIENT_EVENT_CHANNEL = Reason(None, 403, "Client event rejected - only supported on private and presence channels")
CLIENT_EVENT_PREFIX = Reason(None, 400, "Client event rejected - client events must be prefixed by 'client-'")
CLIENT_EVENT_OFF = Reason(
    None,
    403,
    "To send client events, you must enable this feature in the Settings page of your dashboard.",
)
CLIENT_EVENT_FIELDS = Reason(None, 400, "Invalid client event (must contain channel and data)")
CLIENT_EVENT_OUTSIDE = Reason(
    None, 403, "Client event rejected - this connection is not subscribed to channel {channel}"
)
CLIENT_EVENT_RATE = Reason(
    4301, 429, "Client event rejected - more than {limit} client events per second from one connection"
)

# Phoenix Channels: refused at the upgrade, in an error reply to a message, or by closing.
CONNECT_PARAMETER = Reason(None, 403, "Missing or invalid connect parameter: {name}")
VSN_UNKNOWN = Reason(None, 403, "Unknown serializer version {vsn}: this server speaks 1.0.0 and 2.0.0")
PHOENIX_MESSAGE = Reason(1007, 400, "Invalid message: {problem}")
TOPIC_INVALID = Reason(None, 400, "Invalid topic '{topic}': use lobby:KEY, lobby:KEY:TOPIC or lobby:KEY/uid:UID")
TOPIC_OTHER_APP = Reason(None, 403, "Topic '{topic}' is not of the application this socket connected to")
TOPIC_OTHER_USER = Reason(None, 403, "A direct topic is only open to the user it names")
TOPIC_OUTSIDE = Reason(None, 403, "The token of this socket does not cover topic '{topic}'")
TOPIC_UNMATCHED = Reason(None, 400, "unmatched topic")  # sic: Phoenix's words
PUSH_FORBIDDEN = Reason(None, 403, "The token of this socket may not send messages")
PUSH_RESERVED = Reason(None, 400, "Event '{event}' cannot be sent by clients: its name is reserved")
PUSH_ENCRYPTED = Reason(None, 403, "Messages of encrypted channels are only sent by their application")
DIRECT_INVALID = Reason(None, 400, "Invalid direct message: {problem}")
PAYLOAD_INVALID = Reason(None, 400, "The payload of a message must be an object")

# The HTTP API. Status 401 unless told; bodies are plain text ending in a newline.
PARAMETER_MISSING = Reason(None, 401, "Missing parameter: {name}")
PARAMETER_REPEATED = Reason(None, 401, "Parameter given more than once: {name}")
SIGNING_VERSION_MISSING = Reason(None, 401, "Version required")
SIGNING_VERSION = Reason(None, 401, "Version not supported")
TIMESTAMP_MISSING = Reason(None, 401, "Timestamp required")
TIMESTAMP_INVALID = Reason(None, 401, "Timestamp invalid: '{timestamp}' is not a count of seconds since 1970")
TIMESTAMP_EXPIRED = Reason(
    None, 401, "Timestamp expired: Given timestamp ({given}) not within {window}s of server time ({now})"
)
REQUEST_SIGNATURE = Reason(
    None,
    401,
    'Invalid signature: you should have sent HmacSHA256Hex("{signed}", your_secret_key), but you sent "{signature}"',
)
BODY_MD5_MISSING = Reason(None, 401, "Missing parameter: body_md5")
BODY_MD5 = Reason(None, 401, "Invalid body_md5: the body's MD5 is {expected}, but you sent '{given}'")
OTHER_APP = Reason(None, 401, "Not authorized for that app")
BODY_INVALID = Reason(None, 400, "Received invalid JSON: {problem}")
REQUIRED = Reason(None, 400, "Missing required parameter: {name}")
WRONG_TYPE = Reason(None, 400, "Expected {name} parameter to be {type}")
EVENT_NAME_RESERVED = Reason(
    None, 400, "Event name '{event}' is reserved: names starting with pusher: are Pusher's own"
)
EVENT_NAME_EMPTY = Reason(None, 400, "Event name must not be empty")
EVENT_NAME_TOO_LONG = Reason(None, 400, "Event name of {length} characters exceeds the allowed maximum ({limit})")
TOO_MANY_CHANNELS = Reason(None, 400, "Too many channels ({count} > {limit})")
BATCH_TOO_LARGE = Reason(None, 400, "Batch too large ({count} > {limit})")
SOCKET_ID_INVALID = Reason(None, 400, "Invalid socket id '{socket_id}'")
DATA_TOO_LARGE = Reason(
    None,
    413,
    "The data content of this event exceeds the allowed maximum ({limit} bytes)."
    " See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info",
)
USER_COUNT_WITHOUT_PREFIX = Reason(
    None,
    400,
    "user_count may only be requested for presence channels"
    " - please supply filter_by_prefix begining with presence-",  # sic: the service's own spelling
)
USER_COUNT_ELSEWHERE = Reason(None, 400, "Cannot retrieve the user count unless the channel is a presence channel")
USERS_ELSEWHERE = Reason(None, 400, "Users can only be retrieved for presence channels")
SUBSCRIPTION_COUNT_OFF = Reason(
    None, 400, "Cannot retrieve the subscription count because subscription counting is not enabled"
)
CACHE_ELSEWHERE = Reason(None, 400, "Cannot retrieve the cache unless the channel is a cache channel")
USER_ID_INVALID = Reason(None, 400, "Invalid user id '{user_id}'")
DATA_NOT_TEXT = Reason(None, 400, "The data content of this event is not UTF-8")
EVENT_RATE = Reason(None, 429, "Over the limit of {limit} events per second for this application")
ATTRIBUTE_UNKNOWN = Reason(None, 400, "Unknown info attribute '{attribute}'")

# HTTP itself.
NOT_FOUND = Reason(None, 404, "404 NOT FOUND")
METHOD = Reason(None, 405, "Method {method} not allowed here, only {allow}")
BAD_REQUEST = Reason(None, 400, "Bad request: {problem}")
BODY_TOO_LARGE = Reason(None, 413, "The request body exceeds the allowed maximum ({limit} bytes)")
HEAD_TOO_LARGE = Reason(None, 431, "The request line and headers exceed the allowed maximum ({limit} bytes)")
TOO_MANY_FIELDS = Reason(None, 431, "The request has more header fields than the allowed maximum ({limit})")
REQUEST_TIMEOUT = Reason(None, 408, "The request did not arrive within {limit} seconds")
ADDRESS_REQUESTS = Reason(None, 429, "More than {limit} requests in a second from one address, try again later")
INTERNAL = Reason(None, 500, "Internal server error")

# The JSON API and accounts.
UNAUTHENTICATED = Reason(None, 401, "{problem}")
FORBIDDEN = Reason(None, 403, "You may not do this: {problem}")
UNKNOWN = Reason(None, 404, "Not found")
TOO_MANY = Reason(None, 429, "Too many attempts: try again in {wait}")  # its facts also hold `seconds`
INVALID = Reason(None, 422, "{summary}")  # its facts also hold `errors`, the messages of each field

_NAMES = {value: name.lower() for name, value in list(globals().items()) if isinstance(value, Reason)}


def name_of(reason: Reason) -> str:
    """Give the name of a reason of the table, in lower case: what metrics call it."""
    return _NAMES[reason]
