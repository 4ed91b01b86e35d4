"""The order in which a deployment is looked at, from the name to what clients hear of each other.

Knows what makes sense only after what. Does not know how anything is found out.
"""

import asyncio
import time
from typing import Final

from hubbub.doctor import asking, listening, reaching, streaming
from hubbub.doctor.chart import Chart, Clock, Tell
from hubbub.doctor.finding import Report
from hubbub.doctor.target import Target

_HOPELESS: Final = ("plain-on-tls", "not-http", "http2-only", "cut")
"""What makes it vain to ask for more: nothing that answers is understood."""

_SAME_FOR_ALL: Final = ("key-unknown", "app-disabled", "server-away", "draining")
"""What signed requests, and streams, would only tell again."""

_SAME_FOR_STREAMS: Final = (
    *_SAME_FOR_ALL,
    "proto-not-passed",
    "proxy-untrusted",
    "tls-required",
    "quota-reached",
    "server-full",
    "cluster-split",
    "events-lost",
)
"""What a client without a WebSocket would only suffer likewise."""


async def diagnose(target: Target, *, clock: Clock = time.time, tell: Tell = lambda _: None) -> Report:
    """Look at a deployment, and give the report. `clock` gives this machine's Unix time; `tell` hears what comes next.

    Nothing is changed there: events go to channels of its own, and its sockets end. Raises no error of the network.
    """
    chart = Chart(target, clock, tell)
    if await _reach(chart):
        await _look(chart)
    await asyncio.sleep(0)  # what was broken off last is closed in the next turn of the loop
    return chart.report()


async def _reach(chart: Chart) -> bool:
    """Get there. Tells whether anybody is there who can be asked."""
    if not await chart.step("name", reaching.resolve):
        return False
    await chart.step("connection", reaching.connect)
    if chart.has("connection-refused", "connection-timeout"):
        return False
    is_encrypted = await chart.step("encryption", reaching.encrypt)
    if chart.target.place.tls and not is_encrypted:
        return False
    await chart.step("answer", asking.answers)
    return not chart.has(*_HOPELESS)


async def _look(chart: Chart) -> None:
    """Ask whoever is there."""
    app, wait = chart.target.app, chart.target.wait
    is_let_in = await chart.step("socket", listening.socket) and bool(app.key)
    # It takes longest, and goes on beside all others.
    silence = asyncio.ensure_future(listening.silence(chart)) if is_let_in and wait != 0 else None
    try:
        if not chart.has(*_SAME_FOR_ALL):
            await _ask(chart, is_let_in=is_let_in)
        if is_let_in:
            await chart.step("origin", listening.origin)
            await chart.step("messages", listening.messages)
        if not chart.has(*_SAME_FOR_STREAMS):
            await chart.step("streams", streaming.streams)
        if silence is not None:
            await chart.step("silence", lambda _: silence)
        elif is_let_in:
            chart.skip("silence", "not waited for: --quick")
    finally:
        if silence is not None:
            silence.cancel()
            await asyncio.gather(silence, return_exceptions=True)


async def _ask(chart: Chart, *, is_let_in: bool) -> None:
    """Do what an application's server does."""
    if not await chart.step("signature", asking.signed):
        return
    await chart.step("status", asking.status)
    await chart.step("escapes", asking.intact)
    await chart.step("bodies", asking.bodies)
    if is_let_in:
        await chart.step("events", asking.events)
