"""Applications are asked for once, and a miss is asked for again."""

import asyncio

import pytest

from hubbub.apps import MOST_QUESTIONS, Application, Apps, KeyPair
from hubbub.errors import OVER_CAPACITY, STORE_UNAVAILABLE, Refusal
from hubbub.settings import AppSettings, DeclaredApp


def application(app_id: str, key: str) -> Application:
    return Application(app_id, "Some", (KeyPair(key, "secret"),), AppSettings())


class Shelf:
    """A source that counts how often it is asked, and that answers, after a moment, what it knew when it was."""

    def __init__(self, *apps: Application) -> None:
        self.apps = list(apps)
        self.asked = 0
        self.failure: Exception | None = None

    async def application_by_key(self, key: str) -> Application | None:
        self.asked += 1
        found = next((app for app in self.apps if app.secret_of(key) is not None), None)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return found


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


# Forgetting


async def test_an_application_that_is_forgotten_is_asked_for_again_by_each_of_its_keys() -> None:
    two_keys = Application("1", "Some", (KeyPair("old", "secret"), KeyPair("new", "secret")), AppSettings())
    shelf = Shelf(two_keys, application("2", "other"))
    apps = Apps(shelf)
    for key in ("old", "other"):
        assert await apps.by_key(key) is not None
    shelf.apps = [application("1", "new")]
    apps.forget("1")
    assert await apps.by_key("old") is None
    assert await apps.by_key("new") == shelf.apps[0]
    assert await apps.by_key("other") is not None  # it was not forgotten
    assert shelf.asked == 4


async def test_to_forget_what_nobody_asked_for_is_no_fault() -> None:
    apps = Apps(Shelf())
    apps.forget("1")
    assert await apps.by_key("key") is None


async def test_what_is_forgotten_while_it_is_asked_for_is_asked_for_again() -> None:
    """The answer on its way may be of the time before."""
    shelf = Shelf(application("1", "key"))
    apps = Apps(shelf)
    asking = [asyncio.ensure_future(apps.by_key("key")) for _ in range(3)]
    await asyncio.sleep(0)
    shelf.apps = []
    apps.forget("1")
    late = asyncio.ensure_future(apps.by_key("key"))
    assert await asyncio.gather(*asking, late) == [None] * 4
    assert await apps.by_key("key") is None
    assert shelf.asked == 3  # before, after, and because a miss is not remembered


async def test_an_answer_of_before_is_never_remembered() -> None:
    for turns in range(6):
        shelf = Shelf(application("1", "key"))
        apps = Apps(shelf)
        asking = [asyncio.ensure_future(apps.by_key("key")) for _ in range(2)]
        for _ in range(turns):
            await asyncio.sleep(0)
        new = shelf.apps[0] = application("1", "key")
        apps.forget("1")
        await asyncio.gather(*asking)
        assert await apps.by_key("key") is new, turns


async def test_a_question_that_fails_while_its_application_is_forgotten_fails_alone() -> None:
    shelf = Shelf(application("1", "key"))
    apps = Apps(shelf)
    shelf.failure = STORE_UNAVAILABLE()
    asking = asyncio.ensure_future(apps.by_key("key"))
    await asyncio.sleep(0)
    apps.forget("1")
    with pytest.raises(Refusal):
        await asking
    shelf.failure = None
    assert await apps.by_key("key") is not None


async def test_a_flood_of_questions_is_counted_anew_once_something_is_forgotten() -> None:
    apps = Apps(Shelf(application("1", "key")))
    flood = [asyncio.ensure_future(apps.by_key(f"unknown-{n}")) for n in range(MOST_QUESTIONS)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal):
        await apps.by_key("key")
    apps.forget("2")
    assert await apps.by_key("key") is not None
    assert set(await asyncio.gather(*flood)) == {None}


async def test_applications_that_are_not_the_sources_are_never_forgotten() -> None:
    shelf, other = Shelf(), application("demo", "demo-key")
    apps = Apps(shelf, DeclaredApp(id="1", key="declared", secret="s"), [other])
    for app_id in ("1", "demo"):
        apps.forget(app_id)
    assert await apps.by_key("declared") is apps.declared
    assert await apps.by_key("demo-key") is other
    assert shelf.asked == 0
