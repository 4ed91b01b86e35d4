"""How long Hypothesis looks: some examples, always the same, in CI; as many as it is given by `make fuzz`.

`FUZZ_TIMES=100` is a hundred times as many, by chance, and keeps what failed in `.hypothesis`.
"""

import os

from hypothesis import settings


def examples(count: int) -> settings:
    """Give settings for so many examples in CI."""
    times = int(os.environ.get("FUZZ_TIMES", "0"))
    if times:
        return settings(max_examples=count * times)
    return settings(max_examples=count, derandomize=True, database=None)
