"""Signed requests to the HTTP API, as bytes.

Pure but for the clock that is handed in. Knows Pusher's signature. Does not know connections or answers.
"""

from collections.abc import Sequence
from urllib.parse import quote

from hubbub.bench.target import Target, named
from hubbub.signing import body_md5, sign

EVENT = "bench"


class Signer:
    """Writes requests of one application."""

    def __init__(self, target: Target) -> None:
        self._app = target.app
        self._key = quote(target.app.key, safe="")
        self._host = named(*target.api)

    def trigger(self, channel: str, data: str, at: int) -> bytes:
        """Give the request that publishes one event; `at` is now, in seconds since 1970."""
        return self._post("events", f'{{"name":"{EVENT}","channel":"{channel}","data":"{data}"}}', at)

    def batch(self, channel: str, data: Sequence[str], at: int) -> bytes:
        """Give the request that publishes several at once, into one channel."""
        events = ",".join(f'{{"channel":"{channel}","name":"{EVENT}","data":"{one}"}}' for one in data)
        return self._post("batch_events", f'{{"batch":[{events}]}}', at)

    def _post(self, route: str, text: str, at: int) -> bytes:
        body = text.encode()
        path = f"/apps/{self._app.id}/{route}"
        # What is signed stands in the order of the parameters' names.
        rest = f"&auth_timestamp={at}&auth_version=1.0&body_md5={body_md5(body)}"
        signature = sign(self._app.secret, f"POST\n{path}\nauth_key={self._app.key}{rest}")
        return (
            f"POST {path}?auth_key={self._key}{rest}&auth_signature={signature} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
