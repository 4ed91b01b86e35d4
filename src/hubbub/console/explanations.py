"""What each reason means in plain words, and what to do about it: for who reads the error log.

Knows: the table of reasons. Does not know what happened in a single case; the text of the refusal says that.
"""

from typing import Final

import msgspec

from hubbub import errors
from hubbub.errors import Reason, Reconnect, name_of


class Explanation(msgspec.Struct, frozen=True):
    """What happened, in a sentence or two, and what to do."""

    meaning: str
    remedy: str


def _say(meaning: str, remedy: str) -> Explanation:
    return Explanation(meaning, remedy)


_SIGNED: Final = (
    "Compare the text above with what your server signs, character by character. Mostly the secret is another one's,"
    " or the signature was made for an earlier socket id: a client that reconnects has a new one."
)
_UPDATE: Final = "Update the client library, or look at what opens the connection if it is your own."
_BODY: Final = "Look at the body of the request that your server sends; Pusher's libraries write it by themselves."
_WRITER: Final = "The client does not follow the protocol: use an official library, or correct the one you wrote."
_GRANT: Final = "Have your server issue a token that covers it: `topics`, `uid` and `channel=true` of /api/session."

EXPLANATIONS: Final[dict[Reason, Explanation]] = {
    # Being let in
    errors.TLS_REQUIRED: _say(
        "The application takes encrypted connections only, and this client came without TLS.",
        "Set `forceTLS: true` in the client, or switch off “force TLS” in the application's settings. Behind a proxy,"
        " the proxy must be among HUBBUB_TRUSTED_PROXIES and send X-Forwarded-Proto.",
    ),
    errors.UNKNOWN_KEY: _say(
        "The client, or the caller of the API, named a key that no application here has.",
        "Compare the key with the application's keys. It may be one of another server or environment, or revoked.",
    ),
    errors.APP_DISABLED: _say(
        "The application is disabled: nobody is let in, and its API answers nothing.",
        "Enable it in its settings. The organization's audit log says who disabled it, and when.",
    ),
    errors.OVER_QUOTA: _say(
        "The application had as many connections as its settings allow, on all nodes together.",
        "Raise `max_connections` in its settings, or look in the connections for clients that open too many.",
    ),
    errors.APP_GONE: _say(
        "The key with which the client was connected has been revoked, or its application archived.",
        "Give clients the new key. After a rotation, leave the old key active until all have it. The organization's"
        " audit log says who revoked it, and when.",
    ),
    errors.GRANT_ENDED: _say(
        "The client held a token of a user, and that no longer holds: the token was invalidated, the user archived or"
        " taken out of the organization, or the loan of the application ended.",
        "If it should go on, issue a new token, or enroll the user again. The audit log says who changed what.",
    ),
    errors.ORIGIN_FORBIDDEN: _say(
        "A browser on a page of an origin that the application does not list tried to connect.",
        "Add the origin to `allowed_origins` in the settings, if the page is yours.",
    ),
    errors.NOT_AUTHORIZED: _say(
        "The application wants connections to show whose they are, and this one did not in time.",
        "Have clients sign in, or subscribe to a private or presence channel, right after connecting; or switch off"
        " “authorized connections”.",
    ),
    errors.USER_TERMINATED: _say(
        "Your server asked, by terminate_connections of the HTTP API, that all connections of this user be closed.",
        "Nothing, if that was meant. The caller's side knows why it was asked for.",
    ),
    errors.CLOSED_BY_HAND: _say(
        "Somebody closed this connection from the page of connections.",
        "The organization's audit log says who. The client does not come back by itself; a reload brings it back.",
    ),
    errors.UPGRADE_REQUIRED: _say(
        "A plain HTTP request came where WebSockets are opened.",
        "Use a WebSocket client. Where a proxy stands between, it must pass on the headers Upgrade and Connection.",
    ),
    errors.PATH_NOT_FOUND: _say(
        "The client asked for a path that is no application's.",
        "It must be /app/KEY. Check `wsPath` in the client, and what a proxy makes of the path.",
    ),
    errors.VERSION_INVALID: _say("The client named a protocol version that is no number.", _UPDATE),
    errors.VERSION_UNSUPPORTED: _say(
        "The client speaks a version of the protocol that this server does not: it speaks 4 to 7.", _UPDATE
    ),
    errors.VERSION_MISSING: _say("The client did not say which protocol version it speaks.", _UPDATE),
    errors.OVER_CAPACITY: _say(
        "This server, not the application, had no room: too many sockets, or too many clients coming at once.",
        "Clients come back by themselves. If it lasts, raise `max_connections` or add a node.",
    ),
    errors.CONNECT_PARAMETER: _say(
        "A Phoenix client came without a parameter that it must have, or with one that cannot be.",
        "`app_key`, `guardian_token` and `unique_identifier` are needed; a token for one `uid` fits that one alone.",
    ),
    errors.VSN_UNKNOWN: _say("A Phoenix client asked for a serializer that there is not.", _UPDATE),
    # The end of a connection
    errors.TOO_SLOW: _say(
        "The client read more slowly than it was sent to, until more waited for it than may. It was cut off, so that"
        " the server keeps its memory: what it missed it has missed.",
        "Mostly a bad network, a laptop asleep or a tab that hangs. If many are concerned, send less, or smaller"
        " events.",
    ),
    errors.TOO_EAGER: _say(
        "The client sent faster than its commands could be obeyed, over HTTP requests that waited for each other.",
        "Send fewer messages at a time, and wait for answers.",
    ),
    errors.TOO_TALKATIVE: _say(
        "The client sent more messages in one second than `messages_per_second` allows, so it was closed.",
        "Look what the client does in a loop. No official library comes near the default.",
    ),
    errors.ADDRESS_CONNECTIONS: _say(
        "As many connections were open from this client's address as the server allows to one.",
        "Many people may share an address: raise `max_connections_per_address`, or name it in `unlimited_addresses`. If"
        " it is a proxy's, name that in HUBBUB_TRUSTED_PROXIES.",
    ),
    errors.ADDRESS_OPENINGS: _say(
        "More clients came from one address in a second than the server allows.",
        "Look for a client that reconnects without a pause. Many people may share an address: raise"
        " `connections_per_second_per_address`. If it is a proxy's, name that in HUBBUB_TRUSTED_PROXIES.",
    ),
    errors.SHUTTING_DOWN: _say(
        "The server stopped, for an update or a restart, and sent its clients to come back at once.",
        "Nothing: official libraries reconnect within seconds.",
    ),
    errors.STORE_UNAVAILABLE: _say(
        "The database or Redis did not answer at that moment, and without it this could not be decided.",
        "Look at /health and the server's log of that time. Clients and libraries try again.",
    ),
    errors.PONG_NOT_RECEIVED: _say(
        "The client was silent, was asked for a sign of life and gave none: its network was gone, or its machine"
        " asleep, without anybody closing the connection.",
        "Nothing, for single ones: the client reconnects when it is back. If many go so at once, look at proxies and"
        " firewalls between, which may drop connections that are idle for a while.",
    ),
    errors.INACTIVE: _say(
        "The client was silent for longer than its kind may be, and was taken for gone.",
        "Phoenix clients send heartbeats every 30 seconds, long-polls come again at once. Single ones went away"
        " without a word, as phones do.",
    ),
    errors.CONNECTION_LOST: _say(
        "The network ended the connection: neither the client nor the server had said goodbye before.",
        "A browser that is killed, a phone that changes networks or a proxy that restarts does that; the client comes"
        " back by itself. If connections end after the same time each, a proxy's idle timeout is shorter than 60 s.",
    ),
    errors.INTERRUPTED: _say(
        "A client over HTTP broke off the request in which it waited.", "Nothing: that is how such clients leave."
    ),
    errors.FRAME_INVALID: _say(
        "What the client sent is no WebSocket frame as the standard has them, so the rest could not be read.", _WRITER
    ),
    errors.MESSAGE_TOO_LARGE: _say(
        "The client sent a message larger than the server takes, and the connection was closed for that.",
        "Send less at once. `max_message_bytes` is the limit of the server.",
    ),
    errors.DEFLATE_INVALID: _say("A compressed message could not be unpacked.", _WRITER),
    errors.STILL_OPEN: _say(
        "A second request came to wait for a session over HTTP, while one was waiting already.", _WRITER
    ),
    errors.INTERNAL: _say(
        "Something in this server failed: a fault of ours, not of the client.",
        "The server's log has a traceback of that moment. Please report it.",
    ),
    # Subscribing
    errors.INVALID_JSON: _say("The client sent a message that is no JSON.", _WRITER),
    errors.INVALID_MESSAGE: _say("The client sent JSON that is no message of the protocol.", _WRITER),
    errors.BINARY_UNSUPPORTED: _say("A Pusher client sent a binary message. There are none in its protocol.", _WRITER),
    errors.RESERVED_EVENT: _say(
        "A client tried to send an event whose name begins like one of the protocol's own.",
        "Names of client events begin with `client-`.",
    ),
    errors.CHANNEL_INVALID: _say(
        "The name has a character that names of channels cannot have.",
        "Allowed are letters, digits and _ - = @ , . ; – no spaces, slashes or umlauts.",
    ),
    errors.CHANNEL_TOO_LONG: _say(
        "The name of the channel is longer than the application's settings allow.", "Use a shorter one."
    ),
    errors.AUTH_FORMAT: _say(
        "The `auth` of a subscription or sign-in is not of the form KEY:SIGNATURE. Often it is an error page's text.",
        "Look at what your auth endpoint answers: it must be JSON with `auth`, with status 200.",
    ),
    errors.AUTH_KEY: _say(
        "Your auth endpoint signed with a key that is not of the application to which the client is connected.",
        "Give client and server the same key. After a rotation, the old key may be revoked while the server uses it.",
    ),
    errors.AUTH_SIGNATURE: _say(
        "The signature that your auth endpoint made is not that of the text above under the key's secret.", _SIGNED
    ),
    errors.CHANNEL_DATA_MISSING: _say(
        "A presence channel was asked for, and the auth endpoint did not say who the user is.",
        "Its answer must have `channel_data` with a `user_id`; or have the client sign in first.",
    ),
    errors.CHANNEL_DATA_INVALID: _say(
        "What the auth endpoint said of a presence member cannot be read.",
        "`channel_data` is JSON text with a `user_id`, and with `user_info` if there is any.",
    ),
    errors.USER_INFO_INVALID: _say(
        "`user_info` of a presence member is not an object.", 'Send an object, such as {"name": "Ann"}.'
    ),
    errors.MEMBER_TOO_LARGE: _say(
        "What was said of a presence member is larger than the application's settings allow.",
        "Say less: it is told to all members. A link to a picture, not the picture.",
    ),
    errors.PRESENCE_FULL: _say(
        "The presence channel has as many members as its application's settings allow.",
        "Raise `max_presence_members`, or divide the channel: members are told of each other, which grows fast.",
    ),
    errors.SIGN_IN_MISSING: _say("A sign-in came without `user_data`.", "Look at what the user-auth endpoint answers."),
    errors.USER_DATA_INVALID: _say(
        "What was said of the user who signs in cannot be read.", "`user_data` is JSON text with an `id` that is text."
    ),
    errors.SIGNED_IN_ALREADY: _say(
        "The connection is one user's already, and tried to become another's.",
        "Disconnect and connect anew when another user signs in on the same page.",
    ),
    errors.WATCHLIST_TOO_LONG: _say(
        "The user's watchlist is longer than allowed: only its beginning is watched.",
        "Shorten the list, or raise `max_watchlist`.",
    ),
    errors.USER_CHANNEL: _say(
        "Somebody tried to listen to a channel of a single user without being signed in as that one.",
        "Clients need not subscribe to it: signing in is enough.",
    ),
    errors.ALREADY_SUBSCRIBED: _say(
        "The client asked for a channel that it has already. The first subscription stays as it is.", _WRITER
    ),
    errors.NOT_SUBSCRIBED: _say("The client gave up a channel that it does not have.", _WRITER),
    errors.TOO_MANY_SUBSCRIPTIONS: _say(
        "The connection has as many channels as the application's settings allow.",
        "Unsubscribe from what is not needed, or raise `max_subscriptions`.",
    ),
    # Client events
    errors.CLIENT_EVENT_CHANNEL: _say(
        "Client events go through private and presence channels only, so that strangers cannot send any.",
        "Use a private channel, or send through your server.",
    ),
    errors.CLIENT_EVENT_PREFIX: _say(
        "Client events have names that begin with `client-`.", "Rename the event in sender and listeners."
    ),
    errors.CLIENT_EVENT_OFF: _say(
        "Client events are off for this application.", "Switch them on in its settings, or send through your server."
    ),
    errors.CLIENT_EVENT_FIELDS: _say("A client event came without a channel or data.", _WRITER),
    errors.CLIENT_EVENT_OUTSIDE: _say(
        "The client sent to a channel that it is not subscribed to, or not yet.",
        "Wait for `pusher:subscription_succeeded` before sending.",
    ),
    errors.CLIENT_EVENT_RATE: _say(
        "The connection sent more client events in a second than allowed; those beyond are not delivered.",
        "Send less often (collect positions of a mouse, say, for 100 ms), or raise `client_events_per_second`.",
    ),
    # Phoenix
    errors.PHOENIX_MESSAGE: _say("What the client sent is no message of Phoenix Channels.", _WRITER),
    errors.TOPIC_INVALID: _say(
        "The client joined a topic of another form than those there are.",
        "They are lobby:KEY, lobby:KEY:TOPIC and lobby:KEY/uid:UID.",
    ),
    errors.TOPIC_OTHER_APP: _say(
        "The topic names another application's key than the one of the socket.", "Open a socket for each application."
    ),
    errors.TOPIC_OTHER_USER: _say(
        "The client tried to join another user's direct topic.", "One can join one's own only."
    ),
    errors.TOPIC_OUTSIDE: _say("The token with which the client came does not cover this topic.", _GRANT),
    errors.TOPIC_UNMATCHED: _say(
        "The client pushed to a topic that it has not joined, or not any more.", "Wait for the join's reply, then push."
    ),
    errors.PUSH_FORBIDDEN: _say("The token lets its holder listen, and not send.", _GRANT),
    errors.PUSH_RESERVED: _say("The client pushed an event whose name is Phoenix' own.", "Choose another name."),
    errors.PUSH_ENCRYPTED: _say(
        "Nobody but the application's server sends to encrypted channels.", "Publish from your server."
    ),
    errors.DIRECT_INVALID: _say(
        "A direct message must be an object with uid, event and payload.", "Look at what the client pushes as `direct`."
    ),
    errors.PAYLOAD_INVALID: _say("The payload of a push must be a JSON object.", "Send an object."),
    # The HTTP API
    errors.PARAMETER_MISSING: _say(
        "A request to the API lacks a parameter that signs it.",
        "Official libraries send all of them: auth_key, auth_timestamp, auth_version, auth_signature.",
    ),
    errors.PARAMETER_REPEATED: _say(
        "A parameter that signs the request is there twice, so that it is not clear which counts.",
        "Look at what puts the URL together; a proxy may add to it.",
    ),
    errors.SIGNING_VERSION_MISSING: _say("The request does not say how it was signed.", "Send auth_version=1.0."),
    errors.SIGNING_VERSION: _say("The request was signed in a way that there is not.", "Send auth_version=1.0."),
    errors.TIMESTAMP_MISSING: _say("The request does not say when it was signed.", "Send auth_timestamp."),
    errors.TIMESTAMP_INVALID: _say(
        "The time of the request is no count of seconds since 1970.", "Send seconds, not milliseconds."
    ),
    errors.TIMESTAMP_EXPIRED: _say(
        "The request was signed more than ten minutes ago, or in the future.",
        "Set the clock of the server that sends (NTP). Sign requests when they are sent, not when they are queued.",
    ),
    errors.REQUEST_SIGNATURE: _say(
        "The signature of the request is not that of the text above under the secret of its key.",
        "Compare that text with what your library signs. A wrong secret, a proxy that changes path or query, or"
        " parameters that are not sorted are what it mostly is.",
    ),
    errors.BODY_MD5_MISSING: _say("A request with a body must sign it by its MD5.", "Send body_md5."),
    errors.BODY_MD5: _say(
        "The body that arrived is not the one that was signed.",
        "Something changed it on its way (a proxy, another encoding), or the MD5 was made of something else.",
    ),
    errors.OTHER_APP: _say(
        "The key that signed the request is of another application than the path names.",
        "Give the library the id and the key of the same application.",
    ),
    errors.BODY_INVALID: _say("The body of the request is no JSON as it should be.", _BODY),
    errors.REQUIRED: _say("The body of the request lacks something.", _BODY),
    errors.WRONG_TYPE: _say("Something in the body of the request is of another type than it should be.", _BODY),
    errors.EVENT_NAME_RESERVED: _say(
        "Names of events that begin with `pusher:` are Pusher's own.", "Rename the event."
    ),
    errors.EVENT_NAME_EMPTY: _say("The event has no name.", "Give it one."),
    errors.EVENT_NAME_TOO_LONG: _say(
        "The name of the event is longer than the application's settings allow.", "Use a shorter one."
    ),
    errors.TOO_MANY_CHANNELS: _say(
        "One event was sent to more channels than allowed.", "Divide it into several requests, or raise the limit."
    ),
    errors.BATCH_TOO_LARGE: _say("A batch had more events than allowed.", "Divide it into several requests."),
    errors.SOCKET_ID_INVALID: _say(
        "The socket id that should not get the event is none.", "Send what the client's `connection.socket_id` is."
    ),
    errors.DATA_TOO_LARGE: _say(
        "The event's data is larger than the application's settings allow.",
        "Send less: an id, say, by which clients get the rest; or raise `max_event_bytes`.",
    ),
    errors.USER_COUNT_WITHOUT_PREFIX: _say(
        "Users can only be counted in a list of presence channels.", "Add filter_by_prefix=presence-."
    ),
    errors.USER_COUNT_ELSEWHERE: _say("Only presence channels know users.", "Ask for subscription_count instead."),
    errors.USERS_ELSEWHERE: _say("Only presence channels know users.", "Ask about a presence channel."),
    errors.SUBSCRIPTION_COUNT_OFF: _say(
        "Counting subscriptions is off for this application.", "Switch on `subscription_counts` in its settings."
    ),
    errors.CACHE_ELSEWHERE: _say("Only cache channels keep their last event.", "Ask about a cache channel."),
    errors.USER_ID_INVALID: _say("The id of the user is empty or too long.", "Look at what is sent as the id."),
    errors.DATA_NOT_TEXT: _say("The data of the event is not UTF-8.", "Encode it: binary data as base64."),
    errors.EVENT_RATE: _say(
        "The application publishes more events in a second than its settings allow.",
        "Send batches less often, spread what comes at once, or raise `events_per_second`.",
    ),
    errors.ATTRIBUTE_UNKNOWN: _say("Something was asked about channels that there is not.", "Correct `info`."),
    # HTTP itself
    errors.NOT_FOUND: _say("There is nothing at this path of the API.", "Look at the path that the library asks for."),
    errors.METHOD: _say("The path is there, but not for this method.", "Look at the method that is sent."),
    errors.BAD_REQUEST: _say("The request is no HTTP as it should be.", "Look at what stands between: proxies mostly."),
    errors.BODY_TOO_LARGE: _say("The body of the request is larger than the server takes.", "Divide it."),
    errors.HEAD_TOO_LARGE: _say("The head of the request is larger than the server takes.", "Send fewer headers."),
    errors.REQUEST_TIMEOUT: _say("The request did not arrive in time.", "Look at the network of who sends it."),
    errors.TOO_MANY_FIELDS: _say(
        "The request had more headers than any library or proxy writes.",
        "Look what adds them between the caller and this server.",
    ),
    errors.ADDRESS_REQUESTS: _say(
        "More requests came from one address in a second than the server allows.",
        "Name your own back ends in `unlimited_addresses`, or raise `requests_per_second_per_address`. If the address"
        " is a proxy's, name that in HUBBUB_TRUSTED_PROXIES.",
    ),
    # Accounts
    errors.UNAUTHENTICATED: _say(
        "Who asked was not signed in, or not any more.", "Sign in again, or issue a new token."
    ),
    errors.FORBIDDEN: _say("Who asked may not do this.", "Ask an admin of the organization."),
    errors.UNKNOWN: _say("What was asked for is not there, or not for who asked.", "Look at its id, and who owns it."),
    errors.TOO_MANY: _say("The same was tried too often in a short time.", "Wait, and try less often."),
    errors.INVALID: _say("What was sent is not valid.", "The text above says which field, and why."),
}

_RECONNECTING: Final = {
    Reconnect.NEVER: "Pusher's libraries do not come back by themselves after this code.",
    Reconnect.LATER: "Pusher's libraries come back by themselves after a second or more.",
    Reconnect.NOW: "Pusher's libraries come back by themselves at once.",
}

_BY_NAME: Final = {name_of(reason): reason for reason in EXPLANATIONS}

NONE: Final = Explanation("This reason is of another version of Hubbub.", "Look into that version's documentation.")


def explain(name: str) -> Explanation:
    """Explain a reason by its name."""
    reason = _BY_NAME.get(name)
    return NONE if reason is None else EXPLANATIONS[reason]


def reconnecting(name: str) -> str:
    """Say what clients do after they were closed for this reason; nothing where it is not Pusher's to say."""
    reason = _BY_NAME.get(name)
    if reason is None or reason.code is None or not 4000 <= reason.code < 4300:
        return ""
    return _RECONNECTING[reason.reconnect]
