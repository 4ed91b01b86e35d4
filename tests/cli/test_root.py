import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from hubbub.cli import commands

from .conftest import Run, fields, program


def every_command() -> list[tuple[tuple[str, ...], Any]]:
    """Give each command and group with the words that lead to it."""
    found: list[tuple[tuple[str, ...], Any]] = []

    def walk(path: tuple[str, ...], command: Any) -> None:
        found.append((path, command))
        for name, below in getattr(command, "commands", {}).items():
            walk((*path, name), below)

    walk((), typer.main.get_command(commands))
    return found


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, bool]]:
    """Give what the server was started with, in place of starting it."""
    calls: list[tuple[Any, bool]] = []
    server = ModuleType("hubbub.serve")
    server.__dict__["serve"] = lambda settings, *, show_keys: calls.append((settings, show_keys))
    monkeypatch.setitem(sys.modules, "hubbub.serve", server)
    return calls


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


def test_help_loads_nothing_but_the_commands() -> None:
    code = (
        "import sys; from hubbub.cli import commands; commands(['--help'], standalone_mode=False);"
        " heavy = {'asyncio', 'msgspec', 'pydantic', 'sqlalchemy', 'alembic', 'uvicorn', 'argon2'} & set(sys.modules);"
        " ours = {name for name in sys.modules if name.startswith('hubbub.') and not name.startswith('hubbub.cli')};"
        " sys.exit(f'loaded: {heavy | ours}' if heavy | ours else 0)"
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


def test_every_command_and_every_option_has_a_help(run: Run) -> None:
    for path, command in every_command():
        assert command.help, path
        assert [option.name for option in command.params if not option.help and option.name != "help"] == [], path
        assert "Usage: " in run(*path, "--help").stdout


def test_the_page_of_commands_names_every_command() -> None:
    page = Path(__file__).parents[2].joinpath("docs/commands.md").read_text(encoding="utf-8")
    commands = [" ".join(path) for path, command in every_command() if not hasattr(command, "commands")]
    assert [command for command in commands if not re.search(rf"`hubbub {command}[` ]", page)] == []


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
