"""An application of Pusher, or of any server in its place, as the `.env` of its back end names it.

Knows: PUSHER_APP_ID, PUSHER_APP_KEY, PUSHER_APP_SECRET, and PUSHER_URL, as Pusher's libraries read them. What is set at
Pusher itself, such as webhooks, is in no file.
"""

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from hubbub.accounts.domain_imports import ForeignApp
from hubbub.importing.files import File, UnreadableError, Variables
from hubbub.importing.words import Draft, named

BY_HAND = (
    "what was set on Pusher's pages, as client events and webhooks: `hubbub app set`, `hubbub webhook add`",
    "the back end and the pages: a host and a port in the place of a cluster",
)


def applications(files: Sequence[File]) -> tuple[list[ForeignApp], list[str]]:
    """Give one application of each file, and what is to be done by hand. Raises UnreadableError."""
    found = []
    for file in files:
        if not isinstance(file, Variables):
            raise UnreadableError(f"{file.path} is no file of variables (NAME=VALUE).")
        found.append(_application(file))
    return found, list(BY_HAND)


def _application(file: Variables) -> ForeignApp:
    values = file.values
    app_id, key, secret = (values.get(f"PUSHER_{name}", "") for name in ("APP_ID", "APP_KEY", "APP_SECRET"))
    if not (app_id and key and secret) and values.get("PUSHER_URL"):
        app_id, key, secret = _of_url(values["PUSHER_URL"])
    if not (app_id and key and secret):
        raise UnreadableError(
            f"{file.path} has neither PUSHER_APP_ID, PUSHER_APP_KEY and PUSHER_APP_SECRET, nor a PUSHER_URL."
        )
    return Draft().app(id=app_id, name=named(app_id, values.get("APP_NAME", "")), key=key, secret=secret)


def _of_url(url: str) -> tuple[str, str, str]:
    """Read `http://KEY:SECRET@HOST/apps/ID`; three times nothing for any other address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", ""
    _, apps, app_id = (*parts.path.rstrip("/").split("/"), "", "")[:3]
    is_such = apps == "apps"
    return (app_id if is_such else "", unquote(parts.username or ""), unquote(parts.password or ""))
