"""What a server tells at /metrics, read as Prometheus reads it."""

import urllib.request
from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from running import Running

TOKEN = "a-token-for-metrics"
LIMIT = 30.0  # seconds, which only a failure waits for

Labels = tuple[tuple[str, str], ...]


class Scrape(msgspec.Struct, frozen=True):
    """One look: all samples by name and labels, and all families by name."""

    samples: Mapping[tuple[str, Labels], float]
    families: Mapping[str, Metric]

    def __call__(self, name: str, **labels: str) -> float:
        """Give the sum of a metric's series with these labels, of all that it has."""
        wanted = labels.items()
        found = [
            value for (called, told), value in self.samples.items() if called == name and wanted <= dict(told).items()
        ]
        assert found, f"there is no {name} with {labels}"
        return sum(found)

    def labels(self, name: str) -> Iterator[dict[str, str]]:
        """Give the labels of each series of this name."""
        return (dict(told) for called, told in self.samples if called == name)


def read(url: str, token: str | None = TOKEN) -> Scrape:
    """Look at a URL."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=LIMIT) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return Scrape(
        {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples},
        {family.name: family for family in families},
    )


def look(server: Running) -> Scrape:
    """Look at a server's one port."""
    return read(f"{server.url}/metrics")
