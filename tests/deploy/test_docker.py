"""The image, as far as it can be made without an engine: what is copied, what is built of it, what it runs."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from deploy.proxies import DEPLOY
from deploy.shipped import expect_settings, only
from running import Running

ROOT = DEPLOY.parent
FILE = DEPLOY / "docker/Dockerfile"
LIMIT = 300.0  # seconds: a build with a busy compiler

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Read the file: each instruction in one line."""
    lines = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


ALL = instructions()
LAST = ALL[max(index for index, (name, _) in enumerate(ALL) if name == "FROM") :]
"""The stage that is the image."""


def said(name: str, stage: list[Instruction] = LAST) -> str:
    """Give what the only instruction of a name says."""
    [rest] = [rest for kind, rest in stage if kind == name]
    return rest


def test_the_python_is_one_of_a_version_and_the_same_in_both_stages() -> None:
    assert re.fullmatch(r"PYTHON=3\.\d+\.\d+-slim-\w+", said("ARG", ALL))
    assert {rest.split()[0] for name, rest in ALL if name == "FROM"} == {"python:${PYTHON}"}
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tuple(map(int, only(r"PYTHON=(3\.\d+)", said("ARG", ALL)).split("."))) >= tuple(
        map(int, wanted.removeprefix(">=").split("."))
    )


def test_it_runs_as_nobody_in_particular() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", said("USER")), "a number, so that Kubernetes can see that it is not root"
    assert said("STOPSIGNAL") == "SIGTERM"
    assert json.loads(said("ENTRYPOINT")) == ["hubbub"]
    assert json.loads(said("CMD")) == ["serve"]


def test_what_it_sets_are_settings() -> None:
    variables = dict(word.split("=", 1) for word in said("ENV").split())
    expect_settings({name: value for name, value in variables.items() if name.startswith("HUBBUB_")})
    assert variables["HUBBUB_PORT"] == said("EXPOSE")
    assert json.loads(said("HEALTHCHECK").partition("CMD ")[2]) == ["hubbub", "health"]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with what COPY copies, of what the list of exceptions lets through."""
    folder = tmp_path_factory.mktemp("context")
    ignored = (DEPLOY / "docker/Dockerfile.dockerignore").read_text().splitlines()
    nothing, *rules = [line for line in ignored if line and not line.startswith("#")]
    assert nothing == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    patterns = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]
    assert len(allowed) + len(patterns) == len(rules), "a rule that this test cannot read"
    for name, rest in ALL:
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert source in allowed, f"{source} is kept out of the build"
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns(*patterns))
                else:
                    shutil.copyfile(ROOT / source, folder / source)
    return folder


@pytest.fixture(scope="module")
def installed(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the package, built as the image builds it, of what is copied into it."""
    [command] = [part for _, rest in ALL for part in rest.split("; ") if part.endswith("--no-build-isolation .")]
    folder = tmp_path_factory.mktemp("installed")
    options = command.split()[2:]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", "--quiet", "--target", str(folder), *options],
        cwd=context,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_all_that_is_needed_is_in_it(context: Path, installed: Path) -> None:
    sources = {path.relative_to(context / "src") for path in (context / "src/hubbub").rglob("*") if path.is_file()}
    needed = {path for path in sources if path.suffix not in (".c", ".h")}
    there = {path.relative_to(installed) for path in (installed / "hubbub").rglob("*") if path.is_file()}
    assert sorted(needed - there) == []
    compiled = [path for path in there if fnmatch(path.name, "_native.*.so")]
    assert len(compiled) == (shutil.which("cc") is not None)


class Installed(Running):
    """A server that is run from such a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    @property
    def _may_fork(self) -> bool:
        return False  # it would be the checkout's that was imported already

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "PYTHONPATH": str(self._folder)}


@pytest.fixture
def contained(installed: Path) -> Iterator[Running]:
    with Installed(installed) as server:
        yield server


def test_it_serves_and_tells_whether_it_is_well(contained: Running, installed: Path) -> None:
    shown = [sys.executable, "-c", "import hubbub; print(hubbub.__file__)"]
    told = subprocess.run(shown, env=contained._environment(), capture_output=True, text=True, check=True)
    assert Path(told.stdout.strip()).is_relative_to(installed), "it ran something else"
    assert is_well(contained)
    contained.stop()
    assert not is_well(contained)


def is_well(server: Running) -> bool:
    """Run the image's own look at itself, where the server listens."""
    program, *arguments = json.loads(said("HEALTHCHECK").partition("CMD ")[2])
    environment = {**server._environment(), "HUBBUB_PORT": str(server.port)}
    command = [sys.executable, "-m", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).returncode == 0
