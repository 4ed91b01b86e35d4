"""What a server says of itself at `/metrics`, read as Prometheus would, and whether it is back where it was.

Knows which gauges are of a moment's load, and which are of the clock or the machine.
"""

import re
from typing import Final
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from servers import Server

TOKEN: Final = "soak-soak-soak"  # noqa: S105  # it guards nothing
"""What the server is given as `metrics_token`."""

OF_THE_MACHINE: Final = re.compile(r"process_|python_|.*(_bytes|_seconds|_timestamp|_limit|_info)$")
"""Gauges that may be others than at the start: memory, clocks, and what does not change at all."""

OF_A_MOMENT: Final = re.compile(r"hubbub_(tasks|writer_queue|database_connections)")
"""Those that move by themselves: something is written every second, and a task comes and goes with it."""

MOST_AT_ONCE: Final = 3
"""How far these may be from where they were."""


def gauges(server: Server) -> dict[str, float]:
    """Give all gauges by name and labels. Raises OSError when the server does not answer."""
    request = Request(f"http://127.0.0.1:{server.port}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urlopen(request, timeout=30) as answer:  # noqa: S310  # the address is ours
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        f"{sample.name}{sorted(sample.labels.items()) if sample.labels else ''}": sample.value
        for family in families
        if family.type == "gauge" and not OF_THE_MACHINE.match(family.name)
        for sample in family.samples
    }


def differences(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Name the gauges that are not what they were; one that was not there stood at nothing."""
    names = sorted({*before, *after})
    return [
        f"{name} was {before.get(name, 0):g}, is {after.get(name, 0):g}"
        for name in names
        if abs(after.get(name, 0) - before.get(name, 0)) > (MOST_AT_ONCE if OF_A_MOMENT.match(name) else 0)
    ]
