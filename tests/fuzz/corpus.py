"""The inputs that are kept, besides the seeds: for each target a file, each line of which is Python's literal of one.

As text, so that they can be read, and changes of them, too. All of it together is bounded, for it is a part of the
repository.
"""

import ast
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "corpus"
MOST_BYTES: Final = 300_000
"""Of all files together."""


def inputs(target: str) -> list[bytes]:
    """Give the kept inputs of a target."""
    path = _path(target)
    lines = path.read_text("ascii").splitlines() if path.is_file() else []
    return [bytes(ast.literal_eval(line)) for line in lines]


def keep(target: str, kept: Sequence[bytes]) -> None:
    """Keep these, in place of those that were kept before."""
    path = _path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{data!r}\n" for data in sorted(kept, key=lambda data: (len(data), data))), "ascii")


def name_of(data: bytes) -> str:
    """Give the name of a file that holds this, where fuzzers want files."""
    return hashlib.sha256(data).hexdigest()[:16]


def size() -> int:
    """Count the bytes of everything that is kept."""
    return sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())


def _path(target: str) -> Path:
    return FOLDER / target / "inputs.txt"
