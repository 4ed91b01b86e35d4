"""The proxies of the how-to pages, written as the pages have them, pass a client on to a real server."""

import re
from pathlib import Path

import pytest
from websockets.sync.client import connect

from deploy.proxies import Layout, Prepare, Proxy, changed, unverified
from docs.blocks import ROOT, steps
from running import Running

LIMIT = 15.0  # seconds that only a failure takes

HERE = "127.0.0.1:4000"


def block(page: str, language: str) -> str:
    """Give the one block of a page in a language."""
    found = [step.text for step in steps(ROOT / f"docs/howto/{page}.md") if step.language == language]
    assert len(found) == 1
    return found[0]


def nginx(layout: Layout) -> tuple[list[str], dict[str, str]]:
    folder = layout.folder
    (folder / "logs").mkdir()
    changes = {
        "listen 80;": f"listen 127.0.0.1:{layout.port};",
        "listen 443 ssl": f"listen 127.0.0.1:{layout.tls_port} ssl",
        "rt.example.com": "localhost",
        "/etc/nginx/tls": str(folder),
        "/var/log/nginx": str(folder / "logs"),
        HERE: layout.nodes[0],
    }
    text = changed(block("nginx", "nginx"), changes)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\n{folders}{text}}}\n"
    )
    return ["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf")], {}


def haproxy(layout: Layout) -> tuple[list[str], dict[str, str]]:
    changes = {
        "bind :80\n": f"bind 127.0.0.1:{layout.port}\n",
        "bind :443 ": f"bind 127.0.0.1:{layout.tls_port} ",
        "crt /etc/haproxy/tls/": f"crt {layout.folder}/both.pem",
        "maxconn 20000": "maxconn 1000",
        HERE: layout.nodes[0],
    }
    (layout.folder / "haproxy.cfg").write_text(changed(block("haproxy", "haproxy"), changes))
    return ["haproxy", "-db", "-f", str(layout.folder / "haproxy.cfg")], {}


def caddy(layout: Layout) -> tuple[list[str], dict[str, str]]:
    options = (
        "{\n\tadmin off\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n"
        f"\thttp_port {layout.port}\n\thttps_port {layout.tls_port}\n\tstorage file_system {layout.folder}\n}}\n"
    )
    text = changed(block("caddy", "caddyfile"), {"rt.example.com": "localhost", HERE: layout.nodes[0]})
    (layout.folder / "Caddyfile").write_text(options + text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(layout.folder / "Caddyfile")], {}


@pytest.mark.parametrize(
    "prepare",
    [pytest.param(prepare, marks=pytest.mark.needs(prepare.__name__)) for prepare in (nginx, haproxy, caddy)],
    ids=lambda prepare: prepare.__name__,
)
def test_a_client_comes_through_the_proxy_of_the_page(prepare: Prepare, tmp_path: Path) -> None:
    running = Running(app_force_tls=True, trusted_proxies="127.0.0.1")
    with running as server, Proxy(prepare, [(server.host, server.port)], tmp_path) as proxy:
        url = f"wss://localhost:{proxy.tls_port}/app/{server.key}?protocol=7"
        with connect(url, ssl=unverified(), open_timeout=LIMIT, proxy=None) as socket:
            first = str(socket.recv(timeout=LIMIT))
        assert re.search("connection_established", first), first
