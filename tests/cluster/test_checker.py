"""The checker finds what is wrong with a history: each kind of spoiling, done to one in which nothing is."""

from collections.abc import Callable

import msgspec
import pytest

from cluster.checker import check
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

SECOND = 1_000_000
ROOM = "presence-room"

Spoil = Callable[[list[Record]], list[Record]]


def good() -> list[Record]:
    """Give what is seen of ada on node a and bob on node b, who goes and comes back, while two publishers publish."""
    ada, bob = {"client": "ada", "channel": ROOM}, {"client": "bob", "channel": ROOM}
    history: list[Record] = [
        Joined(at=1 * SECOND, node="a", user="u-ada", **ada),
        State(at=1 * SECOND, users=["u-ada"], **ada),
        Hooked(at=1 * SECOND, request="1", name="channel_occupied", channel=ROOM),
        Hooked(at=1 * SECOND, request="1", name="member_added", channel=ROOM, user="u-ada"),
        Joined(at=2 * SECOND, node="b", user="u-bob", **bob),
        State(at=2 * SECOND, users=["u-ada", "u-bob"], **bob),
        Came(at=2 * SECOND, user="u-bob", **ada),
        Hooked(at=2 * SECOND, request="2", name="member_added", channel=ROOM, user="u-bob"),
        Left(at=20 * SECOND, **bob),
        Went(at=20 * SECOND, user="u-bob", **ada),
        Hooked(at=23 * SECOND, request="3", name="member_removed", channel=ROOM, user="u-bob"),
        Joined(at=40 * SECOND, node="b", user="u-bob", **bob),
        State(at=40 * SECOND, users=["u-ada", "u-bob"], **bob),
        Came(at=40 * SECOND, user="u-bob", **ada),
        Hooked(at=40 * SECOND, request="4", name="member_added", channel=ROOM, user="u-bob"),
    ]
    for number in range(10):
        for publisher, node, excluded in (("p", "a", ""), ("q", "b", "ada")):
            at = (5 + number) * SECOND
            history.append(
                Published(
                    at=at,
                    publisher=publisher,
                    node=node,
                    channel=ROOM,
                    number=number,
                    ended=at + 1000,
                    excluded=excluded,
                )
            )
            history += [
                Heard(at=at + 500, client=one, channel=ROOM, publisher=publisher, number=number)
                for one in ("ada", "bob")
                if one != excluded
            ]
    history += [
        Present(at=60 * SECOND, source=source, channel=ROOM, users=["u-ada", "u-bob"])
        for source in ("node a", "node b", "ada", "bob")
    ]
    history += [
        Kept(at=60 * SECOND, source=source, channel=ROOM, publisher="p", number=9) for source in ("node a", "node b")
    ]
    for source in ("node a", "node b"):
        history += [
            Counted(at=60 * SECOND, source=source, channel=ROOM, what=what, count=2)
            for what in ("user_count", "subscription_count")
        ]
        history.append(Listed(at=60 * SECOND, source=source, part="room", channels=[ROOM]))
    return history


def without(kind: type[Record], **values: object) -> Spoil:
    """Leave out the first record like this."""

    def spoil(history: list[Record]) -> list[Record]:
        history.remove(first(history, kind, **values))
        return history

    return spoil


def changed(kind: type[Record], to: dict[str, object], **values: object) -> Spoil:
    """Change the first record like this."""

    def spoil(history: list[Record]) -> list[Record]:
        found = first(history, kind, **values)
        history[history.index(found)] = msgspec.structs.replace(found, **to)
        return history

    return spoil


def with_one(record: Record) -> Spoil:
    """Add a record."""
    return lambda history: [*history, record]


def first(history: list[Record], kind: type[Record], **values: object) -> Record:
    return next(
        record
        for record in history
        if isinstance(record, kind) and all(getattr(record, name) == value for name, value in values.items())
    )


def swapped(history: list[Record]) -> list[Record]:
    one = first(history, Heard, client="bob", publisher="p", number=3)
    other = first(history, Heard, client="bob", publisher="p", number=4)
    history[history.index(one)] = msgspec.structs.replace(one, at=other.at)
    history[history.index(other)] = msgspec.structs.replace(other, at=one.at)
    # Number 4 must not come before it is published, which would be another fault.
    publish = first(history, Published, publisher="p", number=4)
    assert isinstance(publish, Published)
    history[history.index(publish)] = msgspec.structs.replace(publish, at=one.at - 1)
    return history


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a delivery between nodes is lost": (without(Heard, client="bob", publisher="p", number=9), "lost"),
    "a delivery on the node itself is lost": (without(Heard, client="ada", publisher="p", number=0), "lost"),
    "a delivery comes twice": (
        with_one(Heard(at=6 * SECOND, client="bob", channel=ROOM, publisher="p", number=0)),
        "double",
    ),
    "two deliveries are swapped": (swapped, "order"),
    "something is heard that nobody published": (
        with_one(Heard(at=6 * SECOND, client="bob", channel=ROOM, publisher="p", number=99)),
        "unknown",
    ),
    "something is heard by whom it excluded": (
        with_one(Heard(at=6 * SECOND, client="ada", channel=ROOM, publisher="q", number=0)),
        "excluded",
    ),
    "a member stays on a node": (
        changed(Present, {"users": ["u-ada", "u-bob", "u-eve"]}, source="node b"),
        "ghost",
    ),
    "a member stays in a client's list": (
        changed(Present, {"users": ["u-ada", "u-bob", "u-eve"]}, source="ada"),
        "ghost",
    ),
    "a member is missing on a node": (changed(Present, {"users": ["u-ada"]}, source="node a"), "missing"),
    "a member is listed twice": (
        changed(Present, {"users": ["u-ada", "u-bob", "u-bob"]}, source="bob"),
        "double member",
    ),
    "a count is too high": (changed(Counted, {"count": 3}, source="node b", what="user_count"), "ghost count"),
    "a count is too low": (changed(Counted, {"count": 1}, source="node b", what="subscription_count"), "missing count"),
    "a channel stays occupied": (changed(Listed, {"channels": [ROOM, "presence-oldroom"]}), "ghost channel"),
    "a channel is not listed": (changed(Listed, {"channels": []}), "missing channel"),
    "a node keeps an older event": (changed(Kept, {"number": 8}), "kept old"),
    "a node keeps nothing": (changed(Kept, {"number": 0, "publisher": ""}), "kept old"),
    "nodes keep different events": (changed(Kept, {"publisher": "q"}), "kept differently"),
    "a node keeps what was never published": (changed(Kept, {"number": 10}), "kept unknown"),
    "a member comes twice": (with_one(Came(at=41 * SECOND, client="ada", channel=ROOM, user="u-bob")), "told double"),
    "a member goes twice": (with_one(Went(at=21 * SECOND, client="ada", channel=ROOM, user="u-bob")), "told double"),
    "a webhook comes twice": (
        with_one(Hooked(at=41 * SECOND, request="5", name="member_added", channel=ROOM, user="u-bob")),
        "webhook double",
    ),
    "a webhook comes late": (
        without(Hooked, name="channel_occupied"),
        "webhook missing",
    ),
    "an end is not told": (without(Hooked, name="member_removed"), "webhook double"),
    "a gap is not told at all": (
        lambda history: without(Hooked, request="4")(without(Hooked, request="3")(history)),
        "webhook missing",
    ),
    "an end is told that was none": (
        lambda history: [
            *history,
            Hooked(at=50 * SECOND, request="5", name="member_removed", channel=ROOM, user="u-ada"),
            Hooked(at=51 * SECOND, request="6", name="member_added", channel=ROOM, user="u-ada"),
        ],
        "webhook early",
    ),
    "the last end is not told": (with_one(Left(at=55 * SECOND, client="bob", channel=ROOM)), "webhook ghost"),
    "an end comes before its beginning": (
        with_one(Hooked(at=SECOND, request="0", name="member_removed", channel=ROOM, user="u-bob")),
        "webhook out of turn",
    ),
}


def kinds(history: list[Record]) -> set[str]:
    return {problem.kind for problem in check(history).problems}


def test_nothing_is_wrong_with_a_good_history() -> None:
    verdict = check(good())
    assert not verdict.problems, verdict
    assert (verdict.publishes, verdict.accepted, verdict.required, verdict.deliveries) == (20, 20, 30, 30)
    assert (verdict.webhooks, verdict.views) == (5, 12)


@pytest.mark.parametrize("spoilt", SPOILT)
def test_it_is_found_that(spoilt: str) -> None:
    spoil, kind = SPOILT[spoilt]
    assert kind in kinds(spoil(good()))


@pytest.mark.parametrize("excuse", ["not yet", "no more", "refused"])
def test_nothing_is_lost_on_whom_was_not_subscribed_throughout_or_that_was_not_accepted(excuse: str) -> None:
    history = without(Heard, client="bob", publisher="p", number=9)(good())
    if excuse == "not yet":
        history = changed(Joined, {"at": 14 * SECOND + 500}, client="bob")(history)
        history = [one for one in history if not (isinstance(one, Heard) and one.client == "bob")]
        assert "lost" not in kinds(history)
    elif excuse == "no more":
        history = changed(Left, {"at": 14 * SECOND + 500}, client="bob")(history)
        assert "lost" not in kinds(history)
    else:
        history = changed(Published, {"status": 503}, publisher="p", number=9)(history)
        assert "lost" not in kinds(history)


@pytest.mark.parametrize(
    ("nodes", "is_link", "publisher", "client", "is_excused"),
    [
        (["b"], False, "p", "bob", True),
        (["b"], False, "p", "ada", False),
        (["b"], True, "p", "bob", True),
        (["b"], True, "q", "bob", False),
        (["b"], False, "q", "bob", True),
        (["c"], False, "p", "bob", False),
        (["a", "b"], True, "p", "bob", True),
        (["a", "b"], True, "p", "ada", False),
    ],
)
def test_a_trouble_excuses_only_what_it_concerns(
    nodes: list[str], is_link: bool, publisher: str, client: str, is_excused: bool
) -> None:
    history = without(Heard, client=client, publisher=publisher, number=5)(good())
    trouble = Trouble(at=11 * SECOND, ended=12 * SECOND, nodes=nodes, is_link=is_link)
    assert ("lost" not in kinds([*history, trouble])) == is_excused
    over = Trouble(at=2 * SECOND, ended=3 * SECOND, nodes=nodes, is_link=is_link)
    assert "lost" in kinds([*history, over])


def test_a_request_that_is_repeated_byte_for_byte_is_no_second_webhook() -> None:
    history = good()
    history.append(msgspec.structs.replace(first(history, Hooked, request="2"), at=3 * SECOND))
    verdict = check(history)
    assert not verdict.problems, verdict
    assert verdict.repeats == 1


@pytest.mark.parametrize(
    ("nodes", "began", "ended", "must"),
    [(["a"], 50, 90, True), (["b"], 50, 90, False), (["b"], 50, 65, True), (["b"], 62, 90, True)],
)
def test_who_but_looked_in_while_their_node_had_trouble_may_go_untold(
    nodes: list[str], began: int, ended: int, must: bool
) -> None:
    history = [
        *good(),
        Joined(at=60 * SECOND, client="eve", node="b", channel="presence-other", user="u-eve"),
        Left(at=70 * SECOND, client="eve", channel="presence-other"),
        Trouble(at=began * SECOND, ended=ended * SECOND, nodes=nodes, is_link=True),
    ]
    assert ("webhook missing" in kinds(history)) == must
