"""Pages of a list: which one was asked for, and what of it is answered.

Knows `page` and `per_page`. Without either, the whole list is the answer, as clients from before there were pages
expect.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, Protocol, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from hubbub.accounts import domain
from hubbub.accounts.fields import MOST_ITEMS

PER_PAGE = 50
MOST_PER_PAGE = 100
LAST_PAGE = 10_000_000

Item = TypeVar("Item")
Data = TypeVar("Data", bound=BaseModel)


class Meta(BaseModel):
    """Where in the list the answer stands."""

    page: int = Field(description="The number of this page, from 1.", examples=[1])
    per_page: int = Field(description="Items on a full page.", examples=[50])
    total: int = Field(description="Items on all pages.", examples=[1])


class One(BaseModel, Generic[Data]):
    """An answer of one thing."""

    data: Data


class Answer(BaseModel, Generic[Item]):
    """An answer of anything else."""

    data: Item


class Many(BaseModel, Generic[Data]):
    """An answer of a list. `meta` is there when a page was asked for."""

    data: list[Data]
    meta: Meta | None = None


class List(Protocol[Item]):
    """A use-case that lists, `limit` items from `offset`."""

    async def __call__(self, *, limit: int, offset: int) -> domain.Page[Item]:
        """Give those, and how many there are."""


class Page:
    """The page that a request asks for, if it does."""

    def __init__(self, page: int | None, per_page: int | None) -> None:
        self._is_asked_for = page is not None or per_page is not None
        self._page = page or 1
        self._per_page = per_page or PER_PAGE

    async def ask(self, items: List[Item], shape: Callable[[Item], Data]) -> Many[Data]:
        """Ask for the items of the page, or for all, and give each its `shape`."""
        if self._is_asked_for:
            found = await items(limit=self._per_page, offset=(self._page - 1) * self._per_page)
            return self._many(found.items, found.total, shape)
        data: list[Data] = []
        while True:
            found = await items(limit=MOST_ITEMS, offset=len(data))
            data += map(shape, found.items)
            if not found.items or len(data) >= found.total:
                return Many(data=data)

    def cut(self, items: Sequence[Item], shape: Callable[[Item], Data]) -> Many[Data]:
        """Cut the page out of all `items`, and give each its `shape`."""
        if not self._is_asked_for:
            return Many(data=[*map(shape, items)])
        start = (self._page - 1) * self._per_page
        return self._many(items[start : start + self._per_page], len(items), shape)

    def _many(self, items: Sequence[Item], total: int, shape: Callable[[Item], Data]) -> Many[Data]:
        return Many(data=[*map(shape, items)], meta=Meta(page=self._page, per_page=self._per_page, total=total))


async def page_of(
    page: Annotated[
        int | None, Query(ge=1, le=LAST_PAGE, description="Which page, from 1; without it, all is given.")
    ] = None,
    per_page: Annotated[
        int | None, Query(ge=1, le=MOST_PER_PAGE, description=f"How many on a page; {PER_PAGE} unless told.")
    ] = None,
) -> Page:
    """Give the page that the query names."""
    return Page(page, per_page)


Paged = Annotated[Page, Depends(page_of)]
"""The page, for a route that lists."""


async def part_of(
    page: Annotated[int | None, Query(ge=1, le=LAST_PAGE, description="Which page; the first unless told.")] = None,
    per_page: Annotated[
        int | None, Query(ge=1, le=MOST_PER_PAGE, description=f"How many on a page; {PER_PAGE} unless told.")
    ] = None,
) -> Page:
    """Give the page that the query names, of a list that is too long to be given whole."""
    return Page(page or 1, per_page)


InParts = Annotated[Page, Depends(part_of)]
"""The page, for a route whose list is never given whole."""
