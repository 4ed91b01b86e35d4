import ssl
from pathlib import Path

import pytest

from .conftest import ANN, FROM, RESET, SECRET, Open, addressed, logged
from .mailserver import MailServer


async def test_a_letter_arrives(open_mail: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with MailServer() as server:
        await open_mail(smtp_url=server.url()).post(RESET)
        letter = await server.next()
        await logged(caplog, f"reset letter (user:{ANN.id}) went to 127.0.0.1:{server.port}, which said taken")
    assert (letter.sender, letter.recipients) == ("hubbub@example.com", (ANN.email,))
    assert (letter.message["From"], letter.message["To"]) == (FROM, ANN.email)
    assert letter.message["Auto-Submitted"] == "auto-generated"
    assert SECRET in letter.text()
    assert SECRET in letter.text("html")
    assert not letter.is_encrypted


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("is_wrapped", [True, False])
async def test_it_goes_over_tls_to_who_wants_a_password(
    open_mail: Open, tls: ssl.SSLContext, certificate: tuple[Path, Path], is_wrapped: bool
) -> None:
    authority = f"ssl_ca_certs={certificate[0]}"
    more = f"?{authority}" if is_wrapped else f"?starttls=always&{authority}"
    async with MailServer(tls=tls, is_wrapped=is_wrapped, login=("ann", "p@ßword")) as server:
        await open_mail(smtp_url=server.url("ann:p%40%C3%9Fword@", more)).post(RESET)
        letter = await server.next()
    assert (letter.is_encrypted, letter.user) == (True, "ann")


@pytest.mark.needs("openssl")
async def test_it_does_not_go_to_who_has_no_certificate_for_its_name(
    open_mail: Open, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async with MailServer(tls=tls) as server:
        await open_mail(smtp_url=server.url(more="?starttls=always"), pauses=[]).post(RESET)
        await logged(caplog, "is given up: no connection to")
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
    assert server.tries == 0


async def test_a_password_does_not_go_out_where_no_tls_is_offered(
    open_mail: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async with MailServer(login=("ann", "password")) as server:
        await open_mail(smtp_url=server.url("ann:password@", "?starttls=always"), pauses=[]).post(RESET)
        await logged(caplog, f"is given up: no connection to 127.0.0.1:{server.port}: SMTP STARTTLS extension not")
    assert server.received.empty()
    assert not server.sign_ins


async def test_a_wrong_password_is_told_and_not_tried_again(open_mail: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with MailServer(login=("ann", "another")) as server:
        await open_mail(smtp_url=server.url("ann:password@"), pauses=[0, 0]).post(RESET)
        await logged(caplog, f"is given up: 127.0.0.1:{server.port} said 535")


@pytest.mark.parametrize("where", ["answers", "addressing"])
async def test_what_is_refused_for_now_is_tried_again(
    open_mail: Open, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    async with MailServer() as server:
        getattr(server, where).extend(["451 4.7.1 greylisted", "421 4.3.0 busy"])
        await open_mail(smtp_url=server.url(), pauses=[0, 0, 0]).post(RESET)
        await server.next()
        await logged(caplog, "went to")
    assert server.tries == 3
    assert "is tried again in 0 s" in caplog.text
    assert "said 451 4.7.1 greylisted" in caplog.text


@pytest.mark.parametrize("where", ["answers", "addressing"])
async def test_what_is_refused_for_good_is_given_up_at_once(
    open_mail: Open, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    async with MailServer() as server:
        getattr(server, where).append("550 5.1.1 no such user")
        await open_mail(smtp_url=server.url(), pauses=[0, 0, 0]).post(RESET)
        await logged(caplog, "is given up")
    assert server.tries == 1
    assert "said 550 5.1.1 no such user" in caplog.text


async def test_it_is_given_up_in_the_end(open_mail: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with MailServer() as server:
        server.answers.extend(["451 later"] * 3)
        await open_mail(smtp_url=server.url(), pauses=[0, 0]).post(RESET)
        await logged(caplog, "is given up")
    assert server.tries == 3


async def test_a_server_that_quotes_the_letter_does_not_bring_it_into_the_log(
    open_mail: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async with MailServer() as server:
        server.answers.append(f"554 5.7.1 bad link /reset#{SECRET}")
        await open_mail(smtp_url=server.url()).post(RESET)
        await logged(caplog, "said 554 5.7.1 bad link /reset#****")


async def test_a_server_that_is_away_is_waited_for(open_mail: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with MailServer() as server:
        url = server.url()
    await open_mail(smtp_url=url, pauses=[0.01] * 1000).post(RESET)
    await logged(caplog, "is tried again in 0.01 s: no connection to")
    async with server:
        assert (await server.next()).recipients == (ANN.email,)


async def test_an_address_that_cannot_be_mailed_to_holds_up_nobody(
    open_mail: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async with MailServer() as server:
        mail = open_mail(smtp_url=server.url())
        await mail.post(addressed("ann@example.com,bob@example.com"))
        await mail.post(addressed("eve@example.com"))
        assert (await server.next()).recipients == ("eve@example.com",)
    assert "is dropped: its address cannot be mailed to" in caplog.text
