"""How records become lines: for people at a terminal, or JSON for who collects them.

Knows: that a line is one event, and the order of what is done to it: fields are put together, secrets taken out, what
could act on a terminal escaped. Does not know where settings come from.
"""

import logging
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import format_exc_info
from structlog.stdlib import ProcessorFormatter

from hubbub.logs.current import SOURCES, served
from hubbub.logs.named import FIELDS
from hubbub.logs.plain import plain, plain_trace
from hubbub.logs.redaction import Redaction

Form = Literal["console", "json"]

Line = dict[str, Any]

RESERVED: Final = frozenset(("timestamp", "level", "logger", "event", "worker", "exception"))
"""What each line has, or may have; a field of such a name is written with an underscore behind it."""

_OWN: Final = frozenset(("timestamp", "level", "logger", "worker"))
"""Those of them that come from nobody else."""

OURS: Final = "hubbub"
"""The loggers whose level the setting decides. Those of libraries tell of statements, forms and headers at `debug`."""

_INDENT: Final = "    "


class Output:
    """The lines of one process. `worker` is its number, if it is one of several; `secrets` are the settings'."""

    def __init__(
        self, form: Form, *, worker: int | None = None, secrets: Iterable[str] = (), colors: bool = False
    ) -> None:
        self._form = form
        self._worker = worker
        self._redaction = Redaction(secrets)
        renderer = (
            _json
            if form == "json"
            else ConsoleRenderer(
                colors=colors, exception_formatter=plain_traceback, sort_keys=False, pad_event_to=0, pad_level=False
            )
        )
        self.formatter: Final[logging.Formatter] = ProcessorFormatter(
            foreign_pre_chain=[self._put_together, format_exc_info],
            processors=[ProcessorFormatter.remove_processors_meta, self._make_safe, renderer],
        )

    def line(self, text: str) -> str:
        """Give a text as a line like those of the log, for what is said to who started the server."""
        record = {"name": f"{OURS}.serve", "levelno": logging.INFO, "levelname": "INFO", "msg": text}
        return self.formatter.format(logging.makeLogRecord(record))

    def _put_together(self, _logger: Any, _method: str, event: Any) -> Line:
        record: logging.LogRecord = event["_record"]
        at = datetime.fromtimestamp(record.created, UTC)
        line: Line = {
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event["event"],
        }
        if self._worker is not None:
            line["worker"] = self._worker
        fields: dict[str, object] = {}
        if (found := served()) is not None:
            fields |= found.told()
        for source in SOURCES:
            fields |= source()
        fields |= getattr(record, FIELDS, {})
        line |= {f"{name}_" if name in RESERVED else name: value for name, value in fields.items()}
        # What structlog's own processors look for.
        return line | {name: event[name] for name in ("_record", "_from_structlog", "exc_info") if name in event}

    def _make_safe(self, _logger: Any, _method: str, line: Any) -> Line:
        trace = line.pop("exception", None)
        safe: Line = {}
        for name, value in line.items():
            if name in _OWN:
                safe[name] = value
                continue
            redacted = self._redaction.text(str(value)) if name == "event" else self._redaction.field(name, value)
            safe[plain(name)] = _plain(redacted)
        if trace is not None:
            shown = plain_trace(self._redaction.trace(trace))
            # Whatever an error says, none of its lines begins as a line of the log does.
            safe["exception"] = shown if self._form == "json" else _INDENT + shown.replace("\n", f"\n{_INDENT}")
        return safe


def configure(*, form: Form | None, level: str, worker: int | None = None, secrets: Iterable[str] = ()) -> Output:
    """Set up the log of this process: what is at least of `level`, on standard error, in `form` or what fits there."""
    stream = sys.stderr
    resolved = form or ("console" if stream.isatty() else "json")
    colors = stream.isatty() and not os.environ.get("NO_COLOR")
    output = Output(resolved, worker=worker, secrets=secrets, colors=colors)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(output.formatter)
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler])
    logging.getLogger(OURS).setLevel(least)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # warns of any form that a stranger spoilt
    return output


def _plain(value: object) -> object:
    match value:
        case str():
            return plain(value)
        case dict():
            return {plain(name): _plain(one) for name, one in value.items()}
        case list():
            return [_plain(one) for one in value]
    return value


def _json(_logger: Any, _method: str, line: Any) -> str:
    return msgspec.json.encode(line, enc_hook=str).decode()
