"""The tables, one class each.

Knows: columns, keys, constraints and their names. Does not know any rule that one row alone cannot tell; those live in
the use-cases. Times are UTC; whatever is archived, revoked or invalidated keeps its row and a time. Tokens are stored
as the hexadecimal SHA-256 of what the user holds: they are random, so no slow hash is needed.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, validates

from hubbub.store.kept import Kept, KeptText


def now() -> datetime:
    """Give the present time, in UTC."""
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A time with its zone, always UTC in Python; SQLite keeps it without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn any zone into UTC; raises ValueError for a time without one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        return value.astimezone(UTC) if dialect.name != "sqlite" else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Row(DeclarativeBase):
    """What all tables share: names for constraints, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy declares it without ClassVar
        datetime: Moment(),
        str: Text(),
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
    }


TOKEN_PREFIX = 8
"""Characters of a user token that lists show."""

Name = String(255)
Digest = String(64)  # SHA-256, hexadecimal
Address = String(45)  # the longest IPv6 address, as text
RequestId = String(64)


class User(Row):
    """Someone who can sign in. Only `is_root` users reach the admin."""

    __tablename__ = "users"
    __table_args__ = (
        # Case-insensitive uniqueness that both databases have: only lower case is stored.
        CheckConstraint("email = lower(email)", name="email_is_lower_case"),
        CheckConstraint("email LIKE '%@%'", name="email_has_at"),
        # An id is in tokens that outlive the row, so SQLite may not use it again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    email: Mapped[str] = mapped_column(Name, unique=True)
    password_hash: Mapped[str]
    is_root: Mapped[bool] = mapped_column(default=False)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    password_changed_at: Mapped[datetime | None]

    unconfirmed_email: Mapped[str | None] = mapped_column(Name)
    confirmation_token_hash: Mapped[str | None] = mapped_column(Digest, unique=True)
    confirmation_sent_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]

    reset_token_hash: Mapped[str | None] = mapped_column(Digest, unique=True)
    reset_sent_at: Mapped[datetime | None]

    failed_attempts: Mapped[int] = mapped_column(default=0)
    locked_at: Mapped[datetime | None]
    unlock_token_hash: Mapped[str | None] = mapped_column(Digest, unique=True)

    sign_in_count: Mapped[int] = mapped_column(default=0)
    current_sign_in_at: Mapped[datetime | None]
    current_sign_in_address: Mapped[str | None] = mapped_column(Address)
    last_sign_in_at: Mapped[datetime | None]
    last_sign_in_address: Mapped[str | None] = mapped_column(Address)

    # The secret alone is one that was begun with; the step is the last of which a code was used.
    second_factor_secret: Mapped[Kept | None] = mapped_column(KeptText)
    second_factor_since: Mapped[datetime | None]
    second_factor_step: Mapped[int | None] = mapped_column(BigInteger)

    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    archived_at: Mapped[datetime | None]

    @validates("email", "unconfirmed_email")
    def _lower(self, _column: str, email: str | None) -> str | None:
        return None if email is None else email.strip().lower()


class Organization(Row):
    """A tenant. The slug is its name in URLs."""

    __tablename__ = "organizations"
    __table_args__ = (CheckConstraint("slug = lower(slug) AND slug <> ''", name="slug_is_lower_case"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    slug: Mapped[str] = mapped_column(Name, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    archived_at: Mapped[datetime | None]


class Enrollment(Row):
    """A user's place in an organization."""

    __tablename__ = "enrollments"
    __table_args__ = (UniqueConstraint("user_id", "organization_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id, ondelete="CASCADE"), index=True)
    is_admin: Mapped[bool] = mapped_column(default=False)
    can_publish: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    user: Mapped[User] = relationship(lazy="raise")
    organization: Mapped[Organization] = relationship(lazy="raise")


class Application(Row):
    """What publishers and clients connect to. `settings` holds only what differs from the defaults.

    `alias` is the id that it had at another server, by which publishers may go on to name it.
    """

    __tablename__ = "applications"
    __table_args__ = (
        CheckConstraint("name <> ''", name="name_is_not_empty"),
        # PostgreSQL sees to it by the column's type; SQLite would keep any text that someone edits in.
        CheckConstraint("json_valid(settings)", name="settings_are_json").ddl_if(dialect="sqlite"),
        # An id is what publishers sign for, so SQLite may not use it again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    alias: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    archived_at: Mapped[datetime | None]

    key_pairs: Mapped[list["KeyPair"]] = relationship(
        back_populates="application", order_by="[KeyPair.created_at, KeyPair.id]", lazy="raise", passive_deletes=True
    )
    ownerships: Mapped[list["Ownership"]] = relationship(
        back_populates="application", lazy="raise", passive_deletes=True
    )


class KeyPair(Row):
    """A public key and its secret; readable, as both sides compute HMACs with it. Revoked, it signs nothing."""

    __tablename__ = "key_pairs"

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey(Application.id, ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    secret: Mapped[Kept] = mapped_column(KeptText)
    created_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]

    application: Mapped[Application] = relationship(back_populates="key_pairs", lazy="raise")


class Ownership(Row):
    """An organization's hold on an application: owned, or borrowed when not `is_owned`."""

    __tablename__ = "ownerships"
    __table_args__ = (UniqueConstraint("organization_id", "application_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id, ondelete="CASCADE"))
    application_id: Mapped[int] = mapped_column(ForeignKey(Application.id, ondelete="CASCADE"), index=True)
    is_owned: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    organization: Mapped[Organization] = relationship(lazy="raise")
    application: Mapped[Application] = relationship(back_populates="ownerships", lazy="raise")


class UserToken(Row):
    """A token that signs a user in to the API; `prefix` is what lists show of it."""

    __tablename__ = "user_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(Digest, unique=True)
    prefix: Mapped[str] = mapped_column(String(TOKEN_PREFIX))
    created_at: Mapped[datetime] = mapped_column(default=now)
    invalidated_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")


class Invitation(Row):
    """An organization's word to someone, by mail, that they may enroll."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_is_lower_case"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id, ondelete="CASCADE"), index=True)
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"), index=True)
    name: Mapped[str | None] = mapped_column(Name)
    email: Mapped[str] = mapped_column(Name, index=True)
    is_admin: Mapped[bool] = mapped_column(default=False)
    can_publish: Mapped[bool] = mapped_column(default=True)
    token_hash: Mapped[str] = mapped_column(Digest, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    organization: Mapped[Organization] = relationship(lazy="raise")
    invited_by: Mapped[User | None] = relationship(lazy="raise")

    @validates("email")
    def _lower(self, _column: str, email: str) -> str:
        return email.strip().lower()


class RememberedSignIn(Row):
    """A browser that stays signed in.

    The token changes with each use and the series stays: a known series with an old token is a stolen cookie.
    """

    __tablename__ = "remembered_sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    series_hash: Mapped[str] = mapped_column(Digest, unique=True)
    token_hash: Mapped[str] = mapped_column(Digest)
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)

    user: Mapped[User] = relationship(lazy="raise")


class AuditEntry(Row):
    """Who did what to what, and when. Outlives the user, the organization and the application it names."""

    __tablename__ = "audit_entries"

    # SQLite numbers rows by itself only when the type is exactly INTEGER, which is 64 bits wide there.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"), index=True)
    organization_id: Mapped[int | None] = mapped_column(ForeignKey(Organization.id, ondelete="SET NULL"), index=True)
    application_id: Mapped[int | None] = mapped_column(ForeignKey(Application.id, ondelete="SET NULL"), index=True)
    action: Mapped[str] = mapped_column(Name)
    subject: Mapped[str] = mapped_column(Name)
    address: Mapped[str | None] = mapped_column(Address)
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    request_id: Mapped[str | None] = mapped_column(RequestId)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class Change(Row):
    """Word to every node that live sockets may feel what was changed of an application or a user."""

    __tablename__ = "changes"
    __table_args__ = (
        CheckConstraint("kind IN ('application', 'user')", name="kind_is_known"),
        # Nodes remember the newest id they have read, so SQLite may not use it again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class ServerSecret(Row):
    """A secret that the server made for itself at its first start."""

    __tablename__ = "server_secrets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Kept] = mapped_column(KeptText)
    created_at: Mapped[datetime] = mapped_column(default=now)
