"""What the server needs for each case is what it needed before, or less."""

import os

import msgspec
import pytest

from hubbub.native import IS_COMPILED
from speed import limits
from speed.cases import CASES, Case, Found, Need, count
from speed.limits import too_many_calls, too_many_instructions

PUBLISH = CASES[0]
KEPT = Found(True, 100_000, {"publish": Need(200_000, 2.0, {"read": 1, "write": 1, "wait": 1})})


@pytest.fixture(scope="module", params=["native", "pure"])
def found(request: pytest.FixtureRequest) -> Found:
    """Give what was counted: once for all cases, for the start takes longer than the rest."""
    if request.param == "native" and not IS_COMPILED:
        if os.environ.get("CI") == "true":
            pytest.fail("the compiled module is not there", pytrace=False)
        pytest.skip("the compiled module is not there")
    return count(pure=request.param == "pure")


@pytest.mark.needs("valgrind")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_takes_no_more_instructions_than_are_kept(found: Found, case: Case) -> None:
    if fault := too_many_instructions(case, limits.read().of(found), found):
        pytest.fail(fault, pytrace=False)


@pytest.mark.needs("valgrind")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_calls_the_kernel_no_more_often_than_is_kept(found: Found, case: Case) -> None:
    if fault := too_many_calls(case, limits.read().of(found), found):
        pytest.fail(fault, pytrace=False)


def needing(instructions: float, references: float, **calls: float) -> Found:
    need = KEPT.needs["publish"]
    return Found(True, 100_000, {"publish": Need(instructions, references, {**need.calls, **calls})})


def test_a_tenth_more_is_let_pass() -> None:
    assert too_many_instructions(PUBLISH, KEPT, needing(219_000, 2.19)) is None


def test_more_than_a_tenth_is_told_with_both_numbers_and_what_to_do() -> None:
    fault = too_many_instructions(PUBLISH, KEPT, needing(240_000, 2.4))
    assert fault is not None
    for part in ("publish", "20.0%", "200,000", "240,000", "2.0000", "2.4000", "why publish", "renew"):
        assert part in fault


def test_a_python_for_which_everything_is_dearer_is_let_pass() -> None:
    assert too_many_instructions(PUBLISH, KEPT, needing(300_000, 2.1)) is None


def test_a_python_for_which_the_reference_is_cheaper_is_let_pass() -> None:
    assert too_many_instructions(PUBLISH, KEPT, needing(210_000, 3.0)) is None


def test_one_more_call_of_the_kernel_is_told() -> None:
    fault = too_many_calls(PUBLISH, KEPT, needing(200_000, 2.0, write=2))
    assert fault is not None
    assert "write: 1 are kept, 2 were counted" in fault


def test_a_call_of_a_new_family_is_told() -> None:
    fault = too_many_calls(PUBLISH, KEPT, needing(200_000, 2.0, other=0.05))
    assert fault is not None
    assert "other: 0 are kept, 0.05 were counted" in fault


def test_what_may_come_apart_may_be_waited_for_twice() -> None:
    found = needing(200_000, 2.0, wait=1.5)
    assert too_many_calls(PUBLISH, KEPT, found) is not None
    assert too_many_calls(msgspec.structs.replace(PUBLISH, apart=1), KEPT, found) is None


def test_a_case_without_a_limit_is_told() -> None:
    case = msgspec.structs.replace(PUBLISH, name="new")
    assert "new has no limit yet" in (too_many_instructions(case, KEPT, KEPT) or "")
    assert "new has no limit yet" in (too_many_calls(case, KEPT, KEPT) or "")


def test_there_is_a_limit_for_every_case_and_for_nothing_else() -> None:
    names = {case.name for case in CASES}
    kept = limits.read()
    assert set(kept.native.needs) == names
    assert set(kept.pure.needs) == names
    assert kept.native.is_native
    assert not kept.pure.is_native
