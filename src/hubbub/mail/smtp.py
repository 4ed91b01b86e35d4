"""A mail server that takes letters.

Knows SMTP: how a letter is handed over, and which refusals are for good (RFC 5321, 4.2.1: 4yz may be tried again, 5yz
not as it is). Does not know when or how often a letter is tried.
"""

import asyncio
import contextlib
import socket
from typing import Final

import aiosmtplib

from hubbub.mail.carrier import Item, UndeliveredError
from hubbub.mail.location import Encryption, Location

LONGEST_ANSWER: Final = 200
"""Characters of what a server said that a log shows."""

QUIT_SECONDS: Final = 2.0
"""How long it may take to say goodbye."""

_START_TLS: Final = {Encryption.ALWAYS: True, Encryption.OFFERED: None}
"""What aiosmtplib is told: None is where it is offered, and no is False."""


class Smtp:
    """Hands letters to a mail server, each by a connection of its own.

    `sender` is the address that undeliverable letters come back to; `timeout` is in seconds, for all of one letter.
    """

    def __init__(self, location: Location, sender: str, timeout: float) -> None:
        self._location = location
        self._sender = sender
        self._timeout = timeout

    async def carry(self, item: Item) -> str:
        """Hand one over, and give what the server said. Raises UndeliveredError."""
        place = f"{self._location.host}:{self._location.port}"
        try:
            return f"{place}, which said {_told(await self._hand_over(item), item)}"
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]  # there was one
            raise _refused(refused, item, place) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error, item, place) from None
        except aiosmtplib.SMTPNotSupported as error:
            # STARTTLS or UTF-8 in addresses: it will offer neither in a minute.
            raise UndeliveredError(f"{place} cannot do it: {_told(error.message, item)}", is_temporary=False) from None
        except TimeoutError:
            problem = f"{place} did not take it within {self._timeout:g} s"
        except (aiosmtplib.SMTPException, OSError) as error:
            problem = f"no connection to {place}: {_told(str(error), item)}"
        except ValueError:
            # Of an address that SMTP cannot carry.
            raise UndeliveredError("its address cannot be mailed to", is_temporary=False) from None
        raise UndeliveredError(problem, is_temporary=True)

    async def _hand_over(self, item: Item) -> str:
        location = self._location
        client = aiosmtplib.SMTP(
            hostname=location.host,
            port=location.port,
            username=location.user,
            password=None if location.user is None else location.password,
            local_hostname=socket.gethostname(),
            timeout=self._timeout,
            use_tls=location.encryption is Encryption.TLS,
            start_tls=_START_TLS.get(location.encryption, False),
            tls_context=location.tls,
        )
        try:
            async with asyncio.timeout(self._timeout):
                await client.connect()
                _, said = await client.send_message(item.message, sender=self._sender, recipients=[item.recipient])
            # It is the server's now, whatever becomes of the goodbye.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=QUIT_SECONDS)
        finally:
            client.close()
        return said


def _refused(error: aiosmtplib.SMTPResponseException, item: Item, place: str) -> UndeliveredError:
    # -1 is aiosmtplib's for an answer that is none.
    is_temporary = error.code < 500
    return UndeliveredError(f"{place} said {error.code} {_told(error.message, item)}", is_temporary=is_temporary)


def _told(said: str, item: Item) -> str:
    """Give what was said as a log can show it: in one line, and without the letter's secret, which may be quoted."""
    text = said.replace(item.secret, "****") if item.secret else said
    return "".join(one if one.isprintable() else " " for one in text[:LONGEST_ANSWER])
