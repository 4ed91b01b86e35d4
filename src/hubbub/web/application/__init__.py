"""The pages of an application."""

from typing import Final

from hubbub.web.application import (
    channels,
    console,
    creator,
    errors,
    inspector,
    keys,
    overview,
    settings,
    sharing,
    start,
    statistics,
    webhooks,
)
from hubbub.web.page import Page

PAGES: Final[tuple[Page, ...]] = (
    *overview.PAGES,
    *start.PAGES,
    *keys.PAGES,
    *console.PAGES,
    *creator.PAGES,
    *channels.PAGES,
    *inspector.PAGES,
    *errors.PAGES,
    *statistics.PAGES,
    *webhooks.PAGES,
    *sharing.PAGES,
    *settings.PAGES,
)
