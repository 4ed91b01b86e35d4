"""Settings and addresses as people write them: taken, or refused by an error that shows nothing of what is secret.

The first byte chooses: a TOML file, an engine's URL, a mail server's, a webhook's, or an application's settings.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hubbub.accounts import endpoint_rule
from hubbub.accounts.fields import Fields
from hubbub.engine.redis.location import FORMS, locate
from hubbub.errors import INVALID, Refusal
from hubbub.mail import location as mail
from hubbub.settings import AppSettings, ConfigurationError, load
from hubbub.webhooks.addresses import is_public, literal

SECRET: Final = "correct-horse"

SEEDS: Final = (
    b'\0port = 4001\n[app]\nid = "1"\nkey = "key"\nsecret = "%s"\n' % SECRET.encode(),
    b'\0log_level = "debug"\nmax_event_bytes = 1\n',
    b'\0[app]\nsecret = "%s"\n' % SECRET.encode(),
    b"\0port = 1e400\n",
    b"\0a.b.c = [[[]]]",
    b"\1redis://:%s@localhost:6379/1" % SECRET.encode(),
    b"\1redis+sentinel://user:%s@a,b:26379/service/2" % SECRET.encode(),
    b"\1redis+cluster://a:1,[::1]:2",
    b"\1unix:///tmp/x?db=1",
    b"\1redis://%s@[::1" % SECRET.encode(),
    b"\2smtp://user:%s@mail.example.com:587?starttls=always" % SECRET.encode(),
    b"\2smtp://localhost",
    b"\3https://example.com/hooks?x=1",
    b"\3http://127.0.0.1:80/",
    b"\3http://[::ffff:127.0.0.1]/",
    b"\3http://0x7f.1/",
    b"\3http://2130706433/",
    b"\3http://localhost./",
    b"\3http://user@example.com\\@127.0.0.1/",
    "\3http://１２７.0.0.1/".encode(),
    b'\4{"max_event_bytes":1,"allowed_origins":"https://*.a.b:1,c"}',
    b'\4{"allowed_origins":"https://a b"}',
)

_folder: Final = Path(tempfile.mkdtemp(prefix="hubbub-fuzz-"))


def check(data: bytes) -> None:
    """Read it as what it was chosen to be."""
    kind, said = (data[0] % 5 if data else 0), data[1:]
    text = said.decode("utf-8", "replace")
    match kind:
        case 0:
            _check_file(said)
        case 1 if "ssl_" not in text:  # names files of this machine
            _check_location(text, lambda: locate(text, 1))
        case 2 if "ssl_" not in text:
            _check_location(text, lambda: mail.locate(text))
        case 3:
            _check_endpoint(text)
        case 4:
            _check_application(text)


def _check_file(said: bytes) -> None:
    path = _folder / "hubbub.toml"
    path.write_bytes(said)
    before = os.environ.get("HUBBUB_CONFIG")
    os.environ["HUBBUB_CONFIG"] = str(path)
    try:
        settings = load()
    except ConfigurationError as error:
        assert SECRET not in str(error)
    else:
        assert 0 <= settings.port < 65_536
        assert SECRET not in repr(settings)
    finally:
        os.environ.pop("HUBBUB_CONFIG")
        if before is not None:
            os.environ["HUBBUB_CONFIG"] = before


def _check_location(text: str, read) -> None:  # type: ignore[no-untyped-def]
    """What is wrong is told, and nothing of the URL; what is right shows no password."""
    try:
        location = read()
    except ConfigurationError as error:
        assert SECRET not in str(error)
        told = str(error).replace(FORMS, "").replace(mail.FORMS, "")
        password = text.rpartition("@")[0].rpartition(":")[2]
        assert len(password) < 12 or password not in told
    else:
        assert SECRET not in repr(location) or SECRET in urlsplit(text).netloc.rpartition("@")[2]


def _check_endpoint(text: str) -> None:
    """What may be an endpoint is read alike by who checks and who sends, and is no address of the server's own."""
    try:
        with Fields() as fields:
            taken = endpoint_rule.url(fields, text, may_be_private=False)
    except Refusal as refusal:
        assert refusal.reason is INVALID
        return
    parts = urlsplit(taken)
    assert parts.scheme in ("http", "https")
    host = parts.hostname
    assert host
    assert parts.port != 0
    assert "@" not in parts.netloc
    try:
        address = literal(host if ":" in host else host.encode("idna").decode().lower())
    except ValueError as error:
        raise AssertionError(host) from error
    assert address is None or is_public(address)
    assert host.rstrip(".") != "localhost"


def _check_application(text: str) -> None:
    try:
        given = json.loads(text)
        if not isinstance(given, dict):
            return
        settings = AppSettings.model_validate(given)
    except (ValueError, RecursionError):  # pydantic's own is one, and json's
        return
    assert AppSettings.model_validate(settings.model_dump()) == settings
    assert AppSettings.model_validate_json(settings.model_dump_json()) == settings
