"""What a node asks of who must hear of things before they count."""

from typing import Protocol

from hubbub.messages import Fact


class Recorder(Protocol):
    """Writes down, for webhooks, what happens in channels."""

    def concerns(self, app_id: str) -> bool:
        """Tell whether anything of an application is to be written down. Asked often, so it must be cheap."""

    async def record(self, app_id: str, *facts: Fact, socket_id: str = "") -> None:
        """Write facts down, and come back when they are safe; an event is one that the client `socket_id` sent.

        Called in the order of the facts, and never raises: what a database that is away cannot take is kept.
        """
