"""A server that can be killed, and started again on what it left in its database."""

from pathlib import Path

from running import START_LIMIT, Running


class Mortal(Running):
    """`with Mortal(webhook_url=…) as server:` has one declared application, whose webhooks go to a receiver here."""

    def __init__(self, webhook_url: str, **settings: object) -> None:
        self.kills = 0
        self._is_dead = False
        given = {"app_id": "1", "app_webhook_url": webhook_url, "webhook_private": True, **settings}
        super().__init__(migrate=False, **given)

    @property
    def folder(self) -> Path:
        return Path(self._directory.name)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.wait(START_LIMIT)
        self._reader.join(START_LIMIT)
        self.kills += 1
        self._is_dead = True

    def stop(self) -> int:
        """Stop it as an operator does, to start it again."""
        status = super().stop()
        self._reader.join(START_LIMIT)
        return status

    def start_again(self) -> None:
        """Start it on the same database, on a port of its own choice, and wait until it listens."""
        self._is_dead = False
        while not self._lines.empty():
            self._lines.get()
        self._start()
        self._wait_until_listening()

    def _end(self, *, expect_life: bool) -> str | None:
        return super()._end(expect_life=expect_life and not self._is_dead)
