import asyncio
import stat
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from hubbub.mail import mail as mail_module

from .conftest import RESET, SECRET, Open, addressed, logged
from .mailserver import MailServer, Silent


async def test_without_a_mail_server_it_is_kept_where_only_its_owner_reads_it(
    open_mail: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "var" / "mail"
    await open_mail(mail_folder=folder).post(RESET)
    await logged(caplog, "went to")
    [file] = folder.iterdir()
    assert f"reset letter (user:3) went to {file}" in caplog.text
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(folder.stat().st_mode)) == (0o600, 0o700)
    assert file.suffix == ".eml"
    body = message_from_bytes(file.read_bytes(), policy=default).get_body(("plain",))
    assert body is not None
    assert f"https://hubbub.example.com/reset#{SECRET}\n" in body.get_content()
    assert f"/reset#{SECRET}\n".encode() in file.read_bytes(), "it is to be read without decoding anything"


async def test_a_file_in_the_place_of_the_folder_is_told(
    open_mail: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mail").write_text("not a folder")
    await open_mail(mail_folder=tmp_path / "mail").post(RESET)
    await logged(caplog, "is given up: it cannot be written to")


async def test_who_posts_does_not_wait_for_a_server_that_says_nothing(open_mail: Open) -> None:
    async with Silent() as url:
        mail = open_mail(smtp_url=url, pauses=[])
        posting = asyncio.ensure_future(mail.post(RESET))
        await asyncio.sleep(0)
        assert posting.done()


async def test_one_too_many_is_dropped_and_the_others_go(open_mail: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with MailServer() as server:
        mail = open_mail(smtp_url=server.url(), pauses=[], most=2)
        for number in range(3):
            await mail.post(addressed(f"{number}@example.com"))
        assert {(await server.next()).recipients[0] for _ in range(2)} == {"0@example.com", "1@example.com"}
    assert "is dropped: 2 letters wait already" in caplog.text


async def test_a_letter_that_waits_does_not_hold_up_the_next(open_mail: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with MailServer() as server:
        server.answers.append("451 later")
        mail = open_mail(smtp_url=server.url(), pauses=[3600])
        await mail.post(RESET)
        await logged(caplog, "is tried again in 3600 s")
        await mail.post(addressed("eve@example.com"))
        assert (await server.next()).recipients == ("eve@example.com",)


async def test_a_stop_sends_what_waits_without_waiting(open_mail: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with MailServer() as server:
        server.answers.append("451 later")
        mail = open_mail(smtp_url=server.url(), pauses=[3600])
        await mail.post(RESET)
        await logged(caplog, "is tried again in 3600 s")
        await mail.stop()
        assert (await server.next()).recipients == (RESET.email,)


async def test_a_stop_does_not_wait_for_ever(
    open_mail: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_module, "STOP_SECONDS", 0.1)
    async with Silent() as url:
        mail = open_mail(smtp_url=url)
        await mail.post(RESET)
        await mail.stop()
    assert "1 letters were not sent before the server stopped" in caplog.text
