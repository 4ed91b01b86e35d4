"""What is told of one application, wherever it comes from: the database, or the settings that declare it.

Imports what it describes, so the commands import it late.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

import msgspec

from hubbub.accounts.domain import HeldApplication, Organization, Ownership
from hubbub.apps import Application
from hubbub.cli.printing import moment
from hubbub.settings import AppSettings, DeclaredApp


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """An application as its operator sees it. `pairs` are its keys with their secrets, oldest first.

    `alias` is the id that it had at another server, to which it answers too.
    """

    id: str
    name: str
    pairs: tuple[tuple[str, str], ...]
    settings: AppSettings
    is_declared: bool = False
    owners: tuple[Organization, ...] = ()
    borrowers: tuple[Organization, ...] = ()
    archived_at: datetime | None = None
    alias: str | None = None

    def __repr__(self) -> str:
        return f"Card(id={self.id!r})"

    @classmethod
    def of_held(cls, held: HeldApplication, ownerships: Iterable[Ownership]) -> Self:
        """Give that of an application of the database, as the operator sees it, with who holds it."""
        holders = tuple(ownerships)
        return cls(
            id=str(held.id),
            name=held.name,
            pairs=tuple((pair.key, pair.secret or "") for pair in held.key_pairs),
            settings=AppSettings.model_validate(held.settings),
            owners=tuple(one.organization for one in holders if one.is_owned),
            borrowers=tuple(one.organization for one in holders if not one.is_owned),
            archived_at=held.archived_at,
            alias=held.alias,
        )

    @classmethod
    def of_seeded(cls, app: Application) -> Self:
        """Give that of an application just seeded."""
        pairs = tuple((pair.key, pair.secret) for pair in app.key_pairs)
        return cls(id=app.id, name=app.name, pairs=pairs, settings=app.settings)

    @classmethod
    def of_declared(cls, declared: DeclaredApp) -> Self:
        """Give that of the application which the settings declare."""
        settings = AppSettings.model_validate(declared.model_dump(include=set(AppSettings.model_fields)))
        pair = (declared.key, declared.secret.get_secret_value())
        return cls(id=declared.id, name="declared by settings", pairs=(pair,), settings=settings, is_declared=True)

    def described(self, *, with_secret: bool) -> dict[str, Any]:
        """Give what programs get: all of it, the secrets only `with_secret`."""
        pairs = [{"key": key} | ({"secret": secret} if with_secret else {}) for key, secret in self.pairs]
        return {
            "id": self.id,
            "alias": self.alias,
            "name": self.name,
            "key_pairs": pairs,
            "settings": self.settings.model_dump(mode="json"),
            "is_declared": self.is_declared,
            "owners": [organization.slug for organization in self.owners],
            "borrowers": [organization.slug for organization in self.borrowers],
            "archived_at": msgspec.to_builtins(self.archived_at),
        }

    def names(self, *, with_secret: bool) -> dict[str, str]:
        """Give what people need to use it: each key, numbered when there are several."""
        fields = {"Application": self.name, "Id": self.id}
        for number, (key, secret) in enumerate(self.pairs, 1):
            suffix = f" {number}" if len(self.pairs) > 1 else ""
            fields[f"Key{suffix}"] = key
            if with_secret:
                fields[f"Secret{suffix}"] = secret
        return fields

    def details(self) -> dict[str, str]:
        """Give what else people want to know: who holds it, and the settings that differ from the defaults."""
        fields = {}
        if self.alias is not None:
            fields["Also id"] = self.alias
        if self.owners:
            fields["Owner"] = _names(self.owners)
        if self.borrowers:
            fields["Lent to"] = _names(self.borrowers)
        if self.archived_at is not None:
            fields["Archived"] = moment(self.archived_at)
        changed = self.settings.model_dump(mode="json", exclude_defaults=True)
        return fields | {name: json.dumps(value) for name, value in changed.items()}

    def line(self) -> tuple[str, ...]:
        """Give its line in the list: id, name, newest key, owners, borrowers."""
        key = self.pairs[-1][0] if self.pairs else "-"
        return self.id, self.name, key, _names(self.owners), _names(self.borrowers)


def _names(organizations: tuple[Organization, ...]) -> str:
    slugs = [f"{one.slug} (archived)" if one.archived_at is not None else one.slug for one in organizations]
    return ", ".join(slugs) or "-"
