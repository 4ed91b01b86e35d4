"""Proxies that are set up wrongly, each on a port of its own: one process of each kind for all of them.

Knows how each kind is configured. Does not know what the doctor says of it.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from deploy.proxies import START_LIMIT, Layout, Proxy, is_open
from engine.redis.redisserver import free_port
from running import Running


class Nodes(NamedTuple):
    """What is behind them: `first` and `second` do not hear each other, nobody listens at `nobody`."""

    first: str
    second: str
    strict: str
    """Takes TLS only."""
    distrustful: str
    """Trusts no proxy, and takes TLS only."""
    nobody: str


class Crooked(Proxy):
    """`with Crooked(kind, bodies, nodes, folder) as proxy:` starts one of a kind; `proxy.ports[name]` is where."""

    def __init__(self, kind: str, bodies: Mapping[str, str], nodes: Nodes, folder: Path) -> None:
        self.ports = {name: free_port() for name in bodies}
        configure = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}[kind]

        def prepare(layout: Layout) -> tuple[list[str], dict[str, str]]:
            return configure(layout.folder, {name: (self.ports[name], body) for name, body in bodies.items()}, nodes)

        super().__init__(prepare, [("127.0.0.1", 1)], folder)

    def _wait_until_listening(self) -> None:

        end = time.monotonic() + START_LIMIT
        for name, port in self.ports.items():
            while not is_open(port):
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"{name}: the proxy did not listen\n{self.log}")
                time.sleep(0.02)


Bodies = Mapping[str, tuple[int, str]]

GATE = Path(__file__).parent / "gate.lua"
"""Filters for HAProxy: `lua.ends` and `lua.hangs`."""


def nginx(folder: Path, bodies: Bodies, nodes: Nodes) -> tuple[list[str], dict[str, str]]:
    """Each body is what stands in a `server`; one that has a certificate listens with TLS."""
    (folder / "passwords").write_text("somebody:{PLAIN}secret\n")
    servers = "".join(
        f"    server {{\n        listen 127.0.0.1:{port}{' ssl' if 'ssl_' in body else ''};\n"
        f"{_nginx(body, folder)}    }}\n"
        for port, body in bodies.values()
    )
    upstreams = "".join(f"    upstream {name} {{ server {where}; }}\n" for name, where in nodes._asdict().items())
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        # One worker: several would take turns among nodes each by itself.
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n"
        f"{folders}{upstreams}    upstream both {{ server {nodes.first}; server {nodes.second}; }}\n"
        "    limit_req_zone $binary_remote_addr zone=few:1m rate=1r/m;\n"
        '    map $http_upgrade $connection_upgrade { "" ""; default upgrade; }\n'
        "    access_log off;\n    proxy_http_version 1.1;\n"
        f"{servers}}}\n"
    )
    return ["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf")], {}


def _nginx(body: str, folder: Path) -> str:
    return "".join(f"        {line}\n" for line in body.replace("FOLDER", str(folder)).splitlines())


def certified(name: str) -> str:
    """Give the lines that give nginx a certificate."""
    return f"ssl_certificate FOLDER/{name}.pem;\nssl_certificate_key FOLDER/{name}.pem;\n"


HEADERS = """proxy_set_header Host $http_host;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Proto $scheme;
client_max_body_size 1m;
proxy_buffering off;
"""
"""What nginx should have."""

PASS = "location / { proxy_pass http://first; }\n"


def haproxy(folder: Path, bodies: Bodies, nodes: Nodes) -> tuple[list[str], dict[str, str]]:
    """Each body is what stands in a `listen`; one that begins with `bind` is bound as its first line says."""
    listens = ""
    for name, (port, body) in bodies.items():
        first, _, rest = body.partition("\n")
        binding, lines = (first.removeprefix("bind"), rest) if first.startswith("bind") else ("", body)
        listens += f"listen {name}\n    bind 127.0.0.1:{port}{binding}\n"
        listens += "".join(f"    {line}\n" for line in named(lines, nodes).splitlines())
    listens = listens.replace("FOLDER", str(folder))
    (folder / "haproxy.cfg").write_text(
        f"global\n    maxconn 500\n    tune.bufsize 32768\n    lua-load {GATE}\n"
        "defaults\n    mode http\n    timeout connect 2s\n"
        "    timeout client 30s\n    timeout server 30s\n    timeout tunnel 1h\n    retries 0\n"
        f"userlist people\n    user somebody insecure-password secret\n{listens}"
    )
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], {}


FORWARDED = """http-request set-header X-Forwarded-For %[src]
http-request set-header X-Forwarded-Proto https if { ssl_fc }
http-request set-header X-Forwarded-Proto http unless { ssl_fc }
"""
"""What HAProxy should have."""

FIRST = "server one NODE_FIRST\n"


def caddy(folder: Path, bodies: Bodies, nodes: Nodes) -> tuple[list[str], dict[str, str]]:
    """Each body is what stands in a site; one that has a `tls` is one of https."""
    sites = ""
    for port, body in bodies.values():
        scheme = "https" if "tls " in body else "http"
        text = named(body.replace("FOLDER", str(folder)), nodes)
        sites += f"{scheme}://localhost:{port} {{\n{text}}}\n"
    (folder / "Caddyfile").write_text(
        "{\n    admin off\n    auto_https off\n    grace_period 1s\n    default_bind 127.0.0.1\n"
        f"    storage file_system {folder}\n}}\n"
        f"{sites}"
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")], {}


def named(text: str, nodes: Nodes) -> str:
    """Put nodes' addresses where NODE_FIRST and so on stand."""
    for name, where in nodes._asdict().items():
        text = text.replace(f"NODE_{name.upper()}", where)
    return text


def address(node: Running) -> str:
    """Give where a node listens."""
    return f"{node.host}:{node.port}"
