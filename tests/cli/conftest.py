"""Commands in an empty folder: within this process, which is quick, and as the program that people run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hubbub.accounts import users
from hubbub.cli import commands

Run = Callable[..., Result]
"""Runs a command, and fails unless it ends with `status`, 0 unless told. `stdin` is what it may read."""


@pytest.fixture(autouse=True)
def _new_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave the developer's own variables and hubbub.toml outside."""
    for name in os.environ:
        if name.startswith("HUBBUB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run() -> Run:
    def run(*arguments: str, status: int = 0, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(commands, arguments, input=stdin)
        assert result.exit_code == status, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def migrated(run: Run, migrated_file: Path) -> Run:
    """Give a way to run commands on an empty database, SQLite, where it is unless told."""
    Path("var").mkdir()
    shutil.copyfile(migrated_file, "var/hubbub.db")
    return run


@pytest.fixture
def anywhere(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a way to run commands on an empty database: the test runs once on SQLite, and once on PostgreSQL."""
    monkeypatch.setenv("HUBBUB_DATABASE_URL", url)
    return run


def program(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program, whatever becomes of it."""
    return subprocess.run(
        [sys.executable, "-m", "hubbub", *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def says(run: Run, *arguments: str) -> str:
    """Give what a command prints for people."""
    return run(*arguments).stdout


def fields(output: str) -> dict[str, str]:
    """Read the lines `Name: value`."""
    return dict(line.split(":", 1) for line in output.replace(": ", ":").replace(" ", "").splitlines())


def table(output: str) -> list[list[str]]:
    """Read the cells of a table whose cells hold no two spaces."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in output.splitlines()]


def answer(run: Run, *arguments: str) -> Any:
    """Give what a command prints for programs."""
    return json.loads(run(*arguments, "--json").stdout)


def people(run: Run) -> None:
    """Create a root user, Jane and Joe, and the organizations of the latter two. None of them can sign in."""
    with pytest.MonkeyPatch.context() as quickly:
        quickly.setattr(users, "hash_password", lambda password: f"hash of {len(password)} characters")
        run("user", "create", "--email", "root@example.com", "--name", "Root", "--password", "long enough", "--root")
        for name, organization in (("Jane", "Acme Inc."), ("Joe", "Globex")):
            email = f"{name.lower()}@example.com"
            run("user", "create", "--email", email, "--name", name, "--password", "long enough")
            run("org", "create", organization, "--owner", email)
