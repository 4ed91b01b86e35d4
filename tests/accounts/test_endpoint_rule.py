from collections.abc import Callable
from typing import Any

import pytest

from hubbub.accounts import endpoint_rule
from hubbub.accounts.fields import Fields
from hubbub.webhooks.seam import KINDS

SECRET = "Bearer 4036de82-c6ab-11e6-9a53-28cfe91ef193"


def faults(check: Callable[[Fields], object]) -> dict[str, list[str]]:
    """Give what a check finds wrong, by field."""
    fields = Fields()
    check(fields)
    return fields.errors


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com",
        "HTTP://EXAMPLE.com:8080/a?b=c#d",
        "https://bücher.example/ä",
        "http://my_service.example:1/",
        "https://example.com./",
        "http://8.8.8.8/",
        "http://[2606:4700::1111]:443/",
        "https://example.com/" + "a" * 1980,
    ],
)
def test_an_address_that_will_do(address: str) -> None:
    with Fields() as fields:
        assert endpoint_rule.url(fields, address, may_be_private=False) == address


@pytest.mark.parametrize(
    "address",
    [
        None, "", " ", 7, [], {}, "example.com", "//example.com", "ftp://example.com", "javascript:alert(1)",
        "https://", "https://:443", "https:///path", "https://?x", "https://example.com:0", "https://example.com:65536",
        "https://example.com:port", "https://user@example.com", "https://user:hunter2@example.com",
        "https://@example.com", "https://exa mple.com", "https://example.com/a b", "https://example.com\\@evil.example",
        "https://example.com/\r\nX: y", "https://[::1", "https://[1.2.3.4]", "https://[::1]x/", "https://a..b",
        "https://.example.com", "https://-a.example", "https://" + "a" * 64 + ".example", "https://exam%70le.com",
        "https://" + "a." * 130 + "example", "https://example.com/" + "a" * 2000, "https://exam\0ple.com",
        "https://\ud800.example", "https://127.1", "https://2130706433", "https://0x7f000001", "https://0177.0.0.1",
        "https://1.2.3.4.5", "https://１２７.1", "https://" + "a" * 240 + "!.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("private", [False, True])
def test_an_address_that_will_not_do(address: object, private: bool) -> None:
    errors = faults(lambda fields: endpoint_rule.url(fields, address, may_be_private=private))
    assert errors.keys() == {"url"}
    assert "hunter2" not in str(errors)
    assert "HUBBUB_WEBHOOK_PRIVATE" not in str(errors)


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost", "http://LOCALHOST.:8080/", "http://a.localhost", "http://127.0.0.1", "http://10.0.0.1/",
        "http://192.168.1.1", "http://169.254.169.254/latest/meta-data", "http://0.0.0.0", "http://[::1]/",
        "http://[::ffff:127.0.0.1]/", "http://[fe80::1%25eth0]/", "http://[fd00::1]", "http://ｌｏｃａｌｈｏｓｔ/",
        "http://100.64.0.1", "http://127.0.0.1./",
    ],
)  # fmt: skip
def test_an_address_of_the_servers_own_networks_is_for_who_may(address: str) -> None:
    errors = faults(lambda fields: endpoint_rule.url(fields, address, may_be_private=False))
    assert "HUBBUB_WEBHOOK_PRIVATE" in str(errors["url"])
    assert faults(lambda fields: endpoint_rule.url(fields, address, may_be_private=True)) == {}


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        (None, KINDS),
        (["member_removed", "member_added", "member_added"], ("member_added", "member_removed")),
        ("client_event", ("client_event",)),
        ("client_event, cache_miss,", ("client_event", "cache_miss")),
        (list(KINDS), KINDS),
    ],
)
def test_kinds_are_a_list_or_a_text_with_commas(given: object, kinds: tuple[str, ...]) -> None:
    with Fields() as fields:
        assert endpoint_rule.kinds(fields, given) == kinds


def test_headers_and_a_prefix_may_be_left_out() -> None:
    with Fields() as fields:
        assert endpoint_rule.headers(fields, None) == endpoint_rule.headers(fields, "") == {}
        assert endpoint_rule.channel_prefix(fields, None) == endpoint_rule.channel_prefix(fields, "") == ""


def test_values_of_headers_are_trimmed() -> None:
    with Fields() as fields:
        given = {"Authorization": f" {SECRET} ", "x-tenant": "☃"}
        assert endpoint_rule.headers(fields, given) == {"Authorization": SECRET, "x-tenant": "☃"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kinds", []), ("kinds", ""), ("kinds", ["party"]), ("kinds", "client_event,party"), ("kinds", 7),
        ("kinds", [["client_event"]]), ("kinds", [{}]), ("kinds", {"client_event": True}),
        ("channel_prefix", "a" * 201), ("channel_prefix", 7), ("channel_prefix", "a\0"), ("channel_prefix", ["a"]),
        ("headers", "X: y"), ("headers", ["X"]), ("headers", 7), ("headers", {"": SECRET}),
        ("headers", {"a b": SECRET}),
        ("headers", {"a:": SECRET}), ("headers", {"é": SECRET}), ("headers", {"a" * 101: SECRET}),
        ("headers", {"X": ""}), ("headers", {"X": " "}), ("headers", {"X": None}), ("headers", {"X": 7}),
        ("headers", {"X": [SECRET]}), ("headers", {"X": f"{SECRET}\r\nHost: evil"}), ("headers", {"X": f"{SECRET}\0"}),
        ("headers", {"X": f"a\u2028{SECRET}"}), ("headers", {"X": f"\ud800{SECRET}"}), ("headers", {"X": SECRET * 50}),
        ("headers", {"X": SECRET, "x": SECRET}), ("headers", {"Content-Type": "text/plain"}),
        ("headers", {"content-length": "0"}), ("headers", {"HOST": "evil"}), ("headers", {"Connection": "close"}),
        ("headers", {"Transfer-Encoding": "chunked"}), ("headers", {"X-Pusher-Signature": SECRET}),
        ("headers", {"x-pusher-anything": SECRET}), ("headers", {f"X-{number}": SECRET for number in range(21)}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_and_never_shown(field: str, value: Any) -> None:
    errors = faults(lambda fields: getattr(endpoint_rule, field)(fields, value))
    assert errors.keys() == {field}
    assert SECRET not in str(errors)


@pytest.mark.parametrize("host", ["a" * 1900 + "!", "a." * 900 + "!", "a-" * 900, "1" * 1900], ids=range(4))
def test_a_long_host_that_is_none_is_refused_at_once(host: str) -> None:
    assert faults(lambda fields: endpoint_rule.url(fields, f"https://{host}/", may_be_private=True))
