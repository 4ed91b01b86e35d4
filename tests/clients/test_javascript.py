"""The stock JavaScript clients, unmodified: each `*.test.mjs` here is one test, run by Node's own runner."""

from collections.abc import Callable

import pytest
from javascript import HERE, environment, run_tests

from running import Running

FILES = sorted(path.name for path in HERE.glob("*.test.mjs"))

SETTINGS: dict[str, dict[str, object]] = {
    "deflate.test.mjs": {"deflate": True},
    "users.test.mjs": {"app_watchlists": True, "app_subscription_counts": True},
}
"""Those of the server for files that need one of their own."""


def test_there_are_files() -> None:
    assert len(FILES) >= 7


@pytest.mark.needs("node")
@pytest.mark.parametrize("file", FILES)
def test_javascript(file: str, server: Running, start_server: Callable[..., Running]) -> None:
    run_tests(HERE / file, environment(start_server(**SETTINGS[file]) if file in SETTINGS else server))
