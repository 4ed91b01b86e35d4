"""Reads what a server has answered in HTTP, and holds that it can be read in one way only. Independent of our own code.

RFC 9112: a status line, lines of fields, one length, and as many bytes.
"""

import re
from typing import Final, NamedTuple

_STATUS: Final = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [A-Za-z' -]+")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x20-\x7e]*)")


class Answer(NamedTuple):
    """One answer; `is_last` is whether the connection ends with it."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes
    is_last: bool


def whole_answers(data: bytes, *, are_heads: bool = False) -> list[Answer]:
    """Read all of it. With `are_heads` they are answers to HEAD, and have no body. AssertionError for anything else."""
    answers = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end, head
        first, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(first)
        assert status is not None, first
        read = [_FIELD.fullmatch(line) for line in lines]
        assert all(read), lines
        names = [match[1].lower() for match in read if match]
        assert len(set(names)) == len(names), names
        fields = {match[1].lower(): match[2] for match in read if match}
        if status[1] == b"100":
            assert not fields
            continue
        size = 0 if are_heads else int(fields[b"content-length"])
        body, data = data[:size], data[size:]
        assert len(body) == size
        answers.append(Answer(int(status[1]), fields, body, fields.get(b"connection") == b"close"))
    return answers
