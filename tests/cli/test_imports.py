"""`hubbub import`: applications of soketi, Reverb and Pusher, as those write them down."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run

SOKETI = {
    "port": 6001,
    "appManager.driver": "array",
    "eventLimits.maxPayloadInKb": 50,
    "appManager.array.apps": [
        {
            "id": "app-id",
            "key": "app-key",
            "secret": "soketi-secret-1",
            "enabled": True,
            "maxConnections": 250,
            "enableClientMessages": True,
            "enableUserAuthentication": True,
            "maxBackendEventsPerSecond": 40,
            "maxClientEventsPerSecond": 7,
            "maxReadRequestsPerSecond": 5,
            "webhooks": [
                {
                    "url": "https://example.com/pusher",
                    "event_types": ["channel_occupied", "cache_miss", "client_event", "weather"],
                    "headers": {"X-Token": "header-secret"},
                    "filter": {"channel_name_starts_with": "private-"},
                },
                {"url": "https://example.com/ends", "event_types": ["member_added"],
                 "filter": {"channel_name_ends_with": "-log"}},
                {"lambda_function": "told", "event_types": ["member_added"]},
                {"url": "http://localhost:3000/here", "event_types": ["member_added"]},
            ],
        },
        {"id": 77, "key": "plain-key", "secret": "soketi-secret-2", "enabled": False, "maxConnections": -1},
    ],
}  # fmt: skip

ROWS = """\
id,key,secret,max_connections,enable_client_messages,enabled,max_backend_events_per_sec,max_client_events_per_sec,webhooks
5,row-key,row-secret,200,1,1,-1,3,"[{""url"":""https://example.com/rows"",""event_types"":[""member_removed""]}]"
6,other-key,other-secret,,0,0,,,
"""

REVERB = """\
APP_NAME="Chat & more"
BROADCAST_CONNECTION=reverb
REVERB_APP_ID=801234
REVERB_APP_KEY=reverbkeyreverbkey00
REVERB_APP_SECRET="reverb-secret"
REVERB_HOST="localhost"
REVERB_SERVER_PORT=8080
REVERB_APP_MAX_MESSAGE_SIZE=30000
VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"
"""

SECRETS = ("soketi-secret", "row-secret", "other-secret", "header-secret", "reverb-secret", "pusher-secret")


def written(name: str, content: object) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name


def brought(run: Run, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """Import, and give what is said of each application; no secret is."""
    result = run("import", *arguments, "--json", status=status)
    assert not [secret for secret in SECRETS if secret in result.output]
    steps: list[dict[str, Any]] = json.loads(result.stdout)
    return steps


def shown(run: Run, reference: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(run("app", "show", reference, "--secret", "--json").stdout)
    return card


def test_soketis_configuration_becomes_applications(anywhere: Run) -> None:
    anywhere("migrate")
    anywhere("user", "create", "--email", "jane@example.com", "--name", "Jane")
    anywhere("org", "create", "Acme", "--owner", "jane@example.com")
    file = written("soketi.json", SOKETI)
    told = brought(anywhere, "soketi", file, "--org", "acme")
    assert [(step["verdict"], step["id"], step["alias"]) for step in told] == [
        ("new", "78", "app-id"),
        ("new", "77", None),
    ]
    card = shown(anywhere, "app-key")
    assert card["key_pairs"] == [{"key": "app-key", "secret": "soketi-secret-1"}]
    assert (card["id"], card["alias"], card["owners"]) == ("78", "app-id", ["acme"])
    wanted = {
        "client_events": True,
        "max_connections": 250,
        "events_per_second": 40,
        "client_events_per_second": 7,
        "authorized_connections": True,
        "max_event_bytes": 51_200,
        "max_presence_member_bytes": 2048,
        "webhook_batches": False,
    }
    assert told[0]["settings"] == wanted
    assert wanted.items() <= card["settings"].items()
    assert shown(anywhere, "77")["settings"]["enabled"] is False
    [webhook] = json.loads(anywhere("webhook", "list", "78", "--secret", "--json").stdout)
    assert webhook["url"] == "https://example.com/pusher"
    assert webhook["kinds"] == ["channel_occupied", "client_event", "cache_miss"]
    assert webhook["channel_prefix"] == "private-"
    assert webhook["headers"] == {"X-Token": "header-secret"}
    lost = " ".join(told[0]["not_kept"])
    for word in ("'weather'", "Lambda", "how they end", "HUBBUB_WEBHOOK_PRIVATE", "maxReadRequestsPerSecond"):
        assert word in lost
    # What is made after it has a number of its own.
    assert int(json.loads(anywhere("app", "create", "later", "--json").stdout)["id"]) == 79


def test_a_dry_run_says_the_same_and_changes_nothing(migrated: Run) -> None:
    file = written("soketi.json", SOKETI)
    dry = migrated("import", "soketi", file, "--dry-run")
    assert "Nothing was changed" in dry.stderr
    assert "set HUBBUB_PORT" in dry.stderr
    assert "no application" in migrated("app", "list").stdout
    done = migrated("import", "soketi", file)
    said = dry.stdout.replace("Would create", "Created").replace("application the next number", "application 78")
    assert said == done.stdout


def test_a_second_time_nothing_is_new_and_differences_are_told(migrated: Run) -> None:
    file = written("soketi.json", SOKETI)
    brought(migrated, "soketi", file)
    assert {step["verdict"] for step in brought(migrated, "soketi", file)} == {"there"}
    assert not any(step["differences"] for step in brought(migrated, "soketi", file))
    migrated("app", "set", "app-key", "max_connections=9")
    webhook = json.loads(migrated("webhook", "list", "78", "--json").stdout)[0]["id"]
    migrated("webhook", "remove", str(webhook))
    [first, second] = brought(migrated, "soketi", file)
    assert first["differences"] == [
        "max_connections is 9 here, and would be 250",
        "there is no such webhook here: https://example.com/pusher",
    ]
    assert second["differences"] == []
    assert shown(migrated, "app-key")["settings"]["max_connections"] == 9
    assert len(json.loads(migrated("app", "list", "--json").stdout)) == 2


def test_what_collides_is_refused_and_nothing_is_done(migrated: Run) -> None:
    migrated("app", "create", "mine")
    apps = [
        {"id": "1", "key": "new-key", "secret": "other-secret"},
        {"id": "50", "key": "fine-key", "secret": "other-secret"},
        {"id": "51", "key": "has a space", "secret": "other-secret"},
        {"id": "50", "key": "again-key", "secret": "other-secret"},
    ]
    steps = brought(migrated, "soketi", written("rows.json", apps), status=1)
    assert [step["verdict"] for step in steps] == ["refused", "new", "refused", "refused"]
    assert "application 1 here, 'mine'" in steps[0]["conflicts"][0]
    assert "letters, digits" in steps[2]["conflicts"][0]
    assert steps[3]["conflicts"] == ["its id is that of 'Application 50' too"]
    assert len(json.loads(migrated("app", "list", "--json").stdout)) == 1
    [step] = brought(migrated, "soketi", written("one.json", apps[:1]), "--new-ids")
    assert (step["verdict"], step["id"], step["alias"]) == ("new", "2", "1")


def test_odd_values_are_refused_or_lost_without_a_word_of_secrets(migrated: Run) -> None:
    secret = "other-secret-1"
    hook = {"url": f"https://user:{secret}@example.com/x", "event_types": ["member_added"]}
    apps = [
        {"id": "1", "key": "k1", "secret": f"{secret}\ud800"},
        {"id": "2", "key": "k2", "secret": f"{secret}\0"},
        {"id": "3", "key": "k3", "secret": secret * 20},
        {"id": "4", "key": "k4", "secret": secret, "name": "\x1b]0;title\x07", "webhooks": [hook]},
        {"id": "5", "key": "k5", "secret": secret, "webhooks": "[" * 100_000},
        {"id": "6", "key": "k6", "secret": secret, "webhooks": [hook]},
    ]
    written("odd.json", {"appManager.array.apps": apps})
    steps = brought(migrated, "soketi", "odd.json", status=1)
    assert [step["verdict"] for step in steps] == [*["refused"] * 4, "new", "new"]
    assert "https://example.com/x" in steps[5]["not_kept"][0]
    shown = migrated("import", "soketi", "odd.json", status=1).output
    assert secret not in shown
    assert "\x1b" not in shown


def test_a_key_with_another_secret_or_revoked_is_refused(migrated: Run) -> None:
    brought(migrated, "soketi", written("soketi.json", SOKETI))
    other = [{"id": "77", "key": "plain-key", "secret": "other-secret"}]
    [step] = brought(migrated, "soketi", written("rows.json", other), status=1)
    assert "with another secret" in step["conflicts"][0]
    migrated("app", "rotate", "77")
    migrated("app", "revoke", "plain-key")
    [step] = brought(migrated, "soketi", written("rows.json", other), status=1)
    assert "revoked here, at application 77" in step["conflicts"][0]


def test_rows_of_soketis_table_are_read_as_csv(migrated: Run) -> None:
    variables = "SOKETI_APP_MANAGER_DRIVER=mysql\nSOKETI_EVENT_MAX_SIZE_IN_KB=10\nSOKETI_PRESENCE_MAX_MEMBER_SIZE=1\n"
    environment = written("soketi.env", variables)
    assert "the rows of that table" in migrated("import", "soketi", environment, status=1).stderr
    first, second = brought(migrated, "soketi", environment, written("apps.csv", ROWS))
    assert (first["id"], second["id"]) == ("5", "6")
    assert first["settings"] == {
        "client_events": True,
        "client_events_per_second": 3,
        "max_connections": 200,
        "webhook_batches": False,
    }
    assert first["webhooks"][0]["kinds"] == ["member_removed"]
    assert second["settings"] == {"enabled": False}


def test_soketis_variables_win_over_its_file(migrated: Run) -> None:
    variables = written(
        "soketi.env",
        'SOKETI_DEFAULT_APP_ID=00123\nSOKETI_DEFAULT_APP_KEY=99\nSOKETI_DEFAULT_APP_SECRET="soketi-secret-9"\n'
        "SOKETI_DEFAULT_APP_ENABLE_CLIENT_MESSAGES=true\nSOKETI_DEFAULT_APP_MAX_CONNS=3\n"
        'SOKETI_DEFAULT_APP_WEBHOOKS=\'[{"url":"https://example.com/?t=hook-secret","event_types":["client_event"]}]\'\n',
    )
    nested = {"appManager": {"array": {"apps": [{"id": "8", "key": "file-key", "maxConnections": 7}]}}}
    [step] = brought(migrated, "soketi", variables, written("soketi.json", nested))
    assert (step["foreign_id"], step["key"], step["settings"]["max_connections"]) == ("00123", "99", 3)
    assert step["settings"]["client_events_per_second"] == 1_000_000, "soketi has no limit unless told"
    assert step["webhooks"][0]["url"] == "https://example.com/?…"
    [webhook] = json.loads(migrated("webhook", "list", step["id"], "--json").stdout)
    assert webhook["url"] == "https://example.com/?t=hook-secret"
    assert shown(migrated, step["id"])["key_pairs"][0] == {"key": "99", "secret": "soketi-secret-9"}


def test_reverbs_variables_become_an_application(migrated: Run) -> None:
    result = migrated("import", "reverb", written(".env", REVERB))
    assert "Chat & more, id 801234" in result.stdout
    assert "HUBBUB_MAX_MESSAGE_BYTES" in result.stdout
    assert "set HUBBUB_PORT" in result.stderr
    card = shown(migrated, "801234")
    assert card["key_pairs"] == [{"key": "reverbkeyreverbkey00", "secret": "reverb-secret"}]
    assert card["settings"]["client_events"] is True
    assert card["settings"]["max_event_bytes"] == 30_000


def test_reverbs_configuration_is_read_as_php_says_it(migrated: Run) -> None:
    one = {
        "app_id": "802",
        "key": "reverb-key",
        "secret": "reverb-secret",
        "options": {"host": "localhost", "port": 443, "scheme": "https", "useTLS": True},
        "allowed_origins": ["example.com", "*.example.org"],
        "ping_interval": 60,
        "activity_timeout": 30,
        "max_connections": None,
        "max_message_size": 10_000,
        "accept_client_events_from": "members",
        "rate_limiting": {"enabled": True, "max_attempts": 60, "decay_seconds": 60, "terminate_on_limit": False},
    }
    other = {**one, "app_id": "803", "key": "other-key", "allowed_origins": ["*"], "accept_client_events_from": "none"}
    configuration = {"default": "reverb", "apps": {"provider": "config", "apps": [one, other]}}
    first, second = brought(migrated, "reverb", written("reverb.json", configuration))
    assert first["settings"] == {
        "client_events": True,
        "client_events_per_second": 1,
        "allowed_origins": "example.com,*.example.org",
    }
    assert second["settings"] == {}
    assert any("HUBBUB_PING_AFTER" in lost for lost in first["not_kept"])
    php = migrated("import", "reverb", written("reverb.php", "<?php return ['apps' => []];"), status=1)
    assert "json_encode(config('reverb'))" in php.stderr


@pytest.mark.parametrize(
    "content",
    [
        "PUSHER_APP_ID=1234567\nPUSHER_APP_KEY=pusher-key\nPUSHER_APP_SECRET=pusher-secret\nPUSHER_APP_CLUSTER=eu\n",
        "PUSHER_URL=https://pusher-key:pusher-secret@api-eu.pusher.com/apps/1234567\n",
    ],
)
def test_pushers_variables_become_an_application(migrated: Run, content: str) -> None:
    [step] = brought(migrated, "pusher-env", written("one.env", content))
    assert (step["id"], step["key"]) == ("1234567", "pusher-key")
    assert shown(migrated, "pusher-key")["key_pairs"][0]["secret"] == "pusher-secret"


def test_rows_of_expusherlites_applications_are_read(migrated: Run) -> None:
    rows = (
        "id,name,app_key,app_secret,archived_at,inserted_at,updated_at\n"
        "1,Test App,4036de82-c6ab-11e6-9a53-28cfe91ef193,other-secret,,2016-12-20 12:00:00,2016-12-20 12:00:00\n"
        "2,Old,5036de82-c6ab-11e6-9a53-28cfe91ef193,other-secret,2017-01-01 12:00:00,,\n"
    )
    first, second = brought(migrated, "expusherlite", written("applications.csv", rows))
    assert (first["id"], first["name"], first["settings"]) == ("1", "Test App", {})
    assert second["settings"] == {"enabled": False}
    card = shown(migrated, "4036de82-c6ab-11e6-9a53-28cfe91ef193")
    assert card["key_pairs"][0]["secret"] == "other-secret"


@pytest.mark.parametrize(
    ("server", "name", "content", "said"),
    [
        ("soketi", "soketi.json", "{", "not JSON in line 1"),
        ("soketi", "soketi.json", {"port": 6001}, "no application"),
        ("soketi", "rows.json", [1, 2], "other things"),
        ("soketi", "compose.yaml", "services: {}", ".yaml is not read"),
        ("soketi", "notes.txt", "Dear friend", "neither variables"),
        ("reverb", ".env", "REVERB_APP_ID=1\n", "no REVERB_APP_KEY, REVERB_APP_SECRET"),
        ("reverb", "reverb.json", {"apps": {"apps": [{"app_id": 1}]}}, "application 1 has no key, secret"),
        ("pusher-env", ".env", "PUSHER_APP_ID=1\n", "has neither PUSHER_APP_ID"),
        ("expusherlite", ".env", "A=1\n", "\\copy applications"),
        ("expusherlite", "rows.csv", "id,name\n1,x\n", "row 1 has no app_key, app_secret"),
    ],
)
def test_what_cannot_be_read_is_said(migrated: Run, server: str, name: str, content: object, said: str) -> None:
    result = migrated("import", server, written(name, content), status=1)
    assert said in result.stderr
    assert "no application" in migrated("app", "list").stdout


def test_an_unknown_organization_is_refused(migrated: Run) -> None:
    result = migrated("import", "reverb", written(".env", REVERB), "--org", "nobody", status=1)
    assert "There is no organization 'nobody'" in result.stderr
