"""Secrets, kept out of the log: by the names of fields, by their shape in texts, and those of the settings as they are.

Pure. Knows what secrets look like. It is the last net: who logs one has made a mistake already.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote, urlsplit

REDACTED: Final = "[redacted]"

SHORTEST: Final = 8
"""Characters of a secret of the settings that is looked for wherever it may stand: shorter ones stand anywhere."""

IDS: Final = frozenset(("channel", "channels", "user_id", "request_id", "trace_id", "span_id"))
"""Fields whose values others choose, and that may look like a token without being one."""

_DEEPEST: Final = 4

_NAMES: Final = (
    r"auth|auth_signature|signature|[a-z0-9_]*_signature|secret|[a-z0-9_]*_secret|[a-z0-9_]*_key_pem|private_key"
    r"|token|[a-z0-9_]*_token|csrf|jwt|password|[a-z0-9_]*password|passwd|passphrase|authorization|proxy_authorization"
    r"|cookie|set_cookie|code|recovery_code|otp|totp|session|api_key|master_key|credentials"
)
_IS_SECRET: Final = re.compile(_NAMES)

# `name=value` as in queries, forms, and what drivers say; `name: value` as in headers and JSON.
_IN_TEXT: Final = (
    r"auth_signature|auth|[a-z0-9_-]*secret|[a-z0-9_-]*token|jwt|[a-z0-9_-]*password|passwd|[a-z0-9_-]*signature"
)
_VALUE: Final = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s&;,\"'<>\])}]+"

_SHAPES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # A header with all that follows it in its line.
    (
        re.compile(r"(?i)\b((?:proxy-)?authorization|set-cookie|cookie)(['\"]?\s*[:=,]\s*)(?:" + _VALUE + r")[^\r\n]*"),
        rf"\1\2{REDACTED}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|digest)(\s+)[a-z0-9._~+/=-]{8,}"), rf"\1\2{REDACTED}"),
    # Whoever signed in to another machine: user and password, or either. A password may have a slash in it, though it
    # should be written otherwise; only paths of the web may have an @.
    (re.compile(r"(?i)\b(https?|wss?)://[^\s/?#\"'<>]*@"), rf"\1://{REDACTED}@"),
    (re.compile(r"(?i)\b((?!https?:|wss?:)[a-z][a-z0-9+.-]*)://[^\s\"'<>]*@"), rf"\1://{REDACTED}@"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), REDACTED),
    (re.compile(rf"(?i)(['\"]?)\b({_IN_TEXT})\1(=|['\"]?:\s*)({_VALUE})"), rf"\1\2\1\3{REDACTED}"),
    (re.compile(r"(?i)([?&](?:code|session|key_id|guardian_token|user_token)=)[^\s&#\"']+"), rf"\1{REDACTED}"),
    # Signatures, and other hashes as hexadecimal.
    (re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{64}(?![0-9A-Za-z])"), REDACTED),
)

# What is made here: user tokens, which are random UUIDs; what `secrets.token_urlsafe(32)` gives.
_OWN: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"(?i)(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![\w-])"),
        REDACTED,
    ),
    (re.compile(r"(?<![\w-])(?=[\w-]*[0-9])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{43}(?![\w-])"), REDACTED),
)

_HINT: Final = re.compile(r"[=:@\s]|eyJ|[\w-]{32}")
"""What any of those has in it. Most values have none of it, and to look for all shapes takes 20 µs each."""

_FRAME: Final = re.compile(r"\s+File \".*\", line \d+")


class Redaction:
    """Redacts. `secrets` are those of the settings: passwords, tokens, and URLs, of which it is the password."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
        found = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
        self._known = re.compile(rf"(?<!\w)(?:{found})(?!\w)") if known else None

    def field(self, name: str, value: object, depth: int = 0) -> object:
        """Give a field's value as it may be written: numbers and None as they are, others as text, or made of it."""
        if _IS_SECRET.fullmatch(name.lower().replace("-", "_")) and value not in (None, ""):
            return REDACTED
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value, is_id=name in IDS)
            case bytes() | bytearray() | memoryview():
                return self.text(bytes(value).decode("utf-8", "backslashreplace"), is_id=name in IDS)
            case Mapping() if depth < _DEEPEST:
                return {str(key): self.field(str(key), one, depth + 1) for key, one in value.items()}
            case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
                return [self.field(name, one, depth + 1) for one in value]
        return self.text(str(value), is_id=name in IDS)

    def text(self, text: str, *, is_id: bool = False) -> str:
        """Give a text without what looks like a secret. An `is_id` may look like a token of ours."""
        text = self._without_known(text)
        if _HINT.search(text) is None:
            return text
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        if not is_id:
            for shape, instead in _OWN:
                text = shape.sub(instead, text)
        return text

    def trace(self, text: str) -> str:
        """Give a traceback. Lines of source are left alone, but for known ones: they name secrets, and hold none."""
        lines, is_source = [], False
        for line in text.split("\n"):
            lines.append(self._without_known(line) if is_source else self.text(line))
            is_source = _FRAME.match(line) is not None
        return "\n".join(lines)

    def _without_known(self, text: str) -> str:
        return text if self._known is None else self._known.sub(REDACTED, text)


def _forms(secret: str) -> Iterable[str]:
    """Give the ways in which a secret may be written: a URL's password alone, with its escapes and without."""
    if "://" not in secret:
        return secret, quote(secret, safe=""), repr(secret)[1:-1]
    try:
        password = urlsplit(secret).password
    except ValueError:
        password = None
    if not password:
        password = secret.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return (password, unquote(password), quote(unquote(password), safe=""))
