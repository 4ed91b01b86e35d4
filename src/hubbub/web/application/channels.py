"""The channel browser: which channels are occupied in the cluster, and who and what is in one.

Knows what is shown of a channel. Does not know who occupies it on which node. Names, ids of users and what is said of
them are other people's text.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from starlette.responses import Response

from hubbub.channels import Kind, check_name, is_cache, kind_of
from hubbub.errors import Refusal
from hubbub.messages import Member
from hubbub.node.node import Node
from hubbub.web.page import get
from hubbub.web.subject import Subject
from hubbub.web.visit import Form, Visit

_PATH: Final = "/applications/{application}/channels"
PER_PAGE: Final = 50
MOST_MEMBERS: Final = 200
"""Members of one channel that its page shows; it counts them all."""
MOST_INFO: Final = 4000
"""Characters shown of what is said of a member."""
MOST_DATA: Final = 20_000
"""Characters shown of what a cache channel keeps."""

KINDS: Final = ("public", "private", "presence", "encrypted", "cache")
"""By which the list may be filtered: the kinds that channels have, and the property that all of them may have."""

MEANINGS: Final = {
    Kind.PUBLIC: "Anybody who knows the application's key may subscribe.",
    Kind.PRIVATE: "Your server signs each subscription; clients may talk to each other here, if that is on.",
    Kind.PRESENCE: "Your server signs each subscription and says who it is: members see each other.",
    Kind.ENCRYPTED: "Your server signs each subscription, and encrypts: Hubbub passes on what it cannot read.",
    Kind.USER: "Open to the connections of one signed-in user alone.",
}


class Row(msgspec.Struct, frozen=True):
    """An occupied channel; `users` are counted in presence channels alone."""

    name: str
    kind: Kind
    is_cache: bool
    subscriptions: int
    users: int | None


class Present(msgspec.Struct, frozen=True):
    """A member; `info` is what the application says of the user, as JSON to be read."""

    user_id: str
    info: str
    online_at: float | None


class Kept(msgspec.Struct, frozen=True):
    """What a cache channel shows to who comes later, for so many seconds more."""

    event: str
    data: str
    size: int
    seconds: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, as its page shows it. `members` are some of the `users`; `problem` says why it can be none."""

    name: str
    kind: Kind
    is_cache: bool
    subscriptions: int = 0
    users: int = 0
    members: tuple[Present, ...] = ()
    kept: Kept | None = None
    problem: str = ""

    @property
    def meaning(self) -> str:
        """What its kind is."""
        return MEANINGS[self.kind]


async def _channels(visit: Visit) -> Response:
    """List them, or show the one with the `name`: in a parameter, for `.` and `..` name channels, but no pages."""
    subject, query = await visit.subject(), visit.query
    if query["name"]:
        channel = await _channel(visit.services.node, subject, query["name"])
        return visit.render("applications/channel.html", subject=subject, here="channels", channel=channel)
    names = sorted(_wanted(await visit.services.node.channels(subject.id), query))
    offset = _offset(query["offset"], len(names))
    rows = await _rows(visit.services.node, subject.id, names[offset : offset + PER_PAGE])
    given = {name: query[name] for name in ("search", "kind") if query[name]}
    return visit.render(
        "applications/channels.html",
        subject=subject,
        here="channels",
        rows=rows,
        total=len(names),
        offset=offset,
        limit=PER_PAGE,
        query=given,
        kinds=KINDS,
    )


def _wanted(names: Iterable[str], query: Form) -> Iterable[str]:
    """Give those of the kind that have the text somewhere in their name, whatever its case."""
    search, kind = query["search"].strip().lower(), query["kind"]
    if search:
        names = (name for name in names if search in name.lower())
    if kind == "cache":
        return filter(is_cache, names)
    return (name for name in names if kind_of(name).value == kind) if kind in KINDS else names


def _offset(text: str, total: int) -> int:
    """Give where a part of the list begins; what is no such place is the first, or the last if it lies beyond."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return min(number, max(total - 1, 0)) // PER_PAGE * PER_PAGE


async def _rows(node: Node, app_id: str, names: list[str]) -> list[Row]:
    """Count for the channels of this part alone: all together there may be very many."""
    present = [name for name in names if kind_of(name) is Kind.PRESENCE]
    users = dict(zip(present, await node.user_counts(app_id, present), strict=True)) if present else {}
    counts = await node.subscription_counts(app_id, names) if names else []
    return [
        Row(name, kind_of(name), is_cache(name), count, users.get(name))
        for name, count in zip(names, counts, strict=True)
    ]


async def _channel(node: Node, subject: Subject, name: str) -> Found:
    try:
        check_name(name, subject.settings.max_channel_name_length)
    except Refusal as refusal:
        shown = name[:200]
        return Found(name=shown, kind=kind_of(shown), is_cache=False, problem=refusal.message[:300])
    members = await node.members(subject.id, name)
    return Found(
        name=name,
        kind=kind_of(name),
        is_cache=is_cache(name),
        subscriptions=await node.subscription_count(subject.id, name),
        users=len(members),
        members=tuple(map(_present, list(members.values())[:MOST_MEMBERS])),
        kept=await _kept(node, subject.id, name),
    )


async def _kept(node: Node, app_id: str, name: str) -> Kept | None:
    found = await node.recall(app_id, name) if is_cache(name) else None
    if found is None:
        return None
    event = found.event
    return Kept(event.name, readable(event.data)[:MOST_DATA], len(event.data.encode()), found.seconds)


def _present(member: Member) -> Present:
    info = bytes(member.info).decode(errors="replace")
    text = "" if info == "null" else readable(info)[:MOST_INFO]
    return Present(member.user_id, text, member.online_at / 1000 if member.online_at else None)


def readable(text: str) -> str:
    """Give JSON in lines that can be read; what is none as it is."""
    try:
        msgspec.json.decode(text)
        return msgspec.json.format(text.encode(), indent=2).decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


PAGES: Final = (get(_PATH, _channels),)
