import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from databases import Execute
from hubbub import changes as module
from hubbub.changes import Change, Changes
from hubbub.errors import STORE_UNAVAILABLE
from hubbub.store import Store

NEVER = 3600.0


class Paper:
    """A journal in memory, which can be away, and can be held up in the middle of a question."""

    def __init__(self, *subjects: int) -> None:
        self.entries: list[Change] = []
        self.questions = 0
        self.is_away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.pruned: list[datetime] = []
        for subject in subjects:
            self.note(subject)

    def note(self, subject: int) -> None:
        self.entries.append(Change(len(self.entries) + 1, "application", subject))

    async def last_change(self) -> int:
        return self.entries[-1].id if self.entries else 0

    async def changes_since(self, change_id: int, limit: int) -> Sequence[Change]:
        self.questions += 1
        if self.is_away:
            raise STORE_UNAVAILABLE()
        found = [entry for entry in self.entries if entry.id > change_id][:limit]
        await self.gate.wait()
        return found

    async def prune_changes(self, before: datetime) -> None:
        self.pruned.append(before)
        raise STORE_UNAVAILABLE()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for knows no event
            await asyncio.sleep(0.005)


async def test_what_comes_after_the_start_is_heard_in_order_and_once() -> None:
    paper, heard = Paper(1, 2), list[int]()
    changes = Changes(paper, interval=0.01)
    changes.watch(lambda change: heard.append(change.subject_id))
    await changes.start()
    paper.note(3)
    await eventually(lambda: heard == [3])
    paper.note(4)
    paper.note(5)
    await eventually(lambda: heard == [3, 4, 5])
    await changes.stop()
    paper.note(6)
    await asyncio.sleep(0.05)
    assert heard == [3, 4, 5]


async def test_catching_up_does_not_wait_for_the_next_look() -> None:
    paper, heard = Paper(), list[int]()
    changes = Changes(paper, interval=NEVER)

    async def listen(change: Change) -> None:
        await asyncio.sleep(0)
        heard.append(change.subject_id)

    changes.watch(listen)
    await changes.start()
    paper.note(1)
    await changes.catch_up()
    assert heard == [1]
    await changes.stop()


async def test_more_than_a_page_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    paper, heard = Paper(), list[int]()
    changes = Changes(paper, interval=NEVER)
    changes.watch(lambda change: heard.append(change.subject_id))
    await changes.start()
    for subject in range(5):
        paper.note(subject)
    await changes.catch_up()
    assert heard == [0, 1, 2, 3, 4]
    await changes.stop()


async def test_callers_at_the_same_time_share_a_reading_begun_after_they_called() -> None:
    paper, heard = Paper(), list[int]()
    changes = Changes(paper, interval=NEVER)
    changes.watch(lambda change: heard.append(change.subject_id))
    await changes.start()
    paper.gate.clear()
    first = asyncio.create_task(changes.catch_up())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    paper.note(1)  # too late for the question that is under way
    others = [asyncio.create_task(changes.catch_up()) for _ in range(5)]
    await asyncio.sleep(0)
    paper.gate.set()
    await asyncio.gather(first, *others)
    assert (heard, paper.questions) == ([1], 2)
    await changes.catch_up()
    assert paper.questions == 3
    await changes.stop()


async def test_a_caller_who_goes_away_does_not_end_the_reading() -> None:
    paper, heard = Paper(), list[int]()
    changes = Changes(paper, interval=NEVER)
    changes.watch(lambda change: heard.append(change.subject_id))
    await changes.start()
    paper.note(1)
    paper.gate.clear()
    caller = asyncio.create_task(changes.catch_up())
    await asyncio.sleep(0.01)
    caller.cancel()
    paper.gate.set()
    await eventually(lambda: heard == [1])
    await changes.stop()


async def test_a_listener_that_fails_is_logged_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    paper, heard = Paper(), list[int]()
    changes = Changes(paper, interval=NEVER)

    def fail(change: Change) -> None:
        raise ValueError("a bug")

    changes.watch(fail)
    changes.watch(lambda change: heard.append(change.subject_id))
    await changes.start()
    paper.note(7)
    await changes.catch_up()
    assert heard == [7]
    assert caplog.record_tuples == [
        ("hubbub.changes", logging.ERROR, "A listener failed at change 1, of application 7")
    ]
    await changes.stop()


async def test_while_the_journal_is_away_it_is_tried_again_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    paper, heard = Paper(), list[int]()
    changes = Changes(paper, interval=0.01)
    changes.watch(lambda change: heard.append(change.subject_id))
    await changes.start()
    paper.is_away = True
    paper.note(1)
    await changes.catch_up()
    await asyncio.sleep(0.05)
    assert heard == []
    paper.is_away = False
    await eventually(lambda: heard == [1])
    assert caplog.records == []
    await changes.stop()


async def test_old_changes_are_forgotten_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PRUNE_SECONDS", 0.02)
    paper = Paper()
    changes = Changes(paper, interval=0.01)
    await changes.start()
    await eventually(lambda: len(paper.pruned) == 2)
    await changes.stop()
    assert abs(datetime.now(UTC) - module.KEPT - paper.pruned[0]) < timedelta(minutes=1)


async def test_before_the_start_and_after_the_stop_there_is_nothing_to_catch_up() -> None:
    paper = Paper(1)
    changes = Changes(paper)
    await changes.catch_up()
    await changes.start()
    await changes.stop()
    await changes.catch_up()
    assert paper.questions == 0


async def test_a_stop_in_the_middle_of_a_reading_leaves_nobody_waiting() -> None:
    paper = Paper()
    changes = Changes(paper, interval=NEVER)
    await changes.start()
    paper.gate.clear()
    callers = [asyncio.create_task(changes.catch_up()) for _ in range(3)]
    await asyncio.sleep(0.01)
    await changes.stop()
    async with asyncio.timeout(1):
        await asyncio.gather(*callers)


# With a database


async def test_another_process_that_writes_is_heard(store: Store, url: str, execute: Execute) -> None:
    heard: list[tuple[str, int]] = []
    changes = Changes(store, interval=0.01)
    changes.watch(lambda change: heard.append((change.kind, change.subject_id)))
    await changes.start()
    other = Store.open(url)
    for subject in range(3):
        async with other.work() as work:
            await work.journal.note("user", subject, subject + 10)
        await asyncio.sleep(0.03)
    await eventually(lambda: len(heard) == 6)
    await changes.stop()
    await other.close()
    assert heard == [("user", subject) for subject in (0, 10, 1, 11, 2, 12)]


async def test_with_many_writers_no_change_is_passed_over(store: Store, url: str) -> None:
    heard: list[int] = []
    changes = Changes(store, interval=0.001)
    changes.watch(lambda change: heard.append(change.id))
    await changes.start()
    others = [Store.open(url) for _ in range(4)]

    async def write(other: Store, number: int) -> None:
        async with other.work() as work:
            await work.journal.note("application", number)
            await asyncio.sleep(0.002 * (number % 3))

    await asyncio.gather(*(write(other, number) for other in others for number in range(1, 11)))
    await changes.catch_up()
    await changes.stop()
    for other in others:
        await other.close()
    assert len(heard) == 40
    assert heard == sorted(heard)
