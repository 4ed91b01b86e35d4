"""How many files a process may have open, and how many it needs.

Knows RLIMIT_NOFILE. Does not know who opens them.
"""

import resource
from typing import Final

from hubbub.bench.plan import Part, Plan

OTHERS: Final = 64
"""Files that a process has open besides its connections."""


class TooFew(Exception):
    """The machine does not allow as many open files as are needed; says what to do."""


def needed(plan: Plan, part: Part) -> int:
    """Give how many files one process of a case needs."""
    return len(plan.seats(part)) + len(plan.sources(part)) + OTHERS


def allow(count: int) -> None:
    """Raise this process's limit to `count`, if it is lower. Raises TooFew when that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    check(count)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def check(count: int) -> None:
    """Raise TooFew unless a process may have `count` files open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < count:
        raise TooFew(
            f"each process needs {count} open files, and may have {hard}: use more --processes or fewer --connections,"
            " or raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd, /etc/security/limits.conf)"
        )
