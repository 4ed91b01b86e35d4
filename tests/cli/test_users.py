import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress

import pytest

from hubbub.accounts.passwords import is_password

from .conftest import Run, answer, fields, people, program, says, table

JANE = ("--email", "jane@example.com", "--name", "Jane Doe")


def emails(run: Run, *arguments: str) -> list[str]:
    return [user["email"] for user in answer(run, "user", "list", *arguments)]


def test_a_user_is_made_by_the_program_archived_and_brought_back(migrated: Run) -> None:
    made = program("user", "create", *JANE, "--root")
    printed = fields(made.stdout)
    assert printed == {"User": "JaneDoe", "Id": "1", "E-mail": "jane@example.com", "Password": printed["Password"]}
    assert made.stderr == "The password is shown this once.\n"
    typed = program(
        "user", "create", "--email", "joe@example.com", "--name", "Joe", "--password", "-", stdin="a pass phrase\n"
    )
    assert fields(typed.stdout).keys() == {"User", "Id", "E-mail"}
    assert "a pass phrase" not in typed.stdout + typed.stderr
    head, jane, joe = table(says(migrated, "user", "list"))
    assert head == ["ID", "E-MAIL", "NAME", "ROOT", "CREATED"]
    assert (jane[:4], joe[:4]) == (
        ["1", "jane@example.com", "Jane Doe", "yes"],
        ["2", "joe@example.com", "Joe", "-"],
    )
    assert says(migrated, "user", "archive", "JOE@example.com") == "joe@example.com is archived.\n"
    assert table(says(migrated, "user", "list", "--archived"))[1][1] == "joe@example.com"
    assert says(migrated, "user", "unarchive", "joe@example.com") == "joe@example.com is back.\n"


def test_who_lost_their_authenticator_is_let_in_without(migrated: Run) -> None:
    migrated("user", "create", *JANE, "--password", "long enough")
    with closing(sqlite3.connect("var/hubbub.db")) as database, database:
        database.execute("UPDATE users SET second_factor_secret = 'x', second_factor_since = '2026-01-01 00:00:00'")
    said = says(migrated, "user", "two-factor-off", "JANE@example.com")
    assert said == "jane@example.com signs in with the password alone.\n"
    with closing(sqlite3.connect("var/hubbub.db")) as database:
        assert database.execute("SELECT second_factor_secret, second_factor_since FROM users").fetchall() == [
            (None, None)
        ]
    assert "nobody" in migrated("user", "two-factor-off", "nobody@example.com", status=1).stderr


def test_a_name_that_the_terminal_cannot_show_is_no_crash(migrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated("user", "create", "--email", "zoe@example.com", "--name", "Ω", "--password", "long enough")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    listed = program("user", "list").stdout
    assert "zoe@example.com" in listed
    assert "\\u03a9" in listed


def test_a_password_is_asked_for_at_a_terminal_and_not_shown(migrated: Run) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "hubbub", "user", "create", *JANE, "--password", "-"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as asking:
        os.close(theirs)
        shown = b""
        for prompt in (b"Password: ", b"Repeat for confirmation: "):
            while prompt not in shown:
                shown += os.read(ours, 1000)
            os.write(ours, b"long enough\n")
        with suppress(OSError):  # a terminal's other end is gone
            while more := os.read(ours, 1000):
                shown += more
        assert asking.wait(60) == 0
    os.close(ours)
    assert b"jane@example.com" in shown
    assert b"long enough" not in shown


def test_a_made_password_is_long_and_another_each_time(migrated: Run) -> None:
    made = {
        answer(migrated, "user", "create", "--email", f"{name}@example.com", "--name", name)["password"]
        for name in ("jane", "joe")
    }
    assert len(made) == 2
    assert {len(password) for password in made} == {20}  # 15 random bytes


def test_programs_get_the_user_and_a_password_only_if_it_was_made(migrated: Run) -> None:
    made = answer(migrated, "user", "create", *JANE, "--password", "long enough", "--root")
    assert made.pop("created_at").endswith("Z")
    assert made.pop("confirmed_at").endswith("Z")
    assert made == {"id": 1, "name": "Jane Doe", "email": "jane@example.com", "is_root": True, "archived_at": None}
    [listed] = answer(migrated, "user", "list")
    assert listed.keys() == {"id", "name", "email", "is_root", "created_at", "confirmed_at", "archived_at"}


@pytest.mark.parametrize("line", ["long enough\n", "long enough\r\n", "long enough", "long enough\nand more\n"])
def test_a_password_may_come_by_a_line_of_stdin(migrated: Run, line: str) -> None:
    migrated("user", "create", *JANE, "--password", "-", stdin=line)
    with closing(sqlite3.connect("var/hubbub.db")) as database:
        [(kept,)] = database.execute("SELECT password_hash FROM users")
    assert is_password(kept, "long enough")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--password", "short"), "password should have 8 to 1024 characters\n"),
        (("--password", ""), "password can't be blank\n"),
        (("--email", "jane"), "email is not an e-mail address\n"),
        (("--name", " "), "name can't be blank\n"),
        (("--name", "a\x1b[31m"), "name must not have control characters\n"),
        (("--email", "root@example.com"), "email has already been taken\n"),
        (("--email", "ROOT@example.com"), "email has already been taken\n"),
    ],
)
def test_what_is_wrong_is_named_and_nobody_is_created(migrated: Run, changed: tuple[str, ...], message: str) -> None:
    migrated("user", "create", "--email", "root@example.com", "--name", "Root", "--root")
    refused = migrated("user", "create", *JANE, *changed, status=1)
    assert (refused.stdout, refused.stderr) == ("", message)
    assert emails(migrated) == ["root@example.com"]


@pytest.mark.parametrize(("line", "message"), [("", "can't be blank"), (b"\xff" * 9 + b"\n", "cannot be encoded")])
def test_a_line_that_is_no_password_is_refused(migrated: Run, line: str | bytes, message: str) -> None:
    refused = migrated("user", "create", *JANE, "--password", "-", stdin=line, status=1)
    assert refused.stderr.startswith("password ")
    assert message in refused.stderr


@pytest.mark.parametrize("arguments", [(), ("--email", "jane@example.com"), ("--name", "Jane")])
def test_a_user_without_a_name_or_an_address_is_a_usage_error(migrated: Run, arguments: tuple[str, ...]) -> None:
    assert "Missing option" in migrated("user", "create", *arguments, status=2).stderr


def test_the_list_holds_those_who_are_not_archived(anywhere: Run) -> None:
    assert "run `hubbub user create`" in anywhere("user", "list").stdout
    assert anywhere("user", "list", "--archived").stdout == "No user is archived.\n"
    people(anywhere)
    anywhere("user", "archive", "3")
    assert emails(anywhere) == ["root@example.com", "jane@example.com"]
    assert emails(anywhere, "--archived") == ["joe@example.com"]


def test_the_last_root_user_stays(migrated: Run) -> None:
    people(migrated)
    assert migrated("user", "archive", "root@example.com", status=1).stderr == "user is the last root user\n"


def test_nobody_is_said_to_be_nobody(anywhere: Run) -> None:
    for verb in ("archive", "unarchive"):
        for email in ("nobody@example.com", "9", "\udc80@", ""):
            assert anywhere("user", verb, email, status=1).stderr == f"There is no user {email!r}.\n"
