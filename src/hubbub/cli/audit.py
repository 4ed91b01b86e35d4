"""The command about the audit: who did what."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubbub.cli.asking import ask
from hubbub.cli.printing import Json, moment, print_json, print_table

if TYPE_CHECKING:
    from hubbub.accounts.people import AuditEntry

SHOWN = 100
"""Entries listed, unless told."""


def audit(  # noqa: PLR0913, PLR0917 - what the list can be narrowed by
    organization: Annotated[
        str | None, typer.Option(metavar="ID_OR_SLUG", help="Only what was done in this organization.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Only what this user did: an address or id.")
    ] = None,
    application: Annotated[str | None, typer.Option(metavar="ID", help="Only what concerns this application.")] = None,
    action: Annotated[
        str | None, typer.Option(metavar="ACTION", help="Only this, such as user.fail, or a kind, such as user.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only from this time on: 2026-11-23 or 2026-11-23T18:30:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only from before this time.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most; 0 for all.", min=0)] = SHOWN,
    as_json: Json = False,
) -> None:
    """List who did what, when and from where, the newest first. `--limit 0 --json` exports everything."""
    from datetime import UTC, datetime

    from hubbub.accounts.domain import OPERATOR
    from hubbub.cli.asking import PAGE

    # What is done meanwhile would move the pages.
    until = until or datetime.now(UTC).isoformat()

    async def found_by(accounts: Any) -> "list[AuditEntry]":
        items: list[AuditEntry] = []
        while not limit or len(items) < limit:
            part = min(PAGE, limit - len(items)) if limit else PAGE
            page = await accounts.audit.list(
                OPERATOR,
                organization,
                user=user,
                application=application,
                action=action,
                since=since,
                until=until,
                limit=part,
                offset=len(items),
            )
            items += page.items
            if not page.items or len(items) >= page.total:
                break
        return items

    entries = ask(found_by, missing=f"organization {organization!r}")
    if as_json:
        print_json([_described(one) for one in entries])
    elif entries:
        lines = [
            (
                moment(one.created_at),
                "-" if one.user is None else one.user.email,
                one.address or "-",
                one.action,
                one.names.get(one.subject, one.subject),
                ", ".join(f"{name}={value}" for name, value in one.details.items()) or "-",
            )
            for one in entries
        ]
        print_table(("TIME", "USER", "ADDRESS", "ACTION", "SUBJECT", "DETAILS"), lines)
    else:
        typer.echo("There is no such entry.")


def _described(entry: "AuditEntry") -> dict[str, object]:
    import msgspec

    told: dict[str, object] = msgspec.to_builtins(entry)
    return told | {"user": None if entry.user is None else {"id": entry.user.id, "email": entry.user.email}}
