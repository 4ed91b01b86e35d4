"""ExPusherLite: the rows of its table of applications, as PostgreSQL writes them as CSV, or as JSON.

Knows: the columns id, name, app_key, app_secret, archived_at. Organizations, users and tokens are made anew: a password
that it hashed is of another kind, and so is a token.
"""

from collections.abc import Sequence

from hubbub.accounts.domain_imports import ForeignApp
from hubbub.importing.files import File, Row, Rows, UnreadableError
from hubbub.importing.words import Draft, named, text

COLUMNS = ("id", "app_key", "app_secret")
BY_HAND = (
    "organizations and users: `hubbub org create`, `hubbub user create`; passwords are hashed otherwise here",
    "user tokens: `hubbub token create`, and give the new ones to what calls the API",
)


def applications(files: Sequence[File]) -> tuple[list[ForeignApp], list[str]]:
    """Give the applications, and what is to be done by hand. Raises UnreadableError."""
    found = []
    for file in files:
        if not isinstance(file, Rows) or not file.rows:
            raise UnreadableError(
                f"{file.path} has no rows. Have PostgreSQL write them: psql DATABASE --command"
                ' "\\copy applications TO applications.csv WITH CSV HEADER"'
            )
        for place, row in enumerate(file.rows, 1):
            missing = [name for name in COLUMNS if not text(row.get(name))]
            if missing:
                raise UnreadableError(f"{file.path}: row {place} has no {', '.join(missing)}.")
            found.append(_application(row))
    return found, list(BY_HAND)


def _application(row: Row) -> ForeignApp:
    draft = Draft()
    if text(row.get("archived_at")):
        draft.keep("enabled", False)
        draft.lose("archived_at: it is there, but not enabled; archive it by `hubbub app archive`")
    app_id = text(row["id"])
    return draft.app(
        id=app_id, name=named(app_id, text(row.get("name"))), key=text(row["app_key"]), secret=text(row["app_secret"])
    )
