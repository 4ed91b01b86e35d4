"""The bill of materials, the licences, and asking what is known to be wrong."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from license_expression import get_spdx_licensing  # type: ignore[import-untyped]

from supply import audit, parts, sbom

LICENSING = get_spdx_licensing()
PARTS = (*parts.packages(), *parts.vendored())


@pytest.fixture(scope="module")
def bill() -> str:
    return sbom.bill()


def test_the_bill_is_what_its_schema_says(bill: str) -> None:
    problem = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(bill)
    assert problem is None, problem
    spoilt = bill.replace('"bomFormat": "CycloneDX"', '"bomFormat": "Cyclops"')
    assert make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(spoilt) is not None


def test_all_that_runs_is_in_it(bill: str) -> None:
    listed = {one["purl"]: one for one in json.loads(bill)["components"]}
    assert listed.keys() == {part.purl for part in PARTS}
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", parts.REQUIREMENTS.read_text("utf-8"), re.MULTILINE)
    assert len(pinned) > 40
    assert {(part.name, part.version) for part in parts.packages()} == set(pinned)
    assert listed["pkg:npm/uplot@1.6.32"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert json.loads(bill)["metadata"]["component"]["name"] == "hubbub"


def test_it_names_neither_machines_nor_registries(bill: str) -> None:
    assert not re.search(r"/home/|/root/|/work/|/tmp/|\.venv|site-packages", bill)
    hosts = set(re.findall(r"https?://([^/\"]+)", bill))
    assert hosts <= {"cyclonedx.org", "github.com", "cyclonedx-python-library.readthedocs.io", "www.apache.org"}, hosts


def test_it_is_written_where_it_is_looked_for(tmp_path: Path) -> None:
    sbom.write(tmp_path / "dist" / "bill.json")
    assert json.loads((tmp_path / "dist" / "bill.json").read_text("utf-8"))["bomFormat"] == "CycloneDX"
    assert sbom.OUTPUT.relative_to(parts.ROOT).as_posix() == "dist/hubbub.cdx.json"


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_no_licence_binds_who_uses_hubbub(part: parts.Part) -> None:
    assert part.licence, f"{part.name} does not say what licence it has: look it up, and give it a line in SPDX"
    parsed = LICENSING.parse(part.licence, validate=True)
    # With only the free ones true, the whole must be: all of AND, one of OR.
    free = {symbol: symbol.key in parts.FREE for symbol in LICENSING.license_symbols(parsed)}
    text = re.sub(r"[A-Za-z0-9.+-]+", lambda word: _truth(word[0], free), str(parsed))
    assert eval(text), f"{part.name}: {part.licence}"


def _truth(word: str, free: dict[Any, bool]) -> str:
    if word in ("AND", "OR"):
        return word.lower()
    return str(next(is_free for symbol, is_free in free.items() if symbol.key == word))


@pytest.mark.parametrize("part", parts.vendored(), ids=lambda part: part.name)
def test_what_was_taken_over_has_its_version_and_its_notice(part: parts.Part) -> None:
    texts = {path.name: path.read_text("utf-8", "replace") for path in part.files}
    if part.version and part.name != "phoenix":
        assert part.version in "".join(texts) + "".join(texts.values()) + str(part.files[0].parent)
    if part.name == "phoenix":
        package = json.loads((parts.ROOT / "client" / "js" / "package.json").read_text("utf-8"))
        assert package["dependencies"]["phoenix"] == part.version
    else:
        assert any(re.search(r"licen[cs]e|lucide\.txt", name, re.IGNORECASE) for name in texts)


def test_no_file_of_others_is_left_out() -> None:
    """Whatever lies in a folder called `vendor` belongs to a part."""
    lying = {path for path in parts.SOURCE.rglob("vendor/**/*") if path.is_file()}
    assert lying
    assert lying <= {path for part in parts.vendored() for path in part.files}


class Osv(BaseHTTPRequestHandler):
    """What api.osv.dev answers, of which one package has a flaw."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        flaw = {
            "id": "GHSA-0000-0000-0000",
            "summary": "It is broken.",
            "modified": "2026-01-01T00:00:00Z",
            "published": "2026-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": "jinja2", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}],
                }
            ],
        }
        is_broken = asked["package"]["name"].lower() == "jinja2" and asked["version"] == "3.0.0"
        body = json.dumps({"vulns": [flaw]} if is_broken else {}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def osv() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()
    thread.join()


def pinned(folder: Path, *lines: str) -> Path:
    file = folder / "requirements.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_what_is_vulnerable_ends_it_with_an_error(osv: str, tmp_path: Path) -> None:
    outcome = audit.packages(pinned(tmp_path, "jinja2==3.0.0", "click==8.5.1"), [("-s", "osv", "--osv-url", osv)])
    assert outcome == audit.Outcome(("jinja2 3.0.0: GHSA-0000-0000-0000, repaired in 9.9.9",), 2, 2)
    assert outcome.status == 1
    assert "known to be vulnerable" in outcome.told("Python packages")


def test_what_is_not_is_told_by_number(osv: str, tmp_path: Path) -> None:
    outcome = audit.packages(pinned(tmp_path, "click==8.5.1"), [("-s", "osv", "--osv-url", osv)])
    assert (outcome.status, outcome.told("All")) == (0, "All: nothing is known against 1 packages.")


def test_where_nobody_can_be_asked_it_says_so(tmp_path: Path) -> None:
    nobody = ("-s", "osv", "--osv-url", "http://127.0.0.1:9/v1/query")
    outcome = audit.packages(pinned(tmp_path, "click==8.5.1"), [nobody])
    assert outcome.status == 0
    assert "NOT AUDITED" in outcome.told("All")


def test_packages_that_nobody_knew_are_no_answer() -> None:
    assert "2 more are NOT AUDITED" in audit.Outcome((), 3, 5).told("All")
