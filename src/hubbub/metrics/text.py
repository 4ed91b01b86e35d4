"""Readings as Prometheus' text.

Knows the table and how Prometheus wants it written. Does not know where readings come from, nor who may have them.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.registry import Collector

from hubbub.metrics.reading import Reading
from hubbub.metrics.table import METRICS, WORKER, Kind, Metric

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_1_0_0

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def text(readings: Reading | Mapping[int, Reading], silent: int = 0) -> bytes:
    """Give all metrics: of one process, or of workers by number, which is a label then; so many did not answer."""
    registry = CollectorRegistry()
    registry.register(_Shown(readings, silent))
    return generate_latest(registry)


class _Shown(Collector):
    def __init__(self, readings: Reading | Mapping[int, Reading], silent: int) -> None:
        self._is_one = isinstance(readings, Reading)
        self._all: list[tuple[tuple[str, ...], Reading]] = []
        if isinstance(readings, Reading):
            self._all.append(((), readings))
        else:
            self._all += [((str(number),), one) for number, one in sorted(readings.items())]
        self._of_all = Reading()
        self._of_all.tell("hubbub_workers", len(self._all))
        self._of_all.tell("hubbub_workers_silent", silent)

    def collect(self) -> Iterable[Family]:
        """Give each metric of the table, with what the readings have of it."""
        return map(self._family, METRICS.values())

    def _family(self, metric: Metric) -> Family:
        if not metric.is_of_worker:
            return _family(metric, metric.labels, [((), self._of_all)])
        labels = metric.labels if self._is_one else (*metric.labels, WORKER)
        return _family(metric, labels, self._all)


def _family(metric: Metric, labels: tuple[str, ...], readings: list[tuple[tuple[str, ...], Reading]]) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
        bounds = [*map(repr, metric.bounds), "+Inf"]
        for worker, reading in readings:
            for values, told in reading.histograms.get(metric.name, ()):
                buckets = list(zip(bounds, accumulate(told.counts), strict=True))
                histogram.add_metric((*values, *worker), buckets, told.total)
        return histogram
    family = (CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily)(
        metric.name, metric.help, labels=labels
    )
    for worker, reading in readings:
        for values, value in reading.numbers.get(metric.name, ()):
            family.add_metric((*values, *worker), value)
    return family
