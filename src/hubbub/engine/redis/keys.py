"""The names of keys and topics in Redis.

Everything that one script touches shares a hash tag, the part in braces, so that it lives on one server of a Redis
Cluster. An application's channels are spread over buckets; what one node has in a bucket is a key of the bucket too.

| tag | keys |
|---|---|
| `{APP.BUCKET}` | `number`, `occupied`, `entries:NODE`, `owed:NODE`; per channel `nodes`, `members`, `kept`, `missed` |
| `{APP}` | `order`, `kept`, `ends` (which cache channels keep an event), `rooms`, `purse:NAME` |
| `{nodes}` | `beats`, `gone`, `roles`, `places:NODE` |
| `{claim.NAME}` | itself |

Topics: one per channel, with its bucket's tag; one for news to all; one per node for what it alone is asked.
"""

from typing import Final
from zlib import crc32

BUCKETS: Final = 64
"""Of each application's channels. Another number makes nodes of before and after deaf to each other."""


def bucket_of(app_id: str, channel: str) -> str:
    """Give the bucket of a channel, by a hash that is the same on every node."""
    return f"{app_id}.{crc32(channel.encode()) % BUCKETS}"


def app_of(bucket: str) -> str:
    """Give the application whose bucket it is."""
    return bucket.rpartition(".")[0]


class Names:
    """Names that begin with `prefix`, one for each cluster that shares a Redis."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.beats = f"{prefix}:{{nodes}}:beats"
        """Hash: of each node a number that it counts up while it lives."""
        self.gone = f"{prefix}:{{nodes}}:gone"
        """Hash: nodes that are no more, and which node takes out what they left."""
        self.roles = f"{prefix}:{{nodes}}:roles"
        """Hash: which node has a role."""
        self.news = f"{prefix}:{{nodes}}:news"
        """Topic: what is no channel's."""

    def places(self, node: str) -> str:
        """Set: the buckets in which a node has entries, `b` before each, and the applications it holds room of, `r`."""
        return f"{self._prefix}:{{nodes}}:places:{node}"

    def post(self, node: str) -> str:
        """Topic: what one node is asked, and the answers to what it asked."""
        return f"{self._prefix}:{{post.{node}}}"

    def claim(self, name: str) -> str:
        """String: the node that has what is called so."""
        return f"{self._prefix}:{{claim.{name}}}"

    # Of a bucket

    def number(self, bucket: str) -> str:
        """Count of what was told of the bucket's channels."""
        return f"{self._prefix}:{{{bucket}}}:number"

    def occupied(self, bucket: str) -> str:
        """Sorted set, by name: the occupied channels."""
        return f"{self._prefix}:{{{bucket}}}:occupied"

    def entries(self, bucket: str, node: str) -> str:
        """Hash: what a node has entered here; `c` CHANNEL, `u` LENGTH `:` CHANNEL USER. The empty name: its term."""
        return f"{self._prefix}:{{{bucket}}}:entries:{node}"

    def owed(self, bucket: str, node: str) -> str:
        """Hash: transitions that a node brought about for one that is gone, and has yet to tell its host."""
        return f"{self._prefix}:{{{bucket}}}:owed:{node}"

    def nodes(self, bucket: str, channel: str) -> str:
        """Hash: the nodes that have subscribers, and as `#` the number of what was told last."""
        return f"{self._prefix}:{{{bucket}}}:nodes:{channel}"

    def members(self, bucket: str, channel: str) -> str:
        """Hash: of each user the number with which they came, their nodes, and the member."""
        return f"{self._prefix}:{{{bucket}}}:members:{channel}"

    def kept(self, bucket: str, channel: str) -> str:
        """The event that is kept, with the number by which it was told and its place in the application's order."""
        return f"{self._prefix}:{{{bucket}}}:kept:{channel}"

    def missed(self, bucket: str, channel: str) -> str:
        """There while somebody has found nothing kept."""
        return f"{self._prefix}:{{{bucket}}}:missed:{channel}"

    def topic(self, bucket: str, channel: str) -> str:
        """Topic: what is told of and in a channel."""
        return f"{self._prefix}:{{{bucket}}}:topic:{channel}"

    # Of an application

    def order(self, app_id: str) -> str:
        """Count of the events that were kept."""
        return f"{self._prefix}:{{{app_id}}}:order"

    def keeping(self, app_id: str) -> str:
        """Sorted set, by that count: the channels that keep an event."""
        return f"{self._prefix}:{{{app_id}}}:kept"

    def ends(self, app_id: str) -> str:
        """Sorted set, by milliseconds since 1970 on Redis' clock: when they end to."""
        return f"{self._prefix}:{{{app_id}}}:ends"

    def rooms(self, app_id: str) -> str:
        """Hash: for how many connections each node has room."""
        return f"{self._prefix}:{{{app_id}}}:rooms"

    def purse(self, app_id: str, purse: str) -> str:
        """Count of what was drawn in the second that ends with the key."""
        return f"{self._prefix}:{{{app_id}}}:purse:{purse}"
