"""How the URL of Redis is read, and what is said of one that cannot be."""

import ssl
from pathlib import Path

import pytest

from hubbub.engine.redis.location import Address, Kind, Location, Login, locate
from hubbub.settings import ConfigurationError

HERE, THERE = Address("127.0.0.1", 7000), Address("redis.example.com", 6380)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("redis://", Location(Kind.SINGLE, (Address("localhost", 6379),))),
        ("redis://127.0.0.1:7000", Location(Kind.SINGLE, (HERE,))),
        ("REDIS://127.0.0.1:7000/", Location(Kind.SINGLE, (HERE,))),
        ("redis://[::1]:7000/4", Location(Kind.SINGLE, (Address("::1", 7000),), database=4)),
        ("redis://redis.example.com:6380?db=5", Location(Kind.SINGLE, (THERE,), database=5)),
        ("redis://:pass@127.0.0.1:7000", Location(Kind.SINGLE, (HERE,), login=Login(password="pass"))),
        ("redis://ann:p%40ss%2F%3a%23@127.0.0.1:7000", Location(Kind.SINGLE, (HERE,), login=Login("ann", "p@ss/:#"))),
        ("redis://ann:@127.0.0.1:7000", Location(Kind.SINGLE, (HERE,), login=Login("ann", ""))),
        ("unix:///run/redis.sock", Location(Kind.SINGLE, (Address("/run/redis.sock"),))),
        (
            "unix://ann:pass@/run/my%20redis?db=2",
            Location(Kind.SINGLE, (Address("/run/my redis"),), login=Login("ann", "pass"), database=2),
        ),
        (
            "redis+sentinel://127.0.0.1:7000,redis.example.com:6380,other/mymaster",
            Location(Kind.SENTINEL, (HERE, THERE, Address("other", 26379)), service="mymaster"),
        ),
        (
            "redis+sentinel://ann:pass@127.0.0.1:7000/my%20master/2?sentinel_password=x%20y&sentinel_username=bob",
            Location(
                Kind.SENTINEL,
                (HERE,),
                login=Login("ann", "pass"),
                database=2,
                service="my master",
                sentinel_login=Login("bob", "x y"),
            ),
        ),
        ("redis+cluster://127.0.0.1:7000,redis.example.com:6380", Location(Kind.CLUSTER, (HERE, THERE))),
        ("redis+cluster://:p@127.0.0.1:7000/0", Location(Kind.CLUSTER, (HERE,), login=Login(password="p"))),
    ],
)
def test_a_url_says_where_redis_is(url: str, location: Location) -> None:
    assert locate(url, 3) == location


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster", "rediss+sentinel"])
def test_rediss_asks_for_a_certificate_of_the_host(scheme: str, certificate: Path) -> None:
    url = f"{scheme}://127.0.0.1:7000{'/service' if 'sentinel' in scheme else ''}"
    for tls in (locate(url, 3).tls, locate(f"{url}?ssl_ca_certs={certificate}/cert.pem", 3).tls):
        assert tls is not None
        assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    tls = locate(f"{url}?ssl_check_hostname=false", 3).tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, False)
    tls = locate(f"{url}?ssl_cert_reqs=none", 3).tls
    assert tls is not None
    assert tls.verify_mode == ssl.CERT_NONE
    locate(f"{url}?ssl_certfile={certificate}/cert.pem&ssl_keyfile={certificate}/key.pem", 3)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "not a URL of Redis"),
        ("s3cret", "not a URL of Redis"),
        ("http://s3cret:s3cret@host", "not a URL of Redis"),
        ("redis+ssh://s3cret@host", "not a URL of Redis"),
        ("http+cluster://:s3cret@host", "not a URL of Redis"),
        ("redis://[s3cret", "not a URL of Redis"),
        ("redis://s3cret@host", "a password is missing"),
        ("redis://:s3cret@one,two", "names one server"),
        ("redis://:s3cret@host:port", "a host or a port"),
        ("redis://:s3cret@host:0", "a host or a port"),
        ("redis://:s3cret@host:65536", "a host or a port"),
        ("redis://:pass/s3cret@host", "a host or a port"),
        ("redis://:pass#s3cret@host", "%23"),
        ("redis://:pass?s3cret@host", "%3F"),
        ("redis://:s3cret@host/name", "number of the database"),
        ("redis://:s3cret@host/1/2", "number of the database"),
        ("redis://:s3cret@host/-1", "number of the database"),
        ("redis://:s3cret@host?db=", None),
        ("redis://:s3cret@host?ssl_ca_certs=/x", "behind the ?; here may be db."),
        ("redis://:s3cret@host?socket_timeout=3", "parameters not supported"),
        ("unix://run/s3cret", "three slashes"),
        ("unix://", "three slashes"),
        ("redis+sentinel://:s3cret@host", "service's name is missing"),
        ("redis+sentinel://:s3cret@host,/service", "a host or a port"),
        ("redis+sentinel://:s3cret@host/service/one", "number of the database"),
        ("redis+cluster://:s3cret@host/1", "only database 0"),
        ("redis+cluster://:s3cret@host?sentinel_password=s3cret", "may be none"),
        ("rediss://:s3cret@host?ssl_ca_certs=/nowhere/s3cret", "No such file"),
        ("rediss://:s3cret@host?ssl_ca_certs=/etc/hostname", "not a certificate"),
        ("rediss://:s3cret@host?ssl_cert_reqs=s3cret", "required or none"),
        ("rediss://:s3cret@host?ssl_check_hostname=s3cret", "true or false"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_showing_it(url: str, problem: str | None) -> None:
    if problem is None:
        locate(url, 3)
        return
    with pytest.raises(ConfigurationError) as refused:
        locate(url, 3)
    text = str(refused.value)
    assert text.startswith("HUBBUB_ENGINE_URL: ")
    assert problem in text
    assert "s3cret" not in text
    assert refused.value.__context__ is None


def test_a_login_is_not_shown() -> None:
    assert "s3cret" not in repr(locate("redis+sentinel://:s3cret@host/service?sentinel_password=s3cret", 3))
