"""The proxies of deploy/ are well, as they are shipped, with TLS and without."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.proxies import PROXIES, Proxy
from doctor.test_matrix import application, codes, told
from hubbub.doctor.target import Place, Target
from hubbub.doctor.visit import diagnose
from running import Running


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.needs(name)) for name in PROXIES])
def proxy(
    request: pytest.FixtureRequest, server: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Proxy, Path]]:
    """Give each proxy in front of a node, and the authority to trust."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as started:
        running = started.enter_context(Proxy(PROXIES[request.param], [(server.host, server.port)], folder))
        roots = folder / "pki/authorities/local/root.crt" if request.param == "caddy" else folder / "fullchain.pem"
        yield request.param, running, roots


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_fault_is_found(proxy: tuple[str, Proxy, Path], server: Running, scheme: str) -> None:
    kind, running, ca = proxy
    port = running.tls_port if scheme == "https" else running.port
    target = Target(
        place=Place.of(f"{scheme}://localhost:{port}"),
        app=application(server),
        origin="https://example.com",
        wait=0.5,
        addresses=("127.0.0.1",),
        ca=str(ca),
    )
    report = await diagnose(target)
    assert codes(report) == set(), told(report)
    assert report.proxy == {"nginx": "nginx", "caddy": "Caddy", "haproxy": None}[kind]
