import msgspec
from pydantic import BaseModel

from hubbub.accounts import domain
from hubbub.api.paging import Meta, page_of


class Number(BaseModel):
    """An item as it is answered."""

    n: int


class Asked(msgspec.Struct):
    """A list of numbers that notes which parts of it were asked for."""

    total: int
    parts: list[tuple[int, int]] = []

    async def __call__(self, *, limit: int, offset: int) -> domain.Page[int]:
        self.parts.append((limit, offset))
        return domain.Page(tuple(range(self.total))[offset : offset + limit], self.total)


def shape(n: int) -> Number:
    return Number(n=n)


async def test_a_list_without_a_page_is_whole_however_long() -> None:
    numbers = Asked(2500)
    answer = await (await page_of()).ask(numbers, shape)
    assert [one.n for one in answer.data] == list(range(2500))
    assert numbers.parts == [(1000, 0), (1000, 1000), (1000, 2000)]
    assert answer.model_fields_set == {"data"}


async def test_a_list_that_shrinks_while_it_is_read_ends() -> None:
    class Shrinking(Asked):
        async def __call__(self, *, limit: int, offset: int) -> domain.Page[int]:
            return domain.Page(() if offset else (1,), 3)

    assert len((await (await page_of()).ask(Shrinking(3), shape)).data) == 1


async def test_a_page_is_asked_for_as_it_is() -> None:
    numbers = Asked(25)
    answer = await (await page_of(3, 10)).ask(numbers, shape)
    assert [one.n for one in answer.data] == [20, 21, 22, 23, 24]
    assert numbers.parts == [(10, 20)]
    assert answer.meta == Meta(page=3, per_page=10, total=25)
