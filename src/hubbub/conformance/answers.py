"""What an answer of the HTTP API tells, which is always an object."""

from typing import Any

from hubbub.conformance.api import Answer
from hubbub.conformance.checks import check


def told(answer: Answer) -> dict[str, Any]:
    """Give the object that an answer with 200 holds. Raises Failed when it is another, or holds none."""
    whole = answer.expect(200).json
    check(isinstance(whole, dict), "200 and a JSON object", answer)
    found: dict[str, Any] = whole
    return found
