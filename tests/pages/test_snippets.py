"""What is to be pasted into a page works in a page, even one that is a mere file."""

from collections.abc import Iterator
from pathlib import Path

import pusher  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser, Page, expect

from hubbub.snippets.listening import listening
from hubbub.snippets.target import Place, Target
from pages.conftest import LIMIT
from seeded import ORGANIZATION, Seeded

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def elsewhere(chromium: Browser, seeded: Seeded) -> Iterator[Page]:
    """Give a page of no site, which may ask the server and nobody else."""
    page = chromium.new_page()
    page.set_default_timeout(LIMIT)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith((seeded.url, "file:")) else problems.append(one.url))
    yield page
    page.close()
    assert not problems, problems


@pytest.mark.parametrize("name", ["page", "pusher-lite"])
def test_a_pasted_page_hears_what_is_published(elsewhere: Page, seeded: Seeded, name: str, tmp_path: Path) -> None:
    place = Place.of(seeded.url)
    target = Target(place=place, app_id=seeded.app_id, key=seeded.key, organization=ORGANIZATION)
    pasted = next(one.code for one in listening(target) if one.name == name)
    jwt = seeded.jwt(app_key=seeded.key, uid="john", topics=["general"])
    file = tmp_path / "index.html"
    file.write_text(pasted.replace("PASTE THE TOKEN OF JOHN", jwt))
    elsewhere.goto(file.as_uri())
    expect(elsewhere.locator("#heard")).to_have_text("Listening")
    client = pusher.Pusher(
        app_id=seeded.app_id, key=seeded.key, secret=seeded.secret, host=place.host, port=place.port, ssl=False
    )
    client.trigger("general", "greeting", {"text": f"To {name}"})
    expect(elsewhere.locator("#heard")).to_have_text(f"To {name}")
