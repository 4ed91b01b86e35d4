"""Traefik is in no Debian: its files are read by what its documentation says of them, and what matters is looked for.

The structures hold what is used of it, spelled as documented for 3.7: anything else in the files is a mistake.
"""

import msgspec
import pytest

from deploy.proxies import DEPLOY, NAMES


class Known(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A table of Traefik's, with no entry that it would not know."""


class Timeouts(Known, frozen=True):
    read_timeout: str
    write_timeout: str
    idle_timeout: str


class Transport(Known, frozen=True):
    responding_timeouts: Timeouts


class EntryPoint(Known, frozen=True):
    address: str
    transport: Transport


class File(Known, frozen=True):
    filename: str
    watch: bool


class Providers(Known, frozen=True):
    file: File


class Log(Known, frozen=True):
    level: str


class Static(Known, frozen=True):
    entry_points: dict[str, EntryPoint]
    providers: Providers
    log: Log


class Router(Known, frozen=True):
    entry_points: list[str]
    rule: str
    priority: int
    service: str
    middlewares: list[str] = []
    tls: dict[str, str] | None = None


class RedirectScheme(Known, frozen=True):
    scheme: str
    permanent: bool


class AllowList(Known, frozen=True):
    source_range: list[str]


class Middleware(Known, frozen=True):
    redirect_scheme: RedirectScheme | None = None
    ip_allow_list: AllowList | None = None


class HealthCheck(Known, frozen=True):
    path: str
    interval: str
    timeout: str


class Server(Known, frozen=True):
    url: str


class LoadBalancer(Known, frozen=True):
    strategy: str
    pass_host_header: bool
    servers_transport: str
    health_check: HealthCheck
    servers: list[Server]


class Service(Known, frozen=True):
    load_balancer: LoadBalancer


class ForwardingTimeouts(Known, frozen=True):
    dial_timeout: str
    response_header_timeout: str
    idle_conn_timeout: str


class ServersTransport(Known, frozen=True):
    forwarding_timeouts: ForwardingTimeouts


class Http(Known, frozen=True):
    routers: dict[str, Router]
    middlewares: dict[str, Middleware]
    services: dict[str, Service]
    servers_transports: dict[str, ServersTransport]


class Certificate(Known, frozen=True):
    cert_file: str
    key_file: str


class Tls(Known, frozen=True):
    certificates: list[Certificate]


class Dynamic(Known, frozen=True):
    http: Http
    tls: Tls


STATIC = msgspec.yaml.decode((DEPLOY / "traefik/traefik.yaml").read_bytes(), type=Static)
HTTP = msgspec.yaml.decode((DEPLOY / "traefik/nodes.yaml").read_bytes(), type=Dynamic).http


def test_all_that_is_named_is_there() -> None:
    for router in HTTP.routers.values():
        assert set(router.entry_points) <= set(STATIC.entry_points)
        assert router.service in HTTP.services
        assert set(router.middlewares) <= set(HTTP.middlewares)
        # On a port with TLS, and there alone, a router must speak it.
        assert (router.tls is not None) is (router.entry_points == ["websecure"])
    for service in HTTP.services.values():
        assert service.load_balancer.servers_transport in HTTP.servers_transports


def test_each_service_asks_all_nodes_how_they_are() -> None:
    for service in HTTP.services.values():
        assert [server.url for server in service.load_balancer.servers] == [f"http://{name}" for name in NAMES]
        assert service.load_balancer.health_check.path == "/health/ready"


@pytest.mark.parametrize(
    ("entrance", "path", "service", "middlewares"),
    [
        ("websecure", "/app/KEY", "nodes", []),
        ("websecure", "/socket/websocket", "nodes", []),
        ("websecure", "/apps/1/events", "nodes", []),
        ("websecure", "/api/session", "nodes", []),
        ("websecure", "/", "nodes", []),
        ("websecure", "/pusher/app/KEY/1/abc/xhr", "sessions", []),
        ("websecure", "/pusher/1/abc/xhr", "sessions", []),
        ("websecure", "/socket/longpoll", "sessions", []),
        ("websecure", "/metrics", "nodes", ["nobody"]),
        ("web", "/app/KEY", "nodes", []),
        ("web", "/apps/1/events", "nodes", []),
        ("web", "/pusher/app/KEY/1/abc/xhr", "sessions", []),
        ("web", "/socket/longpoll", "sessions", []),
        ("web", "/socket/websocket", "nodes", []),
        ("web", "/api/session", "nodes", ["to-tls"]),
        ("web", "/", "nodes", ["to-tls"]),
        ("web", "/metrics", "nodes", ["nobody"]),
    ],
)
def test_each_path_goes_where_it_should(entrance: str, path: str, service: str, middlewares: list[str]) -> None:
    routers = [one for one in HTTP.routers.values() if entrance in one.entry_points and matches(one.rule, path)]
    taken = max(routers, key=lambda router: router.priority)
    assert [router.priority for router in routers].count(taken.priority) == 1, "which of them is left to chance"
    assert (taken.service, taken.middlewares) == (service, middlewares)


def matches(rule: str, path: str) -> bool:
    """Tell whether a rule, of those that are used here, is for a path."""
    for part in rule.split(" || "):
        kind, _, text = part.removesuffix("`)").partition("(`")
        assert kind in ("Path", "PathPrefix"), part
        if path == text or (kind == "PathPrefix" and path.startswith(text)):
            return True
    return False


def test_nobody_is_believed_about_where_they_come_from() -> None:
    # forwardedHeaders, which would trust somebody, are among the entries that EntryPoint does not know.
    assert STATIC.entry_points["web"].address == ":80"
    assert STATIC.entry_points["websecure"].address == ":443"
