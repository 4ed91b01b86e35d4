"""A server that is reached by more than host and port."""

import queue
import re

from running import START_LIMIT, Running


class Reached(Running):
    """A server wherever it listens: `address` is what it says of that, such as `https://127.0.0.1:4000`."""

    address = ""

    def _wait_until_listening(self) -> None:
        while True:
            try:
                line = self._lines.get(timeout=START_LIMIT)
            except queue.Empty:
                raise AssertionError(f"the server did not listen within {START_LIMIT:.0f} s\n{self.log}") from None
            if line is None:
                raise AssertionError(f"the server ended with status {self._process.wait()}\n{self.log}")
            if found := re.search(r"Hubbub is listening on (\S+)", line):
                self.address = found[1]
                if port := re.fullmatch(r"https?://([^\s:/]+):(\d+)", self.address):
                    self.host, self.port = port[1], int(port[2])
                return

    def wait_for(self, text: str) -> None:
        """Come back when the server has printed this, from now on."""
        while True:
            line = self._lines.get(timeout=START_LIMIT)
            assert line is not None, self.log
            if text in line:
                return
