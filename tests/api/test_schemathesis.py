"""Schemathesis makes up requests from the document, good ones and bad ones, and holds the answers against it.

It runs as a program of its own: what it and its libraries warn of is no warning of ours.
"""

import subprocess
import sys
from pathlib import Path

from tenants import Tenants

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "missing_required_header",
    "ignored_auth",
)
"""Not among them: whether all that fits the document is accepted. No schema says whose key a key is."""

LIMIT = 240  # seconds: it takes a tenth of it


def settings(tenants: Tenants) -> str:
    """Give the configuration: the paths name what is there, and what is archived is not what others need."""
    world = tenants.with_webhook(tenants.world())
    token = tenants.data("POST", "/users/pete@example.com/tokens", "rosa")
    slots = {**world.slots, "user_id": world.slots["member"], "token": str(token["id"])}
    names = ("organization", "application", "user_id", "token", "key", "borrower", "endpoint", "delivery")
    lines = ["[parameters]", *(f'"path.{name}" = "{slots[name]}"' for name in names)]
    for path in ("/organizations/{organization}", "/organizations/{organization}/applications/{application}"):
        doomed = tenants.world()
        lines += ["[[operations]]", f'include-name = "DELETE {path}"', "[operations.parameters]"]
        lines += [f'"path.{name}" = "{doomed.slots[name]}"' for name in names[:2]]
    doomed = tenants.with_webhook(world)
    path = "/organizations/{organization}/applications/{application}/webhooks/{endpoint}"
    lines += ["[[operations]]", f'include-name = "DELETE {path}"', "[operations.parameters]"]
    lines += [f'"path.endpoint" = "{doomed.slots["endpoint"]}"']
    return "\n".join(lines)


def test_no_request_that_can_be_made_up_gets_an_answer_that_is_not_documented(tenants: Tenants, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(settings(tenants), encoding="utf-8")
    # Root may call everything, so that little is refused before it is read.
    arguments = [f"{tenants.url}/api/openapi.json", "--header", f"Authorization: Bearer {tenants.people['rosa'].jwt}"]
    arguments += [
        "--checks",
        ",".join(CHECKS),
        "--seed",
        "1",
        "--max-examples",
        "12",
        "--no-shrink",
        "--warnings",
        "off",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 43" in done.stdout, done.stdout
