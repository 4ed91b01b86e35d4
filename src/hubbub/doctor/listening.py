"""What a client does: it connects, it says something large, and it says nothing for a long time.

Knows which of that tells of which faults. Does not know frames.
"""

import time
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from hubbub.doctor.chart import Chart
from hubbub.doctor.faults import CUT, IDLE_CUT, KEY_UNKNOWN, MESSAGE_LIMIT
from hubbub.doctor.finding import Skipped, Symptom
from hubbub.doctor.sockets import Ear, ended

ENVELOPE = 2000
"""Bytes of a client's event besides its data."""

GRACE = 1.0
"""Seconds for which the server may be late with its ping, or the client with its own."""


async def socket(chart: Chart) -> str:
    """Connect as a client does."""
    began = time.monotonic()
    try:
        ear = await Ear.open(chart)
    except Symptom as symptom:
        if symptom.fault is KEY_UNKNOWN and not chart.target.app.key:
            return "a WebSocket reaches the server; no key was given to go on with"
        raise
    chart.silence = ear.silence
    await ear.close()
    return f"connected in {(time.monotonic() - began) * 1000:.0f} ms"


async def origin(chart: Chart) -> str:
    """Connect as a page of the origin does."""
    given = chart.target.origin
    if given is None:
        raise Skipped("no --origin was given")
    await (await Ear.open(chart, given)).close()
    return f"pages of {given} may connect"


async def messages(chart: Chart) -> str:
    """Say something as large as a client's event may be: a ping, with blanks."""
    size = chart.limits.max_event_bytes + ENVELOPE
    ear = await Ear.open(chart)
    try:
        await ear.send('{"event":"pusher:ping","data":{}'.ljust(size - 1) + "}")
        await ear.expect("pusher:pong")
    except ConnectionClosed as closed:
        raise MESSAGE_LIMIT(f"a message of {size} bytes ended the socket: {ended(closed)}") from None
    except TimeoutError:
        raise MESSAGE_LIMIT(f"a message of {size} bytes was not answered") from None
    finally:
        await ear.close()
    return f"{size} bytes pass"


async def silence(chart: Chart) -> str:
    """Say nothing for as long as a client may, or until the server pings; then look whether the socket lives."""
    target = chart.target
    ear = await Ear.open(chart)
    wanted = ear.silence + GRACE
    wait = wanted if target.wait is None else min(target.wait, wanted)
    began, is_pinged = time.monotonic(), False
    try:
        with suppress(TimeoutError):
            await ear.expect("pusher:ping", wait)
            is_pinged = True
        quiet = time.monotonic() - began
        await ear.send('{"event":"pusher:ping","data":{}}')
        await ear.expect("pusher:pong")
    except ConnectionClosed as closed:
        quiet = time.monotonic() - began
        if closed.rcvd is not None and closed.rcvd.code >= 4000:
            raise CUT(f"the server ended a silent socket after {quiet:.1f} s: {ended(closed)}") from None
        raise IDLE_CUT(f"cut after {quiet:.1f} s of silence; a client may say nothing for {ear.silence:g} s") from None
    except TimeoutError:
        raise IDLE_CUT(
            f"dead after {time.monotonic() - began:.1f} s of silence: a ping is not answered any more"
        ) from None
    finally:
        await ear.close()
    if is_pinged:
        return f"silent for {quiet:.0f} s, until the server pinged"
    return f"silent for {quiet:.0f} s" + ("" if wait == wanted else f", of {ear.silence:g} s that a client may be")
