"""Each proxy waits for longer than Hubbub lets anybody wait, and keeps nothing that Hubbub has let go."""

import re

import yaml  # type: ignore[import-untyped]

from deploy.proxies import DEPLOY
from deploy.shipped import DEFAULTS, only, seconds

SILENCE = DEFAULTS.ping_after + DEFAULTS.pong_timeout
"""Seconds for which a socket may say nothing, before Hubbub closes it."""

QUIET = max(DEFAULTS.fallback_heartbeat, DEFAULTS.poll_window)
"""Seconds for which the answer to a request may say nothing."""


def test_nginx_waits_long_enough() -> None:
    shipped = (DEPLOY / "nginx/hubbub.conf").read_text()
    waits = {
        name: found[1]
        for name, body in re.findall(r"^    location (?:[=~] )?(\S+) \{(.*?)^    \}", shipped, re.MULTILINE | re.DOTALL)
        if (found := re.search(r"proxy_read_timeout (\w+);", body))
    }
    for path in ("/app/", "/socket/websocket", "/pusher/"):
        assert seconds(waits[path]) > SILENCE, path
    assert seconds(only(r"^    proxy_read_timeout (\w+);", shipped)) > QUIET
    assert seconds(only(r"^    keepalive_timeout (\w+);", shipped)) < DEFAULTS.keep_alive_timeout
    assert 4 * 1024 <= DEFAULTS.max_head_bytes <= 1024 * int(only(r"large_client_header_buffers 4 (\d+)k", shipped))


def test_haproxy_waits_long_enough() -> None:
    shipped = (DEPLOY / "haproxy/haproxy.cfg").read_text()
    assert seconds(only(r"timeout tunnel +(\w+)", shipped)) > SILENCE
    assert seconds(only(r"timeout client +(\w+)", shipped)) > QUIET
    assert seconds(only(r"timeout server +(\w+)", shipped)) > QUIET
    assert int(only(r"tune\.bufsize +(\d+)", shipped)) >= DEFAULTS.max_head_bytes + 1024, "it keeps 1024 for itself"
    assert "pool-purge-delay" not in shipped, "which is 5 s unless told, and so shorter than keep_alive_timeout"


def test_caddy_waits_long_enough() -> None:
    # Unless told it closes no socket and ends no answer for being silent.
    shipped = (DEPLOY / "caddy/Caddyfile").read_text()
    rules = re.sub(r"#.*", "", shipped)
    for limit in ("stream_timeout", "read_timeout", "write_timeout", "response_header_timeout", "idle"):
        assert limit not in rules
    assert seconds(only(r"keepalive (\w+)", rules)) < DEFAULTS.keep_alive_timeout


def test_traefik_waits_long_enough() -> None:
    shipped = yaml.safe_load((DEPLOY / "traefik/traefik.yaml").read_text())
    for entrance in shipped["entryPoints"].values():
        assert seconds(entrance["transport"]["respondingTimeouts"]["writeTimeout"]) == 0, "which is for ever"
    nodes = yaml.safe_load((DEPLOY / "traefik/nodes.yaml").read_text())
    waits = nodes["http"]["serversTransports"]["hubbub"]["forwardingTimeouts"]
    assert seconds(waits["responseHeaderTimeout"]) > QUIET
    assert seconds(waits["idleConnTimeout"]) < DEFAULTS.keep_alive_timeout


def test_every_limit_of_bodies_is_larger_than_hubbubs() -> None:
    nginx = (DEPLOY / "nginx/hubbub.conf").read_text()
    assert int(only(r"client_max_body_size (\d+)m;", nginx)) * 2**20 > DEFAULTS.max_body_bytes
    haproxy = (DEPLOY / "haproxy/haproxy.cfg").read_text()
    assert int(only(r"req\.body_size gt (\d+)", haproxy)) > DEFAULTS.max_body_bytes
    caddy = (DEPLOY / "caddy/Caddyfile").read_text()
    assert int(only(r"max_size (\d+)MB", caddy)) * 10**6 > DEFAULTS.max_body_bytes
