"""That what is tested here is what runs: where CI promises to have everything, the compiled module is there."""

import os
import subprocess
import sys

import pytest

from hubbub import native
from native.twins import COMPILED, needs_compiled

NAMES = ("Frames", "Outlet", "Packer", "Rate", "Whispers", "plain_post", "sealed", "write_all")

WHERE = f"import hubbub.native as n; print(n.IS_COMPILED, *sorted({{getattr(n, name).__module__ for name in {NAMES}}}))"


def modules(**environment: str) -> list[str]:
    """Give what another process would use."""
    done = subprocess.run(
        [sys.executable, "-c", WHERE],
        env={name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(not os.environ.get("CI"), reason="only CI promises to have a compiler and Python's headers")
def test_ci_tests_the_compiled_module() -> None:
    assert COMPILED is not None, (
        "hubbub.native._native is not compiled, so that half of these tests say nothing. It needs gcc and Python's"
        " headers (python3-dev); `pip install --no-deps --no-build-isolation --verbose --editable .` shows what failed."
    )
    assert native.IS_COMPILED, "hubbub.native._native is there, but HUBBUB_PURE is set: CI must test what runs"


@needs_compiled
def test_what_is_compiled_is_what_runs() -> None:
    assert modules() == ["True", "hubbub.native._native"]


def test_a_variable_chooses_python() -> None:
    assert modules(HUBBUB_PURE="1") == ["False", "hubbub.native.pure", "hubbub.native.pure_frames"]


@needs_compiled
@pytest.mark.parametrize("name", NAMES)
def test_the_compiled_module_has_every_name(name: str) -> None:
    assert hasattr(COMPILED, name)
