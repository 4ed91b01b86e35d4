"""The words of letters.

Knows: what each says, where its link leads, and what it may name. Does not know how a message is made.
"""

from collections.abc import Mapping
from typing import Final, TypedDict

import msgspec

from hubbub.accounts.people import Errand


class Facts(TypedDict):
    """What the words of a letter may name; a fact that it has not is empty."""

    email: str
    who: str
    organization: str
    until: str
    lifetime: str


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A subject, paragraphs before and after a link, what the link is called, and the page it leads to.

    The texts are `str.format` templates of `Facts`.
    """

    subject: str
    before: tuple[str, ...]
    label: str
    path: str
    after: tuple[str, ...] = ()


WORDS: Final[Mapping[Errand, Words]] = {
    "confirm": Words(
        subject="Confirm your e-mail address",
        before=("Somebody, hopefully you, gave {email} as their address at Hubbub. Confirm that it is yours:",),
        label="Confirm this address",
        path="/confirm",
        after=(
            "This works for {lifetime}, and once.",
            "It was not you? Then do nothing: without this letter nobody can confirm your address.",
        ),
    ),
    "welcome": Words(
        subject="Welcome to Hubbub",
        before=(
            "Your address is confirmed, and your account is ready.",
            (
                "Sign in, create an application, and paste one of the snippets of its page “Getting started” into"
                " yours: the first message arrives a minute later."
            ),
        ),
        label="Sign in",
        path="/sign-in",
    ),
    "already": Words(
        subject="You have an account already",
        before=(
            (
                "Somebody, hopefully you, tried to sign up at Hubbub with {email}. There is an account with this"
                " address, so nothing was changed: sign in to it."
            ),
        ),
        label="Sign in",
        path="/sign-in",
        after=(
            "If you have forgotten your password, the page to sign in leads you to a new one.",
            "It was not you? Then do nothing. Nobody was told that you have an account.",
        ),
    ),
    "reset": Words(
        subject="Set a new password",
        before=("Somebody, hopefully you, asked for a new password of the account {email} at Hubbub. Set it here:",),
        label="Set a new password",
        path="/reset",
        after=(
            "This works for {lifetime}, and once.",
            "It was not you? Then do nothing: your password stays as it is.",
        ),
    ),
    "unlock": Words(
        subject="Your account is locked for a while",
        before=(
            (
                "Too many wrong passwords in a row were tried on the account {email} at Hubbub, so it is locked:"
                " nobody can sign in to it for {lifetime}. If that was you, open it again at once:"
            ),
        ),
        label="Unlock my account",
        path="/unlock",
        after=(
            "This works once.",
            "It was not you? Then do nothing: the account opens by itself, and your password was not guessed.",
        ),
    ),
    "invitation": Words(
        subject="You are invited to {organization} at Hubbub",
        before=(
            "{who} invites {email} to the organization {organization} at Hubbub. See it, and accept it if you like:",
        ),
        label="See the invitation",
        path="/invitation",
        after=(
            "It can be accepted until {until}.",
            "You do not know what this is about? Then do nothing: without you nothing happens.",
        ),
    ),
}
