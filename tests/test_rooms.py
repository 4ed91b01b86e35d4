"""The rooms of the source and who may know whom, as docs/architecture.md draws them, read from the imports."""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import msgspec
import pytest

SOURCE = Path(__file__).parent.parent / "src" / "hubbub"

# A room is a folder or a file right under src/hubbub. Pure rooms may be known to all, and know only each other.
PURE = {"errors", "messages", "channels", "signing", "durations"}

# What all but the still rooms may know besides: they log.
EVERYBODYS = {"logs"}

# Each other room, and the rooms it may import. A room may always import itself; a new one needs a line here.
MAY_IMPORT = {
    "hub": PURE | {"native"},
    "protocols": PURE,
    "eager": set(),
    "native": set(),
    "settings": set(),
    "logs": set(),
    "identity": {"native", "settings"},
    "tracing": PURE | {"apps", "engine", "hub", "node", "settings", "transports", "webhooks"},
    "accounts": PURE | {"settings", "apps", "taps", "webhooks"},
    "engine": PURE | {"settings"},
    "apps": PURE | {"settings"},
    "changes": PURE,
    "mail": {"accounts", "settings"},
    "store": PURE | {"accounts", "apps", "changes", "durations", "logs", "settings", "statistics", "taps", "webhooks"},
    "webhooks": PURE | {"apps", "node", "settings", "taps"},
    "conformance": {"channels", "signing"},
    "bench": {"signing"},
    "doctor": {"signing"},
    "node": PURE | {"hub", "engine", "eager", "taps"},
    "statistics": PURE | {"hub"},
    "taps": PURE,
    "importing": {"accounts", "settings", "webhooks"},
    "gathering": PURE | {"node"},
    "console": PURE | {"taps", "node", "session", "settings", "gathering"},
    "session": PURE | {"native", "hub", "protocols", "node", "apps", "eager", "accounts", "tally", "taps"},
    "transports": PURE
    | {
        "native",
        "hub",
        "protocols",
        "session",
        "node",
        "apps",
        "settings",
        "eager",
        "tally",
        "taps",
        "triggers",
        "health",
    },
    "triggers": PURE | {"settings"},
    "checkup": PURE | {"apps", "settings", "statistics"},
    "demo": PURE | {"session", "apps", "accounts", "settings"},
    "snippets": {"apps"},
    "tally": PURE,
    "metrics": PURE | {"console", "native", "session", "siblings", "statistics", "tally", "webhooks"},
    "reference": PURE | {"metrics", "settings"},
    "limits": PURE | {"metrics", "reference", "settings", "transports"},
    "seed": {"apps", "accounts"},
    "retention": PURE,
    "api": PURE | {"accounts", "apps", "protocols", "settings", "webhooks"},
    "web": PURE
    | {
        "accounts",
        "apps",
        "console",
        "demo",
        "node",
        "settings",
        "snippets",
        "statistics",
        "taps",
        "triggers",
        "webhooks",
    },
    "server": {"*"},
    "serve": {"*"},
    "workers": set(),
    "systemd": set(),
    "listening": {"settings", "workers"},
    "siblings": set(),
    "health": set(),
    "cli": PURE
    | {
        "accounts",
        "apps",
        "bench",
        "conformance",
        "importing",
        "metrics",
        "console",
        "doctor",
        "limits",
        "reference",
        "seed",
        "serve",
        "settings",
        "store",
        "webhooks",
    },
    "__main__": {"cli"},
    "__init__": set(),
}

# Rooms in which nothing waits: no event loop, no clock, no I/O.
STILL = PURE | {"hub", "protocols"}
WAITS_OR_ASKS_THE_WORLD = {
    "asyncio", "concurrent", "contextvars", "ctypes", "datetime", "fcntl", "io", "logging", "multiprocessing", "os",
    "pathlib", "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "weakref",
}  # fmt: skip

# Each third-party package and the rooms that may name it.
HOMES = {
    "msgspec": {"*"},
    "prometheus_client": {"metrics"},
    "aiohttp": {"webhooks", "conformance"},
    "aiosmtplib": {"mail"},
    "yarl": {"webhooks", "conformance"},
    "uvicorn": {"server", "serve", "transports", "workers"},
    "h11": {"doctor"},
    "httptools": {"transports", "bench"},
    "uvloop": {"bench"},
    "structlog": {"logs"},
    "opentelemetry": {"tracing"},
    "redis": {"engine"},
    "hiredis": {"engine"},
    "rich": {"bench", "doctor"},
    "websockets": {"conformance", "doctor"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "asyncpg": {"store"},
    "cryptography": {"doctor", "listening", "store"},
    # Whoever reads settings, or an application's, from text.
    "pydantic": {"settings", "reference", "metrics", "store", "accounts", "api", "web"},
    "pydantic_settings": {"settings"},
    "dotenv": {"importing"},
    "argon2": {"accounts"},
    "jwt": {"accounts"},
    "pyotp": {"accounts"},
    "segno": {"web"},
    "typer": {"cli"},
    "fastapi": {"api"},
    "python_multipart": {"api"},
    "jinja2": {"mail", "web"},
    "markupsafe": {"web"},
    "starlette": {"api", "web", "transports", "server", "metrics"},
}

# Modules that only the composition root and the command line may name: whoever else wants one takes the seam.
CONCRETE = {"hubbub.engine.memory", "hubbub.engine.redis", "hubbub.store"}
COMPOSERS = {"server", "serve", "cli"}


class Import(msgspec.Struct, frozen=True):
    """`module`, a file's path under src/hubbub, imports `target`, a dotted name; `line` is where."""

    module: str
    line: int
    target: str

    @property
    def room(self) -> str:
        return room_of(self.module)

    @property
    def package(self) -> str:
        return self.target.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def room_of(module: str) -> str:
    return module.partition("/")[0].removesuffix(".py")


def parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(), str(path))


def dotted(module: str) -> str:
    """Give the name that `module` is imported by."""
    return ".".join(["hubbub", *module.removesuffix(".py").removesuffix("__init__").strip("/").split("/")]).rstrip(".")


MODULES = dict(parsed())
NAMES = {dotted(module) for module in MODULES} | {
    dotted(folder.relative_to(SOURCE).as_posix()) for folder in SOURCE.rglob("*/") if folder.is_dir()
}


def imports_of(module: str, tree: ast.Module) -> Iterator[Import]:
    """Give every import, those inside functions and under TYPE_CHECKING too, by the module it reaches."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                here = Path("hubbub", module).parts[: -node.level]
                origin = ".".join([*here, *([origin] if origin else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield Import(module, node.lineno, full if full in NAMES else origin)


IMPORTS = [found for module, tree in MODULES.items() for found in imports_of(module, tree)]


def rooms(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def report(offences: list[str]) -> None:
    assert not offences, "\n" + "\n".join(offences)


def test_every_room_has_a_line_in_the_table() -> None:
    known = PURE | set(MAY_IMPORT)
    report(
        [
            f"{room} is a new room: say in MAY_IMPORT what it may import"
            for room in map(room_of, MODULES)
            if room not in known
        ]
    )


def test_rooms_import_only_the_rooms_they_may_know() -> None:
    offences = []
    for found in IMPORTS:
        if found.package != "hubbub":
            continue
        allowed = PURE if found.room in PURE else MAY_IMPORT.get(found.room, set())
        if found.room not in STILL:
            allowed = allowed | EVERYBODYS
        target = found.target.split(".")[1] if "." in found.target else "__init__"
        if target != found.room and target not in allowed and "*" not in allowed:
            offences.append(f"{found}: {found.room} may import only {rooms(allowed)}")
    report(offences)


def test_nothing_waits_in_the_still_rooms() -> None:
    offences = [
        f"{found}: {found.room} may import only what neither waits nor asks the world"
        for found in IMPORTS
        if found.room in STILL and found.package in WAITS_OR_ASKS_THE_WORLD
    ]
    for module, tree in MODULES.items():
        if room_of(module) in STILL:
            offences += [
                f"{module}:{node.lineno} uses {type(node).__name__}: {room_of(module)} is synchronous"
                for node in ast.walk(tree)
                if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
            ]
    report(offences)


def test_third_party_packages_stay_in_their_rooms() -> None:
    offences = []
    for found in IMPORTS:
        if found.package == "hubbub" or found.package in sys.stdlib_module_names:
            continue
        homes = HOMES.get(found.package)
        if homes is None:
            offences.append(f"{found}: say in HOMES which room {found.package} belongs to")
        elif found.room not in homes and "*" not in homes:
            offences.append(f"{found}: {found.package} belongs to {rooms(homes)}")
    report(offences)


def test_only_the_composers_name_concrete_engines_and_stores() -> None:
    report(
        [
            f"{found}: only {rooms(COMPOSERS)} may name a concrete engine or store"
            for found in IMPORTS
            for concrete in CONCRETE
            if (found.target == concrete or found.target.startswith(f"{concrete}."))
            and found.room not in COMPOSERS
            and found.room != concrete.split(".")[1]
        ]
    )


def test_imports_form_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        if found.package == "hubbub":
            graph.setdefault(dotted(found.module), set()).add(found.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("import hubbub.node", "hubbub.node"),
        ("from hubbub import errors", "hubbub.errors"),
        ("from hubbub.errors import Refusal", "hubbub.errors"),
        ("from ..node import Node", "hubbub.node"),
        ("from . import hub", "hubbub.hub.hub"),
        ("def late():\n    import asyncio", "asyncio"),
    ],
)
def test_imports_are_read_in_every_form(source: str, target: str) -> None:
    assert [found.target for found in imports_of("hub/channel.py", ast.parse(source))] == [target]
