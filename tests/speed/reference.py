"""A piece of work that is no part of Hubbub, to compare Hubbub's with.

Another build of Python, of msgspec or of OpenSSL makes both dearer or cheaper, and their ratio changes little. It does,
in plain Python, some of what every server does: it must never be made faster, or all limits would fall.
"""

import hmac
from collections.abc import Coroutine, Iterator
from typing import Final

import msgspec

_KEY: Final = b"a key of twenty byte"
_LINES: Final = b"Host: localhost\r\nUser-Agent: reference\r\nAccept: */*\r\nContent-Type: application/json\r\n"


class Note(msgspec.Struct, frozen=True):
    """What is read."""

    name: str
    data: str
    channels: list[str]


_decode: Final = msgspec.json.Decoder(Note).decode
_encode: Final = msgspec.json.Encoder().encode
_BODY: Final = _encode(Note("message", '{"text":"' + "x" * 80 + '"}', ["one", "two", "three", "four"]))


class Shelf:
    """Where it is kept: a few rows by name, the last few of each."""

    __slots__ = ("_rows", "changes")

    def __init__(self) -> None:
        self._rows: dict[str, list[bytes]] = {}
        self.changes = 0

    def put(self, name: str, row: bytes) -> int:
        """Keep a row, and give how many there are."""
        rows = self._rows.get(name)
        if rows is None:
            rows = self._rows[name] = []
        rows.append(row)
        if len(rows) > 4:
            del rows[0]
        self.changes += 1
        return len(rows)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for name, rows in self._rows.items():
            yield name, b"".join(rows)


async def _take(shelf: Shelf, note: Note) -> int:
    """Frame a note for each of its channels."""
    kept = 0
    for channel in note.channels:
        text = _encode({"event": note.name, "channel": channel, "data": note.data})
        kept += shelf.put(channel, b"\x81\x7e" + len(text).to_bytes(2, "big") + text)
    return kept


def _run(work: Coroutine[None, None, int]) -> int:
    try:
        work.send(None)
    except StopIteration as done:
        return int(done.value)
    raise AssertionError("nothing here waits")


def _headers(lines: bytes) -> dict[str, str]:
    found = {}
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            found[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return found


def work(times: int) -> int:
    """Do it so many times; give something that could not be known without."""
    shelf = Shelf()
    total = 0
    for turn in range(times):
        headers = _headers(_LINES)
        query = dict(part.split("=", 1) for part in f"key=reference&turn={turn}&version=1.0".split("&"))
        text = "\n".join(["POST", headers["host"], *(f"{name}={query[name]}" for name in sorted(query))])
        signature = hmac.digest(_KEY, text.encode(), "sha256").hex()
        if not hmac.compare_digest(signature, signature[:-1] + signature[-1]):
            raise AssertionError("equal texts differ")
        total += _run(_take(shelf, _decode(_BODY)))
        total += sum(len(name) + len(rows) for name, rows in shelf)
    return total
