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


WEBHOOKS: Final = (
    ("hubbub_webhooks_delivered", "Requests that an endpoint took.", "delivered"),
    ("hubbub_webhooks_failed", "Requests that no try could deliver.", "failed"),
    ("hubbub_webhooks_failed_attempts", "Tries that failed.", "failed_attempts"),
    ("hubbub_webhooks_dropped_events", "Events for which there was no room, or no endpoint any more.", "dropped"),
)
"""The metrics of webhooks, and what each is called where it is counted."""


def refusals(reason: str) -> str:
    """Give the time series that count refusals for a reason, by its name."""
    return f'{REFUSALS}_total{{reason="{reason}"}}'


class Metrics(Collector):
    """All of this process."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.webhooks: Mapping[str, int] = {}
        """What became of webhooks so far, by the keys of WEBHOOKS."""

    def text(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Give each metric with its present values."""
        told = CounterMetricFamily(REFUSALS, "What was refused, by application and reason.", labels=("app", "reason"))
        for (app_id, reason), count in sorted(self._tally.refusals.items()):
            told.add_metric((app_id, reason), count)
        yield told
        for name, help_, key in WEBHOOKS:
            yield CounterMetricFamily(name, help_, value=self.webhooks.get(key, 0))
