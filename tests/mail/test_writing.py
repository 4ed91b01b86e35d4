import re
from email.headerregistry import Address

import msgspec
import pytest

from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.people import Errand, Letter
from hubbub.mail.words import WORDS
from hubbub.mail.writing import Unmailable, Writing
from hubbub.settings import ConfigurationError, Settings

from .conftest import ACME, ANN, HOME, INVITED, RESET, SECRET, addressed, renamed

INVITATION = Letter(errand="invitation", user=ANN, email=INVITED.email, text=SECRET, invitation=INVITED)
PATHS = {"confirm": "/confirm", "reset": "/reset", "unlock": "/unlock", "invitation": "/invitation"}


def write(letter: Letter, **settings: object) -> tuple[str, str, str]:
    """Give subject, plain text and HTML."""
    content = Writing(Settings(**settings), lambda: HOME).message(letter).content  # type: ignore[arg-type]
    plain, page = content.get_body(("plain",)), content.get_body(("html",))
    assert plain is not None
    assert page is not None
    return str(content["Subject"]), str(plain.get_content()), str(page.get_content())


@pytest.mark.parametrize("errand", PATHS)
def test_its_secret_is_in_the_fragment_of_a_link_and_to_be_pasted(errand: Errand) -> None:
    letter = msgspec.structs.replace(INVITATION, errand=errand) if errand == "invitation" else (
        msgspec.structs.replace(RESET, errand=errand)
    )  # fmt: skip
    subject, plain, page = write(letter)
    assert f"\n{HOME}{PATHS[errand]}#{SECRET}\n" in plain
    assert f"open {HOME}{PATHS[errand]} and paste this code:\n{SECRET}\n" in plain
    assert f'href="{HOME}{PATHS[errand]}#{SECRET}"' in page
    assert f">{SECRET}</code>" in page
    assert SECRET not in subject


@pytest.mark.parametrize("errand", ["welcome", "already"])
def test_one_without_a_secret_leads_to_the_page_that_signs_in(errand: Errand) -> None:
    _, plain, page = write(Letter(errand=errand, user=ANN, email=ANN.email))
    assert f"\n{HOME}/sign-in\n" in plain
    assert "#" not in plain
    assert "code" not in page


def test_there_are_words_for_each_errand_and_no_other() -> None:
    assert {*WORDS} == {*PATHS, "welcome", "already"}


def test_it_says_how_long_it_is_good() -> None:
    assert "for 6 hours, and once" in write(RESET)[1]
    assert "for 90 minutes, and once" in write(RESET, reset_lifetime=5400)[1]
    assert "for 1 day, and once" in write(RESET, reset_lifetime=86_400)[1]
    assert "for 61 seconds, and once" in write(RESET, reset_lifetime=61)[1]
    assert "until 23 November 2026, 15:04 UTC" in write(INVITATION)[1]


def test_an_invitation_says_who_invites_and_to_what() -> None:
    subject, plain, _ = write(INVITATION)
    assert subject == "You are invited to Acme at Hubbub"
    assert "Hello Bob," in plain
    assert "Ann invites bob@example.com to the organization Acme" in plain
    assert "The operator of the server invites" in write(msgspec.structs.replace(INVITATION, user=OPERATOR.user))[1]


@pytest.mark.parametrize("name", ["Acme\r\nBcc: victim@example.com", "Acme\nX-Evil: 1", "Acme\u2028X: 1"])
def test_no_name_makes_a_header(name: str) -> None:
    organization = msgspec.structs.replace(ACME, name=name)
    letter = msgspec.structs.replace(INVITATION, invitation=msgspec.structs.replace(INVITED, organization=organization))
    content = Writing(Settings(), lambda: HOME).message(letter).content
    assert {*content.keys()} == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert "\n" not in str(content["Subject"])


def test_a_name_is_shown_as_text_and_makes_no_link() -> None:
    _, plain, page = write(renamed("<b>You won! https://evil.example.com/now</b>"))
    assert "<b>" not in page
    assert "&lt;b&gt;You won!" in page
    assert not re.search(r"evil\.example|://evil", plain + page)
    assert f"Hello {'x' * 60}…," in write(renamed("x" * 200))[1]


@pytest.mark.parametrize(
    "email",
    [
        "a,b@example.com",
        "a@example.com,b@example.com",
        "a;b@c",
        "<a@b>",
        "a>b@c",
        "a@b(c)",
        "a b@c",
        "é@example.com",
        "@b",
    ],
)
def test_what_is_not_one_address_gets_nothing(email: str) -> None:
    with pytest.raises(Unmailable):
        write(addressed(email))


def test_a_host_is_written_as_names_of_hosts_are() -> None:
    message = Writing(Settings(), lambda: HOME).message(addressed("ann@bücher.example"))
    assert message.recipient == "ann@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("Hubbub <hubbub@example.com>", Address("Hubbub", addr_spec="hubbub@example.com")),
        ('"Acme, Inc." <a@example.com>', Address("Acme, Inc.", addr_spec="a@example.com")),
        ("a@example.com", Address(addr_spec="a@example.com")),
    ],
)
def test_who_it_is_from_is_read_as_people_write_it(text: str, sender: Address) -> None:
    content = Writing(Settings(mail_from=text), lambda: HOME).message(RESET).content
    assert content["From"].addresses == (sender,)


@pytest.mark.parametrize("text", ["", "Hubbub", "Hubbub <>", "a@example.com, b@example.com", "A <a@example.com> B"])
def test_who_it_is_from_must_be_somebody(text: str) -> None:
    with pytest.raises(ConfigurationError, match="HUBBUB_MAIL_FROM"):
        Writing(Settings(mail_from=text), lambda: HOME)
