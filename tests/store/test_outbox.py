import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from databases import Execute
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.store import Store
from hubbub.store import outbox as outboxes
from hubbub.webhooks.seam import (
    KINDS,
    Attempt,
    Delivery,
    NewDelivery,
    Note,
    Outbox,
    Standing,
    State,
    SupersededError,
    Waiting,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = 15.0  # seconds, which only a failure reaches


def note(number: int = 1, *endpoints: int, channel: str = "chat") -> Note:
    return Note("1", channel, f'{{"name":"client_event","channel":"{channel}","data":"{number}"}}', endpoints or (1,))


def occupied(channel: str, *, user_id: str = "") -> Note:
    return Note("1", channel, "{}", (), begins=Standing("1", channel, user_id))


def vacated(channel: str, *, user_id: str = "") -> Note:
    return Note("1", channel, "{}", (), ends=Standing("1", channel, user_id))


def delivery(*event_ids: int, endpoint_id: int = 1, body: str = "{}") -> NewDelivery:
    return NewDelivery("1", endpoint_id, 1_772_366_400_123, ("chat", "news"), body, "key", "5" * 64, event_ids)


async def make(outbox: Outbox, deliveries: Sequence[NewDelivery]) -> list[int]:
    """Make deliveries of events that nobody else has taken."""
    made = await outbox.make(deliveries)
    assert None not in made
    return [number for number in made if number is not None]


def attempt(delivery_id: int, state: State = State.DELIVERED, **more: Any) -> Attempt:
    usual: dict[str, Any] = {"at": NOW, "duration_ms": 12, "status": 200, "answer": "OK"}
    return Attempt(delivery_id, state=state, **{**usual, **more})


@pytest.fixture
def outbox(store: Store) -> Outbox:
    """Give it as the seam has it, so that mypy sees whether it is all there."""
    return store.outbox


async def waiting(outbox: Outbox) -> list[Waiting]:
    return list(await outbox.waiting(0, 1000))


# The outbox


async def test_what_is_accepted_waits_in_its_order_for_each_endpoint(outbox: Outbox) -> None:
    first, second, third = note(1, 7, 5), note(2, 5), note(3, 7)
    await outbox.accept([first, second])
    await outbox.accept([third])
    found = await waiting(outbox)
    assert [(one.endpoint_id, one.event) for one in found] == [
        (7, first.event),
        (5, first.event),
        (5, second.event),
        (7, third.event),
    ]
    assert {(one.app_id, one.channel) for one in found} == {("1", "chat")}
    assert [one.id for one in found] == sorted({one.id for one in found})


async def test_nothing_to_accept_is_no_event(outbox: Outbox) -> None:
    await outbox.accept([])
    await outbox.accept([Note("1", "chat", "{}", ())])
    assert await waiting(outbox) == []


async def test_events_are_read_on_from_the_last_that_was(outbox: Outbox) -> None:
    await outbox.accept([note(number) for number in range(5)])
    found = await waiting(outbox)
    assert list(await outbox.waiting(found[1].id, 2)) == found[2:4]
    assert list(await outbox.waiting(found[4].id, 2)) == []


async def test_those_for_one_endpoint_are_read_by_themselves_and_counted(outbox: Outbox) -> None:
    await outbox.accept([note(1, 7, 5), note(2, 7), Note("one", "chat", "{}", (0, 7))])
    found = await waiting(outbox)
    assert list(await outbox.waiting(0, 10, "1", 7)) == [found[0], found[2]]
    assert list(await outbox.waiting(found[0].id, 10, "1", 7)) == [found[2]]
    assert list(await outbox.waiting(0, 1, "1", 7)) == [found[0]]
    assert await outbox.backlog() == {("1", 7): 2, ("1", 5): 1, ("one", 0): 1, ("one", 7): 1}


async def test_an_event_is_kept_as_the_text_it_is(outbox: Outbox) -> None:
    text = '{"data":"\\u0000 \\ud800 ☃ \U0001f600 \\" %s :x ? $1"}'
    await outbox.accept([Note("declared-app", "c" * 5000, text, (0,))])
    [found] = await waiting(outbox)
    assert (found.app_id, found.channel, found.event) == ("declared-app", "c" * 5000, text)


async def test_more_is_accepted_at_once_than_a_statement_has_parameters(outbox: Outbox) -> None:
    notes = [Note("1", f"c{number}", "{}", (1,), begins=Standing("1", f"c{number}")) for number in range(40_000)]
    await outbox.accept(notes)
    assert len(await outbox.waiting(0, 50_000)) == len(await outbox.standing()) == 40_000
    found = await outbox.waiting(0, 50_000)
    await make(outbox, [delivery(*(one.id for one in found))])
    await outbox.accept([Note("1", one.channel, "", (), ends=one) for one in await outbox.standing()])
    assert (await waiting(outbox), list(await outbox.standing())) == ([], [])


# What stands


async def test_what_began_stands_until_it_ends(outbox: Outbox) -> None:
    await outbox.accept([occupied("a"), occupied("b"), occupied("b", user_id="jane"), occupied("b", user_id="joe")])
    await outbox.accept([vacated("a"), vacated("b", user_id="joe")])
    assert set(await outbox.standing()) == {Standing("1", "b"), Standing("1", "b", "jane")}
    ended = (Standing("1", "b", "jane"), Standing("1", "never"))
    await outbox.accept([Note("1", one.channel, "", (), ends=one) for one in ended])
    assert list(await outbox.standing()) == [Standing("1", "b")]


async def test_to_begin_or_end_twice_changes_nothing(outbox: Outbox) -> None:
    await outbox.accept([occupied("a"), occupied("a")])
    await outbox.accept([occupied("a"), vacated("b")])
    assert list(await outbox.standing()) == [Standing("1", "a")]
    await outbox.accept([vacated("a"), vacated("a")])
    assert list(await outbox.standing()) == []


async def test_of_what_is_accepted_at_once_the_last_word_counts(outbox: Outbox) -> None:
    await outbox.accept([occupied("a"), vacated("a"), occupied("b"), vacated("b"), occupied("b")])
    assert list(await outbox.standing()) == [Standing("1", "b")]
    await outbox.accept([vacated("b"), occupied("b")])
    assert list(await outbox.standing()) == [Standing("1", "b")]


# What stands, among several nodes


def came(channel: str, version: int, *endpoints: int) -> Note:
    return Note("1", channel, f'"{version}"', endpoints or (1,), begins=Standing("1", channel), version=version)


def left(channel: str, version: int) -> Note:
    return Note("1", channel, "", (), leaves=Standing("1", channel), version=version)


def over(channel: str, version: int) -> Note:
    return Note("1", channel, f'"-{version}"', (1,), ends=Standing("1", channel), version=version)


async def told(outbox: Outbox) -> list[str]:
    return [one.event.strip('"') for one in await waiting(outbox)]


async def test_of_several_who_tell_that_it_begins_the_first_is_heard(outbox: Outbox) -> None:
    assert await outbox.accept([came("a", 1), came("b", 2), came("a", 3)]) == {}
    assert await outbox.accept([came("b", 4)]) == {}
    assert await told(outbox) == ["1", "2"]
    assert await outbox.versions("1") == {Standing("1", "a"): 3, Standing("1", "b"): 4}


async def test_it_ends_only_by_the_version_that_it_has(outbox: Outbox) -> None:
    await outbox.accept([came("a", 1), left("a", 2)])
    assert await outbox.accept([over("a", 1)]) == {Standing("1", "a"): 2}
    assert await outbox.accept([over("a", 2)]) == {}
    assert await outbox.accept([over("a", 2), over("never", 7)]) == {}
    assert await told(outbox) == ["1", "-2"]
    assert await outbox.versions("1") == {}


async def test_who_comes_or_leaves_before_it_ends_has_the_last_word(outbox: Outbox) -> None:
    await outbox.accept([came("a", 1), came("b", 2), left("a", 3), left("b", 4)])
    others = await outbox.accept([came("a", 5), left("b", 6), over("a", 3), over("b", 4)])
    assert others == {Standing("1", "a"): 5, Standing("1", "b"): 6}
    assert await told(outbox) == ["1", "2"]
    # At once, in one transaction: it ends, and begins and is left again.
    assert await outbox.accept([over("b", 6), came("b", 7), over("b", 6), left("b", 8)]) == {}
    assert await told(outbox) == ["1", "2", "-6", "7"]
    assert await outbox.versions("1") == {Standing("1", "a"): 5, Standing("1", "b"): 8}


async def test_what_does_not_stand_is_not_left(outbox: Outbox) -> None:
    assert await outbox.accept([left("a", 1), over("a", 1)]) == {}
    assert (await told(outbox), await outbox.versions("1")) == ([], {})


async def test_what_a_node_noted_while_it_was_alone_goes_on_among_several(outbox: Outbox) -> None:
    await outbox.accept([occupied("a"), occupied("b")])
    await outbox.accept([came("a", 1), left("a", 2), over("a", 2), left("b", 3)])
    assert await told(outbox) == ["-2"]
    assert await outbox.versions("1") == {Standing("1", "b"): 3}
    await outbox.accept([vacated("b")])
    assert await outbox.versions("1") == {}


async def test_more_is_settled_at_once_than_a_statement_has_parameters(outbox: Outbox) -> None:
    await outbox.accept([came(f"c{number}", number + 1) for number in range(40_000)])
    assert len(await outbox.versions("1")) == 40_000
    assert await outbox.accept([over(f"c{number}", number + 1) for number in range(40_000)]) == {}
    assert len(await outbox.waiting(0, 100_000)) == 80_000
    assert await outbox.versions("1") == {}


async def test_an_application_is_forgotten_alone(outbox: Outbox) -> None:
    await outbox.accept([occupied("a"), Note("2", "a", "", (), begins=Standing("2", "a"))])
    assert sorted(await outbox.stood()) == ["1", "2"]
    await outbox.forget("1")
    assert list(await outbox.stood()) == ["2"]
    assert await outbox.versions("1") == {}
    assert await outbox.versions("2") == {Standing("2", "a"): 0}


async def test_nodes_that_settle_at_once_agree(store: Store, url: str) -> None:
    stores = [store, Store.open(url), Store.open(url)]

    async def churn(one: Store, number: int) -> None:
        for turn in range(20):
            version = 1 + number * 1000 + 10 * turn
            await one.outbox.accept([came("a", version)])
            await one.outbox.accept([left("a", version + 1)])
            await one.outbox.accept([over("a", version + 1)])

    await asyncio.gather(*(churn(one, number) for number, one in enumerate(stores)))
    for version in (await store.outbox.versions("1")).values():
        await store.outbox.accept([over("a", version)])
    found = await told(store.outbox)
    assert [event.startswith("-") for event in found] == [False, True] * (len(found) // 2)
    assert len(set(found)) == len(found)
    for one in stores[1:]:
        await one.close()


@pytest.mark.parametrize("user_id", ["\0", "\ud800", "'; --", "☃", "j" * 60_000])
async def test_a_user_may_be_called_anything(outbox: Outbox, user_id: str) -> None:
    await outbox.accept([occupied("c" * 5000, user_id=user_id)])
    assert list(await outbox.standing()) == [Standing("1", "c" * 5000, user_id)]
    await outbox.accept([vacated("c" * 5000, user_id=user_id)])
    assert list(await outbox.standing()) == []


# Deliveries


async def test_a_delivery_takes_its_events_out(outbox: Outbox) -> None:
    await outbox.accept([note(number) for number in range(4)])
    ids = [one.id for one in await waiting(outbox)]
    made = await make(outbox, [delivery(*ids[:2], body="first"), delivery(ids[2], body="second")])
    assert [one.id for one in await waiting(outbox)] == ids[3:]
    assert list(await outbox.pending()) == [
        Delivery(number, "1", 1, 1_772_366_400_123, ("chat", "news"), body, "key", "5" * 64)
        for number, body in zip(made, ("first", "second"), strict=True)
    ]


async def test_ids_come_in_the_order_of_the_deliveries(outbox: Outbox) -> None:
    made = await make(outbox, [delivery(body=str(number)) for number in range(2500)])
    assert made == sorted(set(made))
    assert [(one.id, one.body) for one in await outbox.pending()] == [
        (number, str(place)) for place, number in enumerate(made)
    ]
    assert list(await make(outbox, [])) == []


async def test_of_an_event_that_is_gone_already_no_delivery_is_made(outbox: Outbox) -> None:
    await outbox.accept([note(number) for number in range(4)])
    first, second, third, fourth = [one.id for one in await waiting(outbox)]
    [made] = await outbox.make([delivery(second)])
    # Somebody who does not know of that yet, as a node that was frozen: what it may have, it has.
    late = await outbox.make([delivery(first, second), delivery(third)])
    assert late[0] is None
    assert [one.id for one in await outbox.pending()] == [made, late[1]]
    assert [one.id for one in await waiting(outbox)] == [first, fourth]
    assert list(await outbox.make([delivery(second, body="again")])) == [None]


async def test_who_led_before_another_makes_no_delivery(store: Store, url: str) -> None:
    other = Store.open(url)
    await store.outbox.accept([note()])
    [event] = await waiting(store.outbox)
    for token, outbox in ((1, store.outbox), (2**62, other.outbox)):
        await outbox.lead(token)
    with pytest.raises(SupersededError):
        await store.outbox.make([delivery(event.id)], 1)
    assert list(await store.outbox.pending()) == []
    assert len(await other.outbox.make([delivery(event.id)], 2**62)) == 1
    await store.outbox.lead(3)
    with pytest.raises(SupersededError):
        await other.outbox.make([delivery()], 2**62)
    # A node that is alone asks nobody.
    assert len(await make(other.outbox, [delivery()])) == 1
    await other.close()


async def test_ids_are_never_used_again(outbox: Outbox) -> None:
    await outbox.accept([note()])
    [first] = await waiting(outbox)
    await make(outbox, [delivery(first.id)])
    await outbox.accept([note()])
    [second] = await waiting(outbox)
    assert second.id > first.id


async def test_each_attempt_is_kept_and_leaves_its_delivery_in_a_state(outbox: Outbox, execute: Execute) -> None:
    done, given_up, going_on = await make(outbox, [delivery(), delivery(), delivery()])
    await outbox.attempted([attempt(done, State.PENDING, status=500), attempt(going_on, State.PENDING, status=None)])
    await outbox.attempted([attempt(done), attempt(given_up, State.FAILED, status=None, problem="refused", answer="")])
    assert [(one.id, one.attempts) for one in await outbox.pending()] == [(going_on, 1)]
    kept = "SELECT state, attempts, finished_at IS NULL FROM webhook_deliveries ORDER BY id"
    assert [tuple(row) for row in await execute(kept)] == [("delivered", 2, 0), ("failed", 1, 0), ("pending", 1, 1)]
    ledger = "SELECT delivery_id, duration_ms, status, problem, answer FROM webhook_attempts ORDER BY id"
    assert [tuple(row) for row in await execute(ledger)] == [
        (done, 12, 500, "", "OK"),
        (going_on, 12, None, "", "OK"),
        (done, 12, 200, "", "OK"),
        (given_up, 12, None, "refused", ""),
    ]


async def test_what_is_delivered_stays_so_whatever_somebody_late_says(outbox: Outbox, execute: Execute) -> None:
    done, failed = await make(outbox, [delivery(), delivery()])
    await outbox.attempted([attempt(done), attempt(failed, State.FAILED)])
    await outbox.attempted([attempt(done, State.PENDING, status=500), attempt(failed)])
    kept = "SELECT state, attempts FROM webhook_deliveries ORDER BY id"
    assert [tuple(row) for row in await execute(kept)] == [("delivered", 1), ("delivered", 2)]
    assert await execute("SELECT count(*) FROM webhook_attempts") == [(4,)]


async def test_an_endpoint_may_answer_anything(outbox: Outbox, execute: Execute) -> None:
    [made] = await make(outbox, [delivery()])
    await outbox.attempted([attempt(made, answer="a\0b\ud800c", problem="\0"), attempt(made, duration_ms=2**40)])
    await outbox.attempted([])
    [(answer, problem), _] = await execute("SELECT answer, problem FROM webhook_attempts ORDER BY id")
    assert (answer, problem) == ("a\ufffdb?c", "\ufffd")


async def test_what_is_pending_may_be_renewed_and_all_else_stays(outbox: Outbox, execute: Execute) -> None:
    late, other, done = await make(outbox, [delivery(body="old"), delivery(body="old"), delivery(body="old")])
    await outbox.attempted([attempt(late, State.PENDING), attempt(done)])
    [first, second] = await outbox.pending()
    new = {"time_ms": 1_772_366_800_000, "body": "new", "key": "new-key", "signature": "6" * 64}
    renewed = msgspec.structs.replace(first, **new)
    await outbox.renew([renewed, msgspec.structs.replace(second, id=done, **new)])
    await outbox.renew([])
    assert (second.id, list(await outbox.pending())) == (other, [renewed, second])
    assert await execute("SELECT body, key FROM webhook_deliveries WHERE state = 'delivered'") == [("old", "key")]


async def test_what_waits_for_an_endpoint_that_is_gone_is_discarded(outbox: Outbox, execute: Execute) -> None:
    await outbox.accept([note(1, 1, 2), Note("2", "chat", "{}", (1,))])
    gone, done, others = await make(outbox, [delivery(), delivery(), delivery(endpoint_id=2)])
    await outbox.attempted([attempt(done), attempt(gone, State.PENDING)])
    await outbox.discard("1", 1)
    assert [(one.app_id, one.endpoint_id) for one in await waiting(outbox)] == [("1", 2), ("2", 1)]
    assert [one.id for one in await outbox.pending()] == [others]
    # An attempt that was under way meanwhile is nobody's.
    await outbox.attempted([attempt(gone), attempt(others)])
    assert [tuple(row) for row in await execute("SELECT delivery_id FROM webhook_attempts ORDER BY id")] == [
        (done,),
        (others,),
    ]


async def test_old_deliveries_are_forgotten_with_their_attempts_and_pending_ones_stay(
    outbox: Outbox, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "PRUNED_AT_ONCE", 2)
    made = await make(outbox, [delivery() for _ in range(6)])
    await outbox.attempted([attempt(one, State.FAILED if one == made[0] else State.DELIVERED) for one in made[:5]])
    await outbox.prune(datetime.now(UTC) - timedelta(hours=1))
    assert await execute("SELECT count(*) FROM webhook_deliveries") == [(6,)]
    await outbox.prune(datetime.now(UTC) + timedelta(hours=1))
    assert [tuple(row) for row in await execute("SELECT id FROM webhook_deliveries")] == [(made[5],)]
    assert await execute("SELECT count(*) FROM webhook_attempts") == [(0,)]


# Applications


async def test_applications_with_endpoints_are_hooked(store: Store) -> None:
    accounts = Accounts(store)
    await accounts.applications.create(OPERATOR, None, name="Nothing to tell")
    chat = await accounts.applications.create(OPERATOR, None, name="Chat")
    news = await accounts.applications.create(OPERATOR, None, name="News", settings={"webhook_batches": False})
    await accounts.applications.rotate(OPERATOR, None, str(chat.id))
    one = await accounts.webhooks.create(OPERATOR, None, str(chat.id), url="https://example.com/one")
    two = await accounts.webhooks.create(
        OPERATOR,
        None,
        str(chat.id),
        url="https://example.com/two",
        kinds=["member_added", "client_event"],
        channel_prefix="presence-",
        headers={"Authorization": "Bearer secret"},
    )
    await accounts.webhooks.create(OPERATOR, None, str(news.id), url="https://example.com/news")
    first, second = await store.outbox.hooked()
    assert (first.app_id, first.is_batched, first.pair.key) == (str(chat.id), True, chat.app_key)  # not the newer one
    assert first.pair.secret == chat.app_secret
    assert [(end.id, end.url, end.channel_prefix) for end in first.endpoints] == [
        (one.id, "https://example.com/one", ""),
        (two.id, "https://example.com/two", "presence-"),
    ]
    assert [end.kinds for end in first.endpoints] == [frozenset(KINDS), {"member_added", "client_event"}]
    assert [end.headers for end in first.endpoints] == [{}, {"Authorization": "Bearer secret"}]
    assert (second.app_id, second.is_batched) == (str(news.id), False)
    assert list(await store.outbox.hooked(str(chat.id))) == [first]
    for nobody in ("1", "99", "declared-app", "01", ""):
        assert list(await store.outbox.hooked(nobody)) == []


async def test_what_waits_for_one_application_is_counted_by_its_endpoints(store: Store) -> None:
    accounts = Accounts(store)
    chat, news = [await accounts.applications.create(OPERATOR, None, name=name) for name in ("Chat", "News")]
    urls = [(chat, "https://example.com/1"), (chat, "https://example.com/2"), (news, "https://example.com/3")]
    one, two, three = [(await accounts.webhooks.create(OPERATOR, None, str(app.id), url=url)).id for app, url in urls]
    events = [(chat.id, (one, two)), (chat.id, (one,)), (news.id, (three,)), ("declared-app", (0,)), (news.id, (99,))]
    await store.outbox.accept([Note(str(app_id), "chat", "{}", endpoints) for app_id, endpoints in events])
    assert await store.outbox.backlog_of(str(chat.id)) == {one: 2, two: 1}
    assert await store.outbox.backlog_of(str(news.id)) == {three: 1}, "nobody is at the other"
    assert await store.outbox.backlog_of("declared-app") == {0: 1}
    for nobody in ("99", "", "0", "01"):
        assert await store.outbox.backlog_of(nobody) == {}


async def test_who_is_archived_or_has_no_key_is_not_hooked(store: Store, execute: Execute) -> None:
    accounts = Accounts(store)
    for name in ("Chat", "News"):
        app = await accounts.applications.create(OPERATOR, None, name=name)
        await accounts.webhooks.create(OPERATOR, None, str(app.id), url="https://example.com/")
    await accounts.applications.archive(OPERATOR, None, "1")
    assert [one.app_id for one in await store.outbox.hooked()] == ["2"]
    await execute("UPDATE key_pairs SET revoked_at = CURRENT_TIMESTAMP")
    assert list(await store.outbox.hooked()) == list(await store.outbox.hooked("2")) == []


async def test_what_an_editor_left_unfit_in_an_endpoint_harms_nobody(store: Store, execute: Execute) -> None:
    accounts = Accounts(store)
    await accounts.applications.create(OPERATOR, None, name="Chat")
    for _ in range(2):
        await accounts.webhooks.create(OPERATOR, None, "1", url="https://example.com/")
    await execute("""UPDATE webhook_endpoints SET kinds = '["client_event", "party", 1, {}]', headers = '[]'""")
    await execute("""UPDATE webhook_endpoints SET kinds = '"all"', headers = '{"X-A": 1}' WHERE id = 2""")
    [chat] = await store.outbox.hooked()
    assert [one.kinds for one in chat.endpoints] == [{"client_event"}, set()]
    assert [one.headers for one in chat.endpoints] == [{}, {"X-A": "1"}]


# Beside others, and without a database


ACCEPTS = """
import asyncio, sys
from hubbub.store import Store
from hubbub.webhooks.seam import Note

async def main(url, name):
    store = Store.open(url)
    for number in range(60):
        await store.outbox.accept([Note("1", name, f"{number}.{part}", (1,)) for part in range(3)])
    await store.close()

sys.stdin.readline()
asyncio.run(main(*sys.argv[1:]))
"""


async def test_events_of_several_processes_are_seen_in_the_order_of_their_ids(outbox: Outbox, url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", ACCEPTS, url, name, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        for name in ("a", "b", "c")
    ]
    ends = asyncio.gather(*(process.communicate(b"\n") for process in processes))
    seen: list[Waiting] = []

    async def read_on() -> bool:
        found = await outbox.waiting(seen[-1].id if seen else 0, 100)
        seen.extend(found)
        return bool(found)

    async with asyncio.timeout(4 * LIMIT):
        # Who reads on from the last id that was seen misses none, though others write meanwhile.
        while not ends.done():
            await read_on()
        while await read_on():
            pass
    assert [(process.returncode, end[1]) for process, end in zip(processes, await ends, strict=True)] == [(0, b"")] * 3
    assert seen == await waiting(outbox)
    for name in ("a", "b", "c"):
        events = [one.event for one in seen if one.channel == name]
        assert events == [f"{number}.{part}" for number in range(60) for part in range(3)]


async def test_many_may_write_at_once(store: Store, url: str) -> None:
    other = Store.open(url)

    async def work(one: Store, number: int) -> None:
        channel = f"channel-{number % 3}"
        await one.outbox.accept([occupied(channel), note(number, channel=channel)])
        [made] = await make(one.outbox, [delivery()])
        await one.outbox.attempted([attempt(made)])
        await one.outbox.accept([vacated(channel)])
        await one.outbox.discard("2", 1)

    await asyncio.gather(*(work(one, number) for number, one in enumerate([store, other] * 10)))
    assert len(await waiting(store.outbox)) == 20
    assert (list(await other.outbox.pending()), list(await other.outbox.standing())) == ([], [])
    await other.close()


async def test_accounts_and_the_outbox_are_written_side_by_side(store: Store, url: str) -> None:
    async with store.work() as work, asyncio.timeout(LIMIT):
        await work.journal.note("user", 1)
        if not url.startswith("sqlite"):  # where there is one writer in all
            await store.outbox.accept([note()])
        await store.outbox.waiting(0, 1)


async def test_every_question_is_refused_while_the_database_is_away(broken_url: str) -> None:
    store = Store.open(broken_url)
    outbox = store.outbox
    for question in (
        outbox.hooked(),
        outbox.accept([note()]),
        outbox.waiting(0, 1),
        outbox.backlog(),
        store.outbox.backlog_of("1"),
        outbox.pending(),
        outbox.make([delivery()]),
        outbox.renew([Delivery(1, "1", 1, 1, ("chat",), "{}", "key", "5" * 64)]),
        outbox.attempted([attempt(1)]),
        outbox.standing(),
        outbox.versions("1"),
        outbox.stood(),
        outbox.forget("1"),
        outbox.lead(1),
        outbox.discard("1", 1),
        outbox.prune(NOW),
    ):
        with pytest.raises(Refusal) as caught:
            await question
        assert caught.value.reason is STORE_UNAVAILABLE
    await store.close()
