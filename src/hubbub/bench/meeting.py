"""Whether a server can be measured at all, found out before: it is there, it is a Pusher server, it knows the keys.

Knows one client and one publisher. Does not know loads.
"""

import asyncio
import secrets
import socket
import ssl
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from hubbub.bench import stamp
from hubbub.bench.listener import Listener
from hubbub.bench.loads.talking import EVENT
from hubbub.bench.plan import Case
from hubbub.bench.publisher import Publisher, dial
from hubbub.bench.refusal import Refused, reason
from hubbub.bench.request import Signer
from hubbub.bench.score import Score
from hubbub.bench.target import Target, named


class NotRun(Exception):
    """The server cannot be measured; says why."""


async def meet(target: Target) -> Target:
    """Give the target with its addresses, after one client was let in and one event was taken. Raises NotRun."""
    target = msgspec.structs.replace(
        target, address=await _reach(target, target.host, target.port), api_address=await _reach(target, *target.api)
    )
    word = secrets.token_hex(4)
    await _part([await _listen(target, f"bench-{word}", Score())])
    status, text = await _publish(target, f"bench-{word}")
    if status == 0:
        raise NotRun(f"the HTTP API at {named(*target.api)} does not answer: {text}")
    if status != 200:
        hint = " (is the secret right?)" if status == HTTPStatus.UNAUTHORIZED else ""
        raise NotRun(f"the HTTP API at {named(*target.api)} refuses to publish: {status} {text}{hint}")
    return target


async def try_client_event(target: Target) -> None:
    """Send a client event from one client to another. Raises NotRun when it does not arrive, with what was said."""
    score, channel = Score(), f"private-bench-{secrets.token_hex(4)}"
    came = asyncio.Event()
    hearer = await _listen(target, channel, score, came)
    talker = await _listen(target, channel, score)
    talker.send_event(EVENT, stamp.payload(is_measured=False, source=0, number=1, due=0, size=stamp.SIZE))
    # A refusal comes to who has sent, and an event to the other.
    signs: list[asyncio.Future[Any]] = [asyncio.ensure_future(came.wait()), talker.complained, talker.ended]
    await asyncio.wait(signs, timeout=target.patience, return_when=asyncio.FIRST_COMPLETED)
    signs[0].cancel()
    await _part([hearer, talker])
    if talker.errors:
        raise NotRun(f"client events are refused: {talker.errors[0]}")
    if not came.is_set():
        raise NotRun(f"a client event did not arrive in {target.patience:g} s")


async def refusal_of(target: Target, cases: Sequence[Case]) -> dict[Case, str]:
    """Tell of each of the cases that this server will not do, and why."""
    if Case.CLIENT_EVENTS not in cases:
        return {}
    try:
        await try_client_event(target)
    except NotRun as problem:
        return {Case.CLIENT_EVENTS: str(problem)}
    return {}


async def _reach(target: Target, host: str, port: int) -> str:
    """Give the address of a host that takes connections; a name may stand for several."""
    loop, where = asyncio.get_running_loop(), named(host, port)
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotRun(f"there is no host {host}: {error.strerror}") from None
    problem = ""
    for _, _, _, _, address in found:
        try:
            async with asyncio.timeout(target.patience):
                _, writer = await asyncio.open_connection(
                    str(address[0]),
                    port,
                    ssl=target.context(),
                    server_hostname=host if target.tls else None,
                )
        except ssl.SSLCertVerificationError as error:
            raise NotRun(
                f"the certificate of {where} is not valid: {error.verify_message} (SSL_CERT_FILE names an authority)"
            ) from None
        except ssl.SSLError as error:
            raise NotRun(f"no TLS with {where}: {error.reason or error}") from None
        except OSError as error:
            problem = problem or reason(error, target.patience)
        else:
            writer.close()
            return str(address[0])
    raise NotRun(f"nobody answers at {where}: {problem}")


async def _listen(target: Target, channel: str, score: Score, came: asyncio.Event | None = None) -> Listener:
    where = named(target.host, target.port)
    listener = Listener(target, channel, score, on_burst=came.set if came else None)
    try:
        async with asyncio.timeout(target.patience):
            await asyncio.get_running_loop().create_connection(
                lambda: listener,
                target.address,
                target.port,
                ssl=target.context(),
                server_hostname=target.host if target.tls else None,
            )
            await listener.ready
    except Refused as refused:
        hint = "" if target.tls or listener.is_upgraded else "; if it takes TLS, say --tls"
        if listener.is_upgraded:
            raise NotRun(f"{where} refuses a connection with the key {target.app.key!r}: {refused}") from None
        raise NotRun(f"no Pusher server answers at {where}: {refused}{hint}") from None
    except OSError as error:
        listener.cut()
        raise NotRun(f"no Pusher server answers at {where}: {reason(error, target.patience)}") from None
    return listener


async def _part(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.leave()
    await asyncio.wait([listener.ended for listener in listeners], timeout=2)
    for listener in listeners:
        listener.cut()


async def _publish(target: Target, channel: str) -> tuple[int, str]:
    """Publish one event, and give the answer; the status is 0 when there is none."""
    answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()
    publisher = Publisher(
        0,
        lambda _, status, body: None if answer.done() else answer.set_result((status, body)),
        lambda _: ended.set(),
    )
    payload = stamp.payload(is_measured=False, source=0, number=1, due=0, size=stamp.SIZE)
    try:
        await dial(target, publisher, target.context())
        publisher.send(Signer(target).trigger(channel, payload, int(time.time())))
        status, body = await asyncio.wait_for(answer, target.patience)
    except OSError as error:
        return 0, reason(error, target.patience)
    publisher.leave()
    await ended.wait()
    return status, target.redact(" ".join(body.decode(errors="replace").split()))[:300]
