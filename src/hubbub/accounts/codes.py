"""Codes of a second factor: those of an authenticator (TOTP, RFC 6238) and those that stand in for it.

Knows: what a code is, and that none is good twice. Does not know who is asked for one, nor what follows of a wrong one.
"""

import hmac
import secrets
import time

from pyotp import TOTP, random_base32

from hubbub.accounts.people import Credentials, Setup
from hubbub.accounts.proofs import hash_of
from hubbub.accounts.seam import Work

STEP_SECONDS = 30
DRIFT = 1
"""Steps by which the clock of an authenticator may be off, either way."""

RECOVERY_CODES = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without what is mistaken for another
RECOVERY_SIZE = 16
"""Characters of a recovery code: 79 bits, so that a fast hash is enough."""

ISSUER = "Hubbub"
LONGEST = 64
"""Characters of what is given as a code that are looked at."""


def new_secret() -> str:
    """Make the secret of an authenticator, 160 bits in base32."""
    return random_base32()


def setup_of(secret: str, email: str) -> Setup:
    """Give what the authenticator of the user with this address is told."""
    return Setup(secret=secret, uri=TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER))


def new_recovery_codes() -> tuple[str, ...]:
    """Make a user's recovery codes, as they are shown: `abcd-efgh-jkmn-pqrs`."""
    return tuple(
        _dashed("".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_SIZE))) for _ in range(RECOVERY_CODES)
    )


def hash_of_recovery(code: str) -> str:
    """Give what is kept of a recovery code, however it is spaced."""
    return hash_of(_bare(code))


def step_of(secret: str, code: object, *, after: int | None) -> int | None:
    """Give the time step that `code` is of, near the present one and later than `after`; None if there is none."""
    given = _bare(code) if isinstance(code, str) else ""
    if len(given) != 6 or not given.isascii() or not given.isdigit():
        return None
    authenticator, now = TOTP(secret), int(time.time()) // STEP_SECONDS
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        is_it = hmac.compare_digest(authenticator.generate_otp(step), given)
        if is_it and (after is None or step > after):
            found = step
    return found


async def is_code_of(work: Work, found: Credentials, code: object) -> bool:
    """Tell whether `code` is one of the user's that was not used, and use it up."""
    if found.second_factor_secret is None or not isinstance(code, str):
        return False
    step = step_of(found.second_factor_secret, code, after=found.second_factor_step)
    if step is not None:
        await work.people.change(found.user.id, second_factor_step=step)
        return True
    if not await work.recovery_codes.use(found.user.id, hash_of_recovery(code)):
        return False
    await work.journal.audit(found.user.id, "second_factor.recover", f"user:{found.user.id}")
    return True


def _bare(code: str) -> str:
    return "".join(code[:LONGEST].replace("-", " ").split()).lower()


def _dashed(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
