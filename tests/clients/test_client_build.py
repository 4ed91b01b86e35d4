"""The JavaScript client of client/js: what is committed is what its source builds, and a program can use its types."""

import subprocess
from pathlib import Path

import pytest
from javascript import HERE

CLIENT = HERE.parent.parent / "client" / "js"
SERVED = HERE.parent.parent / "src" / "hubbub" / "web" / "static" / "js"

pytestmark = pytest.mark.needs("client")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Give a folder of a program that has the client installed."""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "hubbub-pusher-lite").symlink_to(CLIENT)
    return tmp_path


def test_the_committed_files_are_what_the_source_builds(tmp_path: Path) -> None:
    run("node", "build.mjs", tmp_path, cwd=CLIENT)
    built = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.*")}
    committed = {f"dist/{path.name}": path.read_bytes() for path in (CLIENT / "dist").iterdir()}
    committed |= {f"js/{name}": (SERVED / name).read_bytes() for name in ("pusher.js", "pusher.mjs")}
    assert sorted(built) == sorted(committed)
    for name, content in built.items():
        assert committed[name] == content, f"{name} is not of this source: run `make client`"


@pytest.mark.parametrize("suffix", ["mts", "cts"])
def test_a_program_in_typescript_compiles(page: Path, suffix: str) -> None:
    program = page / f"use.{suffix}"
    program.write_text((HERE / "use_of_types.ts").read_text())
    tsc = CLIENT / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--strict", "--noEmit", "--module", "nodenext", "--lib", "es2022,dom", "--types", ""]
    run("node", tsc, *options, program.name, cwd=page)


@pytest.mark.parametrize(
    "program",
    [
        "import PusherLite from 'hubbub-pusher-lite'; console.log(PusherLite.name)",
        "const { default: PusherLite } = require('hubbub-pusher-lite'); console.log(PusherLite.name)",
    ],
)
def test_node_finds_the_package(page: Path, program: str) -> None:
    kind = "module" if program.startswith("import") else "commonjs"
    assert run("node", f"--input-type={kind}", "--eval", program, cwd=page) == "PusherLite\n"
