"""What `make package` makes, the source and two wheels: looked into, and installed outside the checkout."""

import asyncio
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from seeded import Seeded
from sockets.client import dial

pytestmark = [
    pytest.mark.needs("make"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
]

Backend = Callable[..., Pusher]

ROOT = Path(__file__).parents[2]
TREE = (
    *("src", "deploy", "docs", "setup.py", "MANIFEST.in", "Makefile", "pyproject.toml", "LICENSE", "README.md"),
    *("CHANGELOG.md", "requirements.txt", "requirements-build.txt", "requirements-dev.txt"),
)
LIMIT = 300.0  # seconds: a build with a busy compiler, an installation with a slow registry

SDIST, COMPILED, PURE = "hubbub-*.tar.gz", "hubbub-*-cp3*.whl", "hubbub-*-py3-none-any.whl"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what is made of the source as it is here: of a copy, for others may build in the checkout."""
    tree = tmp_path_factory.mktemp("tree")
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("*.so", "*.egg-info"))
        else:
            shutil.copyfile(ROOT / name, tree / name)
    # What it is built with is installed: these are the Python and the programs that the tests run by.
    done = subprocess.run(
        ["make", "--old-file=.venv/test.stamp", "package", f"BIN={Path(sys.executable).parent}"],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return tree / "dist"


def only(folder: Path, pattern: str) -> Path:
    [found] = folder.glob(pattern)
    return found


def source() -> set[str]:
    """Give the files of the package, as the checkout has them."""
    return {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/hubbub").rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".so")
    }


def contents(path: Path) -> dict[str, bytes]:
    """Give the files of an archive."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    found = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            if content is not None:
                found[entry.name.partition("/")[2]] = content.read()
    return found


def test_three_files_are_made(dist: Path) -> None:
    assert {path.name for path in dist.iterdir()} == {only(dist, kind).name for kind in (SDIST, COMPILED, PURE)}
    # A wheel for `linux` alone is taken by no registry: it does not say which systems it can run on.
    if sys.platform == "linux":
        assert "-linux_" not in only(dist, COMPILED).name


def test_the_archive_has_what_a_wheel_is_made_of(dist: Path) -> None:
    files = contents(only(dist, SDIST))
    assert source() <= {name.removeprefix("src/") for name in files if name.startswith("src/")}
    assert {"setup.py", "pyproject.toml", "requirements.txt", "requirements-build.txt", "LICENSE"} <= files.keys()
    assert any(name.startswith("deploy/systemd/") for name in files)
    assert not [name for name in files if name.endswith((".so", ".pyc"))]


@pytest.mark.parametrize("kind", [COMPILED, PURE])
def test_a_wheel_has_all_that_runs_and_nothing_else(dist: Path, kind: str) -> None:
    files = contents(only(dist, kind))
    wanted = {name for name in source() if not name.endswith((".c", ".h"))}
    there = {name for name in files if name.startswith("hubbub/")}
    compiled = {name for name in there if name.endswith(".so")}
    assert there - compiled == wanted
    assert len(compiled) == (kind == COMPILED)
    assert not [name for name in files if not name.startswith(("hubbub/", "hubbub-"))]
    shared = {name.rpartition("/")[2] for name in files if "/share/hubbub/systemd/" in name}
    assert shared == {path.name for path in (ROOT / "deploy/systemd").iterdir()}


@pytest.mark.parametrize("kind", [COMPILED, PURE])
def test_a_wheel_has_the_licence_of_each_thing_that_is_others(dist: Path, kind: str) -> None:
    files = contents(only(dist, kind))
    [folder] = {name.partition("/licenses/")[0] for name in files if "/licenses/" in name}
    for licence in ("LICENSE", "LICENCE", "NOTICE"):
        for path in (ROOT / "src/hubbub").rglob(licence):
            assert f"{folder}/licenses/{path.relative_to(ROOT)}" in files
    vendored = {path for path in (ROOT / "src/hubbub").rglob("vendor/*") if path.is_dir()}
    assert vendored
    assert all((path / "LICENCE").is_file() for path in vendored)
    assert f"{folder}/licenses/src/hubbub/web/static/img/lucide.txt" in files
    assert f"{folder}/licenses/LICENSE" in files


@pytest.mark.parametrize("kind", [SDIST, COMPILED, PURE])
def test_nothing_tells_where_it_was_built(dist: Path, kind: str) -> None:
    places = {str(ROOT), str(dist.parent), str(Path.home()), sys.base_prefix, str(sysconfig.get_config_var("LIBDIR"))}
    # In a container the checkout may be right below the root, and a Python of the system is in a place that all have.
    places -= {"/", "/usr", "/usr/lib", "/usr/local", "/usr/local/lib"}
    for name, content in contents(only(dist, kind)).items():
        found = [place for place in places if place.encode() + b"/" in content]
        assert not found, f"{name} has {found} in it"


class Installed(Seeded):
    """A server of an installed package, with the first data: `migrate`, `seed` and `serve` run there."""

    def __init__(self, interpreter: Path) -> None:
        super().__init__()
        self.interpreter = str(interpreter)
        self._migrate = True

    def _environment(self) -> dict[str, str]:
        # The checkout is nowhere that Python would look.
        return {name: value for name, value in super()._environment().items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module", params=[COMPILED, PURE])
def interpreter(request: pytest.FixtureRequest, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the Python of an empty environment with one of the wheels.

    The compiled one gets what it depends on from the registry, as anybody's would: the versions that are pinned. The
    other borrows that from here, which is quicker.
    """
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=LIMIT)
    python = folder / "bin/python"
    options = ["--constraint", str(ROOT / "requirements.txt")]
    if request.param == PURE:
        options = ["--no-deps", "--no-index"]
        here, there = (
            sysconfig.get_path("purelib"),
            ask(python, "import sysconfig; print(sysconfig.get_path('purelib'))"),
        )
        Path(there, "borrowed.pth").write_text(f"{here}\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-compile"),
            *(*options, str(only(dist, request.param))),
        ],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(ask(python, "import hubbub; print(hubbub.__file__)")).is_relative_to(folder), "it is the checkout's"
    assert ask(python, "from hubbub.native import IS_COMPILED; print(IS_COMPILED)") == str(request.param == COMPILED)
    return python


def ask(python: Path, question: str) -> str:
    """Give what a line of Python prints, in an empty folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HUBBUB_"))}
    done = subprocess.run(
        [python, "-c", question], cwd=python.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def installed(interpreter: Path) -> Iterator[Installed]:
    with Installed(interpreter) as server:
        yield server


def test_the_program_knows_its_version(interpreter: Path) -> None:
    done = subprocess.run([interpreter.parent / "hubbub", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "hubbub"
    assert f"-{done.stdout.split()[1]}-" in next(
        path.name.replace(".dist-info", "-") for path in interpreter.parents[1].rglob("hubbub-*.dist-info")
    )


def test_it_serves_pages_and_files(installed: Installed) -> None:
    for path, wanted in (("/", "<html"), ("/js/pusher.js", "PusherLite"), ("/api/openapi.json", '"openapi"')):
        with urllib.request.urlopen(installed.url + path, timeout=30) as answer:
            assert wanted in answer.read().decode(), path


async def test_a_publish_reaches_a_socket(installed: Installed, backend: Backend) -> None:
    socket = await (await dial(installed)).welcome()
    await socket.subscribe("news")
    await asyncio.to_thread(backend(installed).trigger, "news", "hello", {"to": "you"})
    assert await socket.expect("hello", "news") == {"to": "you"}
    await socket.close()
