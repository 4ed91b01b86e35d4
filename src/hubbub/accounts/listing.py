"""Which part of a searchable list is asked for, and in which order.

Knows: what a search, an order and a part may be. Does not know what is listed.
"""

from collections.abc import Collection
from typing import Self

import msgspec

from hubbub.accounts.fields import Fields, Slice


class Listing(msgspec.Struct, frozen=True):
    """Those that have `search` in a text of theirs, whatever its case, ordered `by` a column and then by id."""

    search: str | None
    by: str
    descending: bool
    part: Slice

    @classmethod
    def of(cls, columns: Collection[str], *, search: object, sort: object, limit: object, offset: object) -> Self:
        """Give it from what a client sent. `sort` is one of `columns`, with a `-` before it for the reverse order.

        None or nothing is no search, the order of ids, 100 from the first. Raises INVALID.
        """
        with Fields() as fields:
            term = None if search in (None, "") else fields.text("search", search)
            order = "id" if sort in (None, "") else sort
            by = order.removeprefix("-") if isinstance(order, str) else ""
            if by not in columns:
                fields.fault("sort", f"must be one of {', '.join(columns)}, with a - before it for the reverse")
        return cls(term, by, isinstance(order, str) and order.startswith("-"), Slice.of(limit, offset))
