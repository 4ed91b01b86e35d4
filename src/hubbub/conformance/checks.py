"""How a case says that something is not as it should be, or that it cannot be asked."""

LONGEST = 400
"""Characters of what came that a report shows."""


class Failed(Exception):
    """The server did something else than it should: what was expected, and what came."""

    def __init__(self, expected: str, came: object) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected = shortened(expected)
        self.came = shortened(came)


class Skipped(Exception):
    """The case cannot be asked of this server, or was not to be; says why."""


def check(is_so: bool, expected: str, came: object) -> None:
    """Raise Failed unless `is_so`."""
    if not is_so:
        raise Failed(expected, came)


def equal(came: object, expected: object, what: str = "") -> None:
    """Raise Failed unless both are equal and of one type. `what` is said before each."""
    if came != expected or type(came) is not type(expected):
        raise Failed(f"{what} {expected!r}".strip(), f"{what} {came!r}".strip())


def shortened(value: object) -> str:
    """Give the text of `value`, not longer than a report can show."""
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
