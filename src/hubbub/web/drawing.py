"""Templates, and what they may call.

Knows: how times, numbers and the paths of files are written. Does not know any page.
"""

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hubbub.web.assets import FOLDER

TEMPLATES: Final = Path(__file__).parent / "templates"


@cache
def asset(path: str) -> str:
    """Give the path of a file under `static`, with a word of its contents, so that browsers keep it until it changes.

    Raises FileNotFoundError for one that is not there.
    """
    digest = hashlib.sha256((FOLDER / path).read_bytes()).hexdigest()
    return f"/{path}?v={digest[:12]}"


def moment(time: datetime | float | None) -> Markup:
    """Write a time, a float being Unix seconds, so that a script can show it as the reader's clock has it."""
    if time is None:
        return Markup('<span class="muted">never</span>')
    utc = time.astimezone(UTC) if isinstance(time, datetime) else datetime.fromtimestamp(time, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M UTC")
    )


def number(value: float | None) -> str:
    """Write a number with a separator of thousands; a fraction with one digit."""
    if value is None:
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) and not value.is_integer() else f"{int(value):,}"


def size(value: float) -> str:
    """Write a count of bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count and its noun: `plural(2, "key")` is `2 keys`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def icon(name: str) -> Markup:
    """Draw an icon of the sprite. It says nothing: what it stands beside must."""
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>').format(
        asset("img/icons.svg"), name
    )


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"asset": asset, "icon": icon, "plural": plural}
    made.filters |= {"moment": moment, "number": number, "size": size}
    return made


ENVIRONMENT: Final = _environment()
"""What the pages are made with. A name that a template knows and its page does not give is a fault at once."""
