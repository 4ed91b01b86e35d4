"""What the pages work with.

Knows only what each part is called. Does not know who put them together.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from hubbub.accounts.accounts import Accounts
from hubbub.apps import Application
from hubbub.console.console import Console
from hubbub.console.inspector import Inspector
from hubbub.demo import Pass
from hubbub.messages import Event
from hubbub.node.node import Node
from hubbub.settings import Settings
from hubbub.statistics.statistics import Statistics
from hubbub.triggers import Trigger
from hubbub.web.guard import Guard
from hubbub.web.throttle import Throttle


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Made once by the server.

    `node_of` gives the node, which is there once the server has begun, and so are the console and the inspector.
    `publish` sends an event of an application as its API would, and raises EVENT_RATE; `trigger` does so with what was
    checked, for several channels. `backlog` counts an application's events that wait for webhooks, by endpoint.
    `declared` is the application of the settings; `demo` lets a visitor of the chat in by a user id of theirs, None
    where there is no chat.
    """

    settings: Settings
    accounts: Accounts
    guard: Guard
    throttle: Throttle
    node_of: Callable[[], Node]
    console_of: Callable[[], Console]
    inspector_of: Callable[[], Inspector]
    statistics_of: Callable[[], Statistics]
    publish: Callable[[Application, Event], Awaitable[None]]
    trigger: Callable[[Application, Trigger], Awaitable[None]]
    backlog: Callable[[str], Awaitable[Mapping[int, int]]]
    declared: Application | None = None
    demo: Callable[[str], Pass] | None = None

    @property
    def node(self) -> Node:
        """The node of this process."""
        return self.node_of()

    @property
    def console(self) -> Console:
        """What shows applications as they are."""
        return self.console_of()

    @property
    def inspector(self) -> Inspector:
        """What looks at connections."""
        return self.inspector_of()

    @property
    def statistics(self) -> Statistics:
        """Figures of applications over time."""
        return self.statistics_of()

    @property
    def mail_is_local(self) -> bool:
        """Whether letters are only written to a folder, for want of a mail server."""
        return self.settings.smtp_url is None
