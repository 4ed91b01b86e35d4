"""The application that a page is about, as its visitor holds it.

Knows: that it is one of accounts, or the one that the settings declare. Does not know what is shown of it.
"""

import msgspec

from hubbub.accounts.domain import HeldApplication, Identity, Organization
from hubbub.apps import Application, KeyPair
from hubbub.errors import UNKNOWN
from hubbub.settings import AppSettings
from hubbub.web.services import Services


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An application; `application` is as the hub knows it, without secrets unless `may_edit`.

    `organization` is the one by which the visitor holds it, None for a root user who sees what nobody owns. `held` is
    None for the declared one, which can only be seen. `may_edit` is an admin of the owner, `may_publish` who may send.
    """

    application: Application
    organization: Organization | None
    held: HeldApplication | None
    may_edit: bool
    may_publish: bool

    @property
    def id(self) -> str:
        """Its id, as the hub and Pusher's API have it."""
        return self.application.id

    @property
    def name(self) -> str:
        """What it is called."""
        return self.application.name

    @property
    def path(self) -> str:
        """The path of its overview; those of its other pages begin with it."""
        return f"/applications/{self.id}"

    @property
    def key(self) -> str:
        """The newest active key; empty if there is none."""
        return self.application.key_pairs[-1].key if self.application.key_pairs else ""

    @property
    def settings(self) -> AppSettings:
        """Its settings, defaults filled in."""
        return self.application.settings

    @property
    def is_declared(self) -> bool:
        """Whether the settings of the server declare it: then its page can only be read."""
        return self.held is None

    @property
    def is_archived(self) -> bool:
        """Whether it is out of use."""
        return self.held is not None and self.held.archived_at is not None

    @property
    def is_owned(self) -> bool:
        """Whether it is not merely borrowed."""
        return self.held is None or self.held.is_owned

    @property
    def reference(self) -> str | None:
        """The organization, as use-cases of applications take it."""
        return None if self.organization is None else str(self.organization.id)


async def subject_of(services: Services, who: Identity, application: str) -> Subject:
    """Give the application with an id, as `who` holds it. Raises UNKNOWN."""
    declared = services.declared
    if declared is not None and declared.id == application:
        if not who.user.is_root:
            raise UNKNOWN()
        return Subject(application=declared, organization=None, held=None, may_edit=False, may_publish=True)
    if not application.isascii() or not application.isdigit():
        raise UNKNOWN()
    hold = await services.accounts.applications.hold(who, application)
    held = hold.application
    pairs = tuple(KeyPair(pair.key, pair.secret or "") for pair in held.key_pairs)
    settings = AppSettings.model_validate(dict(held.settings))
    return Subject(
        application=Application(str(held.id), held.name, pairs, settings),
        organization=hold.organization,
        held=held,
        may_edit=hold.may_edit,
        may_publish=hold.may_publish,
    )
