"""How a snippet is made of a text with gaps.

Pure. Knows how each language writes texts and truths. Does not know what the snippets say.
"""

import re
import shlex
from collections.abc import Callable
from typing import Final

import msgspec

from hubbub.snippets.target import CHANNEL, EVENT, MASK, TEXT, Target

_GAP = re.compile(r"%([A-Z_]+)%")


class Snippet(msgspec.Struct, frozen=True, kw_only=True):
    """Lines to paste. `name` is one word, `label` what people call it, `install` what is to be installed before.

    `note` is a sentence about where the lines go. `is_masked`: a secret belongs into them that they do not have.
    """

    name: str
    label: str
    language: str
    code: str
    install: str = ""
    note: str = ""
    is_masked: bool = False

    def __repr__(self) -> str:
        return f"Snippet(name={self.name!r})"


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """A snippet with gaps, `%KEY%`: a value as the language writes it, or, in `install`, as it is."""

    name: str
    label: str
    language: str
    text: str
    install: str = ""
    note: str = ""
    needs_organization: bool = False

    def fill(self, target: Target) -> Snippet:
        """Give the snippet for a target."""
        return Snippet(
            name=self.name,
            label=self.label,
            language=self.language,
            code=fill(self.text, self.language, target),
            install=self.install,
            note=self.note,
            is_masked="%SECRET" in self.text and not target.secret,
        )


def fill(text: str, language: str, target: Target) -> str:
    """Fill the gaps of a text in a language."""
    quote = QUOTES[language]
    place = target.place
    values: dict[str, str] = {
        "APP_ID": quote(target.app_id),
        "KEY": quote(target.key),
        "SECRET": quote(target.secret or MASK),
        "HOST": quote(place.host),
        "PORT": str(place.port),
        "PORT_TEXT": quote(str(place.port)),
        "SCHEME": quote(place.scheme),
        "ADDRESS": quote(f"{place.host}:{place.port}"),
        "SOCKET": quote(f"ws{place.url.removeprefix('http')}/socket"),
        "TOPIC": quote(f"lobby:{target.key}"),
        "CHANNEL": quote(CHANNEL),
        "EVENT": quote(EVENT),
        "TEXT": quote(TEXT),
        "SECURE": _truth(language, is_true=place.is_secure),
        # As they are, for what is inside a text of the language: an address has no quotes.
        "URL": place.url,
        "RAW_ID": target.app_id,
        "RAW_KEY": target.key,
        "RAW_CHANNEL": CHANNEL,
        "RAW_EVENT": EVENT,
        "RAW_TEXT": TEXT,
        "SLUG": target.organization,
        "WHERE": _where(target),
    }
    return _GAP.sub(lambda gap: values[gap[1]], text)


def _where(target: Target) -> str:
    """Give the options by which pusher-js finds the server, for the inside of an object."""
    place = target.place
    port = str(place.port)
    options = [
        "cluster: 'self'",
        f"wsHost: {_single(place.host)}",
        f"wsPort: {port}",
        f"wssPort: {port}",
        f"forceTLS: {_truth('javascript', is_true=place.is_secure)}",
    ]
    if place.path:
        options.append(f"wsPath: {_single(place.path)}")
    return ", ".join(options)


def _truth(language: str, *, is_true: bool) -> str:
    word = "true" if is_true else "false"
    return word.capitalize() if language == "python" else word


def _single(text: str) -> str:
    """Write a text in single quotes, as JavaScript, PHP and Ruby read it: there is nothing else to escape in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _double(text: str) -> str:
    """Write a text in double quotes, as Go and Java read it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _dotenv(text: str) -> str:
    return text if re.fullmatch(r"[\w.:/•\[\]-]*", text) else _single(text)


QUOTES: Final[dict[str, Callable[[str], str]]] = {
    "html": _single,
    "javascript": _single,
    "python": repr,
    "php": _single,
    "ruby": _single,
    "go": _double,
    "java": _double,
    "bash": shlex.quote,
    "dotenv": _dotenv,
}
"""How each language writes a text."""
