"""The run: every case by itself, several at once, none of which can stop another.

Knows limits of time and what becomes of whatever a case raises. Does not know what cases ask, or how a report looks.
"""

import asyncio
import logging
import time
from collections.abc import Iterable

import aiohttp

from hubbub.conformance.api import Api
from hubbub.conformance.case import Case, Outcome, Result
from hubbub.conformance.checks import Failed, Skipped
from hubbub.conformance.client import ERROR, ESTABLISHED, Client
from hubbub.conformance.receiver import Receiver
from hubbub.conformance.scene import Scene
from hubbub.conformance.target import Target

logger = logging.getLogger(__name__)

AT_ONCE = 6
"""Cases that run side by side, unless they must be alone."""

RETURN = 30.0
"""Seconds that a server which a case has brought down has to come back."""

LIMIT = 6
"""A case may take so many times the patience for one answer, unless it says more."""


class NotRun(Exception):
    """The suite cannot be run against this server; says why."""


async def run(target: Target, cases: Iterable[Case]) -> list[Result]:
    """Run the cases, and give what came of each, in their order.

    Raises NotRun when there is no Pusher server, or it knows neither the key nor the secret, or webhooks cannot be
    heard at the address where they are to come.
    """
    chosen = list(cases)
    timeout = aiohttp.ClientTimeout(total=max(target.patience, 1) * 2)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        await _meet(target, session)
        receiver = await _listen(target)
        try:
            return await _run_all(target, chosen, session, receiver)
        finally:
            if receiver is not None:
                await receiver.close()


async def _run_all(
    target: Target,
    cases: list[Case],
    session: aiohttp.ClientSession,
    receiver: Receiver | None,
) -> list[Result]:
    places = asyncio.Semaphore(AT_ONCE)
    results: dict[int, Result] = {}

    async def run_one(number: int) -> None:
        async with places:
            results[number] = await try_case(cases[number], target, session, receiver)

    async with asyncio.TaskGroup() as group:
        for number, case in enumerate(cases):
            if not (case.is_alone or case.is_rough):
                group.create_task(run_one(number))
    for number, case in enumerate(cases):
        if case.is_alone and not case.is_rough:
            await run_one(number)
    is_there = True
    for number, case in enumerate(cases):
        if case.is_rough:
            await run_one(number)
            is_there = is_there and await _is_back(target)
    return [results[number] for number in range(len(cases))]


async def try_case(
    case: Case, target: Target, session: aiohttp.ClientSession, receiver: Receiver | None = None
) -> Result:
    """Run one case, and give what came of it. Nothing escapes from here but a cancellation."""
    began = time.monotonic()
    if case.is_slow and not target.slow:
        return Result(case.feature, case.name, Outcome.SKIPPED, 0, note="takes minutes: --slow")
    limit = max(LIMIT * target.patience, case.limit or 0)
    outcome, expected, came, note = Outcome.PASSED, "", "", ""
    scene = Scene(target, session, receiver)
    try:
        async with asyncio.timeout(limit):
            note = await case.run(scene) or ""
    except Failed as failed:
        outcome, expected, came = Outcome.FAILED, failed.expected, failed.came
    except Skipped as skipped:
        outcome, note = Outcome.SKIPPED, str(skipped)
    except aiohttp.ClientError as error:
        outcome, expected, came = Outcome.FAILED, "an answer", f"{type(error).__name__}: {error}"
    except TimeoutError:
        outcome, expected, came = Outcome.FAILED, f"an end within {limit:g} s", "none"
    except Exception as error:
        logger.exception("the case %r is broken", case.name)
        outcome, expected, came = Outcome.FAILED, "a case that runs to its end", f"{type(error).__name__}: {error}"
    finally:
        await scene.close()
    if not case.is_specified and outcome in (Outcome.PASSED, Outcome.FAILED):
        note = note or (came if outcome is Outcome.FAILED else "nothing worth a note")
        outcome, expected, came = Outcome.UNSPECIFIED, "", ""
    return Result(
        case.feature,
        case.name,
        outcome,
        round(time.monotonic() - began, 3),
        target.redact(expected),
        target.redact(came),
        target.redact(note),
    )


async def _meet(target: Target, session: aiohttp.ClientSession) -> None:
    """Raise NotRun unless there is a Pusher server that knows the application."""
    where = f"{target.host}:{target.port}"
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(target.host, target.port), target.patience)
    except (OSError, TimeoutError) as error:
        raise NotRun(f"nobody answers at {where}: {error or 'no connection in time'}") from None
    writer.close()
    try:
        await _greet(target)
        answer = await Api(target, target.app, session).get("/channels")
    except Failed as failed:
        raise NotRun(
            f"what answers at {where} is no Pusher server: expected {failed.expected}, but came {failed.came}"
        ) from None
    if answer.status != 200:
        raise NotRun(
            f"the HTTP API at {target.api_url} refuses the id, key and secret it was given:"
            f" {target.redact(' '.join(str(answer).split()))}"
        )


async def _greet(target: Target) -> None:
    client = await Client.open(target, target.app)
    try:
        frame = await client.next(ESTABLISHED)
        if frame.event == ERROR:
            raise NotRun(f"the server at {target.host}:{target.port} refuses the key {target.app.key!r}: {frame}")
        if frame.event != ESTABLISHED:
            raise Failed(ESTABLISHED, frame)
    finally:
        await client.close()


async def _is_back(target: Target) -> bool:
    """Wait while the server is gone, as one may be that something watches over; tell whether it is there again."""
    try:
        async with asyncio.timeout(RETURN):
            while True:
                try:
                    await _greet(target)
                except (Failed, NotRun):
                    await asyncio.sleep(0.2)
                else:
                    return True
    except TimeoutError:
        return False


async def _listen(target: Target) -> Receiver | None:
    if target.webhook_port is None:
        return None
    try:
        return await Receiver.listen(target.webhook_host, target.webhook_port)
    except OSError as error:
        raise NotRun(f"webhooks cannot be heard at {target.webhook_host}:{target.webhook_port}: {error}") from None
