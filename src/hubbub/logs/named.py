"""Loggers of structlog, over those of the same name in the standard library.

Knows: how an event and its fields become a record. Does not know how records are written; `output` does.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

import structlog
from structlog.stdlib import BoundLogger, PositionalArgumentsFormatter, filter_by_level

FIELDS: Final = "fields"
"""The attribute of a record that has the fields of its event."""


def named(name: str) -> BoundLogger:
    """Give the logger of a name such as `hubbub.webhooks`.

    Its methods take what happened, a text that is always the same, and what it happened to as keywords.
    """
    return cast(
        "BoundLogger",
        structlog.wrap_logger(
            logging.getLogger(name),
            wrapper_class=BoundLogger,
            processors=[filter_by_level, PositionalArgumentsFormatter(), _record],
            context_class=dict,
        ),
    )


def _record(_logger: Any, _method: str, event: Any) -> tuple[tuple[object], Mapping[str, object]]:
    """Give what the standard library's logger is called with: the text as its message, the others beside it."""
    text = event.pop("event")
    passed = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    return (text,), {**passed, "extra": {FIELDS: event}}
