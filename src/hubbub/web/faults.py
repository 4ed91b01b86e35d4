"""What is wrong with the fields of a form, for the page that shows it again. Does not know any form."""

from collections.abc import Mapping, Sequence
from typing import cast

from hubbub.errors import INVALID, Refusal

Faults = Mapping[str, Sequence[str]]
"""The messages of each field."""


def faults_of(refusal: Refusal) -> Faults:
    """Give those that a use-case found; raises what it was refused for otherwise."""
    if refusal.reason is not INVALID:
        raise refusal
    return cast("Faults", refusal.facts["errors"])


def renamed(faults: Faults, field: str, shown: str) -> Faults:
    """Give them with what is wrong with `field` under `shown`: on a page that asks for the same twice."""
    return {shown if name == field else name: messages for name, messages in faults.items()}


def in_words(faults: Faults) -> str:
    """Write them as a sentence, for a page that has no such fields."""
    return "; ".join(f"{field} {message}".capitalize() for field, messages in faults.items() for message in messages)
