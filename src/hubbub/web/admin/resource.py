"""What the administration must be told of a noun, so that it can list, show, make and change it.

Knows: the parts of such a description. Does not know any noun, nor how any of it looks. Nothing here decides who may,
or what is valid: everything goes to the use-cases.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypedDict

import msgspec

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Page
from hubbub.web.admin.cells import Cell
from hubbub.web.visit import Form

Item = Any  # one of the noun: each module knows its own


class Part(TypedDict):
    """Which part of a list is wanted, as all use-cases take it."""

    search: str
    sort: str
    limit: int
    offset: int


class Wanted(msgspec.Struct, frozen=True):
    """What of a list is wanted: the part, and by filter its value; filters that are not set are not there."""

    part: Part
    chosen: Mapping[str, str] = {}

    def text(self, name: str) -> str | None:
        """Give the value of a filter."""
        return self.chosen.get(name)

    def flag(self, name: str) -> bool | None:
        """Give the value of a filter that is a yes or no."""
        return {"yes": True, "no": False}.get(self.chosen.get(name, ""))


class Column(msgspec.Struct, frozen=True):
    """A column of the list; with `is_sorted` the use-case can order by its name."""

    name: str
    label: str
    cell: Callable[[Item], Cell]
    is_sorted: bool = False


class Fact(msgspec.Struct, frozen=True):
    """What is told of one on its own page."""

    label: str
    cell: Callable[[Item], Cell]


class Filter(msgspec.Struct, frozen=True):
    """What a list is narrowed by: one of some choices, pairs of value and label, or without any a text."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()


YES_NO = (("yes", "yes"), ("no", "no"))


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a form: `text`, `email`, `password`, `area`, `check`, or with choices `choice`.

    `value` is what it begins with when one is edited, `start` when one is made.
    """

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    is_required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    start: str = ""
    value: Callable[[Item], str] = lambda _: ""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What came of making one: its key. A `secret` is shown this once, with what it is and is good for."""

    key: str
    notice: str
    secret: str | None = None
    secret_label: str = ""
    secret_hint: str = ""

    def __repr__(self) -> str:
        return f"Made(key={self.key!r})"


class Creating(msgspec.Struct, frozen=True):
    """How one is made. `unknown` is the field that is wrong when what it rests on is not there."""

    inputs: tuple[Input, ...]
    run: Callable[[Accounts, Identity, Form], Awaitable[Made]]
    button: str = "Create"
    unknown: str = ""


class Editing(msgspec.Struct, frozen=True):
    """How one is changed; those for which `is_offered` is False cannot be."""

    inputs: tuple[Input, ...]
    run: Callable[[Accounts, Identity, Item, Form], Awaitable[object]]
    is_offered: Callable[[Item], bool] = lambda _: True


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something else that can be done with one, offered on its page.

    `run` gets the form, which has in `value` the wanted state of a switch, and gives what to say when it is done, or
    what was made. With a `question` it is asked first. A switch `is_switch`, and stands in a column instead.
    """

    name: str
    label: str
    icon: str
    run: Callable[[Accounts, Identity, Item, Form], Awaitable[str | Made]]
    is_offered: Callable[[Item], bool] = lambda _: True
    question: Callable[[Item], str] | None = None
    is_danger: bool = False
    is_switch: bool = False


class Related(msgspec.Struct, frozen=True):
    """A list of another resource, narrowed to what belongs to one by the filter `by`, on the page of that one.

    The filter's `value` is the key of the one unless told. `without` are the columns that would say the same in every
    row; `adds` offers to make one more.
    """

    resource: str
    by: str
    title: str
    without: tuple[str, ...] = ()
    adds: str = ""
    value: Callable[[Item], str] | None = None


class Elsewhere(msgspec.Struct, frozen=True):
    """A page outside of the administration about the same one."""

    label: str
    icon: str
    path: Callable[[Item], str]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A noun. Its pages are at `/admin/NAME`; the first column leads to the page of each.

    `find` gives a part of the list, `get` one by its `key`: UNKNOWN if there is none. `gone` is a deed after which
    there is no page of it any more.
    """

    name: str
    one: str
    many: str
    icon: str
    about: str
    searched: str
    columns: tuple[Column, ...]
    facts: tuple[Fact, ...]
    find: Callable[[Accounts, Identity, Wanted], Awaitable[Page[Item]]]
    get: Callable[[Accounts, Identity, str], Awaitable[Item]]
    key: Callable[[Item], str]
    title: Callable[[Item], str]
    badges: Callable[[Item], tuple[tuple[str, str], ...]] = lambda _: ()
    sort: str = "-id"
    filters: tuple[Filter, ...] = ()
    creating: Creating | None = None
    editing: Editing | None = None
    deeds: tuple[Deed, ...] = ()
    related: tuple[Related, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    gone: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """The path of the list."""
        return f"/admin/{self.name}"

    def path_of(self, item: Item) -> str:
        """Give the path of the page of one."""
        return f"{self.path}/{self.key(item)}"
