"""Every case against a live server: what it counts adds up. How fast it was is nobody's business here."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from bench.asking import SHORT, Run, ask, at, left_behind, only
from running import Running

CASES = ["connect", "publish", "publish", "fan-out", "latency", "client-events"]


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def whole(request: pytest.FixtureRequest, server: Running, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("whole")
    return ask(folder, *at(server), *SHORT, "--processes", str(request.param), secret=server.secret)


def test_all_cases_run_unless_told(whole: Run) -> None:
    assert whole.status == 0, whole
    assert [outcome["case"] for outcome in whole.report["outcomes"]] == CASES
    assert whole.err == ""


def test_every_case_has_a_line_of_the_table(whole: Run) -> None:
    first = [line.split()[0] for line in whole.out.splitlines() if line.strip()]
    assert [word for word in first if word in CASES] == CASES
    assert whole.out.splitlines()[0].startswith("ws://127.0.0.1:")


def test_connect_times_each_connection_to_its_welcome_and_its_subscription(whole: Run) -> None:
    connect = whole.of("connect")
    assert (connect["units"], connect["opened"], connect["refused"]) == (20, 20, {})
    assert {name: times["count"] for name, times in connect["timings"].items()} == {"welcome": 20, "subscription": 20}


def test_publish_is_one_by_one_and_in_batches_of_ten(whole: Run) -> None:
    single, batches = whole.all_of("publish")
    assert (single["plan"]["batch"], batches["plan"]["batch"]) == (1, 10)
    assert single["accepted"] >= single["units"] > 0
    assert batches["accepted"] >= batches["units"] > 0
    assert batches["accepted"] % 10 == 0
    assert single["refused"] == batches["refused"] == {}


def test_whatever_was_accepted_reaches_every_subscriber(whole: Run) -> None:
    for case, audience in (("fan-out", 20), ("latency", 2), ("client-events", 1)):
        outcome = whole.of(case)
        assert outcome["received"] == outcome["expected"] == outcome["accepted"] * audience > 0, outcome
        assert (outcome["lost"], outcome["duplicates"], outcome["disordered"]) == (0, 0, 0)


def test_quantiles_are_in_order_and_the_histogram_holds_each_delivery_that_was_measured(whole: Run) -> None:
    for case in ("fan-out", "latency", "client-events"):
        times = whole.of(case)["timings"]["delivery"]
        assert 0 <= times["p50"] <= times["p90"] <= times["p99"] <= times["max"]
        assert sum(count for _, count in times["buckets"]) == times["count"] > 0


def test_latency_publishes_what_is_due_and_no_more(whole: Run) -> None:
    latency = whole.of("latency")
    assert latency["accepted"] + latency["not_sent"] <= 100 * 0.5 + len(latency["busy"])


def test_figures_say_what_they_were_made_with(whole: Run) -> None:
    report = whole.report
    assert report["tool"].startswith("hubbub")
    assert report["machine"].keys() == {"cores", "usable", "processor", "system", "python"}
    assert report["machine"]["usable"] >= 1
    assert report["sizes"]["connections"] == 20
    assert all(len(outcome["busy"]) == report["processes"] for outcome in report["outcomes"])
    assert report["is_interrupted"] is False


def test_the_secret_is_nowhere(whole: Run, server: Running) -> None:
    assert server.secret not in whole.out + whole.err + str(whole.report)


def test_no_channel_is_occupied_afterwards(whole: Run, server: Running, backend: Callable[..., Pusher]) -> None:
    assert left_behind(backend(server)) == []


def test_the_server_can_be_watched(server: Running, tmp_path: Path) -> None:
    pid = ("--server-pid", str(server.pid))
    run = ask(tmp_path, *at(server), *SHORT, *only("connect", "fan-out"), *pid, secret=server.secret)
    assert run.status == 0, run
    assert "server CPU" in run.out
    assert run.of("connect")["server"]["bytes_per_connection"] is not None
    assert run.of("fan-out")["server"]["cpu_seconds"] >= 0


@pytest.mark.parametrize("kind", ["private", "presence"])
def test_connections_may_subscribe_to_what_must_be_signed(server: Running, tmp_path: Path, kind: str) -> None:
    run = ask(tmp_path, *at(server), *SHORT, *only("connect"), "--kind", kind, secret=server.secret)
    assert (run.status, run.of("connect")["opened"]) == (0, 20), run


def test_sizes_are_as_told(server: Running, tmp_path: Path) -> None:
    sizes = ("--channels", "4", "--publishers", "3", "--in-flight", "2", "--size", "1000", "--processes", "2")
    run = ask(tmp_path, *at(server), *SHORT, *only("fan-out"), *sizes, secret=server.secret)
    outcome = run.of("fan-out")
    assert {name: outcome["plan"][name] for name in ("channels", "publishers", "in_flight", "size")} == {
        "channels": 4,
        "publishers": 3,
        "in_flight": 2,
        "size": 1000,
    }
    assert outcome["received"] == outcome["accepted"] * 5 > 0


def test_a_process_without_subscribers_publishes_too(server: Running, tmp_path: Path) -> None:
    few = ("--connections", "1", "--publishers", "2", "--processes", "2", "--duration", "0.3", "--warm-up", "0")
    run = ask(tmp_path, *at(server), *only("fan-out"), *few, secret=server.secret)
    outcome = run.of("fan-out")
    assert (run.status, outcome["lost"]) == (0, 0), run
    assert outcome["received"] == outcome["accepted"] > 0


def test_client_events_that_the_server_limits_are_not_lost(server: Running, tmp_path: Path) -> None:
    fast = ("--client-rate", "200", "--warm-up", "0", "--duration", "0.5", "--connections", "2")
    run = ask(tmp_path, *at(server), *only("client-events"), *fast, secret=server.secret)
    outcome = run.of("client-events")
    assert outcome["lost"] == 0
    assert sum(outcome["complaints"].values()) > 0
    assert "an error: 4301 Client event rejected - more than" in run.out


def test_cases_run_in_an_order_of_their_own(server: Running, tmp_path: Path) -> None:
    run = ask(tmp_path, *at(server), *SHORT, *only("latency", "connect"), secret=server.secret)
    assert [outcome["case"] for outcome in run.report["outcomes"]] == ["connect", "latency"]
