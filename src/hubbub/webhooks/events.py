"""What receivers are told of a fact: Pusher's events, as JSON.

Pure. Knows the seven kinds and their fields. Ids and `data` are strings, for official libraries read them as such;
every event has its `channel`.
"""

import msgspec

from hubbub.channels import Kind, kind_of
from hubbub.messages import Event
from hubbub.webhooks.seam import Standing

_encode = msgspec.json.Encoder().encode


def has_members(channel: str) -> bool:
    """Tell whether it is told who is in a channel: elsewhere only Phoenix clients are members."""
    return kind_of(channel) is Kind.PRESENCE


def kind_begun(standing: Standing) -> str:
    """Give the kind of the event that tells that it begins."""
    return "member_added" if standing.user_id else "channel_occupied"


def kind_over(standing: Standing) -> str:
    """Give the kind of the event that tells that it is over."""
    return "member_removed" if standing.user_id else "channel_vacated"


def begun(standing: Standing) -> str:
    """Write the event that tells that a channel is occupied, or a member there."""
    return _of_standing(kind_begun(standing), standing)


def over(standing: Standing) -> str:
    """Write the event that tells that a channel is vacated, or a member gone."""
    return _of_standing(kind_over(standing), standing)


def client_event(event: Event, socket_id: str) -> str:
    """Write the event that tells what the client `socket_id` sent. Only in presence channels it has a `user_id`."""
    fields = {
        "name": "client_event",
        "channel": event.channel,
        "event": event.name,
        "data": event.data,
        "socket_id": socket_id,
    }
    if event.user_id is not None and has_members(event.channel):
        fields["user_id"] = event.user_id
    return _encode(fields).decode()


def cache_miss(channel: str) -> str:
    """Write the event that tells that a cache channel had nothing to show."""
    return _encode({"name": "cache_miss", "channel": channel}).decode()


def subscription_count(channel: str, count: int) -> str:
    """Write the event that tells how many subscriptions a channel has."""
    return _encode({"name": "subscription_count", "channel": channel, "subscription_count": count}).decode()


def _of_standing(kind: str, standing: Standing) -> str:
    fields = {"name": kind, "channel": standing.channel}
    if standing.user_id:
        fields["user_id"] = standing.user_id
    return _encode(fields).decode()
