"""The suite against servers that do less than all: it says what is switched off, and fails what is not so."""

from pathlib import Path

from conformance.asking import ask, at
from conftest import Start


def test_what_an_application_says_to_be_off_is_skipped(start_server: Start, tmp_path: Path) -> None:
    server = start_server(app_client_events=False, app_subscription_counts=False)
    only = ("--only", "client event", "--only", "subscription_count")
    run = ask(tmp_path, *at(server), *only, secret=server.secret)
    assert (run.status, run.of("failed")) == (0, []), run.failures
    reasons = {one["note"] for one in run.report["results"] if one["outcome"] == "skipped"}
    assert reasons >= {
        "the application has client events switched off",
        "the application has subscription counts switched off",
    }


def test_refusals_in_pushers_words_are_looked_at_where_a_switch_is_known_to_be_off(
    start_server: Start, tmp_path: Path
) -> None:
    server = start_server(app_client_events=False, app_subscription_counts=False)
    run = ask(
        tmp_path,
        *at(server),
        *("--without", "client-events, subscription-counts,watchlists", "--only", "client event refusals"),
        *("--only", "GET channel", "--only", "watchlist", "--only", "HTTP errors"),
        secret=server.secret,
    )
    assert (run.status, run.of("failed")) == (0, []), run.failures
    passed = run.of("passed")
    assert any("While client events are switched off" in name for name in passed)
    assert any("To ask for the subscription_count where that is switched off" in name for name in passed)
    assert not any(name.startswith("Watchlist") for name in passed)


def test_a_server_with_other_limits_fails_and_the_report_says_how(start_server: Start, tmp_path: Path) -> None:
    server = start_server(app_max_presence_user_id_length=200, app_watchlists=False)
    run = ask(tmp_path, *at(server), "--only", "presence limits", "--only", "watchlist", secret=server.secret)
    assert run.status == 1
    assert "Presence limits: A user_id of 129 characters is refused" in run.of("failed")
    assert "Watchlist: When a watched user signs in, the watcher is told online" in run.of("failed")
    assert "  expected  a refusal of a user_id of 129 characters\n" in run.out
    assert run.out.splitlines()[-1] == f"{len(run.of('passed'))} passed, {len(run.of('failed'))} failed"
