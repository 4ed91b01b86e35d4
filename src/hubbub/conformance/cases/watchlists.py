"""Watchlists: who signs in is told which of the users on a list are online, and of each change."""

from hubbub.conformance.case import Failed, Topic, check, equal
from hubbub.conformance.client import ERROR, SIGNED_IN, WATCHLIST, Client, Frame, user
from hubbub.conformance.scene import Scene

topic = Topic()

MOST = 100
TOO_MANY = 4302


def _told(frame: Frame) -> dict[str, list[str]]:
    """Give the ids of each change that a frame tells: `online` and `offline`."""
    payload = frame.payload
    events = payload.get("events") if isinstance(payload, dict) else None
    if not isinstance(events, list):
        raise Failed("a list of events", frame)
    told: dict[str, list[str]] = {}
    for event in events:
        if not isinstance(event, dict) or not isinstance(event.get("user_ids"), list):
            raise Failed("events with name and user_ids", frame)
        told.setdefault(str(event.get("name")), []).extend(event["user_ids"])
    return {name: sorted(ids) for name, ids in told.items() if ids}


async def _signed_in(scene: Scene, user_id: str, **about: object) -> Client:
    scene.needs("user-authentication")
    scene.needs("watchlists")
    client = await scene.connect()
    await client.sign_in(user(user_id, **about))
    return client


async def _changes(client: Client) -> dict[str, list[str]]:
    return _told(await client.expect(WATCHLIST))


async def _watcher(scene: Scene, *ids: str) -> Client:
    """Give a client that watches these users, and has been told how they are."""
    client = await _signed_in(scene, scene.user(), watchlist=list(ids))
    await _changes(client)
    return client


@topic.case("Watchlist")
async def initial(scene: Scene) -> None:
    """After signin_success one frame tells who is online and who is not."""
    here, away = scene.user(), scene.user()
    await _signed_in(scene, here)
    client = await _signed_in(scene, scene.user(), watchlist=[here, away])
    equal(await _changes(client), {"online": [here], "offline": [away]}, "told")
    await client.quiet()


@topic.case("Watchlist")
async def frame(scene: Scene) -> None:
    """The frame has event and data alone, a string; its ids are strings."""
    away = scene.user()
    client = await _signed_in(scene, scene.user(), watchlist=[away])
    told = await client.expect(WATCHLIST)
    equal(sorted(told.whole), ["data", "event"], "keys")
    check(isinstance(told.data, str), "data that is a string", told)
    equal(told.payload, {"events": [{"name": "offline", "user_ids": [away]}]}, "data")


@topic.case("Watchlist")
async def without_list(scene: Scene) -> None:
    """Who has no watchlist is told nothing."""
    client = await _signed_in(scene, scene.user())
    await client.quiet()


@topic.case("Watchlist")
async def comes_online(scene: Scene) -> None:
    """When a watched user signs in, the watcher is told online."""
    watched = scene.user()
    watcher = await _watcher(scene, watched)
    await _signed_in(scene, watched)
    equal(await _changes(watcher), {"online": [watched]}, "told")


@topic.case("Watchlist")
async def goes_offline(scene: Scene) -> None:
    """When a watched user's only connection ends, the watcher is told offline."""
    watched = scene.user()
    client = await _signed_in(scene, watched)
    watcher = await _watcher(scene, watched)
    await client.close()
    equal(await _changes(watcher), {"offline": [watched]}, "told")


@topic.case("Watchlist")
async def first_and_last(scene: Scene) -> None:
    """A user's second connection is no change, nor is the end of one of the two."""
    watched = scene.user()
    watcher = await _watcher(scene, watched)
    first = await _signed_in(scene, watched)
    await _changes(watcher)
    second = await _signed_in(scene, watched)
    await first.close()
    await second.close()
    equal(await _changes(watcher), {"offline": [watched]}, "told next")
    await watcher.quiet()


@topic.case("Watchlist")
async def others_are_not_told(scene: Scene) -> None:
    """Who watches others is not told."""
    watched, other = scene.user(), scene.user()
    watcher, elsewhere = await _watcher(scene, watched), await _watcher(scene, other)
    await _signed_in(scene, watched)
    await _changes(watcher)
    await elsewhere.quiet()


@topic.case("Watchlist")
async def presence_is_not_enough(scene: Scene) -> None:
    """Who is only in a presence channel under a watched id is not online."""
    watched = scene.user()
    watcher = await _watcher(scene, watched)
    present = await scene.connect()
    await present.join(scene.channel("presence-"), watched)
    await watcher.quiet()


@topic.case("Watchlist")
async def dropped(scene: Scene) -> None:
    """A watched user whose connection breaks without a close is told offline."""
    watched = scene.user()
    client = await _signed_in(scene, watched)
    watcher = await _watcher(scene, watched)
    client.cut()
    frame = await watcher.expect(WATCHLIST, limit=max(scene.target.patience, 10))
    equal(_told(frame), {"offline": [watched]}, "told")


async def _too_many(scene: Scene) -> tuple[list[str], list[Frame]]:
    """Sign in with a list of one too many; gives the list, and what came."""
    scene.needs("user-authentication")
    scene.needs("watchlists")
    ids = [scene.user() for _ in range(MOST + 1)]
    client = await scene.connect()
    await client.ask_sign_in(user(scene.user(), watchlist=ids))
    return ids, await client.settled()


@topic.case("Watchlist")
async def too_many(scene: Scene) -> None:
    """101 ids are answered by signin_success first, and by pusher:error with 4302 after it."""
    _, frames = await _too_many(scene)
    shown = ", ".join(frame.event for frame in frames)
    check(bool(frames) and frames[0].event == SIGNED_IN, "signin_success first", shown)
    codes = [told.payload.get("code") for told in frames if told.event == ERROR]
    equal(codes, [TOO_MANY], "codes of errors")


@topic.case("Watchlist")
async def first_hundred(scene: Scene) -> None:
    """Of 101 ids the first 100 are watched."""
    ids, frames = await _too_many(scene)
    told = [frame for frame in frames if frame.event == WATCHLIST]
    check(len(told) == 1, "one frame of watchlist events", ", ".join(map(str, frames)))
    equal(_told(told[0]), {"offline": sorted(ids[:MOST])}, "told")


@topic.case("Watchlist")
async def applications_apart(scene: Scene) -> None:
    """A user of the same id in another application is another user."""
    other, watched = scene.other, scene.user()
    watcher = await _watcher(scene, watched)
    elsewhere = await scene.connect(other)
    await elsewhere.ask_sign_in(user(watched))
    await elsewhere.settled()
    await watcher.quiet()
