"""What was logged, with its fields, as one line for each event."""

import pytest

from hubbub.logs.named import FIELDS


def logged(caplog: pytest.LogCaptureFixture, logger: str = "hubbub") -> list[str]:
    """Give the lines of the loggers whose names begin so, such as `A webhook was removed webhook=3`."""
    return [
        " ".join([record.getMessage(), *(f"{name}={value}" for name, value in getattr(record, FIELDS, {}).items())])
        for record in caplog.records
        if record.name.startswith(logger)
    ]
