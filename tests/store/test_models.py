from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from databases import Execute
from hubbub.store import database, models


@pytest.fixture
async def session(url: str) -> AsyncIterator[AsyncSession]:
    engine = database.for_writing(database.connect(url))
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


def user(email: str = "ann@example.com") -> models.User:
    return models.User(name="Ann", email=email, password_hash="-")


def test_an_email_is_kept_in_lower_case() -> None:
    assert user("  Ann@Example.COM ").email == "ann@example.com"


async def test_an_email_belongs_to_one_user_whatever_its_case(session: AsyncSession, execute: Execute) -> None:
    session.add(user())
    await session.commit()
    session.add(user("ANN@example.com"))
    with pytest.raises(IntegrityError, match="email"):
        await session.commit()
    with pytest.raises(IntegrityError, match="email_is_lower_case"):
        await execute("UPDATE users SET email = 'ANN@example.com'")


async def test_an_email_has_an_at(session: AsyncSession) -> None:
    session.add(user("ann"))
    with pytest.raises(IntegrityError, match="email_has_at"):
        await session.commit()


async def test_a_user_is_enrolled_once_per_organization(session: AsyncSession) -> None:
    organization, ann = models.Organization(name="Acme", slug="acme"), user()
    session.add_all([models.Enrollment(user=ann, organization=organization) for _ in range(2)])
    with pytest.raises(IntegrityError):
        await session.commit()


async def test_an_application_is_held_once_per_organization(session: AsyncSession) -> None:
    organization, application = models.Organization(name="Acme", slug="acme"), models.Application(name="Chat")
    session.add_all([models.Ownership(organization=organization, application=application) for _ in range(2)])
    with pytest.raises(IntegrityError):
        await session.commit()


async def test_a_new_enrollment_may_publish_and_is_no_admin(session: AsyncSession) -> None:
    enrollment = models.Enrollment(user=user(), organization=models.Organization(name="Acme", slug="acme"))
    session.add(enrollment)
    await session.commit()
    await session.refresh(enrollment)
    assert (enrollment.is_admin, enrollment.can_publish) == (False, True)


async def test_foreign_keys_are_enforced(session: AsyncSession) -> None:
    session.add(models.UserToken(user_id=7, token_hash="-", prefix="-"))
    with pytest.raises(IntegrityError):
        await session.commit()


async def test_what_belongs_to_a_user_goes_with_the_row_and_the_audit_stays(
    session: AsyncSession, execute: Execute
) -> None:
    ann = user()
    session.add(models.UserToken(user=ann, token_hash="-", prefix="-"))
    await session.flush()
    session.add(models.AuditEntry(user_id=ann.id, action="sign in", subject=f"user:{ann.id}"))
    await session.commit()
    await execute("DELETE FROM users")
    assert await execute("SELECT id FROM user_tokens") == []
    assert await execute("SELECT user_id, subject FROM audit_entries") == [(None, "user:1")]


async def test_times_come_back_in_utc(session: AsyncSession) -> None:
    at = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    session.add(models.Organization(name="Acme", slug="acme", archived_at=at))
    await session.commit()
    found = await session.scalar(select(models.Organization.archived_at))
    assert found == at
    assert found is not None
    assert found.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(session: AsyncSession) -> None:
    session.add(models.Organization(name="Acme", slug="acme", archived_at=datetime(2026, 3, 1)))
    with pytest.raises(StatementError, match="a time needs its zone"):
        await session.commit()
