"""What every connection of this process shares."""

import asyncio

import msgspec

from hubbub.errors import ADDRESS_CONNECTIONS, Reason, Refusal
from hubbub.session.doors import Doors
from hubbub.settings import Settings
from hubbub.transports.access import Answer
from hubbub.transports.addresses import Addresses
from hubbub.transports.answers import Answers
from hubbub.transports.proxies import Proxies, host_of
from hubbub.transports.rest import Rest
from hubbub.transports.wheel import Wheel


class Services(msgspec.Struct, frozen=True):
    """Made once by the server, handed to each connection."""

    settings: Settings
    wheel: Wheel
    doors: Doors
    rest: Rest
    proxies: Proxies
    answers: Answers
    addresses: Addresses = msgspec.field(default_factory=Addresses)
    answer: Answer | None = None
    """What answers requests to the signed API in place of `rest` alone, where more is made of them than an answer."""

    def refused(self, refusal: Refusal | Reason) -> None:
        """Count what was refused before anybody knew for which application it was."""
        self.doors.tally.refused("", refusal)

    def arrive(self, transport: asyncio.Transport) -> None:
        """Count a new connection for the address it comes from, unless that is a proxy's; cut it if that is needless.

        Who has far more than there may be is told nothing any more: others wait to be told as it is.
        """
        if not self.proxies.trusts(transport) and not self.addresses.arrive(transport, host_of(transport)):
            self.refused(ADDRESS_CONNECTIONS)
            transport.abort()
