"""The stock JavaScript clients, unmodified: each `*.test.mjs` here is one test, run by Node's own runner."""

import pytest
from javascript import HERE, environment, run_tests

from running import Running

FILES = sorted(path.name for path in HERE.glob("*.test.mjs"))


def test_there_are_files() -> None:
    assert len(FILES) >= 7


@pytest.mark.needs("node")
@pytest.mark.parametrize("file", FILES)
def test_javascript(file: str, server: Running) -> None:
    run_tests(HERE / file, environment(server))
