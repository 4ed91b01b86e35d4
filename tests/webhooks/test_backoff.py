"""When a webhook is tried again."""

import pytest

from hubbub.settings import Settings
from hubbub.webhooks.backoff import next_try

PYTHON_TAKES = 300.0
"""Seconds after which Pusher's library for Python refuses what was made."""


def tries(window: float, timeout: float, duration: float = 0.001) -> list[float]:
    """Give the ages at which an endpoint is tried that fails after so many seconds each time."""
    ages = [0.0]
    while (at := next_try(ages[-1] + duration, window, timeout)) is not None:
        ages.append(at)
    return ages


def test_tries_double_their_distance_and_the_last_comes_just_inside_the_window() -> None:
    assert tries(300, 10) == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 290]


def test_the_last_try_of_the_defaults_ends_while_receivers_take_it() -> None:
    settings = Settings.model_validate({})
    *_, last = tries(settings.webhook_window, settings.webhook_timeout)
    assert last <= 290
    assert last + settings.webhook_timeout <= PYTHON_TAKES


def test_an_endpoint_that_hangs_is_tried_at_the_same_times_but_those_it_missed() -> None:
    assert tries(300, 10, duration=10) == [0, 16, 32, 64, 128, 256, 290]


@pytest.mark.parametrize(("age", "expected"), [(0.95, 2), (289.95, None), (290, None), (1e6, None)])
def test_a_timer_that_was_early_makes_no_second_try(age: float, expected: float | None) -> None:
    assert next_try(age, 300, 10) == expected


def test_a_window_shorter_than_the_time_for_an_answer_leaves_one_try() -> None:
    assert tries(5, 10) == [0]
