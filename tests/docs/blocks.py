"""What a document asks to be done: its blocks of code in their order, each with the mark above it.

Knows Markdown, and how marks are written: a comment in the line above a block, which no reader sees. Does not know how
anything is run.

| mark | the block |
|---|---|
| `<!-- run -->` | is run, and must succeed: sh in the page's shell, Python and JavaScript by their programs |
| `<!-- background: TEXT -->` | is started as in another terminal, and runs on; it is ready when it has printed TEXT |
| `<!-- file: NAME -->` | is saved, for those that follow |
| `<!-- append: NAME -->` | is added to a file that was saved |
| `<!-- installed -->` | installs what the tests have installed already, in the versions that they are pinned to |
| `<!-- prints -->` | is what the last one printed; `…` stands for anything |
| `<!-- parsed: REASON -->` | cannot be run here, for this reason; its language reads it |
| `<!-- shown: REASON -->` | is no code that anything here reads |

Between blocks stand: `<!-- hubbub: declared -->` (or `seeded`), a server that the page takes as running;
`<!-- visit: ADDRESS -->`, which a browser opens; `<!-- sees: TEXT -->`, what it shows sooner or later;
`<!-- waits: TEXT -->`, what something in the background prints sooner or later.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[2]

ON_BLOCKS: Final = {"run": False, "background": True, "file": True, "append": True, "installed": False, "prints": False}
BLOCKS: Final = ON_BLOCKS | {"parsed": True, "shown": True}
"""The marks of blocks, and whether each says something after a colon."""

BETWEEN: Final = {"hubbub": True, "visit": True, "sees": True, "waits": True}

_MARK: Final = re.compile(r"[ >]*<!-- (\w+)(?:: (.+?))? -->")


class Step(NamedTuple):
    """A mark, and the block below it if it is about one."""

    page: str
    line: int
    verb: str
    """Empty where a block has no mark."""
    about: str
    """What the mark says after its colon."""
    language: str = ""
    text: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Give every document that readers are sent to."""
    return sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])


def steps(path: Path) -> Iterator[Step]:
    """Read a document."""
    name = str(path.relative_to(ROOT))
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    fences: dict[int, tuple[str, str]] = {}
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "code_block":
            assert token.map is not None
            yield Step(name, token.map[0] + 1, "", "", "", token.content)
        if token.type == "fence":
            assert token.map is not None
            fences[token.map[0]] = (token.info.split()[0] if token.info else "", token.content)
    inside = _inside(text)
    for number, line in enumerate(lines):
        if number in inside:
            continue
        if number in fences:
            language, content = fences[number]
            mark = _MARK.fullmatch(lines[number - 1]) if number else None
            verb, about = (mark[1], mark[2] or "") if mark and mark[1] in BLOCKS else ("", "")
            yield Step(name, number + 1, verb, about, language, content)
        elif (mark := _MARK.fullmatch(line)) and mark[1] in BETWEEN:
            yield Step(name, number + 1, mark[1], mark[2] or "")


def _inside(text: str) -> set[int]:
    """Give the numbers of the lines that are inside of a block, where a comment is text."""
    return {
        number
        for token in MarkdownIt("commonmark").parse(text)
        if token.type == "fence" and token.map
        for number in range(token.map[0] + 1, token.map[1])
    }
