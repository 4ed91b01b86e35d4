"""What a node is, for the first line of its log.

Knows: which settings and which of the machine's limits an operator asks about first. Says no secret.
"""

import os
import platform
import resource
from importlib.metadata import PackageNotFoundError, version

from hubbub.native import IS_COMPILED
from hubbub.settings import Settings


def identity(settings: Settings) -> dict[str, object]:
    """Give it as fields of a line."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    scheme, _, _ = settings.database_url.get_secret_value().partition("://")
    engine = settings.engine_url.get_secret_value() if settings.engine_url is not None else None
    return {
        "version": version_of("hubbub"),
        "python": platform.python_version(),
        "pid": os.getpid(),
        "workers": settings.workers,
        "compiled": IS_COMPILED,
        "engine": "memory" if engine is None else bare(engine),
        "database": scheme.partition("+")[0],
        "files": "unlimited" if files == resource.RLIM_INFINITY else files,
    }


def bare(url: str) -> str:
    """Give a URL without who signs in by it, and without its parameters: only where it leads."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rpartition("@")[2].partition("?")[0]


def version_of(package: str) -> str:
    """Give the version of a package; `unknown` where it runs without having been installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
