"""phoenix.js of four generations, unmodified, over both transports: each `phoenix/*.test.mjs` is one test."""

import pytest
from javascript import HERE, environment, run_tests

from seeded import ORGANIZATION, Seeded

PHOENIX = HERE / "phoenix"
FILES = sorted(path.name for path in PHOENIX.glob("*.test.mjs"))


@pytest.fixture(scope="module")
def variables(seeded: Seeded) -> dict[str, str]:
    """Give what phoenix/support.mjs wants to know of the server."""
    return {
        **environment(seeded),
        "SERVER_TOKEN": seeded.token,
        "SERVER_ORGANIZATION": ORGANIZATION,
        "SIBLING_KEY": seeded.create_app("--organization", ORGANIZATION),
        "FOREIGN_KEY": seeded.create_app(),
    }


def test_there_are_files() -> None:
    assert len(FILES) >= 6


@pytest.mark.needs("node")
@pytest.mark.parametrize("file", FILES)
def test_phoenix(file: str, variables: dict[str, str]) -> None:
    run_tests(PHOENIX / file, variables)
