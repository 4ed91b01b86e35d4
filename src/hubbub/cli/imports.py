"""The command that brings applications of another server here."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubbub.cli.asking import ask_store, unless_missing
from hubbub.cli.printing import OPTIONS, REFUSED, Json, print_json, refuse, remark

if TYPE_CHECKING:
    from hubbub.accounts.domain_imports import ForeignApp, ForeignWebhook, Step

commands = typer.Typer(help="Bring applications of another server here, keys and secrets and all.", **OPTIONS)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files to read.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]
Owner = Annotated[
    str | None, typer.Option("--org", "--organization", metavar="SLUG", help="The organization that is to own them.")
]
NewIds = Annotated[
    bool, typer.Option("--new-ids", help="Where an id is another's here, give another one; both are answered to.")
]


class Server(Enum):
    """Whose files they are."""

    SOKETI = "soketi"
    REVERB = "Reverb"
    PUSHER = "Pusher"
    EXPUSHERLITE = "ExPusherLite"


@commands.command("soketi")
def from_soketi(
    paths: Paths, organization: Owner = None, dry_run: DryRun = False, new_ids: NewIds = False, as_json: Json = False
) -> None:
    """Read soketi's configuration (JSON), a file of its SOKETI_ variables, or rows of its table (CSV, or JSON)."""
    _bring(Server.SOKETI, paths, organization, dry_run=dry_run, new_ids=new_ids, as_json=as_json)


@commands.command("reverb")
def from_reverb(
    paths: Paths, organization: Owner = None, dry_run: DryRun = False, new_ids: NewIds = False, as_json: Json = False
) -> None:
    """Read the .env of a Laravel application with Reverb, or what config('reverb') holds as JSON."""
    _bring(Server.REVERB, paths, organization, dry_run=dry_run, new_ids=new_ids, as_json=as_json)


@commands.command("pusher-env")
def from_pusher(
    paths: Paths, organization: Owner = None, dry_run: DryRun = False, new_ids: NewIds = False, as_json: Json = False
) -> None:
    """Read the .env of a back end that speaks to Pusher: PUSHER_APP_ID, _KEY and _SECRET, or PUSHER_URL."""
    _bring(Server.PUSHER, paths, organization, dry_run=dry_run, new_ids=new_ids, as_json=as_json)


@commands.command("expusherlite")
def from_expusherlite(
    paths: Paths, organization: Owner = None, dry_run: DryRun = False, new_ids: NewIds = False, as_json: Json = False
) -> None:
    """Read the rows of ExPusherLite's table of applications, as CSV with the columns' names, or JSON."""
    _bring(Server.EXPUSHERLITE, paths, organization, dry_run=dry_run, new_ids=new_ids, as_json=as_json)


def _bring(
    server: Server, paths: Sequence[Path], organization: str | None, *, dry_run: bool, new_ids: bool, as_json: bool
) -> None:
    from hubbub.accounts.accounts import Accounts
    from hubbub.accounts.domain import OPERATOR
    from hubbub.accounts.domain_imports import Verdict
    from hubbub.accounts.policy import Policy
    from hubbub.logs.plain import plain
    from hubbub.settings import load
    from hubbub.store import Store

    apps, by_hand = _read(server, paths)
    settings = load()

    async def ask(store: Store) -> "list[Step]":
        imports = Accounts(store, policy=Policy.of(settings)).imports
        do = imports.plan if dry_run else imports.carry_out
        return await do(OPERATOR, organization, apps, declared=settings.app, new_ids=new_ids)

    with unless_missing(f"organization {organization!r}, or it is archived"):
        steps = ask_store(ask)
    is_refused = any(step.verdict is Verdict.REFUSED for step in steps)
    if as_json:
        print_json([_described(step) for step in steps])
    else:
        for step in steps:
            typer.echo("\n".join(map(plain, _lines(step, is_done=not dry_run and not is_refused))))
    if by_hand:
        remark(f"Left to do by hand, as {server.value} had it:")
        for what in by_hand:
            remark(f"  {what}")
    if is_refused:
        remark("Nothing was changed: see what collides.")
        raise typer.Exit(REFUSED)
    if dry_run:
        remark("Nothing was changed: this was a dry run.")


def _read(server: Server, paths: Sequence[Path]) -> "tuple[list[ForeignApp], list[str]]":
    from hubbub.importing import expusherlite, files, pusher_env, reverb, soketi

    readers = {
        Server.SOKETI: soketi.applications,
        Server.REVERB: reverb.applications,
        Server.PUSHER: pusher_env.applications,
        Server.EXPUSHERLITE: expusherlite.applications,
    }
    try:
        return readers[server]([files.read(path) for path in paths])
    except files.UnreadableError as error:
        refuse(str(error))


def _lines(step: "Step", *, is_done: bool) -> list[str]:
    """Give what is said of one application; its secret is not."""
    from hubbub.accounts.domain_imports import Verdict

    app = step.app
    what = f"{app.name}, id {app.id}, key {app.key}"
    match step.verdict:
        case Verdict.REFUSED:
            return [f"Refused: {what}", *(f"  {conflict}" for conflict in step.conflicts)]
        case Verdict.THERE:
            same = [] if step.differences else ["  nothing differs"]
            return [
                f"Is there already: {what}: application {step.number}",
                *same,
                *(f"  differs: {one}" for one in step.differences),
            ]
    number = "the next number" if step.number is None else str(step.number)
    lines = [f"{'Created' if is_done else 'Would create'}: {what}: application {number}"]
    if step.alias is not None:
        lines.append(f"  answers to the id {step.alias} too")
    lines += [f"  {name}={_value(value)}" for name, value in sorted(step.settings.items())]
    lines += [f"  webhook {_webhook(one)}" for one in step.webhooks]
    return [*lines, *(f"  not kept: {one}" for one in step.lost)]


def _webhook(one: "ForeignWebhook") -> str:
    prefix = f", channels that begin with {one.channel_prefix}" if one.channel_prefix else ""
    headers = f", headers {', '.join(sorted(one.headers))}" if one.headers else ""
    return f"{one.shown}: {', '.join(one.kinds)}{prefix}{headers}"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _described(step: "Step") -> dict[str, Any]:
    return {
        "verdict": step.verdict.value,
        "id": None if step.number is None else str(step.number),
        "alias": step.alias,
        "foreign_id": step.app.id,
        "name": step.app.name,
        "key": step.app.key,
        "settings": dict(step.settings),
        "webhooks": [
            {"url": one.shown, "kinds": one.kinds, "channel_prefix": one.channel_prefix, "headers": sorted(one.headers)}
            for one in step.webhooks
        ],
        "not_kept": step.lost,
        "differences": step.differences,
        "conflicts": step.conflicts,
    }
