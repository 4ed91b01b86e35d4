"""phoenix.js, unmodified, before three nodes that get its requests in turn."""

from collections.abc import Iterator

import pytest
from javascript import environment, run_tests
from test_phoenix import PHOENIX

from engine.redis.redisserver import Server
from running import Running
from seeded import ORGANIZATION, Seeded
from sockets.forwarding.nodes import Nodes


@pytest.fixture(scope="module")
def variables() -> Iterator[dict[str, str]]:
    """Give what phoenix/support.mjs wants to know of the server."""
    with Server() as redis, Nodes(redis, is_seeded=True) as nodes:
        first = nodes[0]
        assert isinstance(first, Seeded)
        yield {
            **environment(_balanced(nodes)),
            "SERVER_TOKEN": first.token,
            "SERVER_ORGANIZATION": ORGANIZATION,
            "SIBLING_KEY": "",
            "FOREIGN_KEY": "",
        }


def _balanced(nodes: Nodes) -> Running:
    return nodes  # type: ignore[return-value]  # as far as `environment` looks


@pytest.mark.needs("node", "redis")
@pytest.mark.parametrize("file", ["channels.test.mjs", "presence.test.mjs"])
def test_phoenix_js_needs_no_sticky_sessions(file: str, variables: dict[str, str]) -> None:
    run_tests(PHOENIX / file, variables)
