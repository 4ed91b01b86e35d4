"""Every block of code in the documents does what its page says, or says why it cannot be tried here."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from docs.blocks import BLOCKS, ROOT, Step, pages, steps
from docs.desk import MODULES, Desk
from docs.languages import LOOKS, missing
from running import Running
from seeded import Seeded

GENERATED = {"docs/cli.md": "shown", "docs/doctor.md": "shown", "docs/metrics.md": "parsed"}
"""Pages that a command writes, and what becomes of their blocks that have no mark."""


def read(path: Path) -> list[Step]:
    verb = GENERATED.get(str(path.relative_to(ROOT)), "")
    return [step if step.verb else step._replace(verb=verb, about="generated" if verb else "") for step in steps(path)]


STEPS: dict[str, list[Step]] = {str(path.relative_to(ROOT)): read(path) for path in pages()}
DONE = {"run", "background", "file", "append", "prints", "visit", "sees", "waits", "hubbub"}
RUN = [name for name, found in STEPS.items() if {"run", "background"} & {step.verb for step in found}]
LOOKED_AT = [step for found in STEPS.values() for step in found if step.verb == "parsed"]
PINNED = {
    re.split(r"[<=>\[]", line)[0].lower()
    for line in (ROOT / "requirements-dev.txt").read_text().splitlines()
    + (ROOT / "requirements.txt").read_text().splitlines()
    if "==" in line
} | {"hubbub"}


@pytest.mark.parametrize("name", STEPS)
def test_every_block_says_how_it_is_tried(name: str) -> None:
    for step in STEPS[name]:
        if step.text:
            assert step.verb, f"{step.place}: a fenced block with a mark above it, see tests/docs/blocks.py"
            assert bool(step.about) == BLOCKS[step.verb], f"{step.place}: {step.verb} {step.about}"
            if step.about == "generated":
                continue
            assert step.language, f"{step.place}: the language stands behind ```"
            assert step.language in LOOKS or step.verb in ("shown", "prints", "file"), f"{step.place}: {step.language}"


@pytest.mark.parametrize("step", LOOKED_AT, ids=lambda step: step.place)
def test_what_cannot_be_run_can_be_read(step: Step, tmp_path: Path) -> None:
    program = missing(step.language)
    if program is not None:
        assert os.environ.get("CI") != "true", f"{program} is not installed"
        pytest.skip(f"{program} is not installed")
    LOOKS[step.language](step.text, tmp_path)


@pytest.mark.parametrize(
    "step",
    [step for found in STEPS.values() for step in found if step.verb == "installed"],
    ids=lambda step: step.place,
)
def test_what_pages_install_is_what_the_tests_have(step: Step) -> None:
    for line in step.text.splitlines():
        words = line.partition("#")[0].split()
        names = [word.strip("'\"") for word in words[words.index("install") + 1 :] if not word.startswith("-")]
        assert names, f"{step.place}: {line}"
        for name in names:
            if words[0] == "npm":
                assert (MODULES / name / "package.json").exists(), f"{step.place}: {name}"
            else:
                assert re.split(r"[<=>\[]", name)[0].lower() in PINNED, f"{step.place}: {name}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable[[], Browser]]:
    """Give a way to a browser that is started for the first who asks."""
    with ExitStack() as stack:
        started: list[Browser] = []

        def start() -> Browser:
            if not started:
                playwright = stack.enter_context(sync_playwright())
                arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
                chromium = shutil.which("chromium")
                started.append(playwright.chromium.launch(executable_path=chromium, args=arguments))
                stack.callback(started[0].close)
            return started[0]

        yield start


@pytest.fixture(scope="module")
def declared() -> Iterator[Running]:
    """Give a server whose application has the id, key and secret that pages write for the reader's own."""
    keys = {"app_id": "1", "app_key": "your-key", "app_secret": "your-secret", "metrics_token": "your-token"}
    with Running(migrate=False, **keys) as running:
        yield running


@pytest.mark.needs("node", "chromium", "curl", "openssl")
@pytest.mark.parametrize("name", RUN)
def test_a_page_does_what_it_says(name: str, browser: Callable[[], Browser], request: pytest.FixtureRequest) -> None:
    variables: dict[str, str] = {}
    ports: dict[str, int] = {}
    for step in STEPS[name]:
        if step.verb == "hubbub" and step.about == "declared":
            ports["4000"] = request.getfixturevalue("declared").port
        elif step.verb == "hubbub":
            server: Seeded = request.getfixturevalue("seeded")
            ports["4000"] = server.port
            database = server._environment()["HUBBUB_DATABASE_URL"]
            variables = {
                "TOKEN": server.token, "KEY": server.key, "JWT": server.jwt(), "HUBBUB_DATABASE_URL": database,
            }  # fmt: skip
    with Desk(ports, variables, browser) as desk:
        for step in STEPS[name]:
            if step.verb in DONE - {"hubbub"}:
                desk.take(step)
