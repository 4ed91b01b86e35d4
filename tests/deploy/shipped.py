"""What the tests of deploy/ read of its files: times, and the settings that they name."""

import re

from hubbub import reference
from hubbub.settings import Settings

_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}

DEFAULTS = Settings.model_construct()
"""The settings as they are when nobody sets any."""


def seconds(text: str) -> float:
    """Read a time as proxies write it: `500ms`, `60s`, `1h`."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h|)", text)
    assert found, f"{text!r} is no time"
    return int(found[1]) * _UNITS[found[2]]


def only(pattern: str, text: str) -> str:
    """Give what a pattern's group finds, which must be the same wherever it is found."""
    found = set(re.findall(pattern, text, re.MULTILINE))
    assert len(found) == 1, f"{pattern}: {found}"
    return str(found.pop())


def expect_settings(variables: dict[str, str]) -> None:
    """They are all settings, and their values can be read."""
    unknown = {name for name in variables if name.startswith("HUBBUB_")} - set(reference.names())
    assert not unknown
    fields = {name.removeprefix("HUBBUB_").lower(): value for name, value in variables.items()}
    Settings.model_validate(fields)


def drain(variables: dict[str, str]) -> float:
    """Give for how long a node with these settings may take to end: as before, then saying goodbye."""
    delay = float(variables.get("HUBBUB_DRAIN_DELAY", DEFAULTS.drain_delay))
    return delay + float(variables.get("HUBBUB_DRAIN_TIMEOUT", DEFAULTS.drain_timeout))
