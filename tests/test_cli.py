import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hubbub.cli import commands

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _new_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave the developer's own variables and hubbub.toml outside."""
    for name in os.environ:
        if name.startswith("HUBBUB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run() -> Run:
    def run(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(commands, arguments)
        assert result.exit_code == status, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def migrated(run: Run) -> Run:
    run("migrate")
    return run


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, bool]]:
    """Give what the server was started with, in place of starting it."""
    calls: list[tuple[Any, bool]] = []
    server = ModuleType("hubbub.server")
    server.__dict__["serve"] = lambda settings, *, show_keys: calls.append((settings, show_keys))
    monkeypatch.setitem(sys.modules, "hubbub.server", server)
    return calls


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubbub", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def fields(output: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in output.replace(": ", ":").replace(" ", "").splitlines())


def create(run: Run, *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("app", "create", *arguments, "--json").stdout)
    return answer


# The program


def test_the_program_starts_from_nothing_and_keeps_what_it_made(tmp_path: Path) -> None:
    assert "The database is at revision" in program("migrate").stdout
    assert (tmp_path / "var/hubbub.db").is_file()
    made = fields(program("app", "create", "Chat").stdout)
    shown = program("app", "show", made["Key"], "--secret")
    assert fields(shown.stdout) == made
    assert (shown.returncode, shown.stderr) == (0, "")


def test_the_program_says_what_is_wrong_without_a_traceback() -> None:
    done = program("app", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("There is no database at /")
    assert done.stderr.endswith("/var/hubbub.db yet: run `hubbub migrate`, or go to the folder of your server.\n")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from hubbub.cli import commands; commands(['--help'], standalone_mode=False);"
        " heavy = {'sqlalchemy', 'alembic', 'pydantic', 'uvicorn', 'argon2', 'asyncpg'} & set(sys.modules);"
        " sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: " in done.stdout


def test_the_traceback_of_a_bug_shows_no_local_variables() -> None:
    code = (
        "import hubbub.store, hubbub.cli, sys\n"
        "def migrate(url):\n"
        "    password = 'hunter' + '2'\n"
        "    raise TypeError('a bug')\n"
        "hubbub.store.migrate = migrate\n"
        "sys.argv = ['hubbub', 'migrate']\n"
        "hubbub.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "TypeError: a bug" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("serve",),
        ("migrate",),
        ("seed",),
        ("settings",),
        ("app",),
        ("app", "create"),
        ("app", "list"),
        ("app", "show"),
    ],
)
def test_every_command_has_a_help(run: Run, arguments: tuple[str, ...]) -> None:
    assert "Usage: " in run(*arguments, "--help").stdout


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.startswith("hubbub")


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    assert "No such command 'fly'" in run("fly", status=2).stderr


# serve


def test_serve_runs_with_the_settings_as_they_are(run: Run, served: list[tuple[Any, bool]]) -> None:
    run("serve")
    [(settings, show_keys)] = served
    assert (settings.host, settings.port, settings.uds, settings.workers) == ("127.0.0.1", 4000, None, 1)
    assert not show_keys


def test_flags_win_over_variables_and_variables_over_the_file(
    run: Run, served: list[tuple[Any, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("hubbub.toml").write_text('host = "10.0.0.1"\nport = 1\nworkers = 3\nlog_level = "error"\n')
    monkeypatch.setenv("HUBBUB_PORT", "2")
    monkeypatch.setenv("HUBBUB_HOST", "10.0.0.2")
    run("serve", "--host", "10.0.0.3", "--uds", "a.sock", "--show-keys")
    [(settings, show_keys)] = served
    assert (settings.host, settings.port, settings.workers, settings.log_level) == ("10.0.0.3", 2, 3, "error")
    assert settings.uds == Path("a.sock")
    assert show_keys


def test_zero_is_a_flag_too(run: Run, served: list[tuple[Any, bool]]) -> None:
    run("serve", "--port", "0")
    assert served[0][0].port == 0


@pytest.mark.parametrize(
    ("flag", "value", "variable"), [("--port", "99999", "HUBBUB_PORT"), ("--workers", "0", "HUBBUB_WORKERS")]
)
def test_a_flag_out_of_its_range_is_named(
    run: Run, served: list[tuple[Any, bool]], flag: str, value: str, variable: str
) -> None:
    assert run("serve", flag, value, status=2).stderr.startswith(f"{variable}: ")
    assert served == []


# migrate, seed


def test_migrating_again_is_no_error(migrated: Run) -> None:
    assert "The database is at revision" in migrated("migrate").stdout


@pytest.mark.parametrize("arguments", [("seed",), ("app", "list"), ("app", "show", "1"), ("app", "create", "Chat")])
def test_a_database_that_is_not_migrated_is_said_to_be_so(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, status=2)
    assert "run `hubbub migrate`" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [("migrate",), ("seed",), ("app", "list")])
def test_a_database_that_is_away_is_a_refusal(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HUBBUB_DATABASE_URL", "postgresql://admin:hunter2@127.0.0.1:1/n")
    result = run(*arguments, status=1)
    assert "try again later" in result.stderr
    assert "hunter2" not in result.output + caplog.text


def test_a_database_that_is_not_supported_is_not_printed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_DATABASE_URL", "mysql://admin:hunter2@db/n")
    result = run("migrate", status=2)
    assert "HUBBUB_DATABASE_URL: not a supported database" in result.stderr
    assert "hunter2" not in result.output


def test_seed_prints_what_is_needed_to_sign_in_and_to_publish_once(migrated: Run) -> None:
    said, _, hint = migrated("seed").stdout.rstrip("\n").rpartition("\n")
    assert hint == "Password and token are shown this once."
    seeded = fields(said)
    assert seeded["E-mail"] == "admin@example.com"
    assert seeded.keys() >= {"Password", "Token", "Application", "Id", "Key", "Secret"}
    again = migrated("seed").stdout
    assert "already has users" in again
    assert fields(migrated("app", "show", seeded["Id"], "--secret").stdout)["Secret"] == seeded["Secret"]


# app


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
    ("setting", "message"),
    [
        ("colour=red", "colour: not a setting of an application"),
        ("max_presence_members=0", "max_presence_members: Input should be greater than or equal to 1"),
        ("enabled=perhaps", "enabled: Input should be a valid boolean"),
        ("enabled", "'enabled' is not NAME=VALUE"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_created(migrated: Run, setting: str, message: str) -> None:
    assert message in migrated("app", "create", "Chat", "--set", setting, status=2).stderr
    assert json.loads(migrated("app", "list", "--json").stdout) == []


@pytest.mark.parametrize("name", ["", " ", "x" * 256])
def test_a_name_without_a_use_is_refused(migrated: Run, name: str) -> None:
    assert "1 to 255 characters" in migrated("app", "create", name, status=2).stderr


def test_an_organization_may_own_it_if_there_is_one_of_that_slug(migrated: Run) -> None:
    assert (
        "There is no organization 'acme-inc'"
        in migrated("app", "create", "Chat", "--organization", "acme-inc", status=2).stderr
    )
    migrated("seed")
    assert create(migrated, "Chat", "--organization", "acme-inc")["name"] == "Chat"


def test_the_list_has_a_line_for_each_application_and_no_secret(migrated: Run) -> None:
    made = [create(migrated, name) for name in ("Chat", "Orders")]
    listed = migrated("app", "list").stdout
    assert [line.split() for line in listed.splitlines()] == [
        ["ID", "NAME", "KEY"],
        *([app["id"], app["name"], app["key_pairs"][0]["key"]] for app in made),
    ]
    assert [app for app in made if app["key_pairs"][0]["secret"] in listed] == []


def test_an_empty_list_says_what_to_do(migrated: Run) -> None:
    assert "run `hubbub app create NAME`" in migrated("app", "list").stdout
    assert json.loads(migrated("app", "list", "--json").stdout) == []


@pytest.mark.parametrize("by", ["id", "key"])
def test_an_application_is_shown_by_its_id_or_a_key(migrated: Run, by: str) -> None:
    app = create(migrated, "Chat")
    secret = app["key_pairs"][0]["secret"]
    asked = {"id": app["id"], "key": app["key_pairs"][0]["key"]}[by]
    assert json.loads(migrated("app", "show", asked, "--json", "--secret").stdout) == app
    assert secret not in migrated("app", "show", asked, "--json").stdout
    assert secret not in migrated("app", "show", asked).stdout
    assert secret in migrated("app", "show", asked, "--secret").stdout


def test_an_application_that_is_not_there_is_said_not_to_be(migrated: Run) -> None:
    assert migrated("app", "show", "7", status=1).stderr == "There is no application with the id or key '7'.\n"


# settings


def test_settings_are_listed_without_secrets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_DATABASE_URL", "postgresql://admin:hunter2@db/n")
    monkeypatch.setenv("HUBBUB_PORT", "81")
    output = run("settings").stdout
    assert [line.split()[:3] for line in output.splitlines() if "HUBBUB_PORT " in line] == [
        ["HUBBUB_PORT", "81", "4000"]
    ]
    assert "hunter2" not in output


def test_settings_as_markdown_do_not_need_right_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_PORT", "wrong")
    assert "| `HUBBUB_PORT` | `4000` |" in run("settings", "--markdown").stdout
    assert "HUBBUB_PORT" in run("settings", status=2).stderr
