"""Whether all that was seen of a cluster is what may be seen of one. Pure: records in, problems out.

What is promised (docs/behaviour.md), and therefore proved of a history:

- an event that was answered 200 while the nodes of publisher and subscriber worked, and their links, reaches everyone
  who was subscribed throughout; nothing arrives twice, in another order than its publisher sent it, at whom it
  excluded, or without having been published;
- clients are told of each member that comes or goes once;
- in the end every node and every client names the same members, counts and channels: those of the open subscriptions;
- webhooks of a channel or member begin and end in turn, end as things are, and tell of each gap longer than the grace.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from cluster.history import (
    Came,
    Counted,
    Heard,
    Hooked,
    Joined,
    Kept,
    Left,
    Listed,
    Present,
    Published,
    Record,
    State,
    Trouble,
    Went,
)

MOMENT = 2_000_000
"""Microseconds in which what was accepted should be everywhere, on a machine with much else to do."""

BEGINS = {"channel_occupied": "channel_vacated", "member_added": "member_removed"}
"""Webhooks that begin something, with those that end it."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong: a word for its kind, and what happened to whom."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Verdict(msgspec.Struct, frozen=True):
    """All problems, and how much was looked at."""

    problems: Sequence[Problem]
    publishes: int
    accepted: int
    deliveries: int
    required: int
    """Deliveries that had to be, whatever else was delivered in troubled times."""
    webhooks: int
    repeats: int
    """Events of requests that were repeated byte for byte, as receivers can tell."""
    views: int
    """What was compared in the end."""

    def count(self, *kinds: str) -> int:
        """Count the problems whose kinds begin like one of these."""
        return sum(problem.kind.startswith(kinds) for problem in self.problems)

    def __str__(self) -> str:
        by_kind: dict[str, list[Problem]] = defaultdict(list)
        for problem in self.problems:
            by_kind[problem.kind].append(problem)
        lines = [
            f"{len(self.problems)} problems: {self.required} deliveries, {self.webhooks} webhooks, {self.views} views"
        ]
        for kind, problems in by_kind.items():
            lines += [f"{kind}, {len(problems)} times", *(f"    {problem.text}" for problem in problems[:8])]
        return "\n".join(lines)


class Stay(msgspec.Struct, frozen=True, gc=False):
    """A subscription as its client knew it: from when it was told to when it left, None if it is still there."""

    client: str
    node: str
    user: str
    begins: int
    ends: int | None

    def covers(self, began: int, ended: int) -> bool:
        return self.begins < began and (self.ends is None or self.ends > ended)


class Seen:
    """A history in order and by kind, and who was subscribed when."""

    def __init__(self, history: Iterable[Record]) -> None:
        ordered = sorted(history, key=lambda record: record.at)
        self.published = [record for record in ordered if isinstance(record, Published)]
        self.heard = [record for record in ordered if isinstance(record, Heard)]
        self.hooks = [record for record in ordered if isinstance(record, Hooked)]
        self.troubles = [record for record in ordered if isinstance(record, Trouble)]
        self.told = [record for record in ordered if isinstance(record, Joined | Left | State | Came | Went)]
        self.present = [record for record in ordered if isinstance(record, Present)]
        self.counted = [record for record in ordered if isinstance(record, Counted)]
        self.kept = [record for record in ordered if isinstance(record, Kept)]
        self.listed = [record for record in ordered if isinstance(record, Listed)]
        self.stays = _stays(self.told)

    def troubles_in(self, began: int, ended: int) -> list[Trouble]:
        """Give the troubles that were at some moment between."""
        return [one for one in self.troubles if one.at <= ended and (one.ended is None or one.ended >= began)]


def check(history: Iterable[Record], *, grace: float = 3.0) -> Verdict:
    """Judge a history, whose records may come in any order. `grace` is the server's, of webhooks, in seconds."""
    seen = Seen(history)
    required = set(_required(seen))
    hooks = Counter((hook.request, hook.name, hook.channel, hook.user) for hook in seen.hooks)
    return Verdict(
        problems=[
            *_lost(seen, required),
            *_wrong_deliveries(seen),
            *_wrong_tidings(seen),
            *_wrong_views(seen),
            *_wrong_keepings(seen),
            *_wrong_turns(seen),
            *_wrong_gaps(seen, int(grace * 1e6)),
        ],
        publishes=len(seen.published),
        accepted=sum(publish.status == 200 for publish in seen.published),
        deliveries=len(seen.heard),
        required=len(required),
        webhooks=len(hooks),
        repeats=hooks.total() - len(hooks),
        views=len(seen.present) + len(seen.counted) + len(seen.listed) + len(seen.kept),
    )


def _stays(told: Sequence[Record]) -> dict[str, list[Stay]]:
    """Give the subscriptions to each channel, in the order in which they began."""
    stays: dict[str, list[Stay]] = defaultdict(list)
    open_since: dict[tuple[str, str], Joined] = {}

    def end(client: str, channel: str, at: int | None) -> None:
        if (joined := open_since.pop((client, channel), None)) is not None:
            stays[channel].append(Stay(client, joined.node, joined.user, joined.at, at))

    for record in told:
        if isinstance(record, Joined):
            end(record.client, record.channel, record.at)
            open_since[record.client, record.channel] = record
        elif isinstance(record, Left):
            end(record.client, record.channel, record.at)
    for client, channel in list(open_since):
        end(client, channel, None)
    for found in stays.values():
        found.sort(key=lambda stay: stay.begins)
    return stays


# Deliveries

Delivery = tuple[str, str, str, int]
"""Client, channel, publisher, number."""


def _required(seen: Seen) -> Iterator[Delivery]:
    """Give the deliveries that must have been."""
    by_channel: dict[str, list[Published]] = defaultdict(list)
    for publish in seen.published:
        if publish.status == 200:
            by_channel[publish.channel].append(publish)
    for channel, publishes in by_channel.items():
        coming = list(reversed(seen.stays.get(channel, [])))
        here: list[Stay] = []
        for publish in publishes:
            while coming and coming[-1].begins < publish.at:
                here.append(coming.pop())
            here = [stay for stay in here if stay.ends is None or stay.ends > publish.at]
            until = publish.ended + MOMENT
            troubles = seen.troubles_in(publish.at, until)
            for stay in here:
                if (
                    stay.client != publish.excluded
                    and stay.covers(publish.at, until)
                    and not any(_concerns(trouble, publish.node, stay.node) for trouble in troubles)
                ):
                    yield stay.client, channel, publish.publisher, publish.number


def _concerns(trouble: Trouble, origin: str, destination: str) -> bool:
    """Tell whether a trouble excuses that what one node accepted did not reach another, or its own subscribers."""
    if trouble.is_link and origin == destination:
        return False
    return origin in trouble.nodes or destination in trouble.nodes


def _lost(seen: Seen, required: set[Delivery]) -> Iterator[Problem]:
    heard = {(one.client, one.channel, one.publisher, one.number) for one in seen.heard}
    for client, channel, publisher, number in sorted(required - heard):
        yield Problem("lost", f"{client} never heard number {number} of {publisher} in {channel}")


def _wrong_deliveries(seen: Seen) -> Iterator[Problem]:
    published = {(one.channel, one.publisher, one.number): one for one in seen.published}
    heard: set[Delivery] = set()
    newest: dict[tuple[str, str, str], int] = {}
    for one in seen.heard:
        what = f"{one.client} heard number {one.number} of {one.publisher} in {one.channel}"
        publish = published.get((one.channel, one.publisher, one.number))
        line = (one.client, one.channel, one.publisher)
        is_answered = publish is not None and publish.status != 0
        if publish is None:
            yield Problem("unknown", f"{what}, which was never published")
        elif one.at < publish.at:
            yield Problem("unknown", f"{what} before it was published")
        elif publish.excluded == one.client:
            yield Problem("excluded", what)
        if (*line, one.number) in heard:
            yield Problem("double", f"{what} twice")
        elif one.number < newest.get(line, -1) and is_answered:
            yield Problem("order", f"{what} after {newest[line]}")
        heard.add((*line, one.number))
        if is_answered:
            newest[line] = max(one.number, newest.get(line, -1))


# Members, as clients are told


def _wrong_tidings(seen: Seen) -> Iterator[Problem]:
    members: dict[tuple[str, str], set[str] | None] = {}
    for record in seen.told:
        where = (record.client, record.channel)
        known = members.get(where)
        match record:
            case Joined() | Left():
                members[where] = None
            case State():
                members[where] = set(record.users)
                if len(set(record.users)) != len(record.users):
                    yield Problem("told double", f"{record.client}: {record.channel} has {sorted(record.users)}")
            case Came() if known is not None:
                if record.user in known:
                    yield Problem("told double", f"{record.client}: {record.user} came to {record.channel} once more")
                known.add(record.user)
            case Went() if known is not None:
                if record.user not in known:
                    yield Problem("told double", f"{record.client}: {record.user} left {record.channel} once more")
                known.discard(record.user)


# What is there in the end


def _wrong_views(seen: Seen) -> Iterator[Problem]:
    there = {channel: [stay for stay in stays if stay.ends is None] for channel, stays in seen.stays.items()}
    users = {channel: {stay.user for stay in stays} - {""} for channel, stays in there.items()}
    for present in seen.present:
        said, true = Counter(present.users), users.get(present.channel, set())
        for user in sorted(said.keys() - true):
            yield Problem("ghost", f"{present.source} has {user} in {present.channel}")
        for user in sorted(true - said.keys()):
            yield Problem("missing", f"{present.source} has no {user} in {present.channel}")
        for user in sorted(user for user, times in said.items() if times > 1):
            yield Problem("double member", f"{present.source} has {user} in {present.channel} twice")
    for counted in seen.counted:
        stays = there.get(counted.channel, [])
        count = len(users.get(counted.channel, ())) if counted.what == "user_count" else len(stays)
        if counted.count != count:
            kind = "ghost" if counted.count > count else "missing"
            where = f"{counted.what} of {counted.channel}"
            yield Problem(f"{kind} count", f"{counted.source} says {counted.count} to be the {where}, not {count}")
    for listed in seen.listed:
        occupied = {channel for channel, stays in there.items() if stays and listed.part in channel}
        for channel in sorted(set(listed.channels) - occupied):
            yield Problem("ghost channel", f"{listed.source} lists {channel}")
        for channel in sorted(occupied - set(listed.channels)):
            yield Problem("missing channel", f"{listed.source} does not list {channel}")


def _wrong_keepings(seen: Seen) -> Iterator[Problem]:
    """All show the same of a cache channel: of one of its publishers the last, unless there has been trouble since."""
    last: dict[tuple[str, str], Published] = {}
    for publish in seen.published:
        if publish.status == 200:
            last[publish.channel, publish.publisher] = publish
    troubled = max((trouble.ended or math.inf for trouble in seen.troubles), default=0)
    shown: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for kept in seen.kept:
        shown[kept.channel][kept.publisher, kept.number] += 1
        newest = last.get((kept.channel, kept.publisher))
        where = f"{kept.source} shows number {kept.number} of {kept.publisher} in {kept.channel}"
        if kept.number == 0:
            if any(publish.at > troubled for (channel, _), publish in last.items() if channel == kept.channel):
                yield Problem("kept old", f"{kept.source} shows nothing in {kept.channel}")
        elif newest is None or newest.number < kept.number:
            yield Problem("kept unknown", where)
        elif newest.number > kept.number and newest.at > troubled:
            yield Problem("kept old", f"{where}, not {newest.number}")
    for channel, events in shown.items():
        if len(events) > 1:
            yield Problem("kept differently", f"{channel} shows {dict(events)}")


# Webhooks

Subject = tuple[str, str]
"""Channel and user; the channel alone has no user."""


def _turns(seen: Seen) -> dict[Subject, list[str]]:
    """Give what was told of each subject, repeats of whole requests left out, in the order in which it came."""
    turns: dict[Subject, list[str]] = defaultdict(list)
    known: set[tuple[str, str, str, str]] = set()
    for hook in seen.hooks:
        what = (hook.request, hook.name, hook.channel, hook.user)
        if what not in known and (hook.name in BEGINS or hook.name in BEGINS.values()):
            known.add(what)
            turns[hook.channel, hook.user].append(hook.name)
    return turns


def _subjects(seen: Seen) -> dict[Subject, list[Stay]]:
    """Give the stays that webhooks are about: a channel's, and each member's of a presence channel."""
    subjects: dict[Subject, list[Stay]] = defaultdict(list)
    for channel, stays in seen.stays.items():
        if channel.startswith("#"):
            continue  # those of users, of which none are told
        for stay in stays:
            subjects[channel, ""].append(stay)
            if channel.startswith("presence-"):
                subjects[channel, stay.user].append(stay)
    return subjects


def _wrong_turns(seen: Seen) -> Iterator[Problem]:
    if not seen.hooks:
        return
    turns, subjects = _turns(seen), _subjects(seen)
    for channel, user in sorted(turns.keys() | subjects.keys()):
        told = turns.get((channel, user), [])
        who = f"{user} in {channel}" if user else channel
        for before, name in pairwise(told):
            if (before in BEGINS) == (name in BEGINS):
                yield Problem("webhook double", f"{name} of {who} after {before}")
        if told and told[0] not in BEGINS:
            yield Problem("webhook out of turn", f"{told[0]} of {who} came first")
        stays = subjects.get((channel, user), [])
        is_there = any(stay.ends is None for stay in stays)
        is_told = bool(told) and told[-1] in BEGINS
        if is_told and not is_there:
            yield Problem("webhook ghost", f"{who} is gone, which was not told")
        if is_there and not is_told:
            yield Problem("webhook missing", f"{who} is there, which was not told")
        if not told and any(_must_be_told(seen, stay) for stay in stays):
            yield Problem("webhook missing", f"nothing was ever told of {who}")


def _must_be_told(seen: Seen, stay: Stay) -> bool:
    """Tell whether a stay was more than a look in while its node had trouble, of which nobody else need have heard."""
    return not any(
        stay.node in trouble.nodes
        and (trouble.ended is None or (stay.ends or trouble.ended + 1) <= trouble.ended + MOMENT)
        for trouble in seen.troubles_in(stay.begins, stay.begins)
    )


def _wrong_gaps(seen: Seen, grace: int) -> Iterator[Problem]:
    """Compare how often a subject was told gone with how often it was, between stays, for longer than the grace."""
    if not seen.hooks:
        return
    turns = _turns(seen)
    for (channel, user), stays in _subjects(seen).items():
        told = sum(name not in BEGINS for name in turns.get((channel, user), []))
        if told and all(stay.ends is not None for stay in stays):
            told -= 1  # that of the last end
        gaps = list(_gaps(stays))
        # A client knows that it left before the server does, and that it is back afterwards: no true gap is longer.
        most = sum(ended - began >= grace for began, ended in gaps)
        least = sum(
            ended - began > grace + 2 * MOMENT and not seen.troubles_in(began - MOMENT, ended + MOMENT)
            for began, ended in gaps
        )
        who = f"{user} in {channel}" if user else channel
        if told < least:
            yield Problem("webhook missing", f"{who} was gone {least} times and told so {told} times between")
        if told > most and not seen.troubles:
            yield Problem("webhook early", f"{who} was gone {most} times at most and told so {told} times between")


def _gaps(stays: Sequence[Stay]) -> Iterator[tuple[int, int]]:
    """Give the times between in which nobody was there, of stays in the order in which they began."""
    until = stays[0].begins
    for stay in stays:
        if stay.begins > until:
            yield until, stay.begins
        if stay.ends is None:
            return
        until = max(until, stay.ends)
