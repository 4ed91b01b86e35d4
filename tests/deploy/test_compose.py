"""The compose file, read as its specification says; no engine runs here.

The structures hold what is used of it: anything else in the file is a mistake.
"""

import re
from typing import Any

import msgspec

from deploy.proxies import DEPLOY, NAMES
from deploy.shipped import drain, expect_settings, seconds

FOLDER = DEPLOY / "compose"


class Known(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A table of a compose file, with no entry that it would not know."""


class Build(Known, frozen=True):
    context: str
    dockerfile: str


class Awaited(Known, frozen=True):
    condition: str


class HealthCheck(Known, frozen=True):
    test: list[str] = []
    interval: str = "30s"
    timeout: str = "30s"
    retries: int = 3
    disable: bool = False


class Service(Known, frozen=True):
    image: str
    networks: list[str]
    restart: str
    build: Build | None = None
    cap_drop: list[str] = []
    command: list[str] = []
    depends_on: dict[str, Awaited] = {}
    environment: dict[str, str] = {}
    healthcheck: HealthCheck | None = None
    ports: list[str] = []
    read_only: bool = False
    security_opt: list[str] = []
    stop_grace_period: str = "10s"
    tmpfs: list[str] = []
    user: str = ""
    volumes: list[str] = []


class Network(Known, frozen=True):
    internal: bool = False


class Compose(Known, frozen=True):
    name: str
    services: dict[str, Service]
    networks: dict[str, Network | None]
    volumes: dict[str, None]


def interpolated(variables: dict[str, str]) -> str:
    """Fill in `${NAME:-default}` and `${NAME:?problem}`, and `$$`, as compose does."""

    def fill(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, kind, other = found[1], found[2], found[3]
        value = variables.get(name, "")
        assert value or kind == "-", f"{name}: {other}"
        return value or other

    text = (FOLDER / "compose.yaml").read_text()
    return re.sub(r"\$\$|\$\{(\w+):([-?])([^}]*)\}", fill, text)


def example() -> dict[str, str]:
    """Read .env.example, with something where a secret belongs."""
    lines = (FOLDER / ".env.example").read_text().splitlines()
    pairs = [line.partition("=")[::2] for line in lines if line and not line.startswith("#")]
    return {name: value or "c0ffee" * 4 for name, value in pairs}


def read() -> Compose:
    tables: dict[str, Any] = msgspec.yaml.decode(interpolated(example()))
    return msgspec.convert({name: table for name, table in tables.items() if not name.startswith("x-")}, Compose)


COMPOSE = read()
NODES = {name: COMPOSE.services[name] for name in ("node1", "node2", "node3")}


def test_every_variable_is_in_the_example() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == set(example())


def test_no_secret_has_a_value_of_its_own() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    assert re.findall(r"(?:PASSWORD|SECRET|TOKEN)\w*: (?!\$\{\w+:(?:\?|-\}))", text) == []
    shipped = (FOLDER / ".env.example").read_text()
    assert [line for line in shipped.splitlines() if re.match(r"\w*(PASSWORD|TOKEN)\w*=.", line)] == []


def test_a_node_has_the_time_to_say_goodbye() -> None:
    for node in NODES.values():
        assert seconds(node.stop_grace_period) > drain(node.environment) + 5


def test_each_setting_is_one() -> None:
    for service in COMPOSE.services.values():
        expect_settings({name: value for name, value in service.environment.items() if name.startswith("HUBBUB_")})


def test_a_node_waits_for_what_it_needs() -> None:
    for node in NODES.values():
        assert node.depends_on == {
            "migrate": Awaited("service_completed_successfully"),
            "valkey": Awaited("service_healthy"),
        }
    assert COMPOSE.services["migrate"].depends_on == {"postgres": Awaited("service_healthy")}
    for service in COMPOSE.services.values():
        for name, awaited in service.depends_on.items():
            # The nodes' own look is in the image.
            look = COMPOSE.services[name].healthcheck
            assert awaited.condition != "service_healthy" or name in NODES or (look is not None and look.test)


def test_all_that_is_named_is_there() -> None:
    for service in COMPOSE.services.values():
        assert set(service.networks) <= set(COMPOSE.networks)
        for volume in service.volumes:
            source = volume.split(":")[0]
            assert (FOLDER / source).is_file() if source.startswith(".") else source in COMPOSE.volumes
        if service.build is not None:
            assert (FOLDER / service.build.context / service.build.dockerfile).is_file()


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in COMPOSE.services.items() if service.ports] == ["proxy"]
    assert COMPOSE.services["proxy"].networks == ["front"]
    for store in ("valkey", "postgres"):
        assert COMPOSE.services[store].networks == ["back"]
    assert COMPOSE.networks["back"] == Network(internal=True)


def test_the_proxy_knows_all_nodes() -> None:
    assert COMPOSE.services["proxy"].environment["NODES"].split() == list(NAMES) == [f"{name}:4000" for name in NODES]


def test_every_image_has_a_version() -> None:
    for service in COMPOSE.services.values():
        assert re.fullmatch(r"hubbub:latest|.+:\d+\.\d+.*", service.image), service.image
