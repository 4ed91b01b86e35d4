import pytest

from hubbub.web.agents import is_handheld, name_of

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19 Safari/60"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/149.0 Mobile/15E Safari/60"


@pytest.mark.parametrize(
    ("agent", "name", "handheld"),
    [
        (CHROME, "Chrome on Linux", False),
        (CHROME.replace("Linux x86_64", "CrOS x86_64 1"), "Chrome on ChromeOS", False),
        (f"{CHROME} Edg/149.0", "Edge on Linux", False),
        (f"{CHROME} OPR/120.0", "Opera on Linux", False),
        (CHROME.replace("X11; Linux x86_64", "Linux; Android 16; K"), "Chrome on Android", True),
        (SAFARI, "Safari on macOS", False),
        (IPHONE, "Chrome on iPhone", True),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0",
            "Firefox on Windows",
            False,
        ),
        ("curl/8.14.1", "curl/8.14.1", False),
        ("python-requests/2.34.2", "python-requests/2.34.2", False),
        ("x" * 300, "x" * 40, False),
        ("Mozilla/5.0 (compatible; Something)", "Unknown browser", False),
        ("<script>", "Unknown browser", False),
        ("", "Unknown browser", False),
        (None, "Unknown browser", False),
    ],
)
def test_a_browser_has_a_name_that_people_know(agent: str | None, name: str, handheld: bool) -> None:
    assert (name_of(agent), is_handheld(agent)) == (name, handheld)
