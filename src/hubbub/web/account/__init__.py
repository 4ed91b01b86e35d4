"""The pages of one's own account."""

from typing import Final

from hubbub.web.account import email, password, profile, sessions, tokens, two_factor
from hubbub.web.page import Page

PAGES: Final[tuple[Page, ...]] = (
    *profile.PAGES,
    *email.PAGES,
    *password.PAGES,
    *sessions.PAGES,
    *two_factor.PAGES,
    *tokens.PAGES,
)
