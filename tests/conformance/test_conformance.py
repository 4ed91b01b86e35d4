"""The suite against a live Hubbub with everything switched on: all of it passes, and what is skipped is known."""

from collections.abc import Iterator

import pytest

from conformance.asking import Run, application, ask, at, free_port, rotated
from running import Running

KNOWN_SKIPS = {
    # These want a switch off that all others want on; test_less.py has it off.
    "Client event refusals: While client events are switched off, one is refused",
    "GET channel / users: To ask for the subscription_count where that is switched off is refused",
    "HTTP errors: Refused for a subscription_count that is switched off",
    # This one waits until the server has given a webhook up: six minutes.
    "Webhook batch / retry: A webhook that is never taken is tried for 300 seconds",
    # These wait for a server's patience with silence; the last test gives it little.
    "Server ping and 4201: A client that is silent is pinged",
    "Server ping and 4201: A client that is silent but for its answers to pings stays",
    "Authorized Connections: A connection that does nothing is closed with 4009",
    "Authorized Connections: Who is subscribed to a private channel, or signed in, stays",
}
"""How what is skipped begins."""

DECLARED = "990099"
"""An id that no application of the database has."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    port = free_port()
    with Running(app_id=DECLARED, webhook_private=True) as server:
        switches = ("client_events=true", "subscription_counts=true", "watchlists=true")
        app_id, key, secret = application(server, "Whole", *switches)
        server.command("webhook", "add", app_id, f"http://127.0.0.1:{port}/webhooks")
        second_key, second_secret = rotated(server, app_id)
        other_id, other_key, other_secret = application(server, "Other", "client_events=true")
        disabled_id, disabled_key, disabled_secret = application(server, "Disabled", "enabled=false")
        special = {
            "force-tls": application(server, "TLS", "force_tls=true")[1],
            "disabled": disabled_key,
            "one-connection": application(server, "One", "max_connections=1")[1],
        }
        yield ask(
            tmp_path_factory.mktemp("whole"),
            *at(server, app_id, key),
            *("--second-key", second_key, "--other-app-id", other_id, "--other-key", other_key),
            *("--webhook-port", str(port), "--id-of", f"disabled={disabled_id}"),
            *(part for setting, key in special.items() for part in ("--key-of", f"{setting}={key}")),
            secret=secret,
            second_secret=second_secret,
            other_secret=other_secret,
            secrets_of={"disabled": disabled_secret},
        )


def test_every_case_passes(whole: Run) -> None:
    assert whole.of("failed") == [], whole.failures
    assert whole.status == 0


def test_there_are_more_than_150_cases_that_count(whole: Run) -> None:
    assert len(whole.of("passed")) > 150


def test_only_what_cannot_be_asked_here_is_skipped(whole: Run) -> None:
    skipped = whole.of("skipped")
    assert len(skipped) == len(KNOWN_SKIPS), skipped
    assert all(any(name.startswith(known) for name in skipped) for known in KNOWN_SKIPS), skipped


def test_the_last_line_is_the_verdict(whole: Run) -> None:
    assert whole.out.splitlines()[-1] == f"{len(whole.of('passed'))} passed, 0 failed"


def test_no_case_is_broken(whole: Run) -> None:
    assert whole.err == ""


def test_what_waits_for_silence_passes_on_a_server_that_does_not_wait_long(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Running(app_id=DECLARED, ping_after=2, pong_timeout=3) as server:
        settings = ("authorized_connections=true", "authorization_timeout=2")
        app_id, key, secret = application(server, "Authorized", *settings)
        run = ask(
            tmp_path_factory.mktemp("silence"),
            *at(server),
            *("--slow", "--only", "server ping", "--only", "authorized", "--key-of", f"authorized-connections={key}"),
            *("--id-of", f"authorized-connections={app_id}"),
            secret=server.secret,
            secrets_of={"authorized-connections": secret},
        )
    assert (run.status, run.of("failed"), len(run.of("passed"))) == (0, [], 4), run.failures


def test_the_newer_of_two_key_pairs_signs_no_webhooks(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Told the wrong way round, the suite finds what it must: that the other pair signs."""
    port = free_port()
    with Running(app_id=DECLARED, webhook_private=True) as server:
        app_id, key, secret = application(server, "Rotating")
        server.command("webhook", "add", app_id, f"http://127.0.0.1:{port}/webhooks")
        newer_key, newer_secret = rotated(server, app_id)
        run = ask(
            tmp_path_factory.mktemp("rotating"),
            *at(server, app_id, newer_key),
            *("--second-key", key, "--webhook-port", str(port), "--only", "webhook key", "--only", "second key"),
            *("--secret", "-", "--second-secret", "-"),
            stdin=f"{newer_secret}\n{secret}\n",
        )
    failed = run.of("failed")
    assert [name.partition(":")[0] for name in failed] == ["Webhook key"], run.failures
    assert "  expected  the older key\n  came      the newer key\n" in run.out
    assert len(run.of("passed")) == 6


def test_a_second_pair_that_was_revoked_fails(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Running(app_id=DECLARED) as server:
        app_id, key, secret = application(server, "Revoked")
        second_key, second_secret = rotated(server, app_id)
        server.command("app", "revoke", second_key)
        run = ask(
            tmp_path_factory.mktemp("revoked"),
            *at(server, app_id, key),
            *("--second-key", second_key, "--only", "second key"),
            secret=secret,
            second_secret=second_secret,
        )
    # What names the one and is signed by the other is refused all the same.
    assert (len(run.of("failed")), len(run.of("passed"))) == (4, 2), run.failures
    assert all(one not in run.out for one in (secret, second_secret))
