"""Who answered: the server, or one of the proxies that can be told by what they say.

Knows how servers and proxies sound. Does not know what was asked.
"""

from typing import Final

from hubbub.doctor.faults import (
    ANSWER_UNKNOWN,
    BLOCKED,
    BODY_LIMIT,
    CADDY,
    HAPROXY,
    LOGIN_ASKED,
    NGINX,
    NOT_PASSED,
    RATE_LIMITED,
    REDIRECTED,
    UPSTREAM_DOWN,
)
from hubbub.doctor.finding import Symptom
from hubbub.doctor.line import Answer, shortened

_SERVERS: Final = {
    "nginx": NGINX,
    "openresty": NGINX,
    "caddy": CADDY,
    "cloudflare": "Cloudflare",
    "awselb": "AWS",
    "cloudfront": "CloudFront",
    "apache": "Apache",
    "traefik": "Traefik",
    "varnish": "Varnish",
    "envoy": "Envoy",
    "istio-envoy": "Envoy",
    "microsoft-iis": "IIS",
    "litespeed": "LiteSpeed",
}
_HAPROXY_PAGE: Final = b"<html><body><h1>"
_REDIRECTS: Final = (301, 302, 303, 307, 308)


def recognized(answer: Answer) -> str | None:
    """Give the name of the proxy that sent an answer, as far as it says; None where nothing tells of one."""
    for name in ("server", "via"):
        for text in answer.all(name):
            lower = text.lower()
            for sound, proxy in _SERVERS.items():
                if sound in lower:
                    return proxy
    # HAProxy names itself nowhere, but its own pages all begin alike, and have no length and no Server.
    if answer.body.startswith(_HAPROXY_PAGE) and not answer.header("server"):
        return HAPROXY
    return None


def is_own(answer: Answer) -> bool:
    """Tell whether an answer can be a Pusher server's: its refusals are short plain text or JSON, never a page."""
    kind = answer.header("content-type")
    return bool(answer.body) and not answer.is_page and kind.startswith(("text/plain", "application/json"))


def explained(answer: Answer, asked: str) -> Symptom:
    """Tell what an answer means that no Pusher server gives to what was `asked`."""
    seen = f"{asked} was answered {answer.status}"
    if answer.status in _REDIRECTS:
        return REDIRECTED(f"{seen}, to {shortened(answer.header('location')) or 'nowhere'}")
    if answer.body:
        seen += f": {shortened(_bare(answer))}"
    match answer.status:
        case 401 | 407 if answer.header("www-authenticate") or answer.header("proxy-authenticate"):
            return LOGIN_ASKED(seen)
        case 413:
            return BODY_LIMIT(seen)
        case 429:
            return RATE_LIMITED(seen)
        case 503 if recognized(answer) == NGINX:
            # It says 502 of a server that is away, and 503 of who asks too often.
            return RATE_LIMITED(seen)
        case 502 | 503 | 504:
            return UPSTREAM_DOWN(seen)
        case 403 | 406 | 418 if not is_own(answer):
            return BLOCKED(seen)
        case 200 | 404 | 405:
            return NOT_PASSED(seen)
    return ANSWER_UNKNOWN(seen)


def _bare(answer: Answer) -> str:
    """Give what an answer says, of a page its heading."""
    if not answer.is_page:
        return answer.text
    lower = answer.text.lower()
    for mark in ("title", "h1"):
        begin, end = lower.find(f"<{mark}>"), lower.find(f"</{mark}>")
        if 0 <= begin < end:
            return f"a page, “{answer.text[begin + len(mark) + 2 : end].strip()}”"
    return "a page"
