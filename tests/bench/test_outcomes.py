"""How the figures of several processes become one outcome, and what is said beside it."""

import pytest

from hubbub.bench.histogram import Histogram
from hubbub.bench.orders import Figures, Timing
from hubbub.bench.outcome import Outcome
from hubbub.bench.plan import Case, Plan
from hubbub.bench.usage import Look, Looks, Ticks, Usage

PLAN = Plan(case=Case.FAN_OUT, run="x", connections=10, channels=1, publishers=1, in_flight=1)
TALKING = Plan(case=Case.CLIENT_EVENTS, run="x", connections=10, channels=5, publishers=0, rate=5)


def timing(*durations: int) -> Timing:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    return Timing.of(histogram)


def test_processes_are_added_up() -> None:
    first = Figures(units=100, seconds=2.0, opened=5, accepted=10, received=50, timings={"delivery": timing(1000)})
    second = Figures(
        units=300, seconds=2.0, opened=5, accepted=0, received=50, timings={"delivery": timing(2000, 3000)}
    )
    outcome = Outcome.of(PLAN, [first, second], 100, Looks())
    assert (outcome.units, outcome.per_second, outcome.lost) == (400, 200, 0)
    assert (outcome.timings["delivery"].count, outcome.timings["delivery"].max) == (3, 3.0)
    assert outcome.notes == []


def test_what_the_server_used_is_told_for_each_unit() -> None:
    looks = Look(Usage(3.0, 500), Ticks(60, 200)).since(Look(Usage(1.0, 100), Ticks(50, 100)))
    outcome = Outcome.of(PLAN, [Figures(units=1000, seconds=4.0, opened=10)], 0, looks)
    assert outcome.server is not None
    assert (outcome.server.cpu_us_per_unit, outcome.server.cores) == (2000, 0.5)
    assert outcome.server.bytes_per_connection is None
    assert outcome.machine_idle == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (Figures(busy=0.95), "the benchmark itself was busy to 95% of a core"),
        (Figures(opened=3), "3 of 10 connections were made"),
        (Figures(refused={"4004 Full": 7}), "7 × refused: 4004 Full"),
        (Figures(complaints={"4301 Slow down": 2}), "2 × an error: 4301 Slow down"),
        (Figures(ended={"4100 Over capacity": 1}), "1 × a connection ended meanwhile: 4100 Over capacity"),
        (Figures(received=40), "deliveries lost: 60 of 100"),
        (Figures(duplicates=4), "deliveries that came twice: 4"),
        (Figures(disordered=4), "deliveries out of order: 4"),
        (Figures(unanswered=1), "events without an answer, taken or not: 1"),
        (Figures(not_sent=9), "events that were due and not sent, for want of an answer to those before: 9"),
        (Figures(stalls=2), "deliveries stood still for a second: 2 ×"),
        (Figures(timings={"lateness": timing(5_000_000)}), "the benchmark itself sent late: 1 % by more than 5.0 ms"),
    ],
)
def test_what_spoils_a_figure_is_said_beside_it(figures: Figures, said: str) -> None:
    assert any(note.startswith(said) for note in Outcome.of(PLAN, [figures], 100, Looks()).notes)


def test_a_machine_without_an_idle_core_is_told() -> None:
    outcome = Outcome.of(PLAN, [Figures(opened=10)], 0, Looks(None, 0.01))
    assert outcome.notes == ["no core of this machine was idle, so programs waited for one: that is in the figures"]


def test_a_client_event_that_was_complained_of_is_not_expected() -> None:
    figures = Figures(opened=10, received=7, complaints={"4301 Slow down": 3})
    assert Outcome.of(TALKING, [figures], 10, Looks()).lost == 0


def test_nothing_in_no_time_is_no_division_by_zero() -> None:
    outcome = Outcome.of(PLAN, [Figures()], 0, Looks(Usage(0, 0)))
    assert (outcome.per_second, outcome.is_void) == (0, True)
