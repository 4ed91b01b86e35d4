"""The commands about master keys, which seal the secrets in the database."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import typer

from hubbub.cli.asking import ask_store
from hubbub.cli.printing import OPTIONS, Json, print_fields, print_json, print_table, remark, yes

if TYPE_CHECKING:
    from hubbub.store import Store
    from hubbub.store.sealing import Sealing, Status

commands = typer.Typer(help="Seal the secrets in the database, and change the key that seals them.", **OPTIONS)


@commands.command("generate")
def generate_key() -> None:
    """Make a master key and print it, for HUBBUB_MASTER_KEY or the file of HUBBUB_MASTER_KEY_FILE.

    It is kept nowhere. Who loses it loses the secrets that it has sealed: keep a copy, apart from the database's
    backups.
    """
    from hubbub.store.keys import generate

    typer.echo(generate())


@commands.command("status")
def show_status(as_json: Json = False) -> None:
    """Tell which secrets are sealed, by which key, and which keys are needed."""
    status = ask_store(lambda store: store.sealing.status())
    if as_json:
        print_json(_described(status))
        return
    if status.keys:
        lines = [(one.id, yes(one.is_current), yes(one.is_given)) for one in status.keys]
        print_table(("MASTER KEY", "IN USE", "GIVEN"), lines)
    else:
        typer.echo("No master key is in use.")
    print_table(
        ("SECRETS", "SEALED BY", "COUNT"),
        [
            (name, key or ("plain text" if count else "-"), str(count))
            for name, counts in status.counts.items()
            for key, count in (counts or {None: 0}).items()
        ],
    )


@commands.command("seal")
def seal() -> None:
    """Seal the secrets that are in plain text, while servers run; those sealed stay as they are.

    All servers must have the key by now. A run that was ended goes on with the next.
    """
    _keep_anew(lambda sealing: sealing.seal(), "sealed")


@commands.command("rotate")
def rotate() -> None:
    """Seal all secrets by the first of the keys, while servers run; the others are not needed after that.

    All servers must have the new key by now, before or behind the old one. A run that was ended goes on with the next.
    """
    _keep_anew(lambda sealing: sealing.rotate(), "sealed by the first key")


@commands.command("unseal")
def unseal(
    is_meant: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Keep all secrets in plain text again, while servers run; no key is needed after that."""
    if not is_meant:
        typer.confirm("Secrets will be in plain text in the database and its backups. Go on?", abort=True)
    _keep_anew(lambda sealing: sealing.unseal(), "put in plain text", clean=False)


def _keep_anew(work: "Callable[[Sealing], Awaitable[Mapping[str, int]]]", what: str, *, clean: bool = True) -> None:
    async def run(store: "Store") -> "tuple[Mapping[str, int], bool]":
        done = await work(store.sealing)
        # Also when nothing was left to do: a run before may have ended without it.
        return done, not clean or await store.sealing.clean()

    done, is_clean = ask_store(run)
    print_fields({name.capitalize(): f"{count} {what}" for name, count in done.items()})
    if not is_clean:
        remark(
            "The database was in use: old copies of secrets may still be in its files. Run this again when less"
            " happens, or with the servers stopped."
        )


def _described(status: "Status") -> dict[str, object]:
    return {
        "keys": [{"id": one.id, "in_use": one.is_current, "given": one.is_given} for one in status.keys],
        "secrets": {
            name: {"plain" if key is None else key: count for key, count in counts.items()}
            for name, counts in status.counts.items()
        },
    }
