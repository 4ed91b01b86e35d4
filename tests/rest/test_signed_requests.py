"""The many ways in which libraries and proxies spell a request, all of which its signature must fit."""

import hashlib
import hmac
import time
from urllib.parse import quote

import pytest

from rest.desk import NOW, OURS, Desk
from rest.driver import Keys, Line, Pairs, raw, signature
from running import Running

EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
BASE = [("auth_key", OURS.key), ("auth_timestamp", str(NOW)), ("auth_version", "1.0")]


def spelt(method: str, path: str, sent: str, signed: Pairs, *, signed_path: str | None = None, md5: str = "") -> str:
    """Give a target whose query begins with `sent` as it stands, signed over `signed` and the usual parameters."""
    usual = [*BASE, *([("body_md5", md5)] if md5 else [])]
    proof = signature(OURS, method, signed_path or path, [*signed, *usual])
    query = "&".join(f"{name}={value}" for name, value in [*usual, ("auth_signature", proof)])
    return f"{path}?{sent}&{query}" if sent else f"{path}?{query}"


# Paths

NAME = "a=b@c,d.e;f"


@pytest.mark.parametrize("sent", [NAME, quote(NAME, safe=""), quote(NAME, safe="=@,"), "a=b%40c,d.e%3bf"])
@pytest.mark.parametrize("signed", ["as it is sent", "unescaped"])
async def test_a_path_is_signed_as_it_is_sent_or_unescaped(sent: str, signed: str) -> None:
    path = f"/apps/3/channels/{sent}"
    signed_path = path if signed == "as it is sent" else f"/apps/3/channels/{NAME}"
    answer = await Desk().ask("GET", spelt("GET", path, "", [], signed_path=signed_path))
    assert (answer.status, answer.body) == (200, b'{"occupied":false}')


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("#server-to-user-42", "#server-to-user-42"),
        ("%23server-to-user-42", "#server-to-user-42"),
        ("%23server-to-user-42", "%23server-to-user-42"),
    ],
)
async def test_a_user_channel_stands_in_a_path_raw_or_escaped(sent: str, signed: str) -> None:
    path = f"/apps/3/channels/{sent}"
    answer = await Desk().ask("GET", spelt("GET", path, "", [], signed_path=f"/apps/3/channels/{signed}"))
    assert (answer.status, answer.body) == (200, b'{"occupied":false}')


async def test_an_escaped_path_does_not_reach_another_route() -> None:
    path = "/apps/3/channels/a%2Fusers"
    answer = await Desk().ask("GET", spelt("GET", path, "", [], signed_path="/apps/3/channels/a/users"))
    assert answer.refusal == (400, "Invalid channel name 'a/users'")


# Queries


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("presence-a=b@c,d;e", "presence-a=b@c,d;e"),
        ("presence-a%3Db%40c%2Cd%3Be", "presence-a=b@c,d;e"),
        ("presence-%C3%A9", "presence-é"),
        ("a+b", "a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("a+b", "a+b"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("a%20b", "a%20b"),
        ("%C3%A9", "%C3%A9"),
        ("", ""),
    ],
)
async def test_a_value_is_signed_unescaped_however_it_is_sent(sent: str, value: str) -> None:
    target = spelt("GET", "/apps/3/channels", f"filter_by_prefix={sent}", [("filter_by_prefix", value)])
    answer = await Desk().ask("GET", target)
    assert (answer.status, answer.body) == (200, b'{"channels":{}}')


@pytest.mark.parametrize("order", [1, -1])
async def test_the_order_of_parameters_is_free(order: int) -> None:
    pairs = [*BASE, ("filter_by_prefix", "x")]
    proof = ("auth_signature", signature(OURS, "GET", "/apps/3/channels", pairs))
    query = "&".join(f"{name}={value}" for name, value in [proof, *pairs][::order])
    assert (await Desk().ask("GET", f"/apps/3/channels?{query}")).status == 200


async def test_names_of_parameters_may_be_in_upper_case() -> None:
    pairs = [*BASE, ("filter_by_prefix", "x")]
    proof = signature(OURS, "GET", "/apps/3/channels", pairs)
    query = "&".join(f"{name.upper()}={value}" for name, value in [*pairs, ("auth_signature", proof)])
    assert (await Desk().ask("GET", f"/apps/3/channels?{query}")).status == 200


@pytest.mark.parametrize("sent", ["flag", "flag="])
async def test_a_parameter_without_a_value_is_signed_as_an_empty_one(sent: str) -> None:
    assert (await Desk().ask("GET", spelt("GET", "/apps/3/channels", sent, [("flag", "")]))).status == 200


async def test_empty_parts_of_a_query_are_nothing() -> None:
    target = spelt("GET", "/apps/3/channels", "&&flag=1&", [("flag", "1")])
    assert (await Desk().ask("GET", target)).status == 200


async def test_the_md5_of_nothing_may_come_with_a_get() -> None:
    assert (await Desk().ask("GET", spelt("GET", "/apps/3/channels", "", [], md5=EMPTY_MD5))).status == 200


async def test_another_md5_may_not_come_with_a_get() -> None:
    other = hashlib.md5(b"x", usedforsecurity=False).hexdigest()
    answer = await Desk().ask("GET", spelt("GET", "/apps/3/channels", "", [], md5=other))
    assert answer.refusal == (401, f"Invalid body_md5: the body's MD5 is {EMPTY_MD5}, but you sent '{other}'")


async def test_a_post_without_a_body_needs_no_md5() -> None:
    pairs = [("name", "n"), ("channel", "c"), ("data", "d")]
    target = spelt("POST", "/apps/3/events", "name=n&channel=c&data=d", pairs)
    answer = await Desk().ask("POST", target)
    assert answer.status == 200, answer


async def test_a_get_with_a_body_is_signed_over_it_too() -> None:
    answer = await Desk().ask("GET", spelt("GET", "/apps/3/channels", "", []), b"body")
    assert answer.refusal == (401, "Missing parameter: body_md5")


# Lists


RUBY = [("channels[]", "a"), ("channels[]", "b")]


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        pytest.param("channels[]=a&channels[]=b", RUBY, id="Ruby, raw"),
        pytest.param("channels%5B%5D=a&channels%5B%5D=b", RUBY, id="Ruby, escaped"),
        pytest.param("channels%5b%5d=a&channels%5b%5d=b", RUBY, id="Ruby, escaped in lower case"),
        pytest.param("channels[0]=a&channels[1]=b", [("channels", "a,b")], id="PHP, raw"),
        pytest.param("channels%5B0%5D=a&channels%5B1%5D=b", [("channels", "a,b")], id="PHP, escaped"),
        pytest.param("channels[]=a&channels[]=b", [("channels", "a,b")], id="commas for brackets"),
        pytest.param("channels[0]=a&channels[1]=b", [("channels[0]", "a"), ("channels[1]", "b")], id="as they are"),
        pytest.param(
            "channels%5B0%5D=a&channels%5B1%5D=b", [("channels[0]", "a"), ("channels[1]", "b")], id="unescaped"
        ),
        pytest.param("Channels[]=a&CHANNELS[]=b", RUBY, id="upper case"),
        pytest.param("channels[]=b&channels[]=a&channels[]=b", [RUBY[1], RUBY[0], RUBY[1]], id="twice"),
    ],
)
async def test_a_list_of_channels_may_stand_in_the_query(sent: str, signed: Pairs) -> None:
    desk = Desk()
    ears = {name: desk.listen(OURS, name) for name in ("a", "b", "c")}
    proof = spelt_unsorted("POST", "/apps/3/events", f"name=n&data=d&{sent}", [("name", "n"), ("data", "d"), *signed])
    answer = await desk.ask("POST", proof)
    assert (answer.status, answer.body) == (200, b"{}"), answer
    desk.turn()
    assert {name: len(ear.heard) for name, ear in ears.items()} == {"a": 1, "b": 1, "c": 0}


def spelt_unsorted(method: str, path: str, sent: str, signed: Pairs) -> str:
    """As `spelt`, but of equal names the values keep their order, as Ruby's library leaves them."""
    pairs = sorted([(name.lower(), value) for name, value in [*signed, *BASE]], key=lambda pair: pair[0])
    text = f"{method}\n{path}\n" + "&".join(f"{name}={value}" for name, value in pairs)
    proof = hmac.new(OURS.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{path}?{sent}&" + "&".join(f"{name}={value}" for name, value in [*BASE, ("auth_signature", proof)])


# What is reflected


@pytest.mark.parametrize(
    "hostile", ["{}", "{0.__class__}", "%s", "%(x)s", "\\", '"', "<script>", "a\r\nSet-Cookie: x=1"]
)
@pytest.mark.parametrize(
    "place", ["auth_key", "auth_signature", "auth_timestamp", "auth_version", "body_md5", "info", "filter_by_prefix"]
)
async def test_hostile_text_is_told_back_as_text_or_not_at_all(place: str, hostile: str) -> None:
    given = dict([*BASE, ("auth_signature", "0" * 64), (place, hostile)])
    query = "&".join(f"{name}={quote(value)}" for name, value in given.items())
    answer = await Desk().ask("GET", f"/apps/3/channels?{query}")
    assert answer.status in (400, 401)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "hubbub" not in answer.text
    assert "<class" not in answer.text


@pytest.mark.parametrize("hostile", ["é", "\ufffd", "☃😀", "\x00", "\x7f"])
@pytest.mark.parametrize("place", ["auth_key", "auth_signature", "auth_timestamp", "auth_version", "body_md5"])
async def test_credentials_outside_ascii_are_refused(place: str, hostile: str) -> None:
    given = dict([*BASE, ("auth_signature", "0" * 64), (place, hostile)])
    query = "&".join(f"{name}={quote(value)}" for name, value in given.items())
    assert (await Desk().ask("GET", f"/apps/3/channels?{query}")).status == 401


@pytest.mark.parametrize("place", ["auth_key", "auth_signature", "auth_timestamp", "auth_version", "body_md5"])
@pytest.mark.parametrize("hostile", [b"\xff\xfe", b"\xc3", b"%ff%fe", b"%ed%a0%80", b"\x80" * 500])
async def test_credentials_that_are_no_text_are_refused(place: str, hostile: bytes) -> None:
    given = dict([*BASE, ("auth_signature", "0" * 64)])
    given.pop(place, None)
    query = "&".join(f"{name}={value}" for name, value in given.items()).encode()
    target = b"/apps/3/channels?" + query + b"&" + place.encode() + b"=" + hostile
    assert (await Desk().ask(b"GET", target)).status == 401


@pytest.mark.parametrize(
    "stamp",
    ["-1", "0x10", "1e9", "1.5", "NaN", "inf", " 1353088179", "1353088179 ", "१३५३०८८१७९", "9" * 12, "9" * 4000, "+1"],
)
async def test_a_timestamp_that_is_no_count_of_seconds_is_refused(stamp: str) -> None:
    pairs = [("auth_key", OURS.key), ("auth_timestamp", stamp), ("auth_version", "1.0")]
    query = "&".join(f"{name}={quote(value)}" for name, value in [*pairs, ("auth_signature", "0")])
    assert (await Desk().ask("GET", f"/apps/3/channels?{query}")).refusal == (
        401,
        f"Timestamp invalid: '{stamp[:32]}' is not a count of seconds since 1970",
    )


@pytest.mark.parametrize("stamp", ["0", "00000000000", "99999999999", "1"])
async def test_an_absurd_timestamp_has_expired(stamp: str) -> None:
    pairs = [("auth_key", OURS.key), ("auth_timestamp", stamp), ("auth_version", "1.0")]
    query = "&".join(f"{name}={value}" for name, value in [*pairs, ("auth_signature", "0")])
    status, text = (await Desk().ask("GET", f"/apps/3/channels?{query}")).refusal
    assert status == 401
    assert text.startswith("Timestamp expired: Given timestamp (")


async def test_what_is_told_back_is_cut_short() -> None:
    for place in ("auth_key", "auth_signature", "x"):
        given = dict([*BASE, ("auth_signature", "0" * 64), (place, "y" * 15_000)])
        query = "&".join(f"{name}={value}" for name, value in given.items())
        answer = await Desk().ask("GET", f"/apps/3/channels?{query}")
        assert answer.status == 401
        assert len(answer.body) < 5_000


async def test_ten_thousand_parameters_are_signed_like_three() -> None:
    pairs = [(f"p{number}", str(number)) for number in range(10_000)]
    sent = "&".join(f"{name}={value}" for name, value in pairs)
    assert (await Desk().ask("GET", spelt("GET", "/apps/3/channels", sent, pairs))).status == 200


async def test_of_a_parameter_given_twice_the_signed_one_cannot_be_replaced() -> None:
    target = spelt("GET", "/apps/3/channels", "", [])
    for more in ("&auth_key=another-key", "&filter_by_prefix=x", "&auth_timestamp=1", "&AUTH_KEY=another-key"):
        assert (await Desk().ask("GET", target + more)).status == 401


# Over a socket


@pytest.mark.parametrize("sent", [NAME, quote(NAME, safe=""), "#server-to-user-42", "%23server-to-user-42"])
async def test_every_spelling_of_a_path_gets_through_http(server: Running, sent: str) -> None:
    keys = Keys.of(server)
    path = f"/apps/{keys.app_id}/channels/{sent}"
    pairs = [("auth_key", keys.key), ("auth_timestamp", str(int(time.time()))), ("auth_version", "1.0")]
    query = "&".join(
        f"{name}={value}" for name, value in [*pairs, ("auth_signature", signature(keys, "GET", path, pairs))]
    )
    async with Line(server) as line:
        answer = await line.ask(raw("GET", f"{path}?{query}"))
        assert (answer.status, answer.json) == (200, {"occupied": False})
