"""What fails leaves nothing behind."""

import pytest

from hubbub.channels import about
from hubbub.errors import Refusal
from hubbub.messages import (
    Counted,
)
from node.engines import Failing
from node.watched import Ear, Watched
from recording import Recording


@pytest.mark.parametrize("name", ["subscribe", "enter"])
async def test_a_join_that_fails_leaves_nothing_behind(name: str) -> None:
    engine = Failing(name)
    watched, client = Watched(engine), Recording()
    await watched.node.start()
    with pytest.raises(Refusal):
        await watched.join(client, channel="presence-cache-x")
    engine.fails = False
    assert client.writes == []
    assert watched.node.hub.channel("1", "presence-cache-x") is None
    assert await watched.node.users("1", "presence-cache-x") == []
    assert not await watched.node.is_occupied("1", "presence-cache-x")
    assert watched.facts == []
    await watched.join(client, channel="presence-cache-x")
    assert client.heard == ["Subscribed", "CacheMissed"]


@pytest.mark.parametrize("name", ["counts_elsewhere", "publish", "miss"])
async def test_what_stands_already_is_not_refused(name: str) -> None:
    engine = Failing(name)
    watched, client = Watched(engine), Recording()
    await watched.node.start()
    await watched.node.join("1", "cache-x", client, None, 0, is_counted=True)
    assert client.heard[0] == "Subscribed"
    channel = watched.node.hub.channel("1", "cache-x")
    assert channel is not None
    assert client in channel
    await watched.node.leave("1", "cache-x", client, None, is_counted=True)
    assert watched.node.hub.channel("1", "cache-x") is None
    assert not await watched.node.is_occupied("1", "cache-x")


@pytest.mark.parametrize("name", ["subscribe", "occupied"])
async def test_a_watch_that_fails_watches_nobody(name: str) -> None:
    engine = Failing(name)
    watched, ear = Watched(engine), Ear()
    await watched.node.start()
    online = watched.node.online
    with pytest.raises(Refusal):
        await online.watch("1", ["ann", "bob"], ear, lambda _: None)
    engine.fails = False
    await online.sign_in("1", "ann", Recording())
    watched.node.hub.flush()
    assert ear.messages == []
    await online.watch("1", ["ann", "bob"], ear, lambda states: ear.messages.append(Counted("", sum(states))))
    assert ear.messages == [Counted("", 1)]


@pytest.mark.parametrize("name", ["subscribe", "enter"])
async def test_a_sign_in_that_fails_signs_nobody_in(name: str) -> None:
    engine = Failing(name)
    watched, connection = Watched(engine), Recording()
    await watched.node.start()
    with pytest.raises(Refusal):
        await watched.node.online.sign_in("1", "ann", connection)
    engine.fails = False
    await watched.node.online.terminate("1", "ann")
    assert connection.refusals == []
    assert await engine.occupied("1", [about("ann")]) == [False]
    await watched.node.online.sign_in("1", "ann", connection)
    await watched.node.online.sign_out("1", "ann", connection)
