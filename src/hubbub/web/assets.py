"""The files that pages load: scripts and styles. Does not know which page wants which."""

from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"

LASTING = "public, max-age=31536000, immutable"
"""A year, which is as long as there is."""


class Assets(StaticFiles):
    """Files for pages of any origin, asked about again after five minutes: their names stay when they change.

    One that is asked for by what is in it, `?v=…`, need never be asked about again.
    """

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with the file, or with 304 when the browser has this one."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        is_lasting = scope["query_string"].startswith(b"v=")
        response.headers["cache-control"] = LASTING if is_lasting else "public, max-age=300"
        # What is imported as a module from a page elsewhere is asked for with CORS.
        response.headers["access-control-allow-origin"] = "*"
        return response


def asset_routes() -> list[Mount]:
    """Give a route for each folder of `static`: `/js`, `/css`, `/img`, `/vendor`."""
    return [
        Mount(f"/{folder.name}", Assets(directory=folder)) for folder in sorted(FOLDER.iterdir()) if folder.is_dir()
    ]
