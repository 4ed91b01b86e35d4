"""What becomes of cases that are run, and the report that is made of it: by cases of the test's own, really run."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from conftest import Start
from hubbub.conformance import suite
from hubbub.conformance.case import Case, Outcome, Result, Topic, check
from hubbub.conformance.cases import all_cases
from hubbub.conformance.features import FEATURES, matching
from hubbub.conformance.report import Report, files
from hubbub.conformance.scene import Scene
from hubbub.conformance.suite import run, try_case
from hubbub.conformance.target import Application, Target
from running import Running

topic = Topic()


@topic.case("Connect")
async def is_so(scene: Scene) -> None:
    """A client is welcome."""
    await scene.connect()


@topic.case("Connect")
async def is_not_so(scene: Scene) -> None:
    """A client is told a joke | *twice*."""
    client = await scene.connect()
    await client.expect("joke", limit=0.1)


@topic.case("Trigger")
async def never_ends(scene: Scene) -> None:
    """A case that hangs."""
    await asyncio.Event().wait()


@topic.case("Trigger")
async def is_broken(scene: Scene) -> None:
    """A case that is broken."""
    raise ZeroDivisionError("a bug of the suite")


@topic.case("Trigger", slow=True)
async def takes_long(scene: Scene) -> None:
    """A case that takes long."""
    await asyncio.Event().wait()


@topic.case("Cross-app key")
async def wants_another(scene: Scene) -> None:
    """A case that wants a second application."""
    await scene.connect(scene.other)


@topic.case("REST signing")
async def tells_the_secret(scene: Scene) -> None:
    """A case in which the server would tell the secret."""
    check(False, "no secret", f"the secret is {scene.target.app.secret}")


@topic.observe("Protocols")
async def looks(scene: Scene) -> str:
    """What becomes of it."""
    return "seen this"


@topic.observe("Protocols")
async def looks_and_fails(scene: Scene) -> str:
    """What becomes of nothing."""
    await (await scene.connect()).next(limit=0.1)
    return "never"


def target(server: Running) -> Target:
    return Target(
        host=server.host,
        port=server.port,
        app=Application(server.app_id, server.key, server.secret),
        patience=2,
    )


@pytest.fixture(scope="module")
def report(server: Running) -> Report:
    began = datetime.now(UTC)
    results = asyncio.run(run(target(server), topic.cases))
    return Report.of(target(server), "hubbub 1.2.3", began, results)


def outcomes(report: Report) -> dict[str, Outcome]:
    return {result.name: result.outcome for result in report.results}


def result(report: Report, name: str) -> Result:
    return next(one for one in report.results if one.name == name)


def test_one_case_that_hangs_or_is_broken_stops_no_other(report: Report) -> None:
    assert outcomes(report) == {
        "A client is welcome": Outcome.PASSED,
        "A client is told a joke | *twice*": Outcome.FAILED,
        "A case that hangs": Outcome.FAILED,
        "A case that is broken": Outcome.FAILED,
        "A case that takes long": Outcome.SKIPPED,
        "A case that wants a second application": Outcome.SKIPPED,
        "A case in which the server would tell the secret": Outcome.FAILED,
        "What becomes of it": Outcome.UNSPECIFIED,
        "What becomes of nothing": Outcome.UNSPECIFIED,
    }


def test_results_say_what_was_expected_and_what_came(report: Report) -> None:
    joke = result(report, "A client is told a joke | *twice*")
    assert (joke.expected, joke.came) == ("joke", "nothing in 0.1 s")
    assert result(report, "A case that hangs").expected == "an end within 12 s"
    assert result(report, "A case that is broken").came == "ZeroDivisionError: a bug of the suite"
    assert result(report, "A case that takes long").note == "takes minutes: --slow"
    assert result(report, "A case that wants a second application").note.startswith("needs a second application: --")
    assert result(report, "What becomes of it").note == "seen this"
    assert result(report, "What becomes of nothing").note == "nothing in 0.1 s"


def test_lines_are_a_table_then_failures_then_the_verdict(report: Report) -> None:
    lines = "\n".join(report.lines()).split("\n")
    assert [line.split() for line in lines[:7]] == [
        ["feature", "cases", "passed", "failed", "skipped", "unspecified"],
        ["Connect", "2", "1", "1", "0", "0"],
        ["Protocols", "2", "0", "0", "0", "2"],
        ["REST", "signing", "1", "0", "1", "0", "0"],
        ["Cross-app", "key", "1", "0", "0", "1", "0"],
        ["Trigger", "3", "0", "2", "1", "0"],
        ["all", "9", "1", "4", "2", "2"],
    ]
    at = lines.index("FAILED Connect: A client is told a joke | *twice*")
    assert lines[at + 1 : at + 3] == ["  expected  joke", "  came      nothing in 0.1 s"]
    assert lines[-1] == "1 passed, 4 failed"


def test_the_secret_is_in_no_form_of_the_report(report: Report, server: Running) -> None:
    assert result(report, "A case in which the server would tell the secret").came == "the secret is ****"
    whole = "\n".join(report.lines()) + report.markdown() + report.json().decode()
    assert server.secret not in whole


def test_markdown_and_json_are_written_beside_each_other(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "it.json")
    markdown, whole = (tmp_path / "it.md").read_text(), json.loads((tmp_path / "it.json").read_bytes())
    assert "**1 passed, 4 failed**, 2 skipped, 2 unspecified." in markdown
    assert "| Trigger | 3 | 0 | 2 | 1 | 0 |" in markdown
    assert r"| Connect | A client is told a joke \| \*twice\* | joke | nothing in 0.1 s |" in markdown
    assert set(whole) == {"server", "suite", "began", "seconds", "results", "totals", "features"}
    assert whole["totals"] | {"feature": ""} == {
        "feature": "",
        "cases": 9,
        "passed": 1,
        "failed": 4,
        "skipped": 2,
        "unspecified": 2,
    }
    assert [row["feature"] for row in whole["features"]] == [
        "Connect",
        "Protocols",
        "REST signing",
        "Cross-app key",
        "Trigger",
    ]
    assert {one["name"]: one["outcome"] for one in whole["results"]}["A client is welcome"] == "passed"


@pytest.mark.parametrize("given", ["it", "it.md", "it.json"])
def test_any_name_of_the_report_means_both_files(given: str) -> None:
    assert files(Path("there", given)) == (Path("there/it.md"), Path("there/it.json"))


async def test_connections_of_a_case_end_with_it(server: Running) -> None:
    scenes: list[Scene] = []

    async def leave_open(scene: Scene) -> None:
        scenes.append(scene)
        await scene.connect()
        await scene.stream()

    async with aiohttp.ClientSession() as session:
        done = await try_case(Case("Connect", "it leaves them open", leave_open), target(server), session)
    assert done.outcome is Outcome.PASSED
    assert [client.connection.state.name for client in scenes[0]._clients] == ["CLOSED"]


async def test_a_server_that_dies_fails_the_rest_and_is_waited_for_once(
    start_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server()
    waits: list[float] = []
    monkeypatch.setattr(suite, "RETURN", 3)

    async def stop(scene: Scene) -> None:
        client = await scene.connect()
        server.stop()
        await client.expect_close(4200)

    async def ask(scene: Scene) -> None:
        waits.append(asyncio.get_running_loop().time())
        await scene.connect()

    cases = [
        Case("Connect", "The server is stopped", stop, is_rough=True),
        *(Case("Connect", f"Question {number}", ask, is_rough=True) for number in range(3)),
    ]
    results = await run(target(server), cases)
    assert [result.outcome for result in results] == [Outcome.PASSED] + [Outcome.FAILED] * 3
    assert "ConnectionRefusedError" in results[1].came
    assert waits[-1] - waits[0] < 3


def test_every_case_is_a_sentence_of_its_own() -> None:
    names = [(case.feature, case.name) for case in all_cases()]
    assert len(set(names)) == len(names)
    assert all(name and "\n" not in name and not name.endswith(".") for _, name in names)


def test_at_least_150_cases_count() -> None:
    assert len([case for case in all_cases() if case.is_specified]) >= 150


def test_every_feature_has_a_case() -> None:
    assert {case.feature for case in all_cases()} == set(FEATURES)


def test_a_case_needs_a_feature_that_is_known() -> None:
    with pytest.raises(ValueError, match="no feature"):
        Topic().add("Teleportation", "A client is somewhere else", is_so)


def test_features_are_found_by_part_of_their_name() -> None:
    assert matching(["PRESENCE p", "size"]) == {"Presence payload", "Size"}
