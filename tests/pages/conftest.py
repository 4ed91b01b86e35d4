"""A browser for tests of pages: Chromium, which may speak to nobody but the server it visits."""

import re
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

from running import Running

Visit = Callable[..., Page]

LIMIT = 10_000  # milliseconds that anything may take

expect.set_options(timeout=LIMIT)


@pytest.fixture(scope="package")  # its event loop would be in the way of the asynchronous tests elsewhere
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Give a way to open a page of a server, as `visit(server, "/", color_scheme="dark")`.

    The test fails if a page threw, asked another host for anything, or wrote an error to its console that `ignores`
    does not match.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(server: Running, path: str = "/", ignores: re.Pattern[str] | None = None, **options: object) -> Page:
        def pass_on(route: Route) -> None:
            if route.request.url.startswith(server.url):
                route.continue_()
            else:
                problems.append(f"asked for {route.request.url}")
                route.abort()

        def hear(message: ConsoleMessage) -> None:
            if message.type == "error" and not (ignores and ignores.search(message.text)):
                problems.append(f"{message.text} ({message.location.get('url')})")

        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(LIMIT)
        context.route("**/*", pass_on)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{server.url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems, "\n".join(problems)
