"""Names of form fields as paths: `application[name]=x` means `{"application": {"name": "x"}}`.

Pure. The rules are those of Plug, and so of Rails: `a[b]` nests, `a[]` lists, of two equal names the last one counts.
"""

import re
from collections.abc import Iterable
from typing import Any

MOST_LEVELS = 16
"""Brackets one name may have. What has more, or is no such name, is a name as it stands."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_KEY = re.compile(r"\[([^\[\]]*)\]")


def tree(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Give the tree of dicts, lists and texts that the fields of a form, in their order, stand for."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        *above, last = _path(name)
        if above and last == "":
            *above, last = above
            place = _place(root, above)
            if isinstance(place.get(last), list):
                place[last].append(value)
            else:
                place[last] = [value]
        else:
            _place(root, above)[last] = value
    return root


def _path(name: str) -> list[str]:
    found = _NAME.fullmatch(name)
    if found is None:
        return [name]
    keys = _KEY.findall(found[2])
    if "" in keys[:-1] or len(keys) > MOST_LEVELS:
        return [name]
    return [found[1], *keys]


def _place(root: dict[str, Any], path: list[str]) -> dict[str, Any]:
    place = root
    for key in path:
        below = place.get(key)
        if not isinstance(below, dict):
            below = place[key] = {}
        place = below
    return place
