"""Lines as operators and their collectors get them: one for each event, and nobody but us writes one."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest

from hubbub.logs import CURRENT, named
from hubbub.logs.output import Form, Output

Lines = Callable[[Form], "Written"]

HOSTILE = [
    "a\nb",
    "a\r\n2026-11-23T18:00:00.000Z [info] root signed in [hubbub.web]",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\x00b\x7f",
    "line\u2028break\u2029",
    "\u202egnp.exe",
    '"}\n{"event":"forged"',
    "tab\tand\x0bvertical",
]


class Written(logging.Handler):
    """Keeps what is written."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self.setFormatter(output.formatter)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")[:-1]


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, handlers = logging.getLogger("hubbub"), []

    def write(form: Form) -> Written:
        handler = Written(Output(form, worker=2, secrets=["a-known-secret"]))
        handlers.append(handler)
        logger.addHandler(handler)
        return handler

    before = logger.level
    logger.setLevel(logging.DEBUG)
    yield write
    logger.setLevel(before)
    for handler in handlers:
        logger.removeHandler(handler)


class Asked:
    def told(self) -> dict[str, object]:
        return {"request_id": "abc"}

    def header(self, name: bytes) -> str:
        return ""


def test_a_json_line_has_what_it_should(lines: Lines) -> None:
    written = lines("json")
    before = CURRENT.set(Asked())
    try:
        named("hubbub.test").warning("It happened", app_id="1", count=3, level="mine", password="x")
    finally:
        CURRENT.reset(before)
    line = json.loads(written.text)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "hubbub.test",
        "event": "It happened",
        "worker": 2,
        "request_id": "abc",
        "app_id": "1",
        "count": 3,
        "level_": "mine",
        "password": "[redacted]",
    }


def test_a_console_line_is_for_eyes(lines: Lines) -> None:
    written = lines("console")
    named("hubbub.test").info("It happened", app_id="1", reason="two words")
    assert written.text.partition(" ")[2] == "[info] It happened [hubbub.test] worker=2 app_id=1 reason='two words'\n"


def test_libraries_and_old_calls_come_out_the_same(lines: Lines) -> None:
    written = lines("json")
    logging.getLogger("hubbub.old").warning("%d things by %s", 3, "a-known-secret")
    named("hubbub.new").warning("%d things", 3)
    assert [json.loads(line)["event"] for line in written.lines] == ["3 things by [redacted]", "3 things"]


def test_below_its_level_nothing_is_written(lines: Lines) -> None:
    written = lines("json")
    logging.getLogger("hubbub").setLevel(logging.INFO)
    named("hubbub.test").debug("It happened")
    assert written.text == ""


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_nothing_that_is_logged_makes_a_line_or_reaches_a_terminal(lines: Lines, form: Form, hostile: str) -> None:
    written = lines(form)
    named("hubbub.test").info("It happened", channel=hostile, agents=[hostile], **{hostile: 1})
    logging.getLogger("hubbub.test").info("path %s", hostile)
    assert len(written.lines) == len(written.text.splitlines()) == 2
    for line in written.lines:
        assert all(character.isprintable() for character in line), line
        if form == "json":
            told = json.loads(line)
            assert told["event"] != "forged"
            assert all(character.isprintable() for character in str(told.get("channel", "")))


@pytest.mark.parametrize("form", ["console", "json"])
def test_half_a_character_is_written_as_what_it_is(form: Form) -> None:
    """Not logged, only written: pytest keeps what is logged, to send it to another process, and cannot."""
    record = logging.makeLogRecord({"name": "hubbub.test", "msg": "path %s", "args": ("half \ud800",), "levelno": 20})
    line = Output(form, worker=2, secrets=[]).formatter.format(record)
    assert line.encode().isascii()
    assert "ud800" in line


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_is_one_field_or_indented_and_forges_nothing(lines: Lines, form: Form) -> None:
    written = lines(form)

    def fail(problem: str) -> None:
        raise ValueError(problem)

    try:
        fail("a-known-secret\r2026-11-23T18:00:00.000Z\n2026-11-23T18:00:00.000Z [info] forged \x1b[31m")
    except ValueError:
        named("hubbub.test").exception("It failed")
    assert "a-known-secret" not in written.text
    assert "\x1b" not in written.text
    assert "\r" not in written.text
    if form == "json":
        [line] = written.lines
        assert "ValueError: [redacted]" in json.loads(line)["exception"]
    else:
        first, *others = written.lines
        assert " [error] It failed " in first
        assert all(line.startswith("    ") for line in others)


def test_a_long_value_is_cut(lines: Lines) -> None:
    written = lines("json")
    named("hubbub.test").info("It happened", path="x" * 100_000)
    assert len(written.text) < 3000
