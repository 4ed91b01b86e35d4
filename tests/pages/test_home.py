"""The home page in a browser: its chat between two visitors."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.conftest import Visit
from running import Running
from seeded import Seeded

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def demo() -> Iterator[Running]:
    """Give a server with the chat."""
    with Running(demo=True) as server:
        yield server


def windows(page: Page) -> list[Locator]:
    """Give the two windows, connected."""
    found = page.locator(".window")
    expect(found).to_have_count(2)
    for window in found.all():
        expect(window.locator(".state")).to_have_text("Connected")
    return found.all()


def name(window: Locator) -> str:
    return window.get_by_role("heading").inner_text()


def last(window: Locator) -> Locator:
    return window.get_by_role("listitem").last


def say(window: Locator, form: str, text: str) -> None:
    window.locator(f".{form} input").fill(text)
    window.locator(f".{form} button").click()


def test_what_one_says_to_all_both_hear_once(demo: Running, visit: Visit) -> None:
    left, right = windows(visit(demo))
    text = f"<b>Hello</b> {uuid4()}"
    say(left, "to-all", text)
    for window in (left, right):
        expect(window.get_by_role("listitem").filter(has_text=text)).to_have_text([f"{name(left)}: {text}"])
    expect(left.locator(".to-all input")).to_have_value("")


def test_visitors_see_each_other_and_speak_to_one_alone(demo: Running, visit: Visit) -> None:
    left, right = windows(visit(demo))
    third = windows(visit(demo))[0]
    for window in (left, right, third):
        for other in (left, right, third):
            expect(window.locator(".names")).to_contain_text(name(other))
    expect(left.locator("select")).to_have_value(name(right))
    say(left, "to-one", "Psst")
    expect(last(right)).to_have_text(f"{name(left)}, to you alone: Psst")
    expect(last(left)).to_have_text(f"You, to {name(right)} alone: Psst")
    left.locator("select").select_option(name(third))
    say(left, "to-one", "You too")
    expect(last(third)).to_have_text(f"{name(left)}, to you alone: You too")
    fence = str(uuid4())
    say(left, "to-all", fence)
    expect(last(right)).to_contain_text(fence)
    expect(right.get_by_role("listitem").filter(has_text="You too")).to_have_count(0)


def test_who_goes_is_seen_to_go(demo: Running, visit: Visit) -> None:
    leaver, stayer = visit(demo), visit(demo)
    gone = [name(window) for window in windows(leaver)]
    stays = windows(stayer)[0]
    expect(stays.locator(".names")).to_contain_text(gone[0])
    leaver.close()
    for uid in gone:
        expect(stays.locator(".names")).not_to_contain_text(uid)
        expect(stays.locator("select")).not_to_contain_text(uid)


def test_the_keyboard_alone_will_do(demo: Running, visit: Visit) -> None:
    page = visit(demo)
    left, right = windows(page)
    page.locator(".messages").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.type("Typed")
    page.keyboard.press("Enter")
    expect(last(right)).to_have_text(f"{name(left)}: Typed")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Typed to you")
    page.keyboard.press("Enter")
    expect(last(right)).to_have_text(f"{name(left)}, to you alone: Typed to you")


def test_what_is_refused_is_shown(demo: Running, visit: Visit) -> None:
    left, _ = windows(visit(demo))
    # More than an application lets a client send in a second.
    left.locator(".to-all").evaluate(
        "(form) => { for (let n = 0; n < 40; n++) { form.elements.message.value = n; form.requestSubmit() } }"
    )
    expect(left.locator(".refused").first).to_contain_text("Not sent")


def test_the_chat_survives_a_restart_of_the_server(visit: Visit) -> None:
    with Seeded(demo=True) as server:
        page = visit(server, ignores=re.compile("WebSocket|Failed to load resource"))
        windows(page)
        server.restart()
        left, right = windows(page)
        say(left, "to-all", "Still here")
        expect(last(right)).to_have_text(f"{name(left)}: Still here")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_the_windows_one_above_the_other_and_nothing_beside_the_page(
    demo: Running, visit: Visit, scheme: str
) -> None:
    page = visit(demo, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True)
    first, second = (window.bounding_box() for window in windows(page))
    assert first is not None
    assert second is not None
    assert first["x"] == second["x"]
    assert second["y"] >= first["y"] + first["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    text, ground = page.evaluate(
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    assert contrast(text, ground) >= 7


def test_wide_pages_have_the_windows_side_by_side(demo: Running, visit: Visit) -> None:
    first, second = (window.bounding_box() for window in windows(visit(demo)))
    assert first is not None
    assert second is not None
    assert first["y"] == second["y"]


def test_without_a_chat_the_page_says_how_to_have_one(server: Running, visit: Visit) -> None:
    page = visit(server, ignores=re.compile("404"))
    expect(page.locator("#trouble")).to_contain_text("no chat")
    expect(page.locator(".window")).to_have_count(0)


def test_nothing_in_line_may_run(demo: Running, visit: Visit) -> None:
    page = visit(demo, ignores=re.compile("Content Security Policy"))
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran") is None


def contrast(one: str, other: str) -> float:
    """Give the contrast of two CSS colours, `rgb(r, g, b)`, by WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
