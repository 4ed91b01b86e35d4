"""An application's own server: signed requests over one HTTP connection that is kept.

Knows the signature and one answer at a time. What it sends is sent at once; the answer is taken when it is asked for,
so that an open loop does not wait.
"""

import hashlib
import hmac
import json
import socket
import time
from typing import Any

from line import LIMIT
from servers import Server


class Publisher:
    """One HTTP connection, at most one request under way. `is_free` is whether none is."""

    __slots__ = ("_rest", "connection", "is_free", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_free = True
        self._rest = b""
        self.connection = socket.create_connection(("127.0.0.1", server.port), LIMIT)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, channel: str, data: str, name: str = "event") -> None:
        """Publish one event, and wait for nothing."""
        self.ask("POST", "/events", json.dumps({"name": name, "channel": channel, "data": data}).encode())

    def ask(self, method: str, path: str, body: bytes = b"", **parameters: str) -> None:
        """Send a request to the application's part of the API, and wait for nothing."""
        head = (
            f"{method} {signed(self.server, method, path, body, **parameters)} HTTP/1.1",
            f"Host: 127.0.0.1:{self.server.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        self.is_free = False
        self.connection.sendall("\r\n".join([*head, "", ""]).encode() + body)

    def take(self) -> tuple[int, Any]:
        """Wait for the answer; give its status and its JSON, or its text if it is none."""
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, rest = self._rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        while len(rest) < length:
            self._more()
            rest = self._rest.partition(b"\r\n\r\n")[2]
        body, self._rest = rest[:length], rest[length:]
        self.is_free = True
        return int(lines[0].split(" ")[1]), json.loads(body) if body.startswith(b"{") else body.decode()

    def get(self, path: str, **parameters: str) -> Any:
        """Ask and wait. Raises RuntimeError for another status than 200."""
        self.ask("GET", path, b"", **parameters)
        status, answer = self.take()
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer}")
        return answer

    def publish(self, channel: str, data: str, name: str = "event") -> None:
        """Publish and wait until it is accepted. Raises RuntimeError when it is not."""
        self.send(channel, data, name)
        status, answer = self.take()
        if status != 200:
            raise RuntimeError(f"{channel}: {status} {answer}")

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def _more(self) -> None:
        data = self.connection.recv(65_536)
        if not data:
            raise ConnectionError("the server ended an HTTP connection")
        self._rest += data


def signed(server: Server, method: str, path: str, body: bytes = b"", **parameters: str) -> str:
    """Give the target, path and query, of a signed request to the application's part of the API."""
    target = f"/apps/{server.app_id}{path}"
    pairs = {"auth_key": server.key, "auth_timestamp": str(int(time.time())), "auth_version": "1.0", **parameters}
    if body:
        pairs["body_md5"] = hashlib.md5(body, usedforsecurity=False).hexdigest()
    query = "&".join(f"{name}={value}" for name, value in sorted(pairs.items()))
    signature = hmac.digest(server.secret.encode(), f"{method}\n{target}\n{query}".encode(), "sha256").hex()
    return f"{target}?{query}&auth_signature={signature}"
