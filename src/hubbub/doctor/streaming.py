"""A client that no WebSocket reaches, as pusher-js below /pusher: an answer that goes on, and requests beside it.

Knows that way of speaking. Does not know channels.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from hubbub.doctor.chart import Chart
from hubbub.doctor.faults import (
    CORS_DOUBLED,
    CORS_MISSING,
    CUT,
    SESSION_LOST,
    STREAM_COMPRESSED,
    STREAM_HELD,
)
from hubbub.doctor.finding import Skipped, Symptom
from hubbub.doctor.line import Answer, Broken, Headers, shortened, whole
from hubbub.doctor.proxies import explained, is_own

PAGE: Final = "https://hubbub-doctor.example"
"""The page that asks, if none was given."""

SENDS: Final = 3
"""Messages that are sent beside the stream, each on a connection of its own."""

_ORIGINS: Final = "access-control-allow-origin"


async def streams(chart: Chart) -> str:
    """Open a stream as a browser does, and send messages beside it; if it is held back, again without compression."""
    if not chart.target.app.key:
        raise Skipped("a key is needed")
    try:
        await _stream(chart, f"{chart.tag}c", (("Accept-Encoding", "gzip, deflate"),))
    except Symptom as held:
        if held.fault is not STREAM_HELD:
            raise
        try:
            await _stream(chart, f"{chart.tag}p", ())
        except Symptom:
            raise held from None
        raise STREAM_COMPRESSED(f"{held.seen}; without Accept-Encoding: gzip it comes at once") from None
    return "streams arrive as they are made"


async def _stream(chart: Chart, session: str, more: Headers) -> None:
    target = chart.target
    page = target.origin or PAGE
    headers = (("Origin", page), ("Content-Type", "text/plain"), *more)
    base = f"{target.place.prefix}/pusher/app/{target.app.key}/417/{session}"
    way = chart.way()
    try:
        async with way.reading("POST", f"{base}/xhr_streaming?protocol=7", headers) as (answer, pieces):
            chart.recognize(answer)
            _check(chart, answer if answer.status == 200 else await whole(answer, pieces))
            lines = _lines(pieces)
            await _opened(chart, lines, page)
            for number in range(SENDS):
                ping = json.dumps([json.dumps({"event": "pusher:ping", "data": {}})]).encode()
                sent = await way.ask("POST", f"{base}/xhr_send?protocol=7", headers, ping)
                if sent.status == 404:
                    raise SESSION_LOST(f"message {number + 1} of {SENDS} came to a server that has no such session")
                if sent.status not in (200, 204):
                    raise explained(sent, "a message of a session without a WebSocket")
                while "pusher:pong" not in await _line(chart, lines):
                    pass
    except Broken as broken:
        if not broken.raw:
            raise STREAM_HELD(f"a stream was opened: {broken.why}") from None
        raise


def _check(chart: Chart, answer: Answer) -> None:
    """Raise unless a stream begins, and note what a browser would make of its headers."""
    if answer.status != 200 or answer.is_page:
        if answer.status in (404, 405) and (is_own(answer) or chart.standing is None):
            raise Skipped("the server has no way for clients without a WebSocket")
        if answer.status == 503 and is_own(answer) and chart.has("degraded"):
            raise Skipped(f"the server misses something that it needs: {shortened(answer.text)}")
        raise explained(answer, "a stream for a client without a WebSocket")
    allowed = answer.all(_ORIGINS)
    credentials = answer.all("access-control-allow-credentials")
    if not allowed:
        chart.note(CORS_MISSING("the answer to a page of another origin has no Access-Control-Allow-Origin"))
    elif len(allowed) > 1 or "," in allowed[0] or (allowed == ["*"] and credentials):
        chart.note(CORS_DOUBLED(f"Access-Control-Allow-Origin: {', '.join(allowed)}"))


async def _opened(chart: Chart, lines: AsyncIterator[str], page: str) -> None:
    while "connection_established" not in (line := await _line(chart, lines)):
        if line.startswith("c[4009"):
            raise Skipped(f"pages of {page} may not connect: give one that may by --origin")
        if line.startswith("c["):
            raise Skipped(f"the session was closed: {line[1:]}")


async def _line(chart: Chart, lines: AsyncIterator[str]) -> str:
    """Give the next line of a stream. Raises the Symptom of one that does not come in time."""
    try:
        async with asyncio.timeout(chart.target.patience):
            return await anext(lines)
    except TimeoutError:
        raise STREAM_HELD(f"nothing came of a stream for {chart.target.patience:g} s") from None
    except StopAsyncIteration:
        raise CUT("a stream ended before anything was said") from None


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Give the lines of a stream as they come."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
