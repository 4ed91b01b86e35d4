"""Who is there, as the endpoints of an application were told: what both ways of knowing have in common."""

from collections.abc import Sequence
from typing import Protocol

from hubbub.webhooks.scribe import Sheet
from hubbub.webhooks.seam import Hooked, Note, Standing


class Roll(Protocol):
    """Channels that are occupied and members in them. What is told of each begins and ends by turns."""

    def start(self, standing: Sequence[Standing]) -> None:
        """Begin, with who was there before, where that is known."""

    async def stop(self) -> None:
        """End. Who is about to leave stays."""

    def came(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        """Note that it is there; give the sheet that must be written before that is safe, None if there is none."""

    def left(self, hooked: Hooked, stay: Standing) -> Sheet[Note] | None:
        """Note that it left; the sheet as with `came`."""

    def freeze(self) -> None:
        """Let nobody leave any more, nor those who are about to."""

    def forget(self, app_id: str) -> None:
        """Go on as if nobody had ever been told anything of an application."""
