"""What every connection of this process shares."""

import msgspec

from hubbub.session.doors import Doors
from hubbub.settings import Settings
from hubbub.transports.answers import Answers
from hubbub.transports.proxies import Proxies
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
