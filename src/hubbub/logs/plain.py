"""Text without what acts on who reads it: line breaks, colours of terminals, characters that turn the others round.

Pure. Knows characters. Does not know what is a secret.
"""

import re
from typing import Final

LONGEST: Final = 2048
"""Characters of one value that are written."""

LONGEST_TRACE: Final = 32_768
"""Characters of a traceback that are written; what is left out is in the middle."""

# Controls (C0, DEL, C1), breaks of lines and paragraphs, marks of direction, and halves of characters.
_HARMFUL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_HARMFUL_IN_TRACES: Final = re.compile(_HARMFUL.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def plain(text: str) -> str:
    r"""Give a text in one line; what is harmful is written as `\x1b` or `\u2028`, what is too long is cut."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    return text if text.isascii() and text.isprintable() else _HARMFUL.sub(_escaped, text)


def plain_trace(text: str) -> str:
    """Give a traceback, which keeps its lines."""
    if len(text) > LONGEST_TRACE:
        half = LONGEST_TRACE // 2
        text = f"{text[:half]}\n… ({len(text) - 2 * half} characters left out)\n{text[-half:]}"
    return _HARMFUL_IN_TRACES.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
