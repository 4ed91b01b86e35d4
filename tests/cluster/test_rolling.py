"""Three nodes behind HAProxy, restarted one by one while stock clients listen and publishers publish."""

import re

import pytest

from cluster import rolling

pytestmark = pytest.mark.needs("haproxy", "node", "redis", "postgresql programs")

CLIENTS = 30


async def test_everybody_is_back_in_time_and_nothing_is_lost_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    is_good = await rolling.run(CLIENTS, rounds=1)
    said = capsys.readouterr().out
    assert is_good, said
    assert re.search(r"answered otherwise than 200 +\{\}\n", said), said
