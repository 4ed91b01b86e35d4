"""The pages of organizations."""

from typing import Final

from hubbub.web.organization import audit, members, organizations, usage
from hubbub.web.page import Page

PAGES: Final[tuple[Page, ...]] = (*organizations.PAGES, *members.PAGES, *usage.PAGES, *audit.PAGES)
