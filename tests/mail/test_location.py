import pytest

from hubbub.mail.location import Encryption, locate
from hubbub.settings import ConfigurationError, Settings, load


@pytest.mark.parametrize(
    ("url", "port", "encryption"),
    [
        ("smtp://mail.example.com", 587, Encryption.OFFERED),
        ("smtp://user:password@mail.example.com", 587, Encryption.ALWAYS),
        ("smtp://mail.example.com:25?starttls=always", 25, Encryption.ALWAYS),
        ("smtp://user:password@10.0.0.1:25?starttls=never", 25, Encryption.NEVER),
        ("smtp://localhost:25", 25, Encryption.NEVER),
        ("smtp://user:password@[::1]:25", 25, Encryption.NEVER),
        ("smtp://127.0.0.1:25?starttls=always", 25, Encryption.ALWAYS),
        ("smtps://user:password@mail.example.com", 465, Encryption.TLS),
        ("smtps://mail.example.com:4650", 4650, Encryption.TLS),
    ],
)
def test_a_password_and_a_letter_go_out_in_the_clear_only_where_that_is_wished(
    url: str, port: int, encryption: Encryption
) -> None:
    location = locate(url)
    assert (location.port, location.encryption) == (port, encryption)
    assert (location.tls is None) == (encryption is Encryption.NEVER)


def test_signs_in_a_password_are_written_as_in_any_url() -> None:
    location = locate("smtps://ann%40example.com:p%40ss%2Fw%3Ford@mail.example.com")
    assert (location.user, location.password, location.host) == ("ann@example.com", "p@ss/w?ord", "mail.example.com")
    assert "ss/w" not in repr(location)


@pytest.mark.parametrize(
    "url",
    [
        "secret.example.com", "http://secret.example.com", "smtp://", "smtp://secret@mail", "smtp://:secret@mail",
        "smtp://mail:secret", "smtp://mail:0", "smtp://mail:70000", "smtp://u:sec/ret@mail", "smtp://u:sec#ret@mail",
        "smtp://u:sec?ret@mail", "smtp://mail?secret=1", "smtp://mail?starttls=secret", "smtps://mail?starttls=never",
        "smtp://mail/secret", "smtps://mail?ssl_ca_certs=/nowhere/secret", "smtp://[secret",
    ],
)  # fmt: skip
def test_a_faulty_one_stops_the_start_and_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="HUBBUB_SMTP_URL") as caught:
        locate(url)
    assert "secret" not in str(caught.value)


def test_a_mail_server_needs_somebody_whom_letters_are_from() -> None:
    with pytest.raises(ConfigurationError, match="smtp_url needs mail_from"):
        load(smtp_url="smtp://localhost")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:4001"),
        ({"host": "0.0.0.0"}, "http://localhost:4001"),
        ({"host": "::1"}, "http://[::1]:4001"),
        ({"uds": "/run/hubbub.sock"}, "http://localhost"),
        ({"public_url": "https://hubbub.example.com/"}, "https://hubbub.example.com"),
        ({"public_url": "https://example.com/hubbub"}, "https://example.com/hubbub"),
    ],
)
def test_links_lead_where_the_settings_say(settings: dict[str, object], url: str) -> None:
    assert Settings(**settings).reached_at(4001) == url  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["hubbub.example.com", "ftp://example.com", "https://user@example.com", "https://a b"])
def test_where_people_reach_the_pages_is_a_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="HUBBUB_PUBLIC_URL"):
        load(public_url=url)
