"""The metrics as text: a list, and the body of `docs/metrics.md`.

Pure. Depends on the table alone, so that the page is the same whoever prints it.
"""

from typing import Final

from hubbub.metrics.activity import QUIET
from hubbub.metrics.table import GROUPS, Metric

_INTRODUCTION: Final = f"""\
What `/metrics` tells, in Prometheus' text format. Gauges are computed when they are asked for, from what is there at
that moment; nothing is counted up and down, so nothing can drift. Counters begin at 0 with the process, and their
series end in `_total`. Histograms are in seconds, and cost what is timed next to nothing: where there is much, a sample
is timed. *here* is this node, this process: all of a cluster is the sum over its nodes.

- **Workers.** With several workers whichever is asked answers for all, and each series but `hubbub_workers…` has the
  label `worker`, its number. A worker that does not answer in time is counted as silent, and the others are told of.
- **Applications.** Series with the label `app` are of applications of which anything happens. One that has no
  connection, and of which nothing was counted for {QUIET / 3600:g} h, leaves, and so does one that is gone; when it
  is back its counters go on where they were. Sums over all applications have series of their own, and lose nothing.
  No other label's values are anybody's to choose: there are as many as the tables here have.
- **From the beginning.** Ways to end a connection, and refusals that are of no application, are told at 0 before they
  first happen.
"""

_END: Final = """\
## How to scrape

There are two ways, and one may have both.

- **A port of its own**: `HUBBUB_METRICS_PORT=4090` opens a second port, on `127.0.0.1` unless `HUBBUB_METRICS_HOST`
  says otherwise. There are `/metrics` and all of `/health`, without a token, for who reaches it, and nothing else. It
  has no TLS. It stays open until the very end, so that it can be seen how a server drains. With several workers the
  system gives each question to one of them.
- **The one port**: `HUBBUB_METRICS_TOKEN` names a token, and who sends `Authorization: Bearer TOKEN` may read
  `/metrics` there. Without the setting there is no such page. In a cluster a balancer must not be asked, but each node.

`deploy/prometheus/prometheus.yml` is a configuration to begin with. By a token a job is

```yaml
scrape_configs:
  - job_name: hubbub
    scheme: https
    authorization:
      credentials_file: /etc/prometheus/hubbub.token
    static_configs:
      - targets: [node1.example.com:4000, node2.example.com:4000]
```

## The dashboard

`deploy/grafana/hubbub.json` is to be imported into Grafana (*Dashboards*, *New*, *Import*), 10 or later. From above to
below: is it well, traffic, latency, refusals, the cluster, webhooks, the process. *Instance* and *Application* choose
what is shown.

## Alerts

`deploy/prometheus/hubbub.rules.yml` has rules; each has a sentence on what to do first, its `runbook`. `critical` is to
wake somebody, `warning` can wait until the morning. What they are about:

| Alert | When |
| --- | --- |
| `HubbubDown` | A node cannot be scraped. |
| `HubbubWorkerSilent` | A worker does not tell of itself. |
| `HubbubDatabaseAway` | The database does not answer. |
| `HubbubEngineAway` | Redis does not answer. |
| `HubbubEngineUnsteady` | Redis was lost again and again. |
| `HubbubNodesDisagree` | Nodes do not know the same nodes. |
| `HubbubNobodyDelivers` | No node delivers webhooks. |
| `HubbubNearlyFull` | Few more clients may connect. |
| `HubbubFilesShort` | Few more files may be opened. |
| `HubbubLoopLate` | The event loop is late: all waits. |
| `HubbubPublishSlow` | Publishing takes long. |
| `HubbubDeliverySlow` | Messages take long to be written. |
| `HubbubDatabaseSlow` | Transactions take long. |
| `HubbubInternalErrors` | There is a fault in Hubbub: the log has it. |
| `HubbubSignaturesRefused` | An application's server is refused: a wrong key, secret or clock. |
| `HubbubClientsTurnedAway` | Clients are not let in, for there is no room. |
| `HubbubReadersSlow` | Clients are given up that read too slowly. |
| `HubbubReconnecting` | Clients come again and again. |
| `HubbubWebhooksFailing` | Webhooks were given up. |
| `HubbubWebhooksWaiting` | Events for webhooks pile up. |
| `HubbubWebhooksDropped` | Events for webhooks are lost. |
| `HubbubWritersBehind` | What is to be written to the database piles up. |
| `HubbubWritesLost` | It could not be written, and is lost. |
| `HubbubCertificateEnds` | A certificate ends within a week. |
| `HubbubDrainsForLong` | A server does not come to its end. |\
"""


def rows() -> list[tuple[str, str, str, str]]:
    """Give series, type, labels and meaning of every metric."""
    return [_row(metric) for group in GROUPS for metric in group.metrics]


def markdown() -> str:
    """Give the body of `docs/metrics.md`."""
    parts = ["# Metrics", _INTRODUCTION.rstrip()]
    for group in GROUPS:
        lines = ["| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |"]
        for metric in group.metrics:
            series, kind, labels, meaning = _row(metric)
            named = ", ".join(f"`{label}`" for label in labels.split())
            lines.append(f"| `{series}` | {kind} | {named} | {meaning} |")
        parts += [f"## {group.title}", "\n".join(lines)]
    return "\n\n".join([*parts, _END])


def _row(metric: Metric) -> tuple[str, str, str, str]:
    return metric.series, metric.kind.value, " ".join(metric.labels), metric.help
