"""What an application's own server does: it asks, it publishes, and what it sends is large at times.

Knows which requests tell of which faults. Does not know how they are signed.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from statistics import median_high
from typing import Final

from websockets.exceptions import ConnectionClosed

from hubbub.doctor.api import Api
from hubbub.doctor.chart import Chart
from hubbub.doctor.faults import (
    ADDRESS_NOT_PASSED,
    BODY_LIMIT,
    CLIENT_BELIEVED,
    CLOCK_DRIFT,
    CLOCK_OFF,
    CLUSTER_SPLIT,
    CUT,
    DEGRADED,
    DRAINING,
    EVENTS_LATE,
    EVENTS_LOST,
    HTTP2_ONLY,
    MESSAGE_LOST,
    NOT_HTTP,
    PLAIN_ON_TLS,
    PROTO_NOT_PASSED,
    PROXY_UNTRUSTED,
    QUOTA_REACHED,
    WEBHOOKS_FAILING,
)
from hubbub.doctor.finding import Skipped, Symptom
from hubbub.doctor.line import Answer, Broken, said, shortened
from hubbub.doctor.proxies import explained, is_own
from hubbub.doctor.reaching import speaks_http2, speaks_tls
from hubbub.doctor.sockets import Ear, ended
from hubbub.doctor.standing import Seen, standing

WINDOW: Final = 600
"""Seconds that the time of a signed request may be off."""

DRIFT: Final = 30
"""Seconds by which clocks that are set by NTP do not differ."""

LATE: Final = 1.0
"""Seconds after which an event is late."""

SUBSCRIBERS: Final = 2
ROUNDS: Final = 3
"""Publishes of which all subscribers are to hear."""

FORGED: Final = "192.0.2.7"
"""An address that nobody has (RFC 5737)."""

SETTLING: Final = 2.0
"""Seconds that are waited for who has not heard, when others have."""


async def answers(chart: Chart) -> str:
    """Ask how the server is, which tells who is in front of it, whether it speaks HTTP, and what its clock says."""
    target, way = chart.target, chart.way()
    try:
        answer = await way.ask("GET", f"{target.place.prefix}/health")
    except Broken as broken:
        if not target.place.tls and await speaks_tls(way):
            raise PLAIN_ON_TLS(f"without TLS: {broken.why}; with TLS it answers") from None
        if await speaks_http2(way):
            raise HTTP2_ONLY("a request of HTTP/1.1 is not answered, one of HTTP/2 is") from None
        if broken.raw:
            raise NOT_HTTP(f"it said {shortened(broken.raw.decode('latin-1'))}") from None
        raise
    chart.recognize(answer)
    if not target.place.tls and answer.status == 400 and "https" in answer.text.lower():
        raise PLAIN_ON_TLS(f"without TLS it answered {shortened(answer.text)}")
    _compare_clocks(chart, answer)
    if is_own(answer) and answer.body.startswith(b"{"):
        _tell_health(chart, answer)
    elif answer.status in (429, 502, 503, 504):
        raise explained(answer, "/health")
    return f"{chart.proxy or 'no proxy that says so'}, in {answer.seconds * 1000:.0f} ms"


async def signed(chart: Chart) -> str:
    """Ask for something by a signed request."""
    _needs_secret(chart)
    api = Api(chart)
    answer = await api.get("/channels", ("filter_by_prefix", f"hubbub-doctor-{chart.tag}"))
    await api.expect(answer, "a signed request")
    _compare_clocks(chart, answer)
    return f"answered in {answer.seconds * 1000:.0f} ms"


async def intact(chart: Chart) -> str:
    """Send escapes in path and query, and see whether they arrive as they were signed."""
    api = Api(chart)
    escaped = f"hubbub-doctor%2C{chart.tag}%40x"
    answer = await api.get(f"/channels/{escaped}")
    await api.expect(answer, "a request for a channel with %2C and %40 in its name")
    answer = await api.get("/channels", ("filter_by_prefix", f"hubbub-doctor&{chart.tag}"))
    await api.expect(answer, "a request with %26 in its query")
    return "path and query arrive as they are sent"


async def status(chart: Chart) -> str:
    """Ask how the application stands, and what the server sees of who asks. Only Hubbub tells."""
    api = Api(chart)
    chart.standing = told = standing(await api.get("/status"))
    if told is None:
        raise Skipped("the server does not tell what it sees: it is not of Hubbub, or too old")
    if told.at_quota:
        chart.note(QUOTA_REACHED(f"{told.connections} connections, of {told.max_connections}"))
    if (webhooks := told.webhooks) is not None and webhooks.failing:
        chart.note(WEBHOOKS_FAILING(f"{webhooks.failed} given up, {webhooks.taken} taken in the last hour"))
    await _look_through(chart, api, told.seen)
    return f"the server sees {told.seen.address}, {'over TLS' if told.seen.secure else 'without TLS'}"


async def events(chart: Chart) -> str:
    """Publish to two subscribers, several times, each on a connection of its own."""
    async with AsyncExitStack() as opened:
        ears = []
        for _ in range(SUBSCRIBERS):
            ears.append(await Ear.open(chart))
            opened.push_async_callback(ears[-1].close)
        channel = f"private-hubbub-doctor-{chart.tag}"
        for ear in ears:
            await ear.subscribe(channel)
        api, times, wait = Api(chart), list[float](), chart.target.patience
        for number in range(ROUNDS):
            began = time.monotonic()
            await api.expect(await api.publish(channel, f"doctor-{number}", "{}"), "a publish")
            heard = await _hear(ears, f"doctor-{number}", began, wait)
            if 0 < len(heard) < SUBSCRIBERS or (times and not heard):
                raise CLUSTER_SPLIT(f"of {SUBSCRIBERS} subscribers, {len(heard)} heard of event {number + 1}")
            times += heard
            # Where all are late, the next is late as well, and not lost.
            wait = SETTLING + 2 * max(times, default=0)
        if not times:
            raise EVENTS_LOST(f"{ROUNDS} publishes were answered 200, and no subscriber heard of any")
        # Not the slowest: once, any machine has something else to do.
        if (usual := median_high(times)) > LATE:
            chart.note(EVENTS_LATE(f"{usual:.1f} s from the publish to the subscriber, for half of them or more"))
        await _large_event(chart, api, ears, channel)
    return f"heard within {max(times) * 1000:.0f} ms"


async def bodies(chart: Chart) -> str:
    """Send as large a body as the server takes."""
    size = chart.limits.max_body_bytes
    api, channel = Api(chart), f"hubbub-doctor-{chart.tag}"
    await api.expect(await api.publish(channel, "doctor", "{}"), "a publish")
    try:
        answer = await api.publish(channel, "doctor", "{}", size=size)
    except Broken as broken:
        raise BODY_LIMIT(f"a body of {size} bytes: {broken.why}") from None
    if answer.status in (400, 413, 500, 502, 503, 504) and not is_own(answer):
        # A small one has just passed. Some cut a large one off, and then have nothing to pass on.
        raise BODY_LIMIT(f"a small body passes, one of {size} bytes was answered {answer.status} by the proxy")
    await api.expect(answer, f"a body of {size} bytes")
    return f"{size} bytes pass"


def _needs_secret(chart: Chart) -> None:
    app = chart.target.app
    if not (app.id and app.key and app.secret):
        raise Skipped("id, key and secret of an application are needed")


def _compare_clocks(chart: Chart, answer: Answer) -> None:
    try:
        theirs = parsedate_to_datetime(answer.header("date")).timestamp()
    except (ValueError, TypeError):
        return
    off = chart.clock() - theirs
    # Both are cut to seconds, and the answer has been on its way.
    seen = f"by the Date of an answer this machine is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
    if abs(off) >= WINDOW:
        chart.note(CLOCK_OFF(seen))
    elif abs(off) >= DRIFT + answer.seconds:
        chart.note(CLOCK_DRIFT(seen))


def _tell_health(chart: Chart, answer: Answer) -> None:
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return
    match told:
        case {"status": "draining"}:
            chart.note(DRAINING("/health says so"))
        case {"status": "degraded"}:
            missing = {name: one["away"] for name, one in told.items() if isinstance(one, dict) and "away" in one}
            away = ", ".join(f"{name} for {seconds} s" for name, seconds in missing.items())
            chart.note(DEGRADED(f"/health says that it misses {away}"))


async def _look_through(chart: Chart, api: Api, seen: Seen) -> None:
    """Compare what the server sees of this machine with what is so."""
    by_proto, by_for = seen.forwarded_proto, seen.forwarded_for
    tls, mine = chart.target.place.tls, await _own_address(chart)
    if "ignored" in (by_proto, by_for):
        chart.note(PROXY_UNTRUSTED(f"it does not believe what the proxy says, and sees {seen.address}"))
        chart.forget(PROTO_NOT_PASSED)
        return
    if tls and not seen.secure:
        chart.note(PROTO_NOT_PASSED("a request over TLS counts as one without: there is no X-Forwarded-Proto"))
    if by_for == by_proto == "missing" and chart.proxy is None and not _is_inner(seen, mine):
        return  # as far as can be told, nobody is in between
    if (claimed := await _forged(api, seen, tls=tls, mine=mine)) is not None:
        chart.note(CLIENT_BELIEVED(claimed))
    elif by_for == "missing":
        chart.note(ADDRESS_NOT_PASSED(f"it sees {seen.address}: there is no X-Forwarded-For"))


async def _forged(api: Api, seen: Seen, *, tls: bool, mine: str) -> str | None:
    """Claim to be somebody else; tell what of that counts, None if nothing does."""
    claims = (("X-Forwarded-For", FORGED), ("X-Forwarded-Proto", "http" if tls else "https"))
    told = standing(await api.get("/status", headers=claims))
    if told is None:
        return None
    # A proxy that adds to what it is told says nothing wrong of its own machine, which the server trusts.
    if told.seen.address == FORGED and mine not in ("127.0.0.1", "::1"):
        return f"a request that claimed to be from {FORGED} counts as from there"
    if told.seen.secure != seen.secure:
        return "what a request claims in X-Forwarded-Proto counts"
    return None


async def _own_address(chart: Chart) -> str:
    """Give the address of this machine by which it connects. Raises Broken."""
    try:
        _, writer = await chart.way().open()
    except (OSError, TimeoutError) as error:
        raise Broken(said(error)) from None
    try:
        return str(writer.get_extra_info("sockname")[0])
    finally:
        writer.transport.abort()


def _is_inner(seen: Seen, mine: str) -> bool:
    """Tell whether the server sees an address of its own network, and this machine is of another."""
    try:
        its, ours = ip_address(seen.address), ip_address(mine)
    except ValueError:
        return False
    return its != ours and (its.is_loopback or (its.is_private and not ours.is_private))


async def _hear(ears: Sequence[Ear], event: str, began: float, wait: float, settling: float = SETTLING) -> list[float]:
    """Give how long each of those who heard of an event had to wait; the first is waited for so long, then the others.

    Raises the Symptom of a socket that ended meanwhile, or brought something that is none of Pusher's.
    """

    async def hear(ear: Ear) -> float:
        await ear.expect(event)
        return time.monotonic() - began

    tasks = [asyncio.ensure_future(hear(ear)) for ear in ears]
    heard, _ = await asyncio.wait(tasks, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
    if heard:
        # In one cluster all hear at nearly the same time; who does not hear by then does not at all.
        await asyncio.wait(tasks, timeout=settling)
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        match outcome:
            case Symptom():
                raise outcome
            case ConnectionClosed():
                raise CUT(f"a subscriber's socket ended while an event was waited for: {ended(outcome)}")
    return [one for one in outcomes if isinstance(one, float)]


async def _large_event(chart: Chart, api: Api, ears: Sequence[Ear], channel: str) -> None:
    size = chart.limits.max_event_bytes
    began = time.monotonic()
    answer = await api.publish(channel, "doctor-large", "x" * size)
    if answer.status == 413 and not is_own(answer):
        raise BODY_LIMIT(f"an event of {size} bytes was answered 413 by {chart.proxy or 'something on the way'}")
    await api.expect(answer, f"an event of {size} bytes")
    try:
        heard = await _hear(ears, "doctor-large", began, chart.target.patience, chart.target.patience)
    except Symptom as symptom:
        raise MESSAGE_LOST(f"small events arrive, one of {size} bytes does not: {symptom.seen}") from None
    if len(heard) < len(ears):
        raise MESSAGE_LOST(f"small events arrive, one of {size} bytes came to {len(heard)} of {len(ears)} subscribers")
