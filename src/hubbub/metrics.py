"""What Hubbub counts, for Prometheus.

Knows: names, labels and help of each metric; numbers are taken where they are kept, when they are asked for. Does not
know who may ask.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.registry import Collector

from hubbub.tally import Tally

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_1_0_0

REFUSALS: Final = "hubbub_refusals"
"""The metric of all refusals; its counter is `hubbub_refusals_total`."""


def refusals(reason: str) -> str:
    """Give the time series that count refusals for a reason, by its name."""
    return f'{REFUSALS}_total{{reason="{reason}"}}'


class Metrics(Collector):
    """All of this process. `webhooks` gives the deliveries so far by their result."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.webhooks: Mapping[str, int] = {}
        """Webhooks so far, by what became of them."""

    def text(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Give each metric with its present values."""
        told = CounterMetricFamily(REFUSALS, "What was refused, by application and reason.", labels=("app", "reason"))
        for (app_id, reason), count in sorted(self._tally.refusals.items()):
            told.add_metric((app_id, reason), count)
        yield told
        sent = CounterMetricFamily("hubbub_webhooks", "Webhooks, by what became of them.", labels=("result",))
        for result, count in sorted(self.webhooks.items()):
            sent.add_metric((result,), count)
        yield sent
