"""The home page in a browser: its chat between two visitors, and the lines to paste."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.conftest import Visit
from pages.visitor import Visitor, administrator
from running import Running
from seeded import Seeded

pytestmark = pytest.mark.needs("chromium")


MOST_BYTES = 150_000
"""Of a first visit, everything that it loads."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Seeded]:
    """Give a server with the chat."""
    with Seeded(demo=True) as server:
        yield server


@pytest.fixture(scope="module")
def admin(demo: Seeded) -> Visitor:
    """Give who holds the server's application."""
    return administrator(demo)


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


def test_what_one_says_to_all_both_hear_once(demo: Seeded, visit: Visit) -> None:
    left, right = windows(visit(demo))
    text = f"<b>Hello</b> {uuid4()}"
    say(left, "to-all", text)
    for window in (left, right):
        expect(window.get_by_role("listitem").filter(has_text=text)).to_have_text([f"{name(left)}: {text}"])
    expect(left.locator(".to-all input")).to_have_value("")


def test_visitors_see_each_other_and_speak_to_one_alone(demo: Seeded, visit: Visit) -> None:
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


def test_who_goes_is_seen_to_go(demo: Seeded, visit: Visit) -> None:
    leaver, stayer = visit(demo), visit(demo)
    gone = [name(window) for window in windows(leaver)]
    stays = windows(stayer)[0]
    expect(stays.locator(".names")).to_contain_text(gone[0])
    leaver.close()
    for uid in gone:
        expect(stays.locator(".names")).not_to_contain_text(uid)
        expect(stays.locator("select")).not_to_contain_text(uid)


def test_the_keyboard_alone_will_do(demo: Seeded, visit: Visit) -> None:
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


def test_what_is_refused_is_shown(demo: Seeded, visit: Visit) -> None:
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
    demo: Seeded, visit: Visit, scheme: str
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


def test_wide_pages_have_the_windows_side_by_side(demo: Seeded, visit: Visit) -> None:
    first, second = (window.bounding_box() for window in windows(visit(demo)))
    assert first is not None
    assert second is not None
    assert first["y"] == second["y"]


def test_two_windows_of_one_visitor_each_hear_each_other(demo: Seeded, visit: Visit) -> None:
    pages = [visit(demo, "/demo"), visit(demo, "/demo")]
    left, right = (page.locator(".window") for page in pages)
    for window in (left, right):
        expect(window.locator(".state")).to_have_text("Connected")
    text = f"Over there? {uuid4()}"
    say(left, "to-all", text)
    expect(last(right)).to_have_text(f"{name(left)}: {text}")
    right.locator("select").select_option(name(left))
    say(right, "to-one", "Here")
    expect(last(left)).to_have_text(f"{name(right)}, to you alone: Here")


def test_the_page_leads_to_a_window_of_its_own(demo: Seeded, visit: Visit) -> None:
    page = visit(demo)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open another window").click()
    expect(opened.value.locator(".state")).to_have_text("Connected")


def test_without_a_chat_the_page_has_no_room_for_one_and_tells_only_root_how_to_have_it(
    server: Running, seeded: Seeded, visit: Visit
) -> None:
    page = visit(server)
    expect(page.get_by_role("heading", name="See it work")).to_have_count(0)
    expect(page.locator("#windows, #trouble, script[src*=pusher]")).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text("--demo")
    root = administrator(seeded)
    assert "--demo" in root.get("/").text
    assert Visitor(server).get("/demo").status == 404


def test_nothing_in_line_may_run(demo: Seeded, visit: Visit) -> None:
    page = visit(demo, ignores=re.compile("Content Security Policy"))
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran") is None


def test_the_first_visit_loads_little_and_only_from_here(demo: Seeded, visit: Visit) -> None:
    page = visit(demo, "/health")
    loaded: dict[str, int] = {}
    page.on("response", lambda response: loaded.update({response.url: len(response.body())}))
    page.goto(f"{demo.url}/")
    windows(page)
    page.wait_for_load_state("networkidle")
    assert any("pusher.js" in url for url in loaded)
    assert sum(loaded.values()) < MOST_BYTES
    assert all(url.startswith(demo.url) for url in loaded)


def test_who_is_not_signed_in_sees_where_keys_will_stand_and_how_to_get_some(demo: Seeded, visit: Visit) -> None:
    page = visit(demo)
    expect(page.get_by_role("tabpanel", name="Web page")).to_contain_text("new Pusher('YOUR_KEY'")
    expect(page.get_by_role("tabpanel", name="curl")).to_contain_text("-hmac YOUR_SECRET")
    expect(page.get_by_role("link", name="Sign up").first).to_be_visible()
    expect(page.locator("main")).not_to_contain_text(demo.key)


def test_who_is_signed_in_sees_their_own_newest_key_and_no_secret(demo: Seeded, admin: Visitor) -> None:
    text = admin.get("/").text
    assert demo.key in text
    assert demo.secret not in text
    assert "hmac &#39;••••••••&#39;" in text
    newer = demo.create_app("--org", "acme-inc")
    assert newer in admin.get("/").text
    assert demo.key not in admin.text
    admin.submit("/", application=demo.app_id)
    assert demo.key in admin.text
    assert newer not in admin.text
    assert demo.key not in admin.get("/", application="another").text


def test_tabs_are_walked_by_arrows(demo: Seeded, visit: Visit) -> None:
    page = visit(demo)
    tabs = page.get_by_role("tablist", name="Libraries that publish")
    tabs.get_by_role("tab", name="curl", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    expect(tabs.get_by_role("tab", selected=True)).to_have_text("Java")
    expect(tabs.get_by_role("tab", name="Java")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tabs.get_by_role("tab", selected=True)).to_have_text("Python")
    expect(page.get_by_role("tabpanel", name="Python")).to_contain_text("import pusher")
    expect(page.get_by_role("tabpanel")).to_have_count(2)  # the other is what listens
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Copy: pip install pusher")).to_be_focused()


def test_without_a_script_all_lines_are_there_one_below_the_other(demo: Seeded, visit: Visit) -> None:
    page = visit(demo, java_script_enabled=False)
    expect(page.get_by_role("tablist")).to_have_count(0)
    for title in ("pusher-js", "PusherLite", "curl", "Python", "Go"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.get_by_text("client.trigger('general', 'greeting'")).to_be_visible()
    assert page.locator("#trouble").inner_text() == "The chat needs JavaScript."


def contrast(one: str, other: str) -> float:
    """Give the contrast of two CSS colours, `rgb(r, g, b)`, by WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
