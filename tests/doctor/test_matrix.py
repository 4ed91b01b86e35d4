"""Each wrong deployment is found to be wrong in that way and no other, each right one to be well."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from doctor.certificates import certify
from doctor.command import command
from doctor.crooked import Crooked, Nodes, address
from doctor.matrix import CADDY, HAPROXY, NGINX, Case
from engine.redis.redisserver import free_port
from hubbub.doctor.finding import Report
from hubbub.doctor.target import Application, Place, Target
from hubbub.doctor.visit import diagnose
from running import Running

CERTIFIED = {"nginx": "ssl_certificate", "haproxy": "bind ssl", "caddy": "tls FOLDER"}
"""What stands in the body of who speaks TLS."""

KINDS = {"nginx": NGINX, "haproxy": HAPROXY, "caddy": CADDY}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Running]]:
    """Give nodes with one application; they are silent for so long that a proxy's second is shorter."""
    secret = f"app-secret-{secrets.token_hex(8)}"
    quiet: dict[str, Any] = {"app_secret": secret, "ping_after": 60, "activity_timeout": 60}
    strict = {"app_force_tls": True}
    others: list[dict[str, Any]] = [{}, {}, strict, {**strict, "trusted_proxies": "192.0.2.1"}]
    with ExitStack() as started:
        yield [started.enter_context(Running(**quiet, **more)) for more in others]


@pytest.fixture(scope="module")
def proxies(nodes: list[Running], folder: Path) -> Iterator[dict[str, Crooked]]:
    """Give one proxy of each kind, started when it is asked for first."""
    with ExitStack() as started:

        class Started(dict[str, Crooked]):
            def __missing__(self, kind: str) -> Crooked:
                place = folder / kind
                place.mkdir(exist_ok=True)
                first, second, strict, distrustful = map(address, nodes)
                where = Nodes(first, second, strict, distrustful, f"127.0.0.1:{free_port()}")
                bodies = {name: one.body for name, one in KINDS[kind].items()}
                proxy = Crooked(kind, bodies, where, place)
                certify(place)
                self[kind] = started.enter_context(proxy)
                return self[kind]

        yield Started()


def application(node: Running) -> Application:
    return Application(node.app_id, node.key, node.secret)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def told(report: Report) -> str:
    return "\n".join([*map(str, report.findings), *map(str, report.steps)])


def cases(*, are_ended: bool) -> pytest.MarkDecorator:
    """Give a test each case: those that the command looks at, or the others."""
    chosen = [
        pytest.param(kind, name, marks=pytest.mark.needs(kind), id=f"{kind}-{name}")
        for kind, of in KINDS.items()
        for name, one in of.items()
        if (one.status is not None) is are_ended
    ]
    return pytest.mark.parametrize(("kind", "name"), chosen)


@cases(are_ended=False)
async def test_what_is_wrong_is_named_and_nothing_else(
    kind: str, name: str, proxies: dict[str, Crooked], nodes: list[Running], folder: Path
) -> None:
    one: Case = KINDS[kind][name]
    proxy = proxies[kind]
    scheme = one.scheme or ("https" if CERTIFIED[kind] in one.body else "http")
    target = Target(
        place=Place.of(f"{scheme}://localhost:{proxy.ports[name]}{one.prefix}"),
        app=application(nodes[0]),
        patience=one.patience,
        wait=None if one.watches else 0,
        addresses=("127.0.0.1",),
        source=one.source,
        ca=str(folder / kind / "root.pem"),
    )
    report = await diagnose(target)
    assert codes(report) == one.found, told(report)


@cases(are_ended=True)
def test_the_command_names_it_and_nothing_else_and_ends_so(
    kind: str, name: str, proxies: dict[str, Crooked], nodes: list[Running], tmp_path: Path
) -> None:
    one: Case = KINDS[kind][name]
    url = f"http://localhost:{proxies[kind].ports[name]}"
    patience = ("--patience", str(one.patience))
    status, found, said = command(nodes[0], url, tmp_path, "--address", "127.0.0.1", *patience)
    assert (status, frozenset(found)) == (one.status, one.found), said
