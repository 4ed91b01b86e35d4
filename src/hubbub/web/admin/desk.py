"""The pages of a noun: its list, each one, the forms, and what can be done besides.

Knows: how a description becomes pages, and what an address of a list says. Does not know any noun.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from hubbub.accounts.domain import Page
from hubbub.accounts.fields import LARGEST
from hubbub.errors import INVALID, UNKNOWN, Refusal
from hubbub.web import page
from hubbub.web.admin.cells import Cell
from hubbub.web.admin.resource import Column, Deed, Input, Item, Made, Part, Related, Resource, Wanted
from hubbub.web.faults import Faults, faults_of
from hubbub.web.page import Access, is_own
from hubbub.web.visit import Form, Visit

LIMIT: Final = 50
"""Rows of a list."""

MOST_RELATED: Final = 10
"""Rows of a list on the page of something else."""


class Row(msgspec.Struct, frozen=True):
    """One of a list, by its key."""

    key: str
    cells: tuple[Cell, ...]


class Listed(msgspec.Struct, frozen=True):
    """A list as templates take it: that of `resource`, as `query` asks; `problem` is why it is empty, if it should not.

    `sort` is empty where it cannot be ordered. `here` is where its switches lead back to.
    """

    resource: Resource
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: int
    here: str
    query: Mapping[str, str] = {}
    sort: str = ""
    offset: int = 0
    limit: int = LIMIT
    problem: str = ""


class Neighbour(msgspec.Struct, frozen=True):
    """A related list, with the addresses of the whole of it, and of making one more."""

    related: Related
    listed: Listed
    whole: str
    add: str | None


class Desk:
    """Answers for one resource. `resources` are all, by name."""

    def __init__(self, resource: Resource, resources: Mapping[str, Resource]) -> None:
        self._resource = resource
        self._resources = resources

    def pages(self) -> Iterator[page.Page]:
        """Give the pages."""
        path = self._resource.path
        yield page.get(path, self.list, Access.ROOT)
        if self._resource.creating is not None:
            yield page.get(f"{path}/new", self.new, Access.ROOT)
            yield page.post(f"{path}/new", self.create, Access.ROOT)
        yield page.get(f"{path}/{{key}}", self.show, Access.ROOT)
        if self._resource.editing is not None:
            yield page.get(f"{path}/{{key}}/edit", self.edit, Access.ROOT)
            yield page.post(f"{path}/{{key}}/edit", self.change, Access.ROOT)
        if self._resource.deeds:
            yield page.get(f"{path}/{{key}}/do/{{deed}}", self.ask, Access.ROOT)
            yield page.post(f"{path}/{{key}}/do/{{deed}}", self.do, Access.ROOT)

    async def list(self, visit: Visit) -> Response:
        """Show the list, as the address asks: `search`, `sort`, `offset`, and each filter by its name."""
        resource, asked = self._resource, visit.query
        chosen = {one.name: value for one in resource.filters if (value := asked[one.name].strip())}
        sort = asked["sort"] if asked["sort"].removeprefix("-") in _orders(resource) else resource.sort
        search, offset = asked["search"].strip(), _number(asked["offset"])
        wanted = Wanted(Part(search=search, sort=sort, limit=LIMIT, offset=offset), chosen)
        found, problem = await self._find(visit, wanted)
        query = {"search": search} if search else {}
        query |= chosen
        order = {"sort": sort} if sort != resource.sort else {}
        at = {"offset": str(offset)} if offset else {}
        listed = Listed(
            resource,
            resource.columns,
            _rows(resource, resource.columns, found.items),
            found.total,
            _with(resource.path, query | order | at),
            query,
            sort,
            offset,
            problem=problem,
        )
        return visit.render(
            "admin/list.html", here=resource.name, resource=resource, listed=listed, chosen=chosen, search=search,
            order=order,
        )  # fmt: skip

    async def show(self, visit: Visit) -> Response:
        """Show one, what can be done with it, and what is related to it."""
        resource, item = self._resource, await self._item(visit)
        neighbours = [await self._neighbour(visit, related, item) for related in resource.related]
        return visit.render(
            "admin/show.html",
            here=resource.name,
            resource=resource,
            item=item,
            key=resource.key(item),
            deeds=[deed for deed in resource.deeds if not deed.is_switch and deed.is_offered(item)],
            can_edit=resource.editing is not None and resource.editing.is_offered(item),
            neighbours=neighbours,
        )

    async def new(self, visit: Visit) -> Response:
        """Show the form by which one is made, filled in from the address."""
        given = visit.query
        inputs = self._resource.creating.inputs if self._resource.creating is not None else ()
        return self._making(visit, {one.name: given.get(one.name, one.start) for one in inputs}, {}, given["back"])

    async def create(self, visit: Visit) -> Response:
        """Make one, and lead to it; or show its secret, which no later page could."""
        creating, form = self._resource.creating, await visit.form()
        assert creating is not None, "there is no page without it"
        try:
            made = await creating.run(visit.services.accounts, visit.who, form)
        except Refusal as refusal:
            errors = _errors(refusal, creating.unknown)
            return self._making(visit, form, errors, form["back"], 422)
        to = _back(form, f"{self._resource.path}/{made.key}")
        if made.secret is None:
            return visit.redirect(to, notice=made.notice)
        return self._made(visit, made, to)

    async def edit(self, visit: Visit) -> Response:
        """Show the form by which one is changed."""
        item = await self._editable(visit)
        inputs = self._resource.editing.inputs if self._resource.editing is not None else ()
        return self._changing(visit, item, {one.name: one.value(item) for one in inputs}, {})

    async def change(self, visit: Visit) -> Response:
        """Change one."""
        editing, form, item = self._resource.editing, await visit.form(), await self._editable(visit)
        assert editing is not None, "there is no page without it"
        try:
            await editing.run(visit.services.accounts, visit.who, item, form)
        except Refusal as refusal:
            return self._changing(visit, item, form, _errors(refusal), 422)
        return visit.redirect(self._resource.path_of(item), notice="Saved.")

    async def ask(self, visit: Visit) -> Response:
        """Ask whether something is to be done."""
        item = await self._item(visit)
        deed = self._deed(visit)
        if deed.question is None or not deed.is_offered(item):
            return visit.redirect(self._resource.path_of(item))
        resource = self._resource
        return visit.render(
            "admin/ask.html", here=resource.name, resource=resource, item=item, key=resource.key(item), deed=deed
        )

    async def do(self, visit: Visit) -> Response:
        """Do it, and lead back to where it was asked for."""
        resource, form, item = self._resource, await visit.form(), await self._item(visit)
        deed = self._deed(visit)
        to = _back(form, resource.path if deed.name in resource.gone else resource.path_of(item))
        if not deed.is_offered(item):
            return visit.redirect(to, notice=f"{resource.title(item)} has changed in the meantime.", kind="bad")
        try:
            said = await deed.run(visit.services.accounts, visit.who, item, form)
        except Refusal as refusal:
            told = "; ".join(text for texts in _errors(refusal).values() for text in texts)
            at = to if deed.name not in resource.gone else resource.path_of(item)
            return visit.redirect(at, notice=f"Not done: {resource.title(item)} {told}.", kind="bad")
        return self._made(visit, said, to) if isinstance(said, Made) else visit.redirect(to, notice=said)

    # What several of them need

    async def _item(self, visit: Visit) -> Item:
        return await self._resource.get(visit.services.accounts, visit.who, visit.path("key"))

    async def _editable(self, visit: Visit) -> Item:
        item, editing = await self._item(visit), self._resource.editing
        if editing is None or not editing.is_offered(item):
            raise UNKNOWN()
        return item

    def _deed(self, visit: Visit) -> Deed:
        found = next((deed for deed in self._resource.deeds if deed.name == visit.path("deed")), None)
        if found is None:
            raise UNKNOWN()
        return found

    async def _find(self, visit: Visit, wanted: Wanted) -> tuple[Page[Item], str]:
        try:
            return await self._resource.find(visit.services.accounts, visit.who, wanted), ""
        except Refusal as refusal:
            if refusal.reason is UNKNOWN:
                return Page((), 0), "What the list is narrowed to is not there."
            if refusal.reason is INVALID:
                return Page((), 0), f"{refusal.message.capitalize()}."
            raise

    async def _neighbour(self, visit: Visit, related: Related, item: Item) -> Neighbour:
        other = self._resources[related.resource]
        key = self._resource.key(item) if related.value is None else related.value(item)
        wanted = Wanted(Part(search="", sort=other.sort, limit=MOST_RELATED, offset=0), {related.by: key})
        found = await other.find(visit.services.accounts, visit.who, wanted)
        columns = tuple(column for column in other.columns if column.name not in related.without)
        here = self._resource.path_of(item)
        listed = Listed(other, columns, _rows(other, columns, found.items), found.total, here, limit=MOST_RELATED)
        return Neighbour(
            related,
            listed,
            _with(other.path, {related.by: key}),
            _with(f"{other.path}/new", {related.by: key, "back": here}) if related.adds else None,
        )

    def _making(
        self, visit: Visit, values: Mapping[str, str], errors: Faults, back: str, status: int = 200
    ) -> Response:
        creating = self._resource.creating
        assert creating is not None, "there is no page without it"
        return visit.render(
            "admin/form.html",
            status,
            here=self._resource.name,
            resource=self._resource,
            title=f"New {self._resource.one}",
            action=f"{self._resource.path}/new",
            leave=_inside(back) or self._resource.path,
            inputs=creating.inputs,
            button=creating.button,
            values=_filled(creating.inputs, values),
            errors=errors,
            back=_inside(back) or "",
        )

    def _changing(
        self, visit: Visit, item: Item, values: Mapping[str, str], errors: Faults, status: int = 200
    ) -> Response:
        editing = self._resource.editing
        assert editing is not None, "there is no page without it"
        path = self._resource.path_of(item)
        return visit.render(
            "admin/form.html",
            status,
            here=self._resource.name,
            resource=self._resource,
            title=self._resource.title(item),
            action=f"{path}/edit",
            leave=path,
            inputs=editing.inputs,
            button="Save",
            values=_filled(editing.inputs, values),
            errors=errors,
            back="",
        )

    def _made(self, visit: Visit, made: Made, to: str) -> Response:
        return visit.render("admin/made.html", here=self._resource.name, resource=self._resource, made=made, to=to)


def _orders(resource: Resource) -> set[str]:
    return {column.name for column in resource.columns if column.is_sorted} | {"id"}


def _rows(resource: Resource, columns: Sequence[Column], items: Sequence[Item]) -> tuple[Row, ...]:
    return tuple(Row(resource.key(item), tuple(column.cell(item) for column in columns)) for item in items)


def _number(text: str) -> int:
    return min(int(text), LARGEST) if text.isascii() and text.isdigit() and len(text) <= 10 else 0


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _inside(path: str) -> str | None:
    """Give the path if it is one of the administration."""
    return path if is_own(path) and (path == "/admin" or path.startswith("/admin/")) else None


def _back(form: Form, otherwise: str) -> str:
    return _inside(form["back"]) or otherwise


def _filled(inputs: Sequence[Input], values: Mapping[str, str]) -> dict[str, str]:
    """Give the text of each field; passwords are never sent back."""
    return {one.name: "" if one.kind == "password" else values.get(one.name, "") for one in inputs}


def _errors(refusal: Refusal, unknown: str = "") -> Faults:
    """Give what is wrong by field. Raises the refusal again if it is about something else."""
    return {unknown: ["does not exist"]} if refusal.reason is UNKNOWN and unknown else faults_of(refusal)
