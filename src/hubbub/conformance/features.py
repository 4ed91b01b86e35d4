"""The features that cases belong to: the rows of pusher-protocol §9 that can be seen from outside, in that order.

Which rows are not here, and why, is told in docs/conformance.md.
"""

FEATURES = (
    "Connect",
    "Socket id unique",
    "Protocols",
    "Unknown key",
    "Bad path",
    "Force TLS",
    "App disabled",
    "Connection quota",
    "Subprotocol",
    "Envelope",
    "Client ping",
    "RFC ping",
    "Server ping and 4201",
    "Bad frames",
    "Public subscribe",
    "Private subscribe",
    "Second key pair",
    "Duplicate / unknown unsubscribe",
    "Unsubscribe",
    "Channel name rules",
    "Presence payload",
    "member_added/removed",
    "Presence limits",
    "Presence abrupt drop",
    "Client event",
    "Client event refusals",
    "Client event rate",
    "Reserved events",
    "Data passthrough",
    "Order",
    "subscription_count",
    "Cache channel",
    "Cache miss",
    "Encrypted",
    "Sign-in",
    "Server-to-user",
    "Presence via sign-in",
    "Terminate",
    "Watchlist",
    "Authorized Connections",
    "REST signing",
    "REST clock",
    "body_md5",
    "Cross-app key",
    "Trigger",
    "Exclusion",
    "Size",
    "Batch",
    "info",
    "GET /channels",
    "GET channel / users",
    "Old trigger",
    "Query-parameter trigger",
    "Encoded paths",
    "Proxy prefix",
    "Keep-alive",
    "HTTP errors",
    "Webhook format",
    "Webhook kinds",
    "Webhook grace",
    "Webhook batch / retry",
    "Webhook key",
    "Fallbacks",
    "Slow consumer",
)


def matching(words: list[str]) -> frozenset[str]:
    """Give the features whose names contain one of `words`, in any case. Raises ValueError for a word in none."""
    found: set[str] = set()
    for word in words:
        fitting = {feature for feature in FEATURES if word.lower() in feature.lower()}
        if not fitting:
            raise ValueError(f"no feature is called {word!r}; there are: {', '.join(FEATURES)}")
        found |= fitting
    return frozenset(found)
