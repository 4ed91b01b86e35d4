"""Redis servers of the tests' own: one alone, one watched by Sentinels, a Cluster. From nothing to nothing left behind.

Knows how they are configured, started, frozen, killed and stopped. Keeps nothing on a disk. Does not know what is kept
in them.
"""

import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import redis

START_LIMIT = 30.0  # seconds, here and below
STOP_LIMIT = 15.0

PORTS = range(15_000, 32_000)
"""Below those that systems give to outgoing connections: while a server is stopped, nobody takes its port."""

SERVICE = "hubbub"
"""What Sentinels call the primary that they watch."""

SLOTS = 16_384

BUS = 10_000
"""How much higher the second port of a Cluster's server is."""

Option = str | int | Path


def missing() -> str | None:
    """Tell what is missing for tests on Redis, if anything is."""
    return None if shutil.which("redis-server") else "redis-server is not installed"


class Server:
    """`with Server() as server:` starts one on a free port, and in the end stops it.

    However it ended, it can be started anew: on the same port, and empty.

    `options` are those of redis.conf: `Server(options={"maxmemory": "10mb"})`. With `tls`, a folder that holds
    `cert.pem` and `key.pem`, it speaks TLS only. With `sentinel`, lines of its configuration, it is a Sentinel.
    """

    def __init__(
        self,
        *,
        password: str = "",
        tls: Path | None = None,
        options: Mapping[str, Option] | None = None,
        sentinel: str = "",
    ) -> None:
        self.host = "127.0.0.1"
        self.port = free_port(BUS if options and "cluster-enabled" in options else 0)
        self.password = password
        self.tls = tls
        self._options = options or {}
        self._sentinel = sentinel

    @property
    def url(self) -> str:
        """What to give to a client."""
        return f"{'rediss' if self.tls else 'redis'}://{self.credentials}{self.host}:{self.port}{self.verification}"

    @property
    def socket_url(self) -> str:
        """The same by its unix socket."""
        return f"unix://{self.credentials}{self.folder}/socket"

    @property
    def credentials(self) -> str:
        """The part of a URL that holds the password, empty without one."""
        return f":{quote(self.password, safe='')}@" if self.password else ""

    @property
    def verification(self) -> str:
        """The part of a URL that names the certificate to believe, empty without TLS."""
        return f"?ssl_ca_certs={self.tls / 'cert.pem'}" if self.tls else ""

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has written so far."""
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self) -> Self:
        """Start it."""
        self.folder = Path(tempfile.mkdtemp(prefix="hubbub-redis-"))
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it, if it runs, and remove what it wrote."""
        self.kill()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it, on the same port each time and without any data, and wait until it takes connections."""
        (self.folder / "redis.conf").write_text(self._configuration())
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", "redis.conf", *(["--sentinel"] if self._sentinel else [])],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for pytest, which needs the server to clean up
            )
        try:
            until(self._answers, f"Redis on port {self.port} did not start", self)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop it as an operator would: it closes its connections."""
        self._process.terminate()
        self._process.wait(STOP_LIMIT)

    def kill(self) -> None:
        """End it without a word, if it runs, frozen or not."""
        self._process.kill()
        self._process.wait(STOP_LIMIT)

    def freeze(self) -> None:
        """Stop it from doing anything: its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *command: Option) -> Any:
        """Give its answer to a command, decoded. Raises what redis-py raises."""
        client = redis.Redis(
            host=self.host,
            port=self.port,
            password=self.password or None,
            ssl=self.tls is not None,
            ssl_ca_certs=str(self.tls / "cert.pem") if self.tls else None,
            decode_responses=True,
            protocol=2,
            socket_timeout=START_LIMIT,
        )
        with client:
            connection: Any = client.connection_pool.get_connection()
            try:
                connection.send_packed_command(connection.pack_command(*map(str, command)))
                return connection.read_response()
            finally:
                client.connection_pool.release(connection)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            return bool(self.ask("PING") == "PONG")
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    def _configuration(self) -> str:
        options: dict[str, Option] = {
            "bind": self.host,
            "port": 0 if self.tls else self.port,
            "dir": self.folder,
            "daemonize": "no",
        }
        if self.tls:
            options |= {"tls-port": self.port, "tls-auth-clients": "no", "tls-replication": "yes"}
            options |= {"tls-cert-file": self.tls / "cert.pem", "tls-key-file": self.tls / "key.pem"}
            options |= {"tls-ca-cert-file": self.tls / "cert.pem"}
        if not self._sentinel:
            options |= {"unixsocket": self.folder / "socket", "save": '""', "appendonly": "no"}
            options |= {"repl-diskless-sync": "yes", "repl-diskless-sync-delay": 0, "repl-ping-replica-period": 1}
            options |= {"enable-debug-command": "yes"} if version() >= 7 else {}
            if self.password:
                options["masterauth"] = f'"{self.password}"'
        if self.password:
            options["requirepass"] = f'"{self.password}"'
        lines = [f"{name} {value}\n" for name, value in {**options, **self._options}.items()]
        return "".join(lines) + self._sentinel


class Sentinels:
    """`with Sentinels() as service:` starts a primary, its replicas, and three Sentinels that watch them.

    They take a primary that does not answer for lost after `patience` seconds, and have another about two later.
    """

    def __init__(
        self, *, replicas: int = 1, password: str = "", tls: Path | None = None, patience: float = 2.0
    ) -> None:
        self.password = password
        self.tls = tls
        self.servers = [Server(password=password, tls=tls) for _ in range(replicas + 1)]
        self.sentinels: list[Server] = []
        self._patience = patience

    @property
    def url(self) -> str:
        """What to give to a client."""
        scheme = "rediss" if self.tls else "redis"
        credentials = self.servers[0].credentials
        hosts = ",".join(f"{sentinel.host}:{sentinel.port}" for sentinel in self.sentinels)
        return f"{scheme}+sentinel://{credentials}{hosts}/{SERVICE}{self.servers[0].verification}"

    @property
    def primary(self) -> Server:
        """The server that the first Sentinel takes for the primary now, alive or not."""
        _, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(server for server in self.servers if server.port == int(port))

    def __enter__(self) -> Self:
        """Start all, and wait until they know each other."""
        with ExitStack() as started:
            primary, *replicas = [started.enter_context(server) for server in self.servers]
            for replica in replicas:
                replica.ask("REPLICAOF", primary.host, primary.port)
            for replica in replicas:
                until(lambda: replica.ask("ROLE")[3] == "connected", "no replication", replica)  # noqa: B023
            # Who is told of the others need not wait for their greetings, which come every two seconds.
            names = [f"{random.getrandbits(160):040x}" for _ in range(3)]
            self.sentinels = [Server(tls=self.tls, sentinel="later") for _ in names]
            for own, sentinel in zip(names, self.sentinels, strict=True):
                watched = {
                    "down-after-milliseconds": int(self._patience * 1000),
                    "failover-timeout": 4000,
                    "parallel-syncs": 1,
                }
                lines = [f"sentinel myid {own}", f"sentinel monitor {SERVICE} {primary.host} {primary.port} 2"]
                lines += [f"sentinel {option} {SERVICE} {value}" for option, value in watched.items()]
                lines += [f"sentinel auth-pass {SERVICE} {self.password}"] if self.password else []
                lines += [f"sentinel known-replica {SERVICE} {replica.host} {replica.port}" for replica in replicas]
                lines += [
                    f"sentinel known-sentinel {SERVICE} {other.host} {other.port} {name}"
                    for name, other in zip(names, self.sentinels, strict=True)
                    if name != own
                ]
                sentinel._sentinel = "\n".join(lines) + "\n"
            for sentinel in self.sentinels:
                started.enter_context(sentinel)
            for sentinel in self.sentinels:
                until(lambda: self._knows_all(sentinel), "Sentinels did not find each other", sentinel)  # noqa: B023
            self._started = started.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop all of them."""
        self._started.close()

    def fail_over(self) -> None:
        """Have Sentinels make a replica the primary, while the primary is well."""
        before = self.primary
        self.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)
        until(lambda: self.primary is not before, "no failover", self.sentinels[0])

    def _knows_all(self, sentinel: Server) -> bool:
        try:
            sentinel.ask("SENTINEL", "CKQUORUM", SERVICE)
        except redis.ResponseError:
            return False
        replicas = sentinel.ask("SENTINEL", "REPLICAS", SERVICE)
        # Which of them may become the primary is only known once each has told of itself.
        told = [dict(zip(found[::2], found[1::2], strict=True)) for found in replicas]
        return len(told) == len(self.servers) - 1 and all(
            replica["flags"] == "slave" and replica["master-link-status"] == "ok" for replica in told
        )


class Cluster:
    """`with Cluster() as cluster:` starts three primaries that share the slots, each with so many replicas.

    A server that does not answer for `patience` seconds is taken for lost; a replica, if it has one, takes its place.
    """

    def __init__(
        self, *, replicas: int = 0, password: str = "", tls: Path | None = None, patience: float = 2.0
    ) -> None:
        self.password = password
        self.tls = tls
        self._replicas = replicas
        options: dict[str, Option] = {"cluster-enabled": "yes", "cluster-node-timeout": int(patience * 1000)}
        options |= {"cluster-replica-validity-factor": 0, "cluster-allow-replica-migration": "no"}
        if tls:
            options["tls-cluster"] = "yes"
        self.servers = [Server(password=password, tls=tls, options=options) for _ in range(3 * (1 + replicas))]
        """The primaries as they were made first, then their replicas in the same order."""

    @property
    def url(self) -> str:
        """What to give to a client: it names two of them only."""
        scheme = "rediss" if self.tls else "redis"
        credentials = self.servers[0].credentials
        hosts = ",".join(f"{server.host}:{server.port}" for server in self.servers[:2])
        return f"{scheme}+cluster://{credentials}{hosts}{self.servers[0].verification}"

    def __enter__(self) -> Self:
        """Start all, and wait until they are one Cluster."""
        with ExitStack() as started:
            for server in self.servers:
                started.enter_context(server)
            first, *others = self.servers
            for number, server in enumerate(self.servers, 1):
                server.ask("CLUSTER", "SET-CONFIG-EPOCH", number)
            for other in others:
                first.ask("CLUSTER", "MEET", other.host, other.port)
            for number, server in enumerate(self.servers[:3]):
                server.ask("CLUSTER", "ADDSLOTS", *range(SLOTS * number // 3, SLOTS * (number + 1) // 3))
            for server in self.servers:
                until(lambda: self._knows_all(server), "the servers did not meet", server)  # noqa: B023
            for number, replica in enumerate(self.servers[3:]):
                replica.ask("CLUSTER", "REPLICATE", self.servers[number % 3].ask("CLUSTER", "MYID"))
            for replica in self.servers[3:]:
                until(lambda: replica.ask("ROLE")[3] == "connected", "no replication", replica)  # noqa: B023
            for server in self.servers:
                until(lambda: self._is_well(server), "the Cluster is not well", server)  # noqa: B023
            self._started = started.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop all of them."""
        self._started.close()

    def owner(self, key: str) -> Server:
        """Give the server that owns the slot of a key now, as the first that answers sees it."""
        for server in self.servers:
            try:
                slot = server.ask("CLUSTER", "KEYSLOT", key)
                for start, end, (_, port, *_rest), *_replicas in server.ask("CLUSTER", "SLOTS"):
                    if start <= slot <= end:
                        return next(server for server in self.servers if server.port == port)
            except redis.RedisError:
                continue
        raise AssertionError(f"nobody owns the slot of {key}")

    def topics(self, server: Server) -> list[str]:
        """Name the topics that one of the servers is subscribed to on."""
        told: list[str] = server.ask("PUBSUB", "SHARDCHANNELS" if version() >= 7 else "CHANNELS")
        return told

    def move(self, slot: int, to: Server) -> None:
        """Give a slot, which must be empty, to another of the servers."""
        name = to.ask("CLUSTER", "MYID")
        for server in [to, *self.servers[:3]]:
            server.ask("CLUSTER", "SETSLOT", slot, "NODE", name)

    def _knows_all(self, server: Server) -> bool:
        lines = server.ask("CLUSTER", "NODES").splitlines()
        return len(lines) == len(self.servers) and not any("handshake" in line for line in lines)

    def _is_well(self, server: Server) -> bool:
        return "cluster_state:ok" in server.ask("CLUSTER", "INFO") and all(
            len(shard) == 3 + self._replicas for shard in server.ask("CLUSTER", "SLOTS")
        )


def until(is_so: Callable[[], bool], otherwise: str, server: Server) -> None:
    """Wait until something is so; raises with the server's log if that takes too long."""
    end = time.monotonic() + START_LIMIT
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"{otherwise}\n{server.log}")
        time.sleep(0.02)


@cache
def version() -> int:
    """Give the major version of the Redis that is installed."""
    told = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.partition("v=")[2].partition(".")[0])


def free_port(bus: int = 0) -> int:
    """Give a port that nobody listens on, nor is likely to, nor on the one that is `bus` higher."""
    while True:
        port = random.randrange(PORTS.start, PORTS.stop - bus)
        if _is_free(port) and (not bus or _is_free(port + bus)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
