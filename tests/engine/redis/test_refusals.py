"""What a link does not connect to, and how it says so: exactly, and without a secret."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.redis.ear import LIMIT, Ear
from engine.redis.redisserver import Cluster, Sentinels, Server
from hubbub.engine.redis.servers import link_to
from hubbub.settings import ConfigurationError

pytestmark = pytest.mark.needs("redis")


async def refusal(url: str) -> str:
    """Give what is said of a URL that cannot be used."""
    link = link_to(url, LIMIT)
    with pytest.raises(ConfigurationError) as refused:
        async with asyncio.timeout(LIMIT):
            await link.open(Ear())
    await link.close()
    text = str(refused.value)
    assert text.startswith("HUBBUB_ENGINE_URL: ")
    assert "wr0ng" not in text
    assert refused.value.__suppress_context__
    return text


@pytest.fixture(params=["single", "cluster", "sentinels"])
def locked_url(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Give a way to write the URL of a Redis that asks for a password, with any credentials."""
    match request.param:
        case "single":
            server = request.getfixturevalue("single")
            return lambda credentials: f"redis://{credentials}{server.host}:{server.port}"
        case "cluster":
            cluster = request.getfixturevalue("tls_cluster")
        case _:
            cluster = request.getfixturevalue("tls_sentinels")
    return lambda credentials: cluster.url.replace(":secret@", credentials)


async def test_a_wrong_password_is_said(locked_url: Callable[[str], str]) -> None:
    assert "refuses the user or the password" in await refusal(locked_url(":wr0ng@"))
    assert "refuses the user or the password" in await refusal(locked_url("wr0ng:wr0ng@"))


async def test_a_missing_password_is_said(locked_url: Callable[[str], str]) -> None:
    assert "asks for a password" in await refusal(locked_url(""))


async def test_a_password_that_sentinels_want_is_said() -> None:
    with Server(password="opens", sentinel="\n") as sentinel:
        url = f"redis+sentinel://:wr0ng@{sentinel.host}:{sentinel.port}/service"
        assert "?sentinel_password=" in await refusal(url)
        assert "refuses the user or the password" in await refusal(f"{url}?sentinel_password=wr0ng")
        assert "knows no service of this name" in await refusal(f"{url}?sentinel_password=opens")


async def test_a_service_that_sentinels_do_not_know_is_said(sentinels: Sentinels) -> None:
    assert "knows no service of this name" in await refusal(f"{sentinels.url}s")


async def test_a_database_that_is_not_there_is_said(single: Server) -> None:
    assert "has no database 4000" in await refusal(f"{single.url}/4000")


async def test_one_server_of_a_cluster_is_said_to_be_such(cluster: Cluster) -> None:
    assert "write redis+cluster://" in await refusal(cluster.servers[0].url)


async def test_a_server_without_a_cluster_is_said_to_be_such(single: Server) -> None:
    assert "is not of a Redis Cluster" in await refusal(single.url.replace("redis:", "redis+cluster:"))


async def test_a_sentinel_is_said_to_be_one(sentinels: Sentinels) -> None:
    assert "is a Sentinel" in await refusal(sentinels.sentinels[0].url)


async def test_a_server_that_is_no_sentinel_is_said_to_be_none(sentinels: Sentinels) -> None:
    server = sentinels.primary
    assert "is no Sentinel" in await refusal(f"redis+sentinel://{server.host}:{server.port}/service")


async def test_a_replica_is_said_to_be_one(sentinels: Sentinels) -> None:
    replica = next(server for server in sentinels.servers if server is not sentinels.primary)
    assert "is a replica" in await refusal(replica.url)


async def test_a_certificate_that_is_not_trusted_is_said(certificate: Path, other_certificate: Path) -> None:
    with Server(tls=certificate) as server:
        assert "not to be trusted" in await refusal(f"rediss://{server.host}:{server.port}")
        url = f"rediss://{server.host}:{server.port}?ssl_ca_certs={other_certificate}/cert.pem"
        assert "not to be trusted" in await refusal(url)
        assert "not to be trusted" in await refusal(server.url.replace("127.0.0.1", "localhost"))


async def test_certificates_are_believed_as_far_as_is_asked(certificate: Path, other_certificate: Path) -> None:
    with Server(tls=certificate) as server:
        for url in (
            server.url.replace("127.0.0.1", "localhost") + "&ssl_check_hostname=false",
            f"rediss://{server.host}:{server.port}?ssl_cert_reqs=none",
        ):
            link = link_to(url, 1)
            await asyncio.wait_for(link.open(Ear()), LIMIT)
            await link.close()


async def test_a_server_without_tls_is_said_not_to_answer_in_it(
    sentinels: Sentinels, caplog: pytest.LogCaptureFixture
) -> None:
    link = link_to(sentinels.primary.url.replace("redis:", "rediss:"), 0.1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await link.open(Ear())
    await link.close()
    assert "does not answer in TLS" in caplog.text


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """Start what is no Redis as we know it, and give its URL: it says its one thing to whoever says anything."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1000)
        writer.write(b"".join(answers))

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"redis://:wr0ng@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for writer in writers:
        writer.close()
        await writer.wait_closed()


async def test_a_server_that_is_too_old_is_said_to_be() -> None:
    # Redis 5, to HELLO: it says again what it was told, the password too.
    old = (
        b"-ERR unknown command `HELLO`, with args beginning with: `2`, `AUTH`, `default`, `wr0ng`, `SETNAME`, \r\n"
        b"-NOAUTH Authentication required.\r\n"
    )
    async with answering(old) as url:
        assert "too old: Redis 6 or later is needed" in await refusal(url)
    hello = (
        b"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n5.9.9\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:3\r\n"
    )
    hello += b"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n+PONG\r\n"
    async with answering(hello) as url:
        assert "too old: Redis 6 or later is needed" in await refusal(url)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x46" * 4])
async def test_what_is_no_redis_is_said_to_be_none(answer: bytes) -> None:
    async with answering(answer) as url:
        assert "says what no Redis would" in await refusal(url)


async def test_what_does_not_greet_as_redis_does_is_said_to_be_none() -> None:
    async with answering(b"+OK\r\n+PONG\r\n") as url:
        assert "is no Redis" in await refusal(url)


async def test_whatever_a_server_repeats_of_what_it_was_told_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with answering(b"-ERR wr0ng\r\n-ERR wr0ng\r\n") as url:
        link = link_to(url, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await link.open(Ear())
        await link.close()
    assert "is not ready (ERR)" in caplog.text
    assert "wr0ng" not in caplog.text
