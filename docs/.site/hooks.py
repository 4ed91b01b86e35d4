"""What MkDocs needs to know of this repository to make a site of it.

Knows three things. A link that leads out of docs/ finds its file in the site, as a page below `files/`, so that who has
no repository at hand can read it. A link to a folder finds its README. Marks that tell a test what to do with a block
of code are no text. Does not know what any page says.
"""

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
HIDDEN: Final = ("__pycache__", "node_modules")

VERBS: Final = "hubbub|run|background|file|append|installed|prints|parsed|shown|visit|sees|waits"
"""Those of tests/docs/blocks.py."""

MARK: Final = re.compile(rf"^[ \t]*<!-- (?:{VERBS})\b[^\n]*-->\n", re.MULTILINE)
LINK: Final = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)#\s]+)")

LANGUAGES: Final = {
    ".yaml": "yaml", ".yml": "yaml", ".py": "python", ".conf": "nginx", ".service": "ini", ".json": "json",
    ".toml": "toml", ".env": "ini", ".sh": "bash", ".js": "javascript",
}  # fmt: skip


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every decision below the page that begins their section."""
    decisions = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    config.nav = _expand(config.nav, ["decisions/README.md", *(f"decisions/{path.name}" for path in decisions)])
    return config


def _expand(item: Any, decisions: list[str]) -> Any:
    match item:
        case list():
            return [_expand(one, decisions) for one in item]
        case {"Decisions": _}:
            return {"Decisions": decisions}
        case dict():
            return {name: _expand(below, decisions) for name, below in item.items()}
        case _:
            return item


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside docs/ that a page leads to, and for what those lead to."""
    open_ends = {
        target for page in files.documentation_pages() for target in _named(DOCS / page.src_uri, page.content_string)
    }
    known: set[Path] = set()
    while open_ends:
        target = open_ends.pop()
        if target in known or target.is_relative_to(DOCS):
            continue
        known.add(target)
        files.append(File.generated(config, _place(target), content=_shown(target)))
        if target.is_dir():
            open_ends.update(_listed(target))
        elif target.suffix == ".md":
            open_ends.update(_named(target, target.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where their files are in the site, and leave out the marks."""
    uri = page.file.src_uri
    return markdown if uri.startswith("files/") else _led(markdown, DOCS / uri)


def _led(text: str, source: Path) -> str:
    """Give a document's text as the site has it."""
    here = posixpath.dirname(_place(source)) or "."

    def lead(found: re.Match[str]) -> str:
        target = _target(found[1], source)
        if target.is_dir() or not target.is_relative_to(DOCS) or not source.is_relative_to(DOCS):
            return posixpath.relpath(_place(target), here) if target.exists() else found[0]  # MkDocs will say so
        return found[0]

    return LINK.sub(lead, MARK.sub("", text))


def _target(link: str, source: Path) -> Path:
    """Give the file that a link in a document names."""
    return Path(posixpath.normpath(source.parent / link))


def _named(source: Path, text: str) -> set[Path]:
    """Give the files that a document leads to."""
    return {target for link in LINK.findall(text) if (target := _target(link, source)).exists()}


def _place(target: Path) -> str:
    """Give where in the site the page of a file is."""
    if not target.is_relative_to(DOCS):
        return f"files/{target.relative_to(ROOT)}" + ("" if target.suffix == ".md" else ".md")
    return str(target.relative_to(DOCS)) + ("/README.md" if target.is_dir() else "")


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name not in HIDDEN and not path.name.startswith("."))


def _shown(target: Path) -> str:
    """Give the page of a file outside docs/: itself if it is a document, a listing of a folder, else its text."""
    name = target.relative_to(ROOT)
    head = f"---\nsearch:\n  exclude: true\n---\n# {name}\n\n"
    if target.is_dir():
        here = posixpath.dirname(_place(target))
        lines = (f"- [{path.name}]({posixpath.relpath(_place(path), here)})" for path in _listed(target))
        return head + "\n".join(lines) + "\n"
    text = target.read_text(encoding="utf-8")
    if target.suffix == ".md":
        return _led(text, target)
    language = LANGUAGES.get(target.suffix, "dockerfile" if target.name == "Dockerfile" else "text")
    return f"{head}``````{language}\n{text}\n``````\n"
