"""Names that are never answered hold up only the application whose they are."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hubbub.webhooks.names import ASKER, THREADS_OF_ONE, SystemNames

LIMIT = 15.0  # seconds, which only a failure reaches


class Slow:
    """Looks names up in place of the system: those that begin with `slow` are answered when that is `let`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._let = threading.Event()
        self.come = threading.Event()

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        self.come.set()
        if host.startswith("slow"):
            self._let.wait()
        if host.startswith("no"):
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 0))] * 2

    def let(self) -> None:
        self._let.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield slow
    slow.let()


async def look_up(names: SystemNames, asker: str, host: str) -> list[str]:
    ASKER.set(asker)
    return list(await names(host))


async def test_a_name_is_looked_up_once_for_all_who_ask_meanwhile(slow: Slow) -> None:
    names = SystemNames()
    asking = [asyncio.create_task(look_up(names, "1", "slow.example")) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    slow.let()
    assert await asyncio.wait_for(asyncio.gather(*asking[1:]), LIMIT) == [["8.8.8.8"]] * 19
    assert slow.asked == ["slow.example"]
    assert await look_up(names, "1", "slow.example") == ["8.8.8.8"]
    assert slow.asked == ["slow.example"] * 2


async def test_who_has_many_names_that_are_never_answered_holds_up_nobody_else(slow: Slow) -> None:
    names = SystemNames()
    asking = [asyncio.create_task(look_up(names, "1", f"slow{number}.example")) for number in range(200)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(look_up(names, "2", "example.com"), LIMIT) == ["8.8.8.8"]
    assert len(slow.asked) == THREADS_OF_ONE + 1
    for one in asking[:100]:
        one.cancel()
    slow.let()
    assert await asyncio.wait_for(asyncio.gather(*asking[100:]), LIMIT) == [["8.8.8.8"]] * 100


async def test_a_name_without_an_address_is_an_error_for_each_who_asks(slow: Slow) -> None:
    names = SystemNames()
    for found in await asyncio.gather(*(look_up(names, "1", "no.example") for _ in range(3)), return_exceptions=True):
        assert isinstance(found, socket.gaierror)


async def test_a_program_does_not_wait_for_an_answer_at_its_end(slow: Slow) -> None:
    names = SystemNames()
    asking = asyncio.create_task(look_up(names, "1", "slow.example"))
    await asyncio.to_thread(slow.come.wait, LIMIT)
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "webhook-names"] == [True]
    names.close()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asking, LIMIT)
