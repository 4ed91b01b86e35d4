"""A mail server: it keeps every letter, and answers as it is told to."""

import asyncio
import ssl
import warnings
from collections import deque
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Self

import msgspec
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LIMIT = 20.0  # seconds: generous, for it is only reached by what has failed
TAKEN = "250 taken"


class Received(msgspec.Struct, frozen=True):
    """A letter, as it came: from whom, to whom, whether over TLS, and who had signed in."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    is_encrypted: bool
    user: str | None

    def text(self, kind: str = "plain") -> str:
        """Give what it says, in plain text or as `html`."""
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


class MailServer:
    """`async with MailServer() as server:` listens on a free port. `answers` to letters are used up one by one.

    With `login`, a user and a password, nobody else may send. With `tls` it offers STARTTLS, or needs TLS from the
    first byte when `is_wrapped`.
    """

    def __init__(
        self, *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None, is_wrapped: bool = False
    ) -> None:
        self.answers: deque[str] = deque()
        self.addressing: deque[str] = deque()
        self.received: asyncio.Queue[Received] = asyncio.Queue()
        self.tries = 0
        self.sign_ins = 0
        self.port = 0
        self._login = login
        self._tls = tls
        self._is_wrapped = is_wrapped

    def url(self, login: str = "", more: str = "") -> str:
        return f"{'smtps' if self._is_wrapped else 'smtp'}://{login}127.0.0.1:{self.port}{more}"

    async def next(self) -> Received:
        """Give the next letter that is taken."""
        return await asyncio.wait_for(self.received.get(), LIMIT)

    async def __aenter__(self) -> Self:
        context = self._tls if self._is_wrapped else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()

    def _protocol(self) -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that passwords without TLS are not safe
            return self._smtp()

    def _smtp(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.test",
            tls_context=None if self._is_wrapped else self._tls,
            auth_required=self._login is not None,
            auth_require_tls=False,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )

    # What aiosmtpd calls

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        self.sign_ins += 1
        assert isinstance(data, LoginPassword)
        is_right = self._login == (data.login.decode(), data.password.decode())
        return AuthResult(success=is_right, handled=is_right, auth_data=data.login.decode())

    async def handle_RCPT(  # noqa: N802 - its name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tries += 1
        if self.addressing and (answer := self.addressing.popleft()) != TAKEN:
            return answer
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        if self.answers and (answer := self.answers.popleft()) != TAKEN:
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.received.put_nowait(
            Received(
                envelope.mail_from or "",
                tuple(envelope.rcpt_tos),
                message,
                session.ssl is not None or self._is_wrapped,
                session.auth_data if session.authenticated else None,
            )
        )
        return TAKEN


class Silent:
    """`async with Silent() as url:` listens, takes connections, and says nothing."""

    async def __aenter__(self) -> str:
        self._server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        return f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
