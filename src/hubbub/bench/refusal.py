"""Why a connection came to nothing, in a few words.

Pure but for the names that the system has for its errors.
"""

import os


class Refused(Exception):
    """The server did not let a connection in, or has ended it; says why."""


def reason(error: OSError | Refused, patience: float) -> str:
    """Give the words for what ended an attempt that had `patience` seconds; a TimeoutError means that they are over."""
    if isinstance(error, TimeoutError):
        return f"no answer in {patience:g} s"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
