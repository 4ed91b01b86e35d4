"""What a page of another site can do with the browser of somebody who is signed in here.

A browser sends the cookie along only where it is told to be lax, but not every browser that there is knows that word:
the answer must do without.
"""

import asyncio

import pytest
import requests

from applications.conftest import Staff
from pages.visitor import LIMIT
from sockets.client import Dial
from tenants import Tenants, World

EVIL = "https://evil.example"


@pytest.mark.parametrize(
    "path", ["/app/{key}?protocol=7", "/socket/websocket?vsn=2.0.0&app_key={key}", "/socket/websocket?app_key={key}"]
)
async def test_a_cookie_opens_no_socket(tenants: Tenants, world: World, staff: Staff, dial: Dial, path: str) -> None:
    """A socket is as good as what is said on it: with a cookie it is let in no further than without."""
    key = world.application["app_key"]
    cookie = "; ".join(f"{one.name}={one.value}" for one in staff("ada").http.cookies)
    assert "hubbub_session=" in cookie
    without = await asyncio.to_thread(_offer, tenants, path.format(key=key), {})
    assert await asyncio.to_thread(_offer, tenants, path.format(key=key), {"Cookie": cookie}) == without
    if path.startswith("/app"):
        socket = await dial(tenants, f"/app/{key}?protocol=7", headers={"Cookie": cookie, "Origin": EVIL})
        await socket.welcome()
        await socket.ask("private-x", None, "")
        assert (await socket.receive())["event"] == "pusher:error"
    else:
        assert without == 403


def _offer(tenants: Tenants, path: str, more: dict[str, str]) -> int:
    """Ask for a socket as a browser on a page of another site would, and give the status."""
    heads = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": EVIL}
    heads |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **more}
    with requests.get(tenants.url + path, headers=heads, timeout=LIMIT, stream=True) as answer:
        return answer.status_code


@pytest.mark.parametrize("path", ["/account", "{here}/keys", "{here}/console/stream", "/admin"])
def test_no_other_site_reads_a_page_or_the_console_of_who_is_signed_in(
    tenants: Tenants, staff: Staff, here: str, path: str
) -> None:
    """No answer allows another origin to read it, nor to show it in a frame of its own."""
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    who = staff("rosa" if path == "/admin" else "ada")
    with who.http.get(
        tenants.url + path.format(here=here), headers=headers, timeout=LIMIT, stream=True, allow_redirects=False
    ) as answer:
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers
        if answer.headers["content-type"].startswith("text/html"):
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("headers", [{}, {"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
def test_a_form_of_another_site_does_nothing(
    tenants: Tenants, staff: Staff, here: str, world: World, headers: dict[str, str], kind: str
) -> None:
    """Whatever a form can be sent as; the token of another visitor's form is none either."""
    ada = staff("ada")
    theirs = staff("olga").get("/account").form("/account").fields
    for body in ("", *(f"{name}={value}" for name, value in theirs.items() if "csrf" in name or "token" in name)):
        answer = ada.http.post(
            f"{tenants.url}{here}/keys",
            data=body or "x=y",
            headers={**headers, "Content-Type": kind},
            timeout=LIMIT,
            allow_redirects=False,
        )
        assert answer.status_code in (400, 403, 404, 405, 415), answer.status_code
    there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
    assert tenants.data("GET", there, "ada")["app_key"] == world.application["new_key"], "there is another key"
