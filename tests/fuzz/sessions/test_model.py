"""One node and its model, doing the same."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from fuzz.profile import examples
from fuzz.sessions.machine import Machine


def test_whatever_is_done_each_client_hears_what_the_model_says_and_nothing_is_left() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(examples(60), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)),
    )
