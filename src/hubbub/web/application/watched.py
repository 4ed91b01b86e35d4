"""What the pages that look into an application have in common.

Knows: words for kinds of happenings. Does not know who may look.
"""

from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from hubbub.accounts.domain_webhooks import Sender
from hubbub.taps.sights import Kind
from hubbub.web.subject import Subject

KINDS: Final = {
    Kind.CONNECTION: "Connection",
    Kind.DISCONNECTION: "Disconnection",
    Kind.SUBSCRIBED: "Subscribed",
    Kind.UNSUBSCRIBED: "Unsubscribed",
    Kind.OCCUPIED: "Occupied",
    Kind.VACATED: "Vacated",
    Kind.API_MESSAGE: "API message",
    Kind.CLIENT_EVENT: "Client event",
    Kind.PRESENCE: "Presence",
    Kind.SIGN_IN: "Sign-in",
    Kind.CLIENT_ERROR: "Client error",
    Kind.API_ERROR: "API error",
    Kind.WEBHOOK_SENT: "Webhook sent",
    Kind.WEBHOOK_FAILED: "Webhook failed",
}
"""What kinds are called, in the order in which they are offered."""


def reference(subject: Subject) -> str | Sender:
    """Give an application as the use-cases of looking into one take it."""
    return Sender(subject.id, is_declared=True) if subject.is_declared else subject.id


def exactly(at: float) -> Markup:
    """Write a time, in Unix seconds, to the second: for who looks for a moment, not for how long ago it was."""
    utc = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}" data-exact>{}</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M:%S UTC")
    )
