"""Slugs: the names of organizations in URLs.

Pure. Knows: how one is made from a name. Does not know which are taken: it is told.
"""

import re
import unicodedata
from collections.abc import Collection
from itertools import count

LONGEST = 100
"""Characters of a slug without its number."""

RESERVED = {"new"}
"""What stands for something else where the URL of an organization has its slug."""

# Letters that Unicode does not take apart into a plain one and an accent.
PLAIN = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h"})
APOSTROPHES = re.compile("['’ʼ]")
OTHER = re.compile("[^a-z0-9]+")


def slug_of(name: str) -> str:
    """Give the slug of `name`: ASCII letters, digits and single hyphens, never digits alone. Empty if nothing is left.

    "Acme Inc." gives `acme-inc`, "Łódź & Söhne" gives `lodz-sohne`, "2024" gives `org-2024`, "東京" gives nothing.
    None is RESERVED: "New" gives `org-new`.
    """
    # casefold twice: decomposing may yield capitals, and casefold turns ß into ss.
    letters = unicodedata.normalize("NFKD", name.casefold().translate(PLAIN)).casefold()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    slug = OTHER.sub("-", APOSTROPHES.sub("", plain)).strip("-")[:LONGEST].rstrip("-")
    return f"org-{slug}" if slug.isdigit() or slug in RESERVED else slug


def free_slug(slug: str, taken: Collection[str]) -> str:
    """Give `slug`, or the first of `slug-2`, `slug-3` … that is not taken."""
    if slug not in taken:
        return slug
    return next(numbered for number in count(2) if (numbered := f"{slug}-{number}") not in taken)
