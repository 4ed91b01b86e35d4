"""Letters of a server that runs, from a page to the mail server."""

import asyncio
import re

from conftest import Start
from pages.visitor import Visitor
from running import Running

from .conftest import FROM, HOME
from .mailserver import MailServer

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"


def sign_up(server: Running) -> Visitor:
    visitor = Visitor(server).get("/sign-up")
    visitor.submit("/sign-up", name="Ann", email=EMAIL, password=PASSWORD, organization="")
    assert visitor.path == "/confirm", visitor.text
    return visitor


async def test_a_letter_leads_from_a_page_to_a_page(start_server: Start) -> None:
    async with MailServer() as mail:
        settings = {"smtp_url": mail.url(), "mail_from": FROM, "public_url": f"{HOME}/"}
        server = await asyncio.to_thread(lambda: start_server(**settings))
        visitor = await asyncio.to_thread(sign_up, server)
        letter = await mail.next()
        assert letter.recipients == (EMAIL,)
        link = re.search(rf"^{re.escape(HOME)}/confirm#(\S+)$", letter.text(), re.MULTILINE)
        assert link is not None
        await asyncio.to_thread(visitor.submit, "/confirm", code=link[1])
        welcome = await mail.next()
        assert welcome.message["Subject"] == "Welcome to Hubbub"
        assert f"{HOME}/sign-in" in welcome.text()
        assert link[1] not in server.log + visitor.text
        assert "confirm letter (user:1) went to 127.0.0.1" in server.log


async def test_a_server_that_stops_sends_what_it_has_promised(start_server: Start) -> None:
    async with MailServer() as mail:
        mail.answers.append("451 later")
        server = await asyncio.to_thread(lambda: start_server(smtp_url=mail.url(), mail_from=FROM))
        await asyncio.to_thread(sign_up, server)
        async with asyncio.timeout(15):
            while "is tried again in 2 s" not in server.log:  # noqa: ASYNC110 - another process: nothing tells of it
                await asyncio.sleep(0.01)
        assert await asyncio.to_thread(server.stop) in (0, -15)
        letter = await mail.next()
        assert letter.recipients == (EMAIL,)
        assert f"{server.url}/confirm#" in letter.text(), "links lead to where it listens, unless told"
