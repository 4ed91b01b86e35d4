"""What `permessage-deflate` saves and costs: the bytes of an event for each subscriber, and the server's CPU for it.

    python bench/deflate.py --rounds 5

First zlib alone: a payload as it is, compressed by itself as the server does it once for everyone, and compressed with
what was sent before in mind, which each connection would have to do for itself. Then a running server on core 0, with
the same audience three times: plain; compressed once; compressed for each connection apart (the server's wires are then
not shared). Payloads differ from event to event, as they do in life. Linux only.
"""

import argparse
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from hubbub.transports.deflate import Deflate
from hubbub.transports.frames import frame

CHANNEL: Final = "orders"
KEY, SECRET, APP = "bench-key", "bench-secret", "1"
LEVEL, THRESHOLD = 6, 100  # a line of chat is compressed too, to see what that would be

_TEXT: Final = (
    "the of and station umbrella price offer market open close high low message delivered pending shipped order item "
    "quantity total euro dollar street city country phone name first last created updated status meeting tomorrow see "
    "you soon please thanks maybe later where when train bus coffee lunch"
)
_WORDS: Final = _TEXT.split()

_SERVE: Final = "from hubbub.cli import main; import sys; sys.argv = ['hubbub', 'serve']; main()"
_SERVE_EACH: Final = (
    "import hubbub.transports.deflate as deflate; deflate.pusher_wire = deflate.pusher_wire.__wrapped__; " + _SERVE
)


# What is sent


def chat() -> str:
    """Give a line of a chat, 100 bytes of data."""
    user = random.choice(_WORDS)
    said = ""
    while len(said) < 100:
        said += random.choice(_WORDS) + " "
    return json.dumps({"user": user, "text": said[: 74 - len(user)]})


def orders(size: int) -> Callable[[], str]:
    """Give what makes JSON of about so many bytes: a list of objects, as APIs have them."""

    def make() -> str:
        items: list[object] = []
        while len(text := json.dumps({"items": items}, separators=(",", ":"))) < size:
            items.append(
                {
                    "id": random.randrange(10**6),
                    "name": " ".join(random.choices(_WORDS, k=3)),
                    "price": round(random.uniform(1, 999), 2),
                    "quantity": random.randrange(100),
                    "status": random.choice(["pending", "shipped", "delivered"]),
                    "updated_at": f"2026-11-23T{random.randrange(24):02}:{random.randrange(60):02}:00Z",
                }
            )
        return text

    return make


PAYLOADS: Final[dict[str, Callable[[], str]]] = {
    "chat, 100 B": chat,
    "JSON, 1 kB": orders(950),
    "JSON, 10 kB": orders(9900),
}


# zlib alone


def compress_alone(count: int) -> None:
    """Print what zlib makes of each payload, and in what time."""
    print("| payload | frame | by itself | | with what was before | |")
    print("|---|---|---|---|---|---|")
    deflate = Deflate(15, LEVEL, THRESHOLD)
    for name, make in PAYLOADS.items():
        texts = [_event(make()).encode() for _ in range(count)]
        plain = statistics.mean(len(frame(text)) for text in texts)
        alone, alone_time = _timed(deflate.text, texts)
        taken, taken_time = _timed(_keeping(), texts)
        print(
            f"| {name} | {plain:.0f} B | {alone:.0f} B ({alone / plain:.0%}) | {alone_time:.0f} µs"
            f" | {taken:.0f} B ({taken / plain:.0%}) | {taken_time:.0f} µs |"
        )


def _keeping() -> Callable[[bytes], bytes]:
    """Give what compresses one message after the other for one connection."""
    kept = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    return lambda text: frame((kept.compress(text) + kept.flush(zlib.Z_SYNC_FLUSH))[:-4])


def _event(data: str) -> str:
    return json.dumps({"event": "updated", "channel": CHANNEL, "data": data}, separators=(",", ":"))


def _timed(compress: Callable[[bytes], bytes], texts: list[bytes]) -> tuple[float, float]:
    begun = time.perf_counter()
    sizes = [len(compress(text)) for text in texts]
    return statistics.mean(sizes), (time.perf_counter() - begun) / len(texts) * 1e6


# A server


class Server(Struct):
    """A running server, and what is needed to publish and to see its CPU."""

    pid: int
    port: int
    api: http.client.HTTPConnection

    def publish(self, data: str) -> None:
        """Publish one event."""
        body = json.dumps({"name": "updated", "channel": CHANNEL, "data": data})
        query = f"auth_key={KEY}&auth_timestamp={int(time.time())}&auth_version=1.0&body_md5=" + _md5(body)
        path = f"/apps/{APP}/events"
        signature = hmac.digest(SECRET.encode(), f"POST\n{path}\n{query}".encode(), "sha256").hex()
        self.api.request("POST", f"{path}?{query}&auth_signature={signature}", body)
        answer = self.api.getresponse()
        if answer.read() != b"{}":
            raise SystemExit(f"the server answered {answer.status}")

    def spent(self) -> float:
        """Give the CPU seconds of all its threads so far."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _md5(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def serving(program: str, core: int) -> Iterator[Server]:
    """Start a server that compresses, on a core of its own."""
    settings = {"HUBBUB_APP_ID": APP, "HUBBUB_APP_KEY": KEY, "HUBBUB_APP_SECRET": SECRET, "HUBBUB_PORT": "0"}
    settings |= {
        "HUBBUB_DEFLATE": "true",
        "HUBBUB_DEFLATE_THRESHOLD": str(THRESHOLD),
        "HUBBUB_APP_MAX_EVENT_BYTES": "65536",
    }
    with tempfile.TemporaryDirectory() as folder:
        settings["HUBBUB_DATABASE_URL"] = f"sqlite:///{folder}/hubbub.db"
        process = subprocess.Popen(
            ["taskset", "-c", str(core), sys.executable, "-c", program],
            env={**os.environ, **settings, "PYTHONUNBUFFERED": "1"},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"listening on http://[^\s:]+:(\d+)", line):
                    break
            else:
                raise SystemExit("the server did not start")
            port = int(found[1])
            yield Server(process.pid, port, http.client.HTTPConnection("127.0.0.1", port))
        finally:
            process.terminate()
            process.wait()


def subscriber(server: Server, *, is_compressed: bool) -> socket.socket:
    """Connect and subscribe."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" if is_compressed else ""
    subscribe = json.dumps({"event": "pusher:subscribe", "data": {"channel": CHANNEL}}).encode()
    connection.sendall(
        f"GET /app/{KEY}?protocol=7 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n".encode()
        + bytes((0x81, 0x80 | len(subscribe), 0, 0, 0, 0))
        + subscribe
    )
    heard = b""
    while b"subscription_succeeded" not in heard or not heard.endswith(b"}"):
        if not (part := connection.recv(65_536)):
            raise SystemExit(f"the server hung up after {heard!r}")
        heard += part
    if is_compressed != (b"permessage-deflate" in heard):
        raise SystemExit("compression was not agreed on as it should be")
    return connection


def take_frame(connection: socket.socket) -> int:
    """Read one frame; give its bytes."""
    head = connection.recv(2, socket.MSG_WAITALL)
    more = {126: 2, 127: 8}.get(head[1], 0)
    size = int.from_bytes(connection.recv(more, socket.MSG_WAITALL), "big") if more else head[1]
    take(connection, size)
    return 2 + more + size


def take(connection: socket.socket, size: int) -> None:
    """Read so many bytes."""
    while size:
        size -= len(connection.recv(size, socket.MSG_WAITALL))


class Result(Struct):
    """Of one event: the bytes that each subscriber got, and the CPU of the server in microseconds."""

    size: float
    cpu: float


def measure(server: Server, audience: list[socket.socket], make: Callable[[], str], count: int) -> Result:
    """Publish `count` events, each when all have the one before."""
    texts = [make() for _ in range(count)]
    sizes = []
    before = server.spent()
    for text in texts:
        server.publish(text)
        size = take_frame(audience[0])
        for connection in audience[1:]:
            take(connection, size)
        sizes.append(size)
    return Result(statistics.mean(sizes), (server.spent() - before) / count * 1e6)


MODES: Final = ("plain", "once", "each")


def measure_live(subscribers: list[int], rounds: int, core: int) -> None:
    """Print what a server sends and spends, medians of `rounds` that alternate."""
    print("| payload | subscribers | plain | compressed once | for each connection |")
    print("|---|---|---|---|---|")
    with serving(_SERVE, core) as server, serving(_SERVE_EACH, core) as each:
        for count in subscribers:
            for name, make in PAYLOADS.items():
                results: dict[str, list[Result]] = {mode: [] for mode in MODES}
                for _ in range(rounds):
                    for mode in MODES:
                        by = each if mode == "each" else server
                        with ExitStack() as sockets:
                            audience = [
                                sockets.enter_context(subscriber(by, is_compressed=mode != "plain"))
                                for _ in range(count)
                            ]
                            measure(by, audience, make, 3)
                            results[mode].append(measure(by, audience, make, max(10, min(200, 20_000 // count))))
                print(
                    f"| {name} | {count:,} | " + " | ".join(_cell(results[mode]) for mode in MODES) + " |", flush=True
                )


def _cell(results: list[Result]) -> str:
    size, cpu = (statistics.median(getattr(one, field) for one in results) for field in ("size", "cpu"))
    return f"{size:.0f} B, {cpu:,.0f} µs"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--subscribers", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--core", type=int, default=0, help="the core of the server; this program takes another")
    given = parser.parse_args()
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {given.core} or {given.core})
    random.seed(7)
    compress_alone(1000)
    print(flush=True)
    measure_live(given.subscribers, given.rounds, given.core)


if __name__ == "__main__":
    main()
