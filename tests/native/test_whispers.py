"""What one of two says to the other: for whom it is, what is left to others, and when it is written."""

import gc
import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hubbub.hub.channel import LARGEST_WRITE, Channel
from hubbub.hub.connection import Wire
from hubbub.hub.meters import Meter
from hubbub.messages import Event
from native.twins import COMPILED, needs_compiled, twins
from recording import LINES, Recording

HI = Event("room", "said", "hi")


class Stage:
    """Two in a room, and what is scheduled."""

    def __init__(self, native: ModuleType, *, wire: Wire = LINES) -> None:
        self.meter = Meter()
        self.room = Channel("room", self.meter)
        self.one, self.two = self.pair = [Recording(wire) for _ in range(2)]
        for connection in self.pair:
            self.room.add(connection, None)
        self.scheduled: list[Callable[[], None]] = []
        self.faults: list[tuple[object, Exception]] = []
        self.whispers = native.Whispers(self.scheduled.append, lambda *fault: self.faults.append(fault), LARGEST_WRITE)

    def say(self, sender: object, text: str = "hi") -> bool:
        is_kept: bool = self.whispers.say(self.room, Event("room", "said", text), sender)
        return is_kept


@twins
def test_one_of_two_is_heard_by_the_other_when_it_is_written(native: ModuleType) -> None:
    stage = Stage(native)
    assert stage.say(stage.one, "a")
    assert stage.say(stage.two, "b")
    assert stage.say(stage.one, "c")
    assert stage.one.writes == stage.two.writes == []
    [write] = stage.scheduled
    write()
    assert (stage.one.writes, stage.two.writes) == ([b"b\n"], [b"a\n", b"c\n"])
    write()
    assert stage.say(stage.two)
    assert len(stage.scheduled) == 2, "once for each time that there is something again"
    stage.whispers.write()
    assert stage.one.heard == ["b", "hi"]
    assert stage.meter.read()[3:5] == (4, 9), "deliveries and their bytes"


@twins
def test_what_is_said_in_one_go_is_written_in_one_go(native: ModuleType) -> None:
    stage = Stage(native)
    for text in "abc":
        stage.say(stage.one, text)
    stage.say(stage.two, "d")
    for text in "ef":
        stage.say(stage.one, text)
    stage.whispers.write()
    assert (stage.two.writes, stage.one.writes) == ([b"a\nb\nc\n", b"e\nf\n"], [b"d\n"])


@twins
def test_a_write_is_not_larger_than_it_may_be(native: ModuleType) -> None:
    stage = Stage(native)
    texts = ["x" * (LARGEST_WRITE // 2 - 1), "y" * (LARGEST_WRITE // 2 - 1), "", "z" * LARGEST_WRITE, "", ""]
    for text in texts:
        stage.say(stage.one, text)
    stage.whispers.write()
    assert list(map(len, stage.two.writes)) == [LARGEST_WRITE, 1, LARGEST_WRITE + 1, 2]
    assert stage.two.heard == texts


@twins
def test_order_is_kept_over_many(native: ModuleType) -> None:
    stage = Stage(native)
    for number in range(100):
        stage.say(stage.pair[number % 2], str(number))
    stage.whispers.write()
    assert (stage.two.heard, stage.one.heard) == ([*map(str, range(0, 100, 2))], [*map(str, range(1, 100, 2))])


@twins
def test_what_is_on_its_way_goes_first(native: ModuleType) -> None:
    stage = Stage(native)
    stage.room.pending.append((HI, None))
    assert not stage.say(stage.one)
    stage.room.write(1)
    assert stage.room.batches, "one has been written to, the other not yet"
    assert not stage.say(stage.one)
    stage.room.write(1)
    assert stage.say(stage.one)


@twins
def test_who_comes_and_goes_is_noticed(native: ModuleType) -> None:
    stage = Stage(native)
    third = Recording()
    assert stage.say(stage.one)
    stage.room.add(third, None)
    assert not stage.say(stage.one)
    stage.room.remove(stage.two)
    assert not stage.say(stage.two), "it is not there any more"
    assert stage.say(stage.one)
    stage.whispers.write()
    assert (stage.two.heard, third.heard) == (["hi"], ["hi"])
    stage.room.remove(third)
    assert not stage.say(stage.one), "it is alone"


@twins
def test_two_of_two_wires_are_for_others(native: ModuleType) -> None:
    stage = Stage(native)
    stage.room.remove(stage.two)
    stage.room.add(Recording(Wire("other", lambda _: b"x")), None)
    assert not stage.say(stage.one)


@twins
def test_what_a_wire_does_not_tell_is_not_written(native: ModuleType) -> None:
    stage = Stage(native, wire=Wire("silent", lambda _: b""))
    assert stage.say(stage.one)
    assert stage.scheduled == []


@twins
def test_who_raises_is_blamed_and_the_others_are_written_to(native: ModuleType) -> None:
    class Broken(Recording):
        @property
        def write(self) -> Callable[[bytes], object]:
            raise RuntimeError("broken")

    stage = Stage(native)
    broken = Broken()
    stage.room.remove(stage.two)
    stage.room.add(broken, None)
    stage.say(stage.one, "a")
    stage.say(broken, "b")
    stage.whispers.write()
    assert [(connection, str(error)) for connection, error in stage.faults] == [(broken, "broken")]
    assert stage.one.heard == ["b"]


@twins
def test_what_is_said_while_it_is_written_is_for_the_next_time(native: ModuleType) -> None:
    stage = Stage(native)

    class Answering(Recording):
        @property
        def write(self) -> Callable[[bytes], object]:
            def answer(data: bytes) -> None:
                self.writes.append(data)
                stage.say(self, "answer")

            return answer

    answering = Answering()
    stage.room.remove(stage.two)
    stage.room.add(answering, None)
    stage.say(stage.one, "question")
    stage.whispers.write()
    assert (answering.heard, stage.one.heard) == (["question"], [])
    assert len(stage.scheduled) == 2
    stage.scheduled[1]()
    assert stage.one.heard == ["answer"]


@twins
def test_a_fault_in_packing_is_raised_and_nothing_is_kept(native: ModuleType) -> None:
    stage = Stage(native, wire=Wire("broken", lambda _: bytes(1 // 0)))
    with pytest.raises(ZeroDivisionError):
        stage.say(stage.one)
    stage.whispers.write()
    assert (stage.two.writes, stage.scheduled) == ([], [])


@twins
def test_nothing_is_kept_of_what_was_written(native: ModuleType) -> None:
    stage = Stage(native)
    stage.say(stage.one)
    stage.whispers.write()
    del stage.scheduled[:], stage.two.writes[:]
    before = [sys.getrefcount(connection) for connection in stage.pair]
    for _ in range(50):
        stage.say(stage.one)
    stage.whispers.write()
    del stage.scheduled[:], stage.two.writes[:]
    assert [sys.getrefcount(connection) for connection in stage.pair] == before


@twins
def test_what_was_never_written_goes_with_it(native: ModuleType) -> None:
    stage: Any = Stage(native)
    stage.say(stage.one)
    gone = weakref.ref(stage.two)
    del stage
    gc.collect()
    assert gone() is None


@needs_compiled
@pytest.mark.parametrize("given", [(), (None, HI), (None, HI, None, None)])
def test_what_is_not_for_it_is_a_type_error(given: tuple[Any, ...]) -> None:
    assert COMPILED is not None
    with pytest.raises(TypeError):
        Stage(COMPILED).whispers.say(*given)


@needs_compiled
def test_a_wire_that_gives_no_bytes_is_a_type_error() -> None:
    assert COMPILED is not None
    stage = Stage(COMPILED, wire=Wire("text", lambda _: "text"))  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError):
        stage.say(stage.one)
