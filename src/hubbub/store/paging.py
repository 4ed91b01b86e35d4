"""Parts of lists, and how many the whole list has."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Select, func
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.accounts.domain import Page
from hubbub.store import models

Row = TypeVar("Row", bound=models.Row)
Value = TypeVar("Value")


async def page(
    session: AsyncSession, found: Select[Row], value_of: Callable[[Row], Value], limit: int, offset: int
) -> Page[Value]:
    """Give `limit` of what is `found` from the one numbered `offset`, each as `value_of` gives it, and the count."""
    rows = (await session.scalars(found.limit(limit).offset(offset))).unique().all()
    if offset == 0 and len(rows) < limit:
        total = len(rows)
    else:
        whole = found.order_by(None).options().with_only_columns(func.count(), maintain_column_froms=True)
        total = await session.scalar(whole) or 0
    return Page(tuple(map(value_of, rows)), total)
