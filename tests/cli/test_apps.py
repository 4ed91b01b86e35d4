import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, answer, fields, people, says, table


def create(run: Run, *arguments: str) -> dict[str, Any]:
    made: dict[str, Any] = answer(run, "app", "create", *arguments)
    return made


def show(run: Run, id_or_key: str, *arguments: str) -> dict[str, Any]:
    shown: dict[str, Any] = answer(run, "app", "show", id_or_key, *arguments)
    return shown


def ids(run: Run, *arguments: str) -> list[str]:
    return [app["id"] for app in answer(run, "app", "list", *arguments)]


# From the first command to the last


def test_an_application_is_made_changed_lent_and_archived(migrated: Run) -> None:
    people(migrated)
    made = fields(says(migrated, "app", "create", "Chat", "--org", "acme-inc"))
    assert fields(says(migrated, "app", "show", made["Id"], "--secret")) == made | {"Owner": "acme-inc"}

    assert (
        says(migrated, "app", "set", made["Id"], "client_events=true", "max_event_bytes=20000")
        == "Application 1 is changed.\n"
    )
    assert (
        says(migrated, "app", "lend", made["Key"], "--to", "globex") == f"globex may use application {made['Key']}.\n"
    )
    assert table(says(migrated, "app", "list"))[1] == ["1", "Chat", made["Key"], "acme-inc", "globex"]
    assert says(migrated, "app", "take-back", "1", "--from", "globex") == "globex may no longer use application 1.\n"

    rotated = migrated("app", "rotate", "1")
    newer = fields(rotated.stdout)
    assert newer.keys() == {"Id", "Key", "Secret"}
    assert rotated.stderr == "The old keys stay valid too, until `hubbub app revoke KEY`.\n"
    assert says(migrated, "app", "revoke", made["Key"]) == f"Key {made['Key']} of application 1 is revoked.\n"
    shown = fields(says(migrated, "app", "show", newer["Key"]))
    assert (shown["Key"], shown["client_events"], shown["max_event_bytes"]) == (newer["Key"], "true", "20000")

    assert says(migrated, "app", "archive", "1") == "Application 1 is archived.\n"
    assert table(says(migrated, "app", "list", "--archived"))[1][:2] == ["1", "Chat"]
    assert says(migrated, "app", "unarchive", "1") == "Application 1 is back.\n"
    assert table(says(migrated, "app", "list"))[1][:2] == ["1", "Chat"]


# create


def test_a_created_application_shows_its_key_and_secret(migrated: Run) -> None:
    made = fields(migrated("app", "create", "Chat").stdout)
    assert made.keys() == {"Application", "Id", "Key", "Secret"}
    assert made["Application"] == "Chat"


def test_client_events_have_a_flag_of_their_own(migrated: Run) -> None:
    assert create(migrated, "Chat", "--client-events")["settings"]["client_events"] is True
    assert create(migrated, "Chat")["settings"]["client_events"] is False


def test_any_setting_of_an_application_can_be_set(migrated: Run) -> None:
    app = create(migrated, "Chat", "--set", "max_presence_members=7", "--set", "force_tls = yes")
    assert (app["settings"]["max_presence_members"], app["settings"]["force_tls"]) == (7, True)
    shown = migrated("app", "show", app["id"]).stdout
    assert fields(shown) | {"max_presence_members": "7", "force_tls": "true"} == fields(shown)


@pytest.mark.parametrize(
    ("setting", "message", "status"),
    [
        ("colour=red", "settings has no setting 'colour'\n", 1),
        ("max_presence_members=0", "settings.max_presence_members Input should be greater than or equal to 1\n", 1),
        ("enabled=perhaps", "settings.enabled Input should be a valid boolean", 1),
        ("enabled", "'enabled' is not NAME=VALUE", 2),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_done(migrated: Run, setting: str, message: str, status: int) -> None:
    assert message in migrated("app", "create", "Chat", "--set", setting, status=status).stderr
    assert ids(migrated) == []
    app = create(migrated, "Chat")
    assert message in migrated("app", "set", "1", setting, status=status).stderr
    assert show(migrated, "1", "--secret") == app


@pytest.mark.parametrize(
    ("name", "message"), [("", "can't be blank"), (" ", "can't be blank"), ("x" * 256, "at most 255 character(s)")]
)
def test_a_name_without_a_use_is_refused(migrated: Run, name: str, message: str) -> None:
    refused = migrated("app", "create", name, status=1).stderr
    assert refused.startswith("name ")
    assert message in refused


@pytest.mark.parametrize("flag", ["--org", "--organization"])
def test_an_organization_may_own_it_if_there_is_one_of_that_slug(migrated: Run, flag: str) -> None:
    assert (
        migrated("app", "create", "Chat", flag, "acme-inc", status=1).stderr
        == "There is no organization 'acme-inc', or it is archived.\n"
    )
    migrated("seed")
    made = create(migrated, "Chat", flag, "acme-inc")
    assert (made["name"], made["owners"]) == ("Chat", ["acme-inc"])
    migrated("org", "archive", "acme-inc")
    assert "or it is archived" in migrated("app", "create", "Chat", flag, "acme-inc", status=1).stderr


# list, show


def test_the_list_has_a_line_for_each_application_and_no_secret(migrated: Run) -> None:
    made = [create(migrated, name) for name in ("Chat", "Orders")]
    listed = migrated("app", "list").stdout
    assert table(listed) == [
        ["ID", "NAME", "KEY", "OWNER", "LENT TO"],
        *([app["id"], app["name"], app["key_pairs"][0]["key"], "-", "-"] for app in made),
    ]
    assert [app for app in made if app["key_pairs"][0]["secret"] in listed] == []


def test_an_empty_list_says_what_to_do(migrated: Run) -> None:
    assert "run `hubbub app create NAME`" in migrated("app", "list").stdout
    assert migrated("app", "list", "--archived").stdout == "No application is archived.\n"
    assert ids(migrated) == ids(migrated, "--archived") == []


def test_a_list_longer_than_a_page_is_whole(migrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubbub.cli.asking.PAGE", 2)
    made = [create(migrated, f"App {number}")["id"] for number in range(5)]
    assert ids(migrated) == made


@pytest.mark.parametrize("by", ["id", "key"])
def test_an_application_is_shown_by_its_id_or_a_key(migrated: Run, by: str) -> None:
    app = create(migrated, "Chat")
    secret = app["key_pairs"][0]["secret"]
    asked = {"id": app["id"], "key": app["key_pairs"][0]["key"]}[by]
    assert show(migrated, asked, "--secret") == app
    assert secret not in migrated("app", "show", asked, "--json").stdout
    assert secret not in migrated("app", "show", asked).stdout
    assert secret in migrated("app", "show", asked, "--secret").stdout


def test_an_application_that_is_not_there_is_said_not_to_be(migrated: Run) -> None:
    assert migrated("app", "show", "7", status=1).stderr == "There is no application with the id or key '7'.\n"


def test_nothing_is_done_with_an_application_that_is_not_there(anywhere: Run) -> None:
    verbs = [("set", "enabled=false"), ("rotate",), ("revoke",), ("archive",), ("lend", "--to", "acme-inc")]
    for word in ("no such", "7", "07", "\udc80", "a\0b", "4" * 400):
        for verb, *others in verbs:
            refused = anywhere("app", verb, word, *others, status=1).stderr
            assert refused.startswith("There is no application with the id or key ")
            assert refused.count("\n") == 1


def test_holders_are_shown_and_those_archived_as_such(anywhere: Run) -> None:
    people(anywhere)
    made = create(anywhere, "Chat", "--org", "acme-inc")
    anywhere("app", "lend", "1", "--to", "globex")
    shown = show(anywhere, "1", "--secret")
    assert shown == made | {"borrowers": ["globex"]}
    anywhere("org", "archive", "globex")
    lines = fields(anywhere("app", "show", "1").stdout)
    assert (lines["Owner"], lines["Lentto"]) == ("acme-inc", "globex(archived)")


# The application that settings declare


@pytest.fixture
def declared(migrated: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in {"ID": "7", "KEY": "declared-key", "SECRET": "declared-secret"}.items():
        monkeypatch.setenv(f"HUBBUB_APP_{name}", value)
    return migrated


def test_the_declared_application_is_listed_and_shown(declared: Run) -> None:
    create(declared, "Chat")
    listed = declared("app", "list").stdout
    assert table(listed)[1][:3] == ["7", "declared by settings", "declared-key"]
    assert ids(declared) == ["7", "1"]
    assert ids(declared, "--archived") == []
    for asked in ("7", "declared-key"):
        shown = show(declared, asked)
        assert (shown["is_declared"], shown["key_pairs"]) == (True, [{"key": "declared-key"}])
        assert shown["settings"]["client_events"] is True
    assert "declared-secret" not in listed + declared("app", "show", "7").stdout
    assert "declared-secret" in declared("app", "show", "7", "--secret").stdout
    assert show(declared, "1")["is_declared"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        ("set", "7", "enabled=false"),
        ("rotate", "declared-key"),
        ("revoke", "declared-key"),
        ("archive", "7"),
        ("unarchive", "7"),
        ("lend", "7", "--to", "acme-inc"),
        ("take-back", "7", "--from", "acme-inc"),
    ],
)
def test_the_declared_application_is_changed_where_it_is_declared(declared: Run, arguments: tuple[str, ...]) -> None:
    assert declared("app", *arguments, status=1).stderr == (
        "Application 7 is declared by settings: change those instead.\n"
    )


# set


def test_settings_that_are_not_named_stay_and_one_without_a_value_is_the_default_again(anywhere: Run) -> None:
    create(anywhere, "Chat", "--set", "max_event_bytes=20000", "--client-events")
    anywhere("app", "set", "1", "max_event_bytes=", "enabled=off")
    shown = fields(anywhere("app", "show", "1").stdout)
    assert "max_event_bytes" not in shown
    assert (shown["client_events"], shown["enabled"]) == ("true", "false")


def test_setting_nothing_is_a_usage_error(migrated: Run) -> None:
    create(migrated, "Chat")
    assert "Missing argument" in migrated("app", "set", "1", status=2).stderr


# Keys


def test_a_new_pair_is_printed_alone_and_the_old_one_stays(anywhere: Run) -> None:
    old = create(anywhere, "Chat")["key_pairs"]
    made = answer(anywhere, "app", "rotate", "1")
    assert made["id"] == "1"
    pairs = [*old, {"key": made["key"], "secret": made["secret"]}]
    assert show(anywhere, made["key"], "--secret")["key_pairs"] == pairs
    anywhere("app", "revoke", old[0]["key"])
    assert show(anywhere, "1", "--secret")["key_pairs"] == pairs[1:]
    assert "There is no application" in anywhere("app", "show", old[0]["key"], status=1).stderr
    assert "There is no application" in anywhere("app", "revoke", old[0]["key"], status=1).stderr


def test_the_last_key_stays(migrated: Run) -> None:
    [pair] = create(migrated, "Chat")["key_pairs"]
    assert migrated("app", "revoke", pair["key"], status=1).stderr == "key is the last key pair\n"
    assert show(migrated, "1", "--secret")["key_pairs"] == [pair]


# archive


def test_an_archived_application_can_be_seen_and_brought_back_and_nothing_else(migrated: Run) -> None:
    create(migrated, "Chat")
    migrated("app", "archive", "1")
    assert (ids(migrated), ids(migrated, "--archived")) == ([], ["1"])
    assert show(migrated, "1")["archived_at"].endswith("Z")
    for arguments in (("set", "1", "enabled=false"), ("rotate", "1"), ("lend", "1", "--to", "acme-inc")):
        assert migrated("app", *arguments, status=1).stderr == (
            "There is no application with the id or key '1', or it is archived.\n"
        )
    migrated("app", "archive", "1")
    migrated("app", "unarchive", "1")
    assert show(migrated, "1")["archived_at"] is None


def test_what_an_archived_organization_owns_is_listed_among_the_archived(anywhere: Run) -> None:
    people(anywhere)
    for name, organization in (("Chat", "acme-inc"), ("Orders", "globex")):
        create(anywhere, name, "--org", organization)
    create(anywhere, "Nobody's")
    anywhere("org", "archive", "acme-inc")
    assert (ids(anywhere), ids(anywhere, "--archived")) == (["2", "3"], ["1"])
    anywhere("org", "unarchive", "acme-inc")
    assert (ids(anywhere), ids(anywhere, "--archived")) == (["1", "2", "3"], [])


# lend


def test_an_application_is_not_lent_to_who_holds_it_or_is_not_there(migrated: Run) -> None:
    people(migrated)
    create(migrated, "Chat", "--org", "acme-inc")
    migrated("app", "lend", "1", "--to", "globex")
    for slug, message in (("globex", "holds the application already"), ("nobody", "does not exist")):
        assert migrated("app", "lend", "1", "--to", slug, status=1).stderr == f"organization {message}\n"
    migrated("app", "take-back", "1", "--from", "globex")
    for slug in ("globex", "acme-inc", "nobody"):
        assert migrated("app", "take-back", "1", "--from", slug, status=1).stderr == (
            f"There is no loan of application 1 to {slug!r}.\n"
        )
    assert migrated("app", "take-back", "2", "--from", "globex", status=1).stderr == (
        "There is no application with the id or key '2'.\n"
    )


def test_an_application_without_an_owner_can_be_lent_too(anywhere: Run) -> None:
    people(anywhere)
    create(anywhere, "Chat")
    anywhere("app", "lend", "1", "--to", "globex")
    shown = show(anywhere, "1")
    assert (shown["owners"], shown["borrowers"]) == ([], ["globex"])
    assert ids(anywhere) == ["1"]


# Once more, what no output may hold


def test_secrets_are_printed_only_where_they_are_asked_for(migrated: Run, tmp_path: Path) -> None:
    made = create(migrated, "Chat")
    newer = answer(migrated, "app", "rotate", "1")
    secrets = {made["key_pairs"][0]["secret"], newer["secret"]}
    printed = ""
    for arguments in (
        ("list",), ("list", "--json"), ("show", "1"), ("show", "1", "--json"), ("set", "1", "enabled=true"),
        ("archive", "1"), ("list", "--archived"), ("list", "--archived", "--json"), ("unarchive", "1"),
        ("revoke", newer["key"]),
    ):  # fmt: skip
        printed += migrated("app", *arguments).output
    assert [secret for secret in secrets if secret in printed] == []
    assert json.dumps(made)  # what is for programs is plain JSON
