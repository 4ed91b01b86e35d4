"""`PYTHONPATH=tests python -m pages.screens [NAME …]`: pictures of the pages, for docs/screens.

Each in light and dark, on a desktop and a phone; all, or those whose names begin like one that is given.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, sync_playwright

from pages.places import Place, places
from pages.scenery import Scenery

FOLDER = Path(__file__).parent.parent.parent / "docs" / "screens"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
TALLEST = 2400  # pixels: the rest of a long list looks like its beginning
QUALITY = 75


def main(wanted: list[str]) -> None:
    """Take them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Scenery(demo=True, public_url="https://hubbub.example.com") as server, sync_playwright() as playwright:
        server.furnish()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        chosen = [one for one in places(server) if not wanted or one.name.startswith(tuple(wanted))]
        for scheme in ("light", "dark"):
            for device, (width, height) in SIZES.items():
                take(browser, server, chosen, scheme, device, width, height)
        browser.close()


def take(
    browser: Browser, server: Scenery, chosen: list[Place], scheme: str, device: str, width: int, height: int
) -> None:
    """Take those of one scheme and size."""
    for visitor in ("nobody", "admin"):
        context = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            timezone_id="UTC",
        )
        if visitor == "admin":
            cookies = [{"name": one.name, "value": one.value, "url": server.url} for one in server.admin.http.cookies]
            context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("console", _pass_on)
        for place in chosen:
            if place.visitor != visitor:
                continue
            page.goto(server.url + place.path, wait_until="load")
            page.wait_for_timeout(700)  # streams and charts have begun
            if place.name == "application-console":
                server.bustle()
                page.wait_for_timeout(700)
            tall = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
            file = FOLDER / f"{place.name}-{scheme}-{device}.webp"
            clip = {"x": 0, "y": 0, "width": width, "height": max(tall, height)}
            page.screenshot(path=file, type="webp", quality=QUALITY, full_page=True, clip=clip)  # type: ignore[arg-type]
        context.close()


def _pass_on(said: ConsoleMessage) -> None:
    if said.type == "error":
        sys.stderr.write(f"{said.text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
