"""The pages by which one comes in and goes out."""

from typing import Final

from hubbub.web.page import Page
from hubbub.web.sign import confirm, forgotten, inside, invitation, unlock, up

PAGES: Final[tuple[Page, ...]] = (
    *up.PAGES,
    *confirm.PAGES,
    *inside.PAGES,
    *forgotten.PAGES,
    *unlock.PAGES,
    *invitation.PAGES,
)
