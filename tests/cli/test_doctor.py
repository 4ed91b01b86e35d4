"""`hubbub doctor`: what it prints, for people and for programs, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.redis.redisserver import free_port
from running import Running
from sockets.client import LIMIT


def doctor(
    folder: Path, *arguments: str, said: str = "", variables: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Run it; give its status, stdout and stderr."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HUBBUB_", "DOCTOR_"))}
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "doctor", *arguments],
        cwd=folder,
        env={**environment, **(variables or {})},
        input=said,
        capture_output=True,
        text=True,
        timeout=4 * LIMIT,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout, "colours are for terminals"
    return done.returncode, done.stdout, done.stderr


def of(server: Running) -> list[str]:
    return [server.url, "--app-id", server.app_id, "--key", server.key, "--quick"]


def test_a_good_deployment_is_said_to_be_well(server: Running, tmp_path: Path) -> None:
    status, told, _ = doctor(tmp_path, *of(server), "--secret", "-", said=f"{server.secret}\n")
    assert status == 0, told
    assert "No fault was found" in told
    assert "not waited for: --quick" in told
    assert server.secret not in told


def test_a_fault_is_told_with_what_mends_it(tmp_path: Path) -> None:
    status, told, _ = doctor(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert status == 1
    for part in ("connection-refused", "Nobody listens there", "seen", "means", "remedy", "1 fault, in "):
        assert part in told


def test_programs_read_json(server: Running, tmp_path: Path) -> None:
    wrong = {"DOCTOR_SECRET": "not-the-secret"}
    status, told, said = doctor(tmp_path, *of(server), "--json", variables=wrong)
    assert (status, said) == (1, "")
    report = json.loads(told)
    assert report["well"] is False
    assert report["url"] == server.url
    [finding] = report["findings"]
    assert finding["code"] == "secret-wrong"
    assert finding.keys() == {"code", "weight", "title", "seen", "meaning", "remedy", "lines"}
    assert {"name", "outcome", "note"} == report["steps"][0].keys()
    assert "not-the-secret" not in told


def test_without_an_address_it_is_that_of_the_settings(server: Running, tmp_path: Path) -> None:
    variables = {
        "HUBBUB_PUBLIC_URL": server.url,
        "HUBBUB_APP_ID": server.app_id,
        "HUBBUB_APP_KEY": server.key,
        "HUBBUB_APP_SECRET": server.secret,
    }
    status, told, _ = doctor(tmp_path, "--quick", variables=variables)
    assert status == 0, told
    assert told.startswith(server.url)
    assert "heard within" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ftp://example.com"], "must begin with https:// or http://"),
        (["https://"], "names no host"),
        (["https://me:pa55@example.com"], "must not have a user or password"),
        (["https://example.com/?key=1"], "must not have a query"),
        (["https://example.com", "--secret", "x"], "--app-id and --key are needed"),
        (["https://example.com", "--ca", "nowhere.pem"], "there is no file nowhere.pem"),
        (["https://example.com:99999"], "Port out of range"),
    ],
)
def test_what_it_cannot_be_asked_is_said(arguments: list[str], said: str, tmp_path: Path) -> None:
    status, _, told = doctor(tmp_path, *arguments)
    assert status == 2
    assert said in " ".join(told.replace("│", " ").split())
    assert "pa55" not in told
