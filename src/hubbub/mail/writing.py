"""What a letter says.

Knows: the words of each, and how a message is made of them. Does not know who takes it away.

Names come from people who may want to say something to a stranger's address: they are cut short, and no link is made of
them. Addresses are of one recipient each, or of none.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.errors import HeaderParseError as HeaderError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime, make_msgid
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from hubbub.accounts.people import Letter
from hubbub.mail.words import WORDS, Facts, Words
from hubbub.settings import ConfigurationError, Settings

LONGEST_NAME: Final = 60
"""Characters of a name that a letter shows."""

NOBODY: Final = "The operator of the server"
"""Who invites, when it was done at the server's own command line."""

_DOTTED: Final = re.compile(r"([.:/@])(?=\S)")
_WORD_JOINER: Final = "\N{WORD JOINER}"

_templates: Final = Environment(
    loader=PackageLoader("hubbub.mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Unmailable(Exception):
    """An address is none that mail can be sent to."""


class Message(msgspec.Struct, frozen=True):
    """A letter as mail servers take it: the address it goes to, and what it is."""

    recipient: str
    content: EmailMessage


class Writing:
    """Writes letters. `public_url` gives the address of the pages, without a slash at its end."""

    def __init__(self, settings: Settings, public_url: Callable[[], str]) -> None:
        self._sender = sender_of(settings.mail_from)
        self._public_url = public_url
        self._lifetimes = {
            "confirm": _period(settings.confirmation_lifetime),
            "reset": _period(settings.reset_lifetime),
            "unlock": _period(settings.lock_seconds),
        }

    @property
    def sender(self) -> str:
        """The address that letters are from."""
        return self._sender.addr_spec

    def message(self, letter: Letter) -> Message:
        """Write a letter, in plain text and as a page. Raises Unmailable."""
        to = _address(letter.email)
        words = WORDS[letter.errand]
        facts = self._facts(letter)
        content = EmailMessage(policy=SMTPUTF8)
        content["From"] = self._sender
        content["To"] = to
        content["Subject"] = words.subject.format_map(facts)
        content["Date"] = format_datetime(datetime.now(UTC))
        content["Message-ID"] = make_msgid(domain=self._sender.domain)
        content["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine is to answer it
        shown = self._shown(letter, words, facts)
        # As it is, so that whoever opens the file can read it: links are longer than lines that need no encoding.
        content.set_content(_templates.get_template("letter.txt").render(shown), cte="8bit")
        content.add_alternative(_templates.get_template("letter.html").render(shown), subtype="html")
        return Message(to.addr_spec, content)

    def _facts(self, letter: Letter) -> Facts:
        invitation = letter.invitation
        return Facts(
            email=letter.email,
            who=_plain(letter.user.name) if letter.user.id else NOBODY,
            organization="" if invitation is None else _plain(invitation.organization.name),
            until="" if invitation is None else f"{invitation.expires_at:%-d %B %Y, %H:%M} UTC",
            lifetime=self._lifetimes.get(letter.errand, ""),
        )

    def _shown(self, letter: Letter, words: Words, facts: Facts) -> dict[str, object]:
        url = self._public_url()
        return {
            "greeting": _greeting(letter),
            "before": [text.format_map(facts) for text in words.before],
            "label": words.label,
            "link": f"{url}{words.path}" + (f"#{letter.text}" if letter.text else ""),
            "page": f"{url}{words.path}",
            "code": letter.text,
            "after": [text.format_map(facts) for text in words.after],
            "url": url,
        }


def sender_of(text: str) -> Address:
    """Read the setting `mail_from`, `NAME <ADDRESS>` or an address. Raises ConfigurationError."""
    named = re.fullmatch(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>\s*", text)
    name, address = (named["name"].strip('"'), named["address"]) if named is not None else ("", text.strip())
    try:
        return _address(address, name)
    except Unmailable:
        raise ConfigurationError("HUBBUB_MAIL_FROM: write it as Hubbub <hubbub@example.com>") from None


def _address(email: str, name: str = "") -> Address:
    """Give the address, its host as DNS has it. Raises Unmailable for none, and for several."""
    user, _, host = email.rpartition("@")
    try:
        domain = host if host.isascii() else host.encode("idna").decode()
        address = Address(name, addr_spec=f"{user}@{domain}")
    except (ValueError, IndexError, HeaderError):
        raise Unmailable("its address cannot be mailed to") from None
    # Comments, for one, are taken out of it: what is left is not the address that somebody has.
    if not address.username or not address.domain or address.addr_spec != f"{user}@{domain}":
        raise Unmailable("its address cannot be mailed to")
    return address


def _greeting(letter: Letter) -> str:
    if letter.invitation is not None:
        return _plain(letter.invitation.name or "")
    return _plain(letter.user.name)


def _plain(name: str) -> str:
    """Give a name in one line, short, and with nothing that a mail program makes a link of."""
    line = " ".join(name.split())
    short = line if len(line) <= LONGEST_NAME else f"{line[:LONGEST_NAME].rstrip()}…"
    return _DOTTED.sub(rf"\1{_WORD_JOINER}", short)


def _period(seconds: float) -> str:
    """Give a time in words, by its largest whole unit: "3 days", "90 minutes"."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count, rest = divmod(seconds, size)
        if count and not rest:
            return f"{count:g} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:g} seconds"
