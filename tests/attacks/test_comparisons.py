"""How long a comparison takes must tell nobody how much of a secret was right."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hubbub

SOURCE = Path(hubbub.__file__).parent

SECRET = re.compile(r"(signature|secret|token|password|digest|mac|proof|hash|jwt)$")

NO_SECRETS = {
    # Tokens are found by their hashes: who guesses at a hash must first make one that begins alike.
    "store": re.compile(r"(token|code|series)_hash$|_hash ==|digest|token$"),
    "transports": re.compile(r"value == token|part.strip\(\) == token"),  # words of HTTP
    "accounts": re.compile(
        r"must_change"  # whether a password is to be changed
        r"|secret == old"  # both are what the same person typed
        r"|found.password_hash != tried.password_hash"  # one row of the database, read twice
        r"|secret != app.secret"  # an operator imports both
    ),
}
"""What is compared by `==` all the same, by room, and why that tells nothing."""


def comparisons() -> Iterator[tuple[str, str]]:
    """Give each comparison of what is called like a secret, with its room."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Compare) or not any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
                continue
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue  # with what anybody may read in the source
            if any(SECRET.search(_name(side)) for side in sides):
                yield path.relative_to(SOURCE).parts[0], ast.unparse(node)


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call():
            return _name(node.func)
        case ast.Subscript():
            return _name(node.value)
    return ""


def test_nothing_secret_is_compared_but_in_constant_time() -> None:
    found = list(comparisons())
    assert found, "the search finds nothing any more"
    others = [(room, text) for room, text in found if not NO_SECRETS.get(room, re.compile("$^")).search(text)]
    assert others == []


PROGRAM = """
import sys
from hubbub.signing import is_signature, sign
right = sign("secret", "text")
place = int(sys.argv[1])
wrong = right[:place] + ("0" if right[place] != "0" else "1") + right[place + 1:]
for _ in range(2000):
    assert not is_signature("secret", "text", wrong)
"""


def instructions(place: int, folder: Path) -> int:
    """Count what it takes to refuse two thousand signatures that are wrong at one place."""
    out = folder / f"{place}.out"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable, "-c", PROGRAM, str(place)],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


@pytest.mark.needs("valgrind")
def test_a_signature_that_is_nearly_right_takes_no_longer_to_refuse(tmp_path: Path) -> None:
    """A comparison that stopped at the first difference would take 60 steps more for the last place, each time."""
    first, last = (instructions(place, tmp_path) for place in (10, 63))
    assert abs(last - first) / 2000 < 20, (first, last)
