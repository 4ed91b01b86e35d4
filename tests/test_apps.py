"""Applications are asked for once, and a miss is asked for again."""

import asyncio

from hubbub.apps import MOST_QUESTIONS, Application, Apps, KeyPair
from hubbub.errors import OVER_CAPACITY, Refusal
from hubbub.settings import AppSettings, DeclaredApp


def application(app_id: str, key: str) -> Application:
    return Application(app_id, "Some", (KeyPair(key, "secret"),), AppSettings())


class Shelf:
    """A source that counts how often it is asked."""

    def __init__(self, *apps: Application) -> None:
        self.apps = list(apps)
        self.asked = 0

    async def application_by_key(self, key: str) -> Application | None:
        self.asked += 1
        await asyncio.sleep(0)
        return next((app for app in self.apps if app.secret_of(key) is not None), None)


async def test_an_application_is_asked_for_once() -> None:
    shelf = Shelf(application("1", "key"))
    apps = Apps(shelf)
    assert await apps.by_key("key") == await apps.by_key("key")
    assert shelf.asked == 1


async def test_a_miss_is_not_remembered() -> None:
    shelf = Shelf()
    apps = Apps(shelf)
    assert await apps.by_key("key") is None
    shelf.apps.append(application("1", "key"))
    assert await apps.by_key("key") is not None


async def test_many_who_ask_at_once_share_one_question() -> None:
    shelf = Shelf(application("1", "key"))
    apps = Apps(shelf)
    assert all(await asyncio.gather(*(apps.by_key("key") for _ in range(50))))
    assert shelf.asked == 1


async def test_a_flood_of_unknown_keys_is_refused_and_passes() -> None:
    apps = Apps(Shelf(application("1", "key")))
    answers = await asyncio.gather(*(apps.by_key(f"unknown-{n}") for n in range(1000)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(refused) == 1000 - MOST_QUESTIONS
    assert {refusal.reason for refusal in refused} == {OVER_CAPACITY}
    assert await apps.by_key("key") is not None


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    apps = Apps(Shelf(application("1", "key")))
    impatient, patient = asyncio.ensure_future(apps.by_key("key")), asyncio.ensure_future(apps.by_key("key"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient is not None


async def test_the_declared_application_is_found_without_asking() -> None:
    shelf = Shelf()
    apps = Apps(shelf, DeclaredApp(id="1", key="declared", secret="s3cret"))
    app = await apps.by_key("declared")
    assert app is not None
    assert app is apps.declared
    assert app.secret_of("declared") == "s3cret"
    assert app.settings.client_events
    assert shelf.asked == 0


async def test_a_stored_application_with_the_declared_ones_id_is_not_found() -> None:
    apps = Apps(Shelf(application("1", "stored")), DeclaredApp(id="1", key="declared", secret="s"))
    assert await apps.by_key("stored") is None


def test_a_secret_is_not_in_a_printed_application() -> None:
    assert "hidden-secret" not in repr(Application("1", "Some", (KeyPair("key", "hidden-secret"),), AppSettings()))
