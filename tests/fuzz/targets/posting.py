"""A publish that is read in one go, and its sealed target: the parser, the rules and Python's twin read them alike."""

from typing import Final

from native import test_plain_post, test_sealed
from native.twins import COMPILED

SEEDS: Final = (
    *test_plain_post.PLAIN.values(),
    *test_plain_post.OTHER.values(),
    test_sealed.target(),
    test_sealed.target(what="batch_events"),
    test_plain_post.post(target=test_sealed.target(), body=test_sealed.BODY),
)


def check(data: bytes) -> None:
    """Read them as a request, as a target, and as what stands behind a right target's path."""
    if COMPILED is not None:
        test_plain_post.check(data)
    test_sealed.check(data)
    test_sealed.check(b"/apps/3/events?" + data)
    path, mark, query = data.partition(b"?")
    shown, _, _ = query.partition(b"&auth_signature=")
    if mark and b"\n" not in path + shown:
        # Signed for what it says: both ways must come to the same end.
        test_sealed.check(b"%s?%s&auth_signature=%s" % (path, shown, test_sealed.signed(path, shown).encode()))
