"""Forms that only our own pages can send, and words carried to the next page.

Knows: that a browser must send back, with a form, what was signed for it when it got the page. Does not know requests.

The token of a form is an HMAC of what the browser holds in a cookie that scripts cannot read: its session, or for who
is not signed in a number of its own. Another site can make a browser send the cookie, but can neither read the page
that has the token nor make one. It changes with the session: one from before a sign-in is good for nothing after it.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Final

SECRET_NAME: Final = "pages"  # noqa: S105 - the name of its row
_SIZE: Final = 18
"""Bytes of a signature that are kept: 144 bits."""


class Guard:
    """Signs, with a key that all nodes share once `share` was called."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def share(self, secret: str) -> None:
        """Sign with this from now on."""
        self._key = secret.encode()

    def token(self, held: str) -> str:
        """Give the token for the forms of a browser that holds this text in its cookie."""
        return self._sign("form", held)

    def is_token(self, token: object, held: str) -> bool:
        """Tell whether a form's token was made for the browser that holds this text."""
        return isinstance(token, str) and _is_same(token, self.token(held))

    def seal(self, text: str) -> str:
        """Give a text that may go through the browser's hands, as `open` reads it."""
        return f"{base64.urlsafe_b64encode(text.encode()).decode()}.{self._sign('sealed', text)}"

    def open(self, sealed: str) -> str | None:
        """Give the text that was sealed; None for anything else."""
        encoded, _, signature = sealed.partition(".")
        try:
            text = base64.urlsafe_b64decode(encoded.encode()).decode()
        except ValueError:
            return None
        return text if _is_same(signature, self._sign("sealed", text)) else None

    def _sign(self, purpose: str, text: str) -> str:
        made = hmac.digest(self._key, f"{purpose}\n{text}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(made[:_SIZE]).decode()


def _is_same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
