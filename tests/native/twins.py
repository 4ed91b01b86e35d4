"""Both forms of what is compiled, for tests that both must pass."""

import importlib
from types import ModuleType

import pytest

from hubbub.native import pure


def _compiled() -> ModuleType | None:
    try:
        return importlib.import_module("hubbub.native._native")
    except ImportError:
        return None


COMPILED = _compiled()
"""The compiled module, whatever HUBBUB_PURE says; None where it was not compiled."""

TWINS: list[ModuleType] = [pure] if COMPILED is None else [pure, COMPILED]

twins = pytest.mark.parametrize(
    "native", TWINS, ids=lambda native: native.__name__.rpartition("_")[2].rpartition(".")[2]
)
"""Marks a test that takes `native`, one of both."""

needs_compiled = pytest.mark.skipif(COMPILED is None, reason="the native module is not compiled")
