"""The commands that keep a database, and bring it back."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

import sys
from pathlib import Path
from typing import Annotated

import typer

from hubbub.cli.asking import database_url
from hubbub.cli.printing import moment, refuse, remark


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, such as hubbub-2026-11-23.tar.gz.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Take the place of a file that is there.")] = False,
) -> None:
    """Write the SQLite database to a file, all of one moment, while servers go on. For PostgreSQL: its own pg_dump.

    Secrets are in it, so only its owner may read it. Not in it: settings, certificates, and letters in var/mail.
    """
    from hubbub.store.backup import make
    from hubbub.store.backup_file import BackupError

    try:
        about = make(database_url(), file, overwrite=overwrite)
    except BackupError as error:
        refuse(str(error))
    typer.echo(f"{file}: the database of Hubbub {about.hubbub}, revision {about.revision}, {_size(about.size)}.")
    if sys.stderr.isatty():  # cron would send a letter about it each night
        remark("Not in it: settings, certificates, and letters in the mail folder. Keep it as you keep passwords.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `hubbub backup` wrote.")],
) -> None:
    """Put a backup in the place of the SQLite database. The server must be stopped; what was there is kept beside.

    A backup of an older Hubbub is brought up to date, one of a newer is refused.
    """
    from hubbub.settings import load
    from hubbub.store import keys_of
    from hubbub.store.backup_file import BackupError
    from hubbub.store.restoring import restore as put_back

    keys = {key.id for key in keys_of(load())}
    try:
        restored = put_back(database_url(), file)
    except BackupError as error:
        refuse(str(error))
    made = f"made {moment(restored.about.created_at)} by Hubbub {restored.about.hubbub}"
    typer.echo(f"The database is that of {file} now, {made}.")
    if restored.kept is not None:
        typer.echo(f"The one before is kept as {restored.kept}.")
    for missing in sorted(restored.sealed_by - keys):
        remark(
            f"Its secrets are sealed by the master key {missing}, which this command was not given. The"
            " server needs it, by HUBBUB_MASTER_KEY or HUBBUB_MASTER_KEY_FILE: without it no application works."
        )
    remark("What was revoked since then, tokens and keys among it, is good again: see `hubbub token list`.")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
