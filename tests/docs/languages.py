"""What reads the code of each language without running it.

Knows the programs that do. Does not know where code comes from.
"""

import ast
import configparser
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]

from deploy.proxies import certify

LIMIT = 30.0  # seconds that only a failure takes

Look = Callable[[str, Path], None]
"""Reads code, may use an empty folder, and raises if it cannot be read."""


def by_program(*command: str, suffix: str) -> Look:
    """Have a program read it from a file, whose name comes last."""

    def look(code: str, folder: Path) -> None:
        file = folder / f"block{suffix}"
        file.write_text(code, encoding="utf-8")
        run([*command, str(file)])

    return look


def run(command: list[str]) -> None:
    """Run a program that is content or says why not."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def _python(code: str, folder: Path) -> None:
    ast.parse(code)


def _json(code: str, folder: Path) -> None:
    json.loads(code)


def _yaml(code: str, folder: Path) -> None:
    assert list(yaml.safe_load_all(code)) != [None]


def _toml(code: str, folder: Path) -> None:
    tomllib.loads(code)


def _ini(code: str, folder: Path) -> None:
    """Sections as systemd's, or nothing but variables."""
    has_sections = any(line.startswith("[") for line in code.splitlines())
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read_string(code if has_sections else f"[variables]\n{code}")
    assert parser.sections()


VOID: Final = {"meta", "link", "input", "br", "img", "hr"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag, f"</{tag}> ends another element"


def _html(code: str, folder: Path) -> None:
    tags = _Tags()
    tags.feed(code)
    tags.close()
    assert not tags.open


def _nginx(code: str, folder: Path) -> None:
    """Include it where Debian's nginx.conf would, or in a `server` if it has none, with files that are there."""
    certify(folder)
    (folder / "logs").mkdir()
    for old, new in {"/etc/nginx/tls": str(folder), "/var/log/nginx": str(folder / "logs")}.items():
        code = code.replace(old, new)
    wrapped = code if "server {" in code else f"server {{\n{code}\n}}"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    configuration = folder / "nginx.conf"
    configuration.write_text(f"pid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{folders}{wrapped}\n}}\n")
    run(["nginx", "-t", "-q", "-e", "stderr", "-c", str(configuration)])


def _haproxy(code: str, folder: Path) -> None:
    certify(folder)
    (folder / "block.cfg").write_text(code.replace("/etc/haproxy/tls/", str(folder / "both.pem")))
    run(["haproxy", "-c", "-q", "-f", str(folder / "block.cfg")])


_shell = by_program("bash", "-n", suffix=".sh")

LOOKS: Final[dict[str, Look]] = {
    "sh": _shell,
    "bash": _shell,
    "python": _python,
    "js": by_program("node", "--check", suffix=".mjs"),
    "json": _json,
    "yaml": _yaml,
    "toml": _toml,
    "ini": _ini,
    "html": _html,
    "php": by_program("php", "-l", suffix=".php"),
    "ruby": by_program("ruby", "-c", suffix=".rb"),
    "nginx": _nginx,
    "haproxy": _haproxy,
    "caddyfile": by_program("caddy", "adapt", "--adapter", "caddyfile", "--config", suffix=".Caddyfile"),
}
"""By the name that stands behind a block's first ```."""

PROGRAMS: Final = {
    "php": "php",
    "ruby": "ruby",
    "nginx": "nginx",
    "haproxy": "haproxy",
    "caddyfile": "caddy",
    "js": "node",
}
"""What reading a language needs of the machine."""


def missing(language: str) -> str | None:
    """Give the program that is not installed here and would be needed."""
    program = PROGRAMS.get(language)
    return program if program is not None and shutil.which(program) is None else None
