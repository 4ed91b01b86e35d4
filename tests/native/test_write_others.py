"""Writing the same bytes to all but one, and how a connection's `write` is found."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from native.twins import twins

DATA = b"the same for all"


class Reader:
    """A connection that notes what it hears, or raises."""

    def __init__(self, name: int, heard: list[int], error: BaseException | None = None) -> None:
        self._name = name
        self._heard = heard
        self.error = error

    def write(self, data: bytes) -> None:
        assert data is DATA
        if self.error is not None:
            raise self.error
        self._heard.append(self._name)


class Slotted:
    """A connection with a slot for its `write`, as a WebSocket is."""

    __slots__ = ("first", "write")

    def __init__(self, write: Callable[[bytes], object] | None = None) -> None:
        if write is not None:
            self.write = write


class Derived(Slotted):
    """One more, as a Front is."""

    __slots__ = ("last",)


def no_fault(connection: object, error: Exception) -> None:
    raise AssertionError(connection) from error


@twins
@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 30])
def test_all_but_one_are_written_to_in_their_order(native: ModuleType, count: int) -> None:
    for left_out in (None, *range(count)):
        heard: list[int] = []
        everyone = {Reader(name, heard): None for name in range(count)}
        one = None if left_out is None else list(everyone)[left_out]
        meter = native.Meter()
        assert native.write_others(everyone, one, DATA, no_fault, meter) is None
        written = count - (one is not None)
        assert meter.read()[3:5] == (written, written * len(DATA))
        assert heard == [name for name in range(count) if name != left_out]


@twins
def test_a_stranger_is_left_out_in_vain(native: ModuleType) -> None:
    heard: list[int] = []
    native.write_others({Reader(0, heard): None}, Reader(1, heard), DATA, no_fault)
    assert heard == [0]


@twins
@pytest.mark.parametrize("count", [3, 20])
def test_who_raises_is_blamed_and_the_others_are_written_to(native: ModuleType, count: int) -> None:
    heard: list[int] = []
    blamed: list[tuple[object, Exception]] = []
    everyone = {Reader(name, heard, ValueError(name) if name == 1 else None): "user" for name in range(count)}
    native.write_others(everyone, None, DATA, lambda connection, error: blamed.append((connection, error)))
    assert heard == [name for name in range(count) if name != 1]
    assert blamed == [(list(everyone)[1], list(everyone)[1].error)]


@twins
@pytest.mark.parametrize("count", [3, 20])
def test_a_fault_in_blaming_is_passed_on(native: ModuleType, count: int) -> None:
    heard: list[int] = []
    everyone = {Reader(name, heard, ValueError(name) if name == 1 else None): None for name in range(count)}
    with pytest.raises(AssertionError):
        native.write_others(everyone, None, DATA, no_fault)
    assert heard == [0]


@twins
@pytest.mark.parametrize("count", [3, 20])
def test_who_comes_and_goes_meanwhile_changes_nothing(native: ModuleType, count: int) -> None:
    heard: list[int] = []
    everyone: dict[object, None] = {}

    class Leaving(Reader):
        def write(self, data: bytes) -> None:
            super().write(data)
            everyone.clear()
            everyone.update({Reader(100 + number, heard): None for number in range(50)})

    everyone.update({Leaving(0, heard): None, **{Reader(name, heard): None for name in range(1, count)}})
    native.write_others(everyone, None, DATA, no_fault)
    assert heard == list(range(count))


@twins
def test_nothing_is_kept_of_those_who_were_written_to(native: ModuleType) -> None:
    heard: list[int] = []
    for count in (3, 20):
        everyone = {Reader(name, heard): None for name in range(count)}
        readers = list(everyone)
        before = [sys.getrefcount(reader) for reader in readers]
        native.write_others(everyone, readers[0], DATA, no_fault)
        assert [sys.getrefcount(reader) for reader in readers] == before


@twins
def test_connections_of_several_kinds_are_written_to(native: ModuleType) -> None:
    heard: list[int] = []

    def noting(name: int) -> Callable[[bytes], None]:
        return lambda _: heard.append(name)

    everyone: list[Any] = [
        Slotted(noting(0)), Derived(noting(1)), Reader(2, heard), Slotted(noting(3)), Slotted(noting(4)),
        Derived(noting(5)), Derived(noting(6)), Derived(noting(7)),
    ]  # fmt: skip
    native.write_all(everyone, 0, len(everyone), DATA, no_fault)
    native.write_others(dict.fromkeys(everyone), everyone[2], DATA, no_fault)
    assert heard == [*range(8), 0, 1, 3, 4, 5, 6, 7]


@twins
def test_a_slot_that_is_empty_is_blamed(native: ModuleType) -> None:
    blamed: list[object] = []
    everyone = [Slotted(print), Slotted(), Slotted(), Slotted()]
    del everyone[0].write
    native.write_all(everyone, 0, 4, DATA, lambda connection, error: blamed.append((connection, type(error))))
    assert blamed == [(connection, AttributeError) for connection in everyone]


@twins
def test_a_kind_that_changes_is_looked_at_again(native: ModuleType) -> None:
    heard: list[str] = []

    class Changing:
        __slots__ = ("write",)

    everyone = [Changing(), Changing()]
    for connection in everyone:
        connection.write = lambda _: heard.append("slot")  # type: ignore[attr-defined]
    native.write_all(everyone, 0, 2, DATA, no_fault)
    Changing.write = lambda *_: heard.append("method")  # type: ignore[attr-defined]
    native.write_all(everyone, 0, 2, DATA, no_fault)
    assert heard == ["slot", "slot", "method", "method"]


@twins
def test_a_kind_that_is_gone_is_not_taken_for_another(native: ModuleType) -> None:
    heard: list[int] = []
    for number in range(50):
        names = tuple(f"slot_{place}" for place in range(number % 7))
        kind: Any = type("Passing", (), {"__slots__": (*names, "write")})
        one = kind()
        one.write = lambda _, number=number: heard.append(number)
        native.write_all([one, one], 0, 2, DATA, no_fault)
    assert heard == [number for number in range(50) for _ in range(2)]
