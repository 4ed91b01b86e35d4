"""A rate lets so many through in a second."""

import time
from types import ModuleType

import pytest

from hubbub.hub.rate import Pace
from native.twins import COMPILED, needs_compiled, twins


@twins
def test_the_limit_is_reached_and_recovers_after_a_second(native: ModuleType) -> None:
    rate = native.Rate(3)
    assert [rate.use(5.0) for _ in range(4)] == [True, True, True, False]
    assert not rate.use(5.99)
    assert rate.use(6.0)


@twins
def test_a_use_that_was_refused_does_not_count(native: ModuleType) -> None:
    rate = native.Rate(1)
    rate.use(0.0)
    assert not any(rate.use(0.9) for _ in range(10))
    assert rate.use(1.0)


@twins
def test_several_at_once_are_counted_all_or_none(native: ModuleType) -> None:
    rate = native.Rate(5)
    assert rate.use(0.0, 3)
    assert not rate.use(0.1, 3), "two are left"
    assert rate.use(0.2, 2), "what was refused left them"
    assert not rate.use(0.3)
    assert rate.use(0.4, 0), "none is never too many"
    assert rate.use(1.0, 5)
    assert not rate.use(1.0)


@twins
def test_more_than_the_limit_never_fit(native: ModuleType) -> None:
    rate = native.Rate(2)
    assert not rate.use(0.0, 3)
    assert not rate.use(100.0, 3)
    assert rate.use(100.0, 2)


@twins
def test_a_second_begins_with_the_first_use_also_a_refused_one(native: ModuleType) -> None:
    rate = native.Rate(2)
    assert not rate.use(0.0, 3)
    assert rate.use(0.9, 2)
    assert not rate.use(0.95)
    assert rate.use(1.0, 2)


@twins
def test_now_is_what_the_clock_says(native: ModuleType) -> None:
    rate = native.Rate(2)
    before = time.monotonic()
    assert [rate.use_now() for _ in range(2)] == [True, True]
    assert rate.use(before) is False, "that is the same second"
    assert rate.use(time.monotonic() + 1) is True


@needs_compiled
def test_what_is_no_time_and_no_number_is_a_type_error() -> None:
    assert COMPILED is not None
    rate = COMPILED.Rate(1)
    for given in ((), ("now",), (1.0, "once"), (1.0, 1, 1)):
        with pytest.raises(TypeError):
            rate.use(*given)


def test_a_pace_lets_some_through_at_once_and_then_so_many_a_second() -> None:
    pace = Pace(at_once=3, per_second=2)
    assert [pace.use(100.0) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    assert pace.use(101.0) == 0.5
    assert pace.use(110.0) == 0
    assert [pace.use(110.0) for _ in range(3)] == [0, 0, 0.5]
