"""What the snippets of pages speak to.

Knows: the address by which the visitor reaches this server, and which of their applications a page is to show. Does not
know the snippets.
"""

import re
from typing import Final

import msgspec

from hubbub.accounts.domain import HeldApplication, Organization
from hubbub.snippets.target import Place, Target
from hubbub.web.subject import Subject
from hubbub.web.visit import Visit

MOST_ORGANIZATIONS: Final = 20
"""Organizations whose applications are offered on the home page."""

_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9a-fA-F:.]+\](:[0-9]+)?")


class Choice(msgspec.Struct, frozen=True):
    """An application that a visitor holds, and the organization by which they do."""

    organization: Organization
    application: HeldApplication

    @property
    def id(self) -> str:
        """Its id, as the hub and Pusher's API have it."""
        return str(self.application.id)

    @property
    def label(self) -> str:
        """What it is called where there are several."""
        return f"{self.application.name} ({self.organization.name})"


def address_of(visit: Visit) -> str:
    """Give the server's address to show: the setting, else what this visitor asked for."""
    settings = visit.services.settings
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    request = visit.request
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else settings.reached_at(settings.port)


def target_of(visit: Visit, subject: Subject, secret: str = "") -> Target:
    """Give the application of a page as a target, without its secret but where that is given."""
    organization = subject.organization
    return Target(
        place=Place.of(address_of(visit)),
        app_id=subject.id,
        key=subject.key,
        secret=secret,
        organization="" if organization is None else organization.slug,
    )


def target_of_choice(visit: Visit, choice: Choice) -> Target:
    """Give a chosen application as a target, without its secret."""
    return Target(
        place=Place.of(address_of(visit)),
        app_id=choice.id,
        key=choice.application.app_key or "",
        organization=choice.organization.slug,
    )


def no_target(visit: Visit) -> Target:
    """Give what stands for an application of who has none."""
    return Target(
        place=Place.of(address_of(visit)),
        app_id="YOUR_APP_ID",
        key="YOUR_KEY",
        secret="YOUR_SECRET",  # noqa: S106 - says what belongs there
        organization="your-organization",
    )


async def choices_of(visit: Visit) -> tuple[Choice, ...]:
    """Give the applications that the visitor can use, the newest first; none for who is not signed in."""
    if visit.identity is None or visit.must_change_password:
        return ()
    accounts, found = visit.services.accounts, {}
    for organization in (await accounts.organizations.list(visit.who, limit=MOST_ORGANIZATIONS)).items:
        held = await accounts.applications.list(visit.who, organization.slug)
        for application in held.items:
            # One that is borrowed by one organization of theirs and owned by another is named by the owner.
            if application.is_owned or application.id not in found:
                found[application.id] = Choice(organization, application)
    return tuple(found[number] for number in sorted(found, reverse=True))
