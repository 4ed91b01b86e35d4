"""What ExPusherLite's documentation shows, pasted into a shell, against a server that `make serve` started."""

import asyncio
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from sockets.client import dial
from sockets.phoenix.client import knock

pytestmark = [pytest.mark.needs("curl"), pytest.mark.needs("make")]

CHECKOUT = Path(__file__).parent.parent.parent
LIMIT = 120  # seconds for `make serve` to listen: it migrates and seeds first
KEPT = {"PATH", "HOME", "LANG", "TMPDIR"}


class Served(msgspec.Struct):
    """A server, and what it printed when it made the first data; `jwt` is what signing in gave."""

    url: str
    token: str
    key: str
    secret: str
    jwt: str = ""

    @property
    def host(self) -> str:
        """Where it listens."""
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        """The port there."""
        return int(urlsplit(self.url).port or 0)

    def paste(self, line: str) -> tuple[int, dict[str, str], Any]:
        """Run a line of the documentation, host and keys replaced; give status, headers and JSON."""
        for written, meant in (
            ("http://localhost:4000", self.url),
            ("4036de82-c6ab-11e6-9a53-28cfe91ef193", self.token),
            ("<app_key>", self.key),
            ("<jwt>", self.jwt),
        ):
            line = line.replace(written, meant)
        done = subprocess.run(
            ["bash", "-c", line.replace("curl ", "curl -sS -i ", 1)],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        head, _, body = done.stdout.partition("\n\n")
        status_line, *fields = head.splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        return int(status_line.split()[1]), headers, json.loads(body) if body.strip() else None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    database = tmp_path_factory.mktemp("served") / "hubbub.db"
    environment = {name: value for name, value in os.environ.items() if name in KEPT}
    environment |= {"HUBBUB_DATABASE_URL": f"sqlite:///{database}", "HUBBUB_PORT": "0", "PYTHONUNBUFFERED": "1"}
    log = database.with_suffix(".log")
    with log.open("w") as output:
        make = subprocess.Popen(
            ["make", "serve"], cwd=CHECKOUT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield _first_data(make, log)
    finally:
        os.killpg(make.pid, signal.SIGTERM)
        make.wait(30)
    assert "Traceback" not in log.read_text()


def _first_data(make: "subprocess.Popen[bytes]", log: Path) -> Served:
    end = time.monotonic() + LIMIT
    while (found := re.search(r"listening on (http://\S+)", log.read_text())) is None:
        assert make.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
    printed = dict(re.findall(r"^(Token|Key|Secret): +(\S+)$", log.read_text(), re.MULTILINE))
    return Served(found[1], printed["Token"], printed["Key"], printed["Secret"])


@pytest.fixture
def signed_in(served: Served) -> Served:
    status, _, answer = served.paste(
        'curl -X POST --data "token=4036de82-c6ab-11e6-9a53-28cfe91ef193" http://localhost:4000/api/session'
    )
    assert status == 201
    served.jwt = answer["jwt"]
    return served


def test_section_2_a_session(signed_in: Served) -> None:
    assert signed_in.jwt.startswith("eyJhbGciOiJIUzUxMiIs")
    status, _, answer = signed_in.paste(
        "curl -X POST 'http://localhost:4000/api/sessions?token=4036de82-c6ab-11e6-9a53-28cfe91ef193&channel=true'"
    )
    assert (status, list(answer)) == (201, ["jwt"])
    status, _, answer = signed_in.paste('curl -X POST --data "token=nobodys" http://localhost:4000/api/session')
    assert (status, list(answer)) == (401, ["errors"])


HEADER = '-H "Authorization: Bearer <jwt>"'
API = "http://localhost:4000/api"


def test_section_3_organizations_and_applications(signed_in: Served) -> None:
    paste = signed_in.paste
    status, _, answer = paste(f"curl {HEADER} {API}/organizations")
    acme = {"id": 1, "name": "Acme Inc.", "slug": "acme-inc", "archived_at": None}
    assert (status, answer) == (200, {"data": [acme]})

    status, headers, answer = paste(f"curl -X POST {HEADER} --data 'organization[name]=Globex' {API}/organizations")
    assert (status, answer["data"]["slug"]) == (201, "globex")
    assert paste(f"curl {HEADER} {_whole(headers['location'])}")[2] == answer
    assert paste(f"curl {HEADER} {API}/organizations/globex")[0] == 200
    assert paste(f"curl -X PATCH {HEADER} --data 'organization[name]=G' {API}/organizations/globex")[0] == 200
    assert paste(f"curl -X DELETE {HEADER} {API}/organizations/globex")[0] == 204

    there = f"{API}/organizations/acme-inc/applications"
    status, _, answer = paste(f"curl {HEADER} {there}")
    assert status == 200
    app = {"name": "Test App", "id": 1, "archived_at": None, "app_secret": signed_in.secret, "app_key": signed_in.key}
    assert app.items() <= answer["data"][0].items()

    status, headers, answer = paste(f"curl -X POST {HEADER} --data 'application[name]=Other' {there}")
    assert status == 201
    assert paste(f"curl {HEADER} {_whole(headers['location'])}")[2] == answer
    other = f"{there}/{answer['data']['app_key']}"
    assert paste(f"curl {HEADER} {other}")[2]["data"]["name"] == "Other"
    assert paste(f"curl -X PUT {HEADER} --data 'application[name]=New' {other}")[2]["data"]["name"] == "New"
    status, _, answer = paste(f"curl -X DELETE {HEADER} {other}")
    assert (status, answer["data"]["name"], answer["data"]["archived_at"] is None) == (200, "New", False)
    assert [one["name"] for one in paste(f"curl {HEADER} {there}")[2]["data"]] == ["Test App"]


def _whole(location: str) -> str:
    return location if location.startswith("http") else f"http://localhost:4000{location}"


def test_section_3_tokens_and_errors(signed_in: Served) -> None:
    paste = signed_in.paste
    status, _, answer = paste(f"curl -X POST {HEADER} {API}/users/1/tokens")
    assert (status, set(answer["data"]), answer["data"]["invalidated_at"]) == (
        200,
        {"id", "token", "invalidated_at"},
        None,
    )
    status, _, answer = paste(f"curl -X DELETE {HEADER} {API}/users/1/tokens/{answer['data']['token']}")
    assert status == 200
    assert answer["data"]["invalidated_at"]
    assert paste(f"curl {API}/organizations")[0] == 401
    assert paste(f"curl {HEADER} {API}/organizations/somebody-elses")[0] == 404
    status, _, answer = paste(f"curl -X POST {HEADER} --data 'organization[name]=' {API}/organizations")
    assert (status, list(answer["errors"])) == (422, ["name"])


@pytest.mark.parametrize("more", ["", "-H Content-Length:", "-d ''", "-H 'Content-Type: application/json'"])
async def test_section_4_broadcasting(signed_in: Served, more: str) -> None:
    """With and without a body, of any type, as shells and libraries send it; every message is heard, and once."""
    key = signed_in.key
    pusher = await dial(signed_in, f"/app/{key}?protocol=7")
    await pusher.welcome()
    await pusher.subscribe("general")
    akita = await knock(signed_in, guardian_token=signed_in.jwt, unique_identifier="akitaonrails")
    await akita.join(f"lobby:{key}")
    await akita.join(f"lobby:{key}/uid:akitaonrails")

    async def paste(line: str) -> tuple[int, dict[str, str], Any]:
        return await asyncio.to_thread(signed_in.paste, line)

    events = f"{API}/organizations/acme-inc/applications/<app_key>/event"
    assert (await paste(f"curl -X POST {more} {HEADER} '{events}/new_message?name=John&message=Hello'"))[0] == 204
    assert await pusher.expect("new_message", "general") == {"name": "John", "message": "Hello"}
    assert await akita.expect(f"lobby:{key}", "new_message") == {"name": "John", "message": "Hello"}

    direct = f"{events}/new_message?name=John&message=HelloWorld&uid=akitaonrails&direct=true"
    assert (await paste(f"curl -X POST {more} {HEADER} '{direct}'"))[0] == 204
    told = await akita.expect(f"lobby:{key}/uid:akitaonrails", "new_message")
    assert told == {"name": "John", "message": "HelloWorld"}

    present = (await paste(f"curl -X POST {more} {HEADER} '{events}/presence_list'"))[2]["data"]
    assert list(present) == ["akitaonrails"]
    assert [meta.keys() for meta in present["akitaonrails"]["metas"]] == [{"phx_ref", "online_at"}]
    assert (await paste(f"curl {HEADER} '{events}/presence_list?topic=orders'"))[2] == {"data": {}}
    await pusher.expect_nothing()
    await akita.expect_nothing()
    await pusher.close()
    await akita.close()


def test_the_client_is_served_where_it_was(served: Served) -> None:
    script = subprocess.run(["curl", "-sS", f"{served.url}/js/pusher.js"], capture_output=True, text=True, check=True)
    assert "PusherLite" in script.stdout
