"""The site is built without a warning, every link in it leads somewhere, and it asks nobody else for anything."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
import yaml  # type: ignore[import-untyped]
from playwright.sync_api import Error, Request, expect, sync_playwright

from docs.blocks import ROOT

LIMIT = 120.0  # seconds that only a failure takes

NOT_IN_NAV: dict[str, str] = {}
"""Pages of docs/ that the navigation leaves out, each with the reason."""

OURS = re.compile(r"(?:data|mailto|javascript):", re.IGNORECASE)


class Names(HTMLParser):
    """What a page loads, where it leads, and what can be led to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value}
        self.names.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.leads.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.loads.append(found["href"])
        elif "src" in found:
            self.loads.append(found["src"])


class Site(NamedTuple):
    """The site that was built, and each of its pages as it was read."""

    folder: Path
    pages: dict[Path, Names]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        pages[path] = names = Names()
        names.feed(path.read_text(encoding="utf-8"))
    return Site(folder, pages)


def test_every_page_is_in_the_navigation() -> None:
    named = set(re.findall(r"[\w./-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    docs = ROOT / "docs"
    there = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    decisions = {name for name in there if re.match(r"decisions/\d", name)}  # docs/.site/hooks.py puts them in
    assert decisions
    assert there - decisions - set(NOT_IN_NAV) == named
    assert set(NOT_IN_NAV) <= there - named


def test_every_link_leads_somewhere(site: Site) -> None:
    lost = []
    led = 0
    for path, page in site.pages.items():
        if path.name == "404.html":
            continue  # it is shown below any path, so its links are those of the site's own address
        for link in page.leads + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or OURS.match(link):
                continue
            led += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            known = site.pages.get(target)
            is_there = target.is_file() if known is None else unquote(parts.fragment) in {"", "__", *known.names}
            if not is_there:
                lost.append(f"{path.relative_to(site.folder)}: {link}")
    assert led > 1000
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    assert len(site.pages) > 30
    for path, page in site.pages.items():
        assert [link for link in page.loads if urlsplit(link).netloc] == [], path
    for sheet in site.folder.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_marks_are_for_tests_alone(site: Site) -> None:
    for path in site.pages:
        assert not re.search(r"&lt;!-- (run|parsed|shown|file)|<!-- (run|parsed|shown|file)", path.read_text()), path


def test_every_decision_is_found(site: Site) -> None:
    first = (site.folder / "decisions/index.html").read_text(encoding="utf-8")
    for decision in (ROOT / "docs/decisions").glob("[0-9]*.md"):
        assert f'href="{decision.stem}.html"' in first, decision.name


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def addresses(site: Site) -> Iterator[list[str]]:
    """Give where the site can be read: from a server, and from the disk."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site.folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield [f"http://127.0.0.1:{server.server_port}", site.folder.as_uri()]
    server.shutdown()
    server.server_close()
    thread.join(LIMIT)


@pytest.mark.needs("chromium")
def test_a_reader_searches_without_any_other_host(addresses: list[str]) -> None:
    with sync_playwright() as playwright:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        for address in addresses:
            asked: list[Request] = []
            problems: list[Error] = []
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.on("request", partial(list.append, asked))
            page.on("pageerror", partial(list.append, problems))
            page.goto(f"{address}/errors.html")
            page.get_by_placeholder("Search").click()
            page.get_by_text("Type to start searching").wait_for(timeout=LIMIT * 1000)
            page.get_by_placeholder("Search").press_sequentially("connection quota")
            # What is found changes with each letter.
            expect(page.locator(".md-search-result__list")).to_contain_text("over_quota", timeout=LIMIT * 1000)
            assert problems == []
            assert [request.url for request in asked if not request.url.startswith((address, "data:", "blob:"))] == []
            page.close()
        browser.close()


def test_the_configuration_has_no_other_host() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "http" not in re.sub(r"#.*", "", text)
    assert yaml.safe_load(re.sub(r"!!python\S+", "", text))["theme"]["font"] is False
