"""The cases, a file for each topic: every module here that has a `topic` is found by itself."""

import pkgutil
from importlib import import_module

from hubbub.conformance.case import Case


def all_cases() -> list[Case]:
    """Give every case there is, by file and in the order of each."""
    found: list[Case] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        found += import_module(f"{__name__}.{module.name}").topic.cases
    return found
