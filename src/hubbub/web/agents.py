"""What a browser says it is, in words that people know. Does not know what it can do.

The header is a pile of history: nearly all say Mozilla, and most Chrome and Safari too. So the order matters.
"""

import re
from typing import Final

UNKNOWN: Final = "Unknown browser"
LONGEST: Final = 40
"""Characters of a name that is not in the table."""

_BROWSERS: Final = (
    (re.compile(r"\b(?:Edg|EdgA|EdgiOS)/"), "Edge"),
    (re.compile(r"\b(?:OPR|Opera)/"), "Opera"),
    (re.compile(r"\bVivaldi/"), "Vivaldi"),
    (re.compile(r"\bSamsungBrowser/"), "Samsung Internet"),
    (re.compile(r"\b(?:Firefox|FxiOS)/"), "Firefox"),
    (re.compile(r"\b(?:Chrome|CriOS|Chromium|HeadlessChrome)/"), "Chrome"),
    (re.compile(r"\bSafari/"), "Safari"),
)
_SYSTEMS: Final = (
    (re.compile(r"\biPhone\b"), "iPhone"),
    (re.compile(r"\biPad\b"), "iPad"),
    (re.compile(r"\bAndroid\b"), "Android"),
    (re.compile(r"\bCrOS\b"), "ChromeOS"),
    (re.compile(r"\bWindows\b"), "Windows"),
    (re.compile(r"\bMac OS X\b|\bMacintosh\b"), "macOS"),
    (re.compile(r"\bLinux\b"), "Linux"),
)
_HANDHELD: Final = frozenset(("iPhone", "iPad", "Android"))
_PRODUCT: Final = re.compile(r"[A-Za-z][\w .-]*(?:/[\w.]+)?")


def name_of(agent: str | None) -> str:
    """Give the browser and the system it runs on: `Firefox on Linux`; of a program what it calls itself."""
    text = agent or ""
    browser = next((name for pattern, name in _BROWSERS if pattern.search(text)), None)
    system = system_of(text)
    if browser is None:
        product = _PRODUCT.match(text)
        browser = product[0].strip()[:LONGEST] if product is not None and not text.startswith("Mozilla/") else UNKNOWN
    return browser if system is None else f"{browser} on {system}"


def system_of(agent: str) -> str | None:
    """Give the system, None for one that is not known."""
    return next((name for pattern, name in _SYSTEMS if pattern.search(agent)), None)


def is_handheld(agent: str | None) -> bool:
    """Tell whether it runs on a phone or a tablet."""
    return system_of(agent or "") in _HANDHELD
