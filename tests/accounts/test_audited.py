"""Whatever a use-case writes, the audit has it: read from the source, so that a new one without an entry fails here."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import hubbub.accounts

ROOM = Path(hubbub.accounts.__file__).parent

BEGINNINGS = {"writing", "writing_for_anybody"}
"""What gives a transaction that may write. `test_transactions_are_begun_in_one_way` sees that nothing else does."""

WITHOUT: Mapping[str, str] = {
    "browsers.py:Browsers.open": "whoever gets here has signed in, or comes back remembered, and that has its entry",
    "browsers.py:Browsers.resume": "only notes when and from where a browser was used",
    "proving.py:Proving.prove": "what the password is given for has an entry; a wrong one has, where it is counted",
    "transactions.py:Transactions.writing": "what it is for writes its own",
}
"""Functions whose transactions leave no entry, and why."""

Function = ast.AsyncFunctionDef | ast.FunctionDef

MODULES = {path.name: ast.parse(path.read_text("utf-8")) for path in sorted(ROOM.glob("*.py"))}
FUNCTIONS: dict[str, dict[str, list[Function]]] = {}
"""By name and module: a module means its own before those of others."""
for name, tree in MODULES.items():
    if not name.startswith("seam"):
        for node in ast.walk(tree):
            if isinstance(node, Function):
                FUNCTIONS.setdefault(node.name, {}).setdefault(name, []).append(node)


def writes() -> Iterator[tuple[str, ast.AsyncWith]]:
    """Give every block that writes, by the module and function that it is in."""
    for module, tree in MODULES.items():
        for outer in ast.walk(tree):
            if not isinstance(outer, ast.ClassDef):
                continue
            for function in outer.body:
                for block in ast.walk(function):
                    if isinstance(function, Function) and isinstance(block, ast.AsyncWith) and begins(block):
                        yield f"{module}:{outer.name}.{function.name}", block


def begins(block: ast.AsyncWith) -> bool:
    return any(
        isinstance(item.context_expr, ast.Call)
        and isinstance(item.context_expr.func, ast.Attribute)
        and item.context_expr.func.attr in BEGINNINGS
        for item in block.items
    )


def leaves_an_entry(node: ast.AST, module: str, seen: frozenset[str] = frozenset()) -> bool:
    """Tell whether something in `node`, or in a function of the room that it calls by name or of `self`, does."""
    for part in ast.walk(node):
        match part:
            case ast.Attribute(attr="audit", value=ast.Attribute(attr="journal")):
                return True
            case ast.Attribute(attr="add", value=ast.Attribute(attr="audit")):
                return True
            case ast.Call(func=ast.Name(id=called)):
                pass
            case ast.Call(func=ast.Attribute(attr=called, value=ast.Name(id="self"))):
                pass
            case ast.Call(func=ast.Attribute(attr=called, value=ast.Attribute(value=ast.Name(id="self")))):
                pass
            case _:
                continue
        if called in {*seen, "settle", "fail"}:  # that a failure has an entry says nothing of success
            continue
        there = FUNCTIONS.get(called, {})
        # All of that name: which one is meant cannot be told here.
        meant = [(module, one) for one in there[module]] if module in there else [
            (other, one) for other, ones in there.items() for one in ones
        ]  # fmt: skip
        if meant and all(leaves_an_entry(one, other, seen | {called}) for other, one in meant):
            return True
    return False


def test_every_transaction_that_writes_leaves_an_entry() -> None:
    found = list(writes())
    assert len(found) > 40, "the walk has lost its way"
    silent = {where for where, block in found if not leaves_an_entry(block, where.partition(":")[0])}
    assert silent - WITHOUT.keys() == set(), "write to the audit what is done here"
    assert WITHOUT.keys() - silent == set(), "these have an entry by now: take them off the list"


def test_transactions_are_begun_in_one_way() -> None:
    """Nothing in the room asks the store for a transaction that may write, but the one that knows who asks."""
    asked = {
        module
        for module, tree in MODULES.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "work"
        and not module.startswith("seam")
    }
    assert asked == {"transactions.py"}
