"""The dashboard and the alerts, asked of a real Prometheus that scrapes two real workers under real traffic."""

import asyncio
import json
import math
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml  # type: ignore[import-untyped]
from pusher import Pusher  # type: ignore[import-untyped]

from engine.redis.redisserver import Server, free_port
from hubbub import errors
from hubbub.errors import Reason, name_of
from hubbub.metrics.table import METRICS, WORKER, Kind
from metrics.prometheus import DEPLOY, RULES, Prometheus
from metrics.scrape import Scrape, read
from running import Running
from sockets.client import PusherSocket, dial, eventually
from webhooks.receiver import Receiver

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("redis")]

PATIENCE = 90.0  # seconds, which only a failure waits for

GROWING = (
    "hubbub_publish_seconds_count",
    "hubbub_delivery_seconds_count",
    "hubbub_request_seconds_count",
    "hubbub_engine_round_trip_seconds_count",
    "hubbub_database_seconds_count",
    "hubbub_webhook_seconds_count",
    "hubbub_webhooks_delivered_total",
    "hubbub_refusals_total",
)
"""What Prometheus must have seen grow before anything is asked."""

NAMES = re.compile(r"\b((?:hubbub|process|python)_\w+)(\{[^}]*\})?")
"""A metric in a query, with what its labels must be."""

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "hubbub.json").read_text())
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel.get("targets")]


class Night(msgspec.Struct, frozen=True):
    """A Prometheus that has seen traffic from `start` to `end`, and what the server told directly at the end."""

    prometheus: Prometheus
    start: float
    end: float
    scrape: Scrape
    health: dict[str, Any]


class Traffic:
    """Publishes, asks, talks, is refused; comes and goes. `rounds` of it until Prometheus has seen something."""

    def __init__(self, server: Running, prometheus: Prometheus) -> None:
        self._server = server
        self._prometheus = prometheus
        self._sockets: list[PusherSocket] = []
        self._api = Pusher(server.app_id, server.key, server.secret, ssl=False, host=server.host, port=server.port)

    async def begin(self) -> None:
        """Connect."""
        self._sockets = [await come(self._server, number) for number in range(8)]

    async def end(self) -> None:
        """Close everything."""
        for one in self._sockets:
            await one.connection.close()
        self._api._pusher_client.http.session.close()
        self._api._authentication_client.http.session.close()

    async def until(self, *seen: str) -> None:
        """Go on until each of these queries finds something."""
        async with asyncio.timeout(PATIENCE):
            for query in seen:
                while not await asyncio.to_thread(self._prometheus.query, query):
                    await self._round()

    async def _round(self) -> None:
        for number in range(5):
            await asyncio.to_thread(self._api.trigger, "private-room", "n", str(number))
        await asyncio.to_thread(self._api.channels_info)
        await self._sockets[0].send("client-n", "x", "private-room")
        for path in ("/api/organizations", "/sign-in"):
            await asyncio.to_thread(get, self._server.url + path)
        await self._sockets.pop().connection.close()
        self._sockets.append(await come(self._server, 0))


async def come(server: Running, number: int) -> PusherSocket:
    """Connect, and subscribe to a channel of each kind; what is said there is read by nobody."""
    one = await dial(server)
    await one.welcome()
    await one.ask("room")
    await one.ask("private-room")
    await one.ask("presence-room", f'{{"user_id":"{number}"}}')
    return one


def get(url: str) -> None:
    """Ask, whatever is answered."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Give one, for all tests here."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    hooks, metrics = free_port(), f"http://127.0.0.1:{port}/metrics"
    with (
        Server() as redis,
        Running(
            workers=2,
            engine_url=redis.url,
            metrics_port=port,
            webhook_private=True,
            app_webhook_url=f"http://127.0.0.1:{hooks}/hook",
        ) as server,
        Prometheus(folder, f"127.0.0.1:{port}") as prometheus,
    ):

        async def live() -> tuple[float, float, Scrape]:
            async with Receiver(port=hooks) as receiver:

                async def serves() -> bool:
                    told = await asyncio.to_thread(read, metrics, None)
                    return told("hubbub_workers") == 2 and told("hubbub_leads", role="webhooks") == 1

                await eventually(serves, "the workers do not serve")
                talk = Traffic(server, prometheus)
                start = time.time()
                await talk.begin()
                await talk.until(*(f"sum(rate({name}[6s])) > 0" for name in GROWING))
                receiver.always = 500
                await talk.until(
                    'sum(hubbub_webhook_endpoints{state="failing"}) > 0',
                    "sum(rate(hubbub_webhooks_failed_attempts_total[6s])) > 0",
                    "sum(hubbub_webhook_backlog_events) > 0",
                    "count_over_time(up[1m]) >= 8",
                )
                scrape, end = await asyncio.to_thread(read, metrics, None), time.time()
                await talk.end()
                return start, end, scrape

        start, end, scrape = asyncio.run(live())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            health = json.load(answer)
        yield Night(prometheus, start, end, scrape, health)


def asked(expression: str) -> str:
    """Put in what Grafana puts in."""
    found = expression.replace("$__rate_interval", "6s").replace("$__range", "10s")
    found = found.replace("$instance", ".*").replace("$app", ".*")
    assert "$" not in found, found
    return found


QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in PANELS
    for target in panel["targets"]
]


@pytest.mark.parametrize("expression", QUERIES)
def test_each_query_of_the_dashboard_finds_something(night: Night, expression: str) -> None:
    # A second more: what was seen last may have been scraped after the last whole one.
    found = night.prometheus.over_time(asked(expression), night.start, night.end + 1)
    values = [float(value) for series in found for _, value in series["values"]]
    assert any(not math.isnan(value) for value in values), expression


@cache
def selectors(expression: str) -> list[tuple[str, str]]:
    """Give the metrics that a query names, each with what its labels must be."""
    return [(name, labels) for name, labels in NAMES.findall(expression)]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_is_asked_about_what_there_is(night: Night, alert: dict[str, Any]) -> None:
    night.prometheus.query(alert["expr"], night.end)
    named = selectors(alert["expr"])
    assert named or "up{" in alert["expr"]
    for name, labels in named:
        assert night.prometheus.query(f"{name}{labels}", night.end), f"there is no {name}{labels}"
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["runbook"].endswith(".")
    assert alert["labels"]["severity"] in ("critical", "warning")


def test_prometheus_has_taken_the_rules_and_finds_the_server_up(night: Night) -> None:
    assert [series["value"][1] for series in night.prometheus.query('up{job="hubbub"}', night.end)] == ["1"]
    firing = {series["metric"]["alertname"] for series in night.prometheus.query('ALERTS{alertstate="firing"}')}
    assert firing <= {alert["alert"] for alert in ALERTS if "for" not in alert}
    assert "HubbubDown" not in firing


def test_what_the_queries_name_is_in_the_table() -> None:
    expressions = [target["expr"] for panel in PANELS for target in panel["targets"]] + [one["expr"] for one in ALERTS]
    series = {metric.series for metric in METRICS.values()}
    series |= {
        f"{metric.name}_{part}"
        for metric in METRICS.values()
        if metric.kind is Kind.HISTOGRAM
        for part in ("bucket", "count", "sum")
    }
    reasons = {name_of(value) for value in vars(errors).values() if isinstance(value, Reason)}
    for expression in expressions:
        for name, labels in selectors(expression):
            assert name in series, name
            for reason in re.findall(r'reason=~?"([^"]*)"', labels):
                assert set(reason.split("|")) <= reasons, reason


def test_every_metric_is_told_and_nothing_else_and_each_with_its_labels(night: Night) -> None:
    told = night.scrape.families
    assert told.keys() == METRICS.keys()
    for name, metric in METRICS.items():
        assert told[name].type == metric.kind.value
        assert told[name].documentation == metric.help
        assert told[name].samples, f"{name} is not told"
        labels = {*metric.labels, *((WORKER,) if metric.is_of_worker else ())}
        for sample in told[name].samples:
            assert sample.labels.keys() - {"le"} == labels, sample
            assert sample.name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") == metric.series


def test_workers_are_told_apart_and_health_is_on_the_port_for_metrics(night: Night) -> None:
    assert {labels["worker"] for labels in night.scrape.labels("hubbub_connections")} == {"1", "2"}
    assert night.scrape("hubbub_workers_silent") == 0
    assert night.health["status"] == "ok"


def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    for what, file in (("rules", RULES), ("config", RULES.parent / "prometheus.yml")):
        done = subprocess.run(["promtool", "check", what, str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_on_the_page() -> None:
    page = (DEPLOY.parent / "docs" / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(Hubbub\w+)` \|", page, re.MULTILINE)) == {alert["alert"] for alert in ALERTS}


def test_the_dashboard_is_one_that_grafana_can_show() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Is it well?", "Traffic", "Latency", "Refusals", "Cluster", "Webhooks", "Process"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]}
    assert len(places) == len(numbers)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in DASHBOARD["panels"])
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    named = set(re.findall(r"\$(\w+)", " ".join(target["expr"] for panel in PANELS for target in panel["targets"])))
    assert named <= variables | {"__rate_interval", "__range"}
