"""Writing the same bytes to many: one that raises silences nobody."""

import sys
import tracemalloc
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


class Absent:
    """A connection without a `write`."""


class Named:
    """A connection whose `write` is an outlet."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


def no_fault(connection: object, error: Exception) -> None:
    raise AssertionError(connection) from error


@twins
@pytest.mark.parametrize(
    ("start", "stop", "whom"),
    [(0, 5, "01234"), (0, 0, ""), (2, 4, "23"), (4, 5, "4"), (3, 2, ""), (5, 5, ""), (1, 99, "1234"), (7, 9, "")],
)
def test_those_in_between_are_written_to_in_their_order(native: ModuleType, start: int, stop: int, whom: str) -> None:
    heard: list[int] = []
    everyone = [Reader(name, heard) for name in range(5)]
    assert native.write_all(everyone, start, stop, DATA, no_fault) is None
    assert "".join(map(str, heard)) == whom


@twins
def test_nobody_is_no_fault(native: ModuleType) -> None:
    native.write_all([], 0, 0, DATA, no_fault)
    native.write_all([], 0, 2**31, DATA, no_fault)


@twins
@pytest.mark.parametrize("broken", [(0,), (4,), (2, 3), (0, 1, 2, 3, 4)])
def test_who_raises_is_blamed_and_the_others_are_written_to(native: ModuleType, broken: tuple[int, ...]) -> None:
    heard: list[int] = []
    blamed: list[tuple[object, Exception]] = []
    everyone = [Reader(name, heard, ValueError(name) if name in broken else None) for name in range(5)]
    native.write_all(everyone, 0, 5, DATA, lambda connection, error: blamed.append((connection, error)))
    assert heard == [name for name in range(5) if name not in broken]
    assert blamed == [(everyone[name], everyone[name].error) for name in broken]
    for _, error in blamed:
        assert error.__traceback__ is not None
        assert error.__traceback__.tb_next is None or error.__traceback__.tb_next.tb_frame.f_code.co_name == "write"


@twins
def test_who_cannot_be_written_to_is_blamed(native: ModuleType) -> None:
    heard: list[int] = []
    blamed: list[tuple[object, Exception]] = []
    everyone: list[Any] = [Absent(), Reader(1, heard), Absent(), Named(5), Reader(2, heard)]  # type: ignore[arg-type]
    native.write_all(everyone, 0, 5, DATA, lambda connection, error: blamed.append((connection, error)))
    assert heard == [1, 2]
    assert [type(error) for _, error in blamed] == [AttributeError, AttributeError, TypeError]
    assert [connection for connection, _ in blamed] == [everyone[0], everyone[2], everyone[3]]


@twins
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_program_is_nobodys_fault(native: ModuleType, kind: type[BaseException]) -> None:
    heard: list[int] = []
    everyone = [Reader(0, heard), Reader(1, heard, kind()), Reader(2, heard)]
    with pytest.raises(kind):
        native.write_all(everyone, 0, 3, DATA, no_fault)
    assert heard == [0]


@twins
def test_a_fault_in_blaming_is_passed_on(native: ModuleType) -> None:
    heard: list[int] = []
    with pytest.raises(AssertionError) as raised:
        native.write_all([Reader(0, heard, ValueError()), Reader(1, heard)], 0, 2, DATA, no_fault)
    assert isinstance(raised.value.__cause__, ValueError)
    assert heard == []


@twins
def test_outlets_are_written_to_and_their_faults_blamed(native: ModuleType) -> None:
    class Paper:
        def __init__(self, error: Exception | None = None) -> None:
            self.written: list[bytes] = []
            self._error = error

        def write(self, data: bytes) -> None:
            if self._error is not None:
                raise self._error
            self.written.append(data)

    papers = [Paper(), Paper(RuntimeError("no")), Paper(), Paper()]
    everyone = [Named(native.Outlet(paper, -1)) for paper in papers]
    everyone[3].write.shut()  # type: ignore[attr-defined]
    blamed: list[Named] = []
    native.write_all(everyone, 0, 4, DATA, lambda connection, _: blamed.append(connection))
    assert [paper.written for paper in papers] == [[DATA], [], [DATA], []]
    assert blamed == [everyone[1]]


@twins
def test_a_connection_may_shut_others_while_they_are_written_to(native: ModuleType) -> None:
    """As one does that is given up for its backlog, or closed for a fault."""
    shut: list[int] = []

    class Paper:
        def __init__(self, name: int) -> None:
            self._name = name

        def write(self, data: bytes) -> None:
            shut.append(self._name)
            for other in everyone:
                other.write.shut()  # type: ignore[attr-defined]

    everyone = [Named(native.Outlet(Paper(name), -1)) for name in range(5)]
    native.write_all(everyone, 1, 5, DATA, no_fault)
    assert shut == [1]


@twins
def test_a_connection_may_lose_its_outlet_while_it_is_written_to(native: ModuleType) -> None:
    heard: list[bytes] = []

    class Paper:
        def write(self, data: bytes) -> None:
            for other in everyone:
                other.write = heard.append
            heard.append(b"first")

    everyone = [Named(native.Outlet(Paper(), -1)) for _ in range(3)]
    native.write_all(everyone, 0, 3, DATA, no_fault)
    assert heard == [b"first", DATA, DATA]


@twins
def test_it_takes_what_it_takes(native: ModuleType) -> None:
    wrongs: list[tuple[object, ...]] = [
        (),
        ([], 0, 0, DATA),
        ([], "0", 0, DATA, no_fault),
        ([Absent()], 0, None, DATA, no_fault, 1),
    ]
    for wrong in wrongs:
        with pytest.raises(TypeError):
            native.write_all(*wrong)


@twins
def test_many_writes_and_faults_leave_nothing_behind(native: ModuleType) -> None:
    blamed: list[object] = []
    error = ValueError()

    def broken(data: bytes) -> None:
        raise error.with_traceback(None)

    def blame(connection: object, error: Exception) -> None:
        blamed.append(connection)

    data = bytes(range(100))
    everyone = [Named(lambda _: None), Named(broken), Named(native.Outlet(None, -1)), Named(lambda _: None)]
    everyone[2].write.shut()  # type: ignore[attr-defined]

    def write(times: int) -> None:
        for _ in range(times):
            native.write_all(everyone, 0, 4, data, blame)
            blamed.clear()

    write(100)
    watched = [data, error, blame, *everyone, *(connection.write for connection in everyone)]
    before = [sys.getrefcount(thing) for thing in watched]
    tracemalloc.start()
    try:
        write(100)
        kept = tracemalloc.get_traced_memory()[0]
        write(25_000)
        grown = tracemalloc.get_traced_memory()[0] - kept
    finally:
        tracemalloc.stop()
    assert [sys.getrefcount(thing) for thing in watched] == before
    assert grown < 10_000
