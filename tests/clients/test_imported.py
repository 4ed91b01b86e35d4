"""Stock clients of an application that was another server's: they go on with the id, key and secret that they have."""

import json
from collections.abc import Callable, Iterator

import pytest
from javascript import HERE, environment, run_tests
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import dial

SOKETI = {
    "eventLimits.maxPayloadInKb": 10,
    "presence.maxMemberSizeInKb": 1,
    "appManager.array.apps": [
        # The id is soketi's own default, and no number.
        {
            "id": "app-id",
            "key": "old-key",
            "secret": "old-secret-soketi",
            "enableClientMessages": True,
            "maxClientEventsPerSecond": 10,
        },
    ],
}
REVERB = "REVERB_APP_ID=801234\nREVERB_APP_KEY=reverbkeyreverbkey00\nREVERB_APP_SECRET=old-secret-reverb\n"


class Moved(Running):
    """A server with what was soketi's and Reverb's; it goes by the key pair of the first."""

    def __enter__(self) -> "Moved":
        super().__enter__()
        try:
            folder = self.folder
            (folder / "soketi.json").write_text(json.dumps(SOKETI))
            (folder / ".env").write_text(REVERB)
            self.command("import", "soketi", "soketi.json")
            self.command("import", "reverb", ".env")
        except BaseException:
            self._end(expect_life=False)
            raise
        self.app_id, self.key, self.secret = "app-id", "old-key", "old-secret-soketi"
        return self


@pytest.fixture(scope="module")
def moved() -> Iterator[Moved]:
    with Moved(app_id=None, app_key=None, app_secret=None) as server:
        yield server


@pytest.mark.needs("node")
def test_soketis_clients_go_on(moved: Moved) -> None:
    run_tests(HERE / "channels.test.mjs", environment(moved))


@pytest.mark.needs("node")
def test_reverbs_clients_go_on(moved: Moved) -> None:
    old = {"SERVER_APP_ID": "801234", "SERVER_KEY": "reverbkeyreverbkey00", "SERVER_SECRET": "old-secret-reverb"}
    run_tests(HERE / "echo.test.mjs", {**environment(moved), **old})


async def test_the_number_is_answered_to_as_well_as_the_old_id(moved: Moved, backend: Callable[..., Pusher]) -> None:
    number = next(app["id"] for app in json.loads(moved.command("app", "list", "--json")) if app["alias"] == "app-id")
    socket = await (await dial(moved)).welcome()
    await socket.subscribe("by-number")
    backend(moved, app_id=number).trigger("by-number", "told", {"by": "number"})
    assert await socket.expect("told", "by-number") == {"by": "number"}
    await socket.close()
