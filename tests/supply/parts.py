"""What Hubbub is made of that others wrote: pinned packages, and files in its own folders.

Knows: where packages are pinned, which files were taken over from whom, what their licences are called. Does not know
formats, nor what is wrong with any of them.
"""

import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parent.parent.parent
REQUIREMENTS: Final = ROOT / "requirements.txt"
SOURCE: Final = ROOT / "src" / "hubbub"

FREE: Final = frozenset(
    ("MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Apache-2.0", "PSF-2.0", "0BSD", "Unlicense")
)
"""Licences that ask no more of who passes Hubbub on than to keep a notice."""

SPDX: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
}
"""Names that packages give their licences, as SPDX has them. Jinja2 and segno say BSD, and are under three clauses."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Something that others wrote. `files` are those of it in our own folders; a package has none there.

    `licence` is an SPDX expression, empty if it is not known; so is `version`.
    """

    name: str
    version: str
    licence: str
    purl: str
    files: tuple[Path, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file, by its path in the repository."""
        return {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files}


def packages() -> Iterator[Part]:
    """Give the packages that run Hubbub, as they are pinned."""
    for line in REQUIREMENTS.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
            yield Part(name=name, version=version, licence=licence_of(name), purl=purl)


def licence_of(package: str) -> str:
    """Give what an installed package says of its licence, as an SPDX expression; empty if it says nothing known."""
    try:
        told = metadata(package).json
    except PackageNotFoundError:
        return ""
    if expression := told.get("license_expression"):
        return str(expression)
    classified = [text.rpartition(":: ")[2] for text in told.get("classifier", ()) if text.startswith("License")]
    for text in (str(told.get("license", "")), *classified):
        spdx = SPDX.get(text.strip(), text.strip())
        if spdx in FREE:
            return spdx
    return ""


def vendored() -> tuple[Part, ...]:
    """Give what was taken over as files, which browsers load."""
    web, api = SOURCE / "web" / "static", SOURCE / "api" / "static" / "vendor"
    return (
        _files("pusher-js", "8.6.0", "MIT", web / "vendor" / "pusher-js-8.6.0"),
        _files("uplot", "1.6.32", "MIT", web / "vendor" / "uplot-1.6.32"),
        _files("swagger-ui-dist", "5.35.0", "Apache-2.0", api),
        Part(
            name="lucide-static",
            version="",  # a few of its icons, in one file of our own, which does not say
            licence="ISC",
            purl="pkg:npm/lucide-static",
            files=(web / "img" / "icons.svg", web / "img" / "lucide.txt"),
        ),
        Part(
            name="phoenix",
            version="1.8.16",
            licence="MIT",
            purl="pkg:npm/phoenix@1.8.16",
            files=(web / "js" / "pusher.js", web / "js" / "pusher.mjs"),
        ),
    )


def _files(name: str, version: str, licence: str, folder: Path) -> Part:
    files = tuple(sorted(path for path in folder.iterdir() if path.is_file()))
    return Part(name=name, version=version, licence=licence, purl=f"pkg:npm/{name}@{version}", files=files)
