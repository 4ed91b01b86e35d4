"""Every refusal with what it means and what to do: looked up by whoever has met one, and the body of `docs/errors.md`.

Pure. Knows: the table of reasons and their explanations. Does not know what happened in a single case.
"""

from collections.abc import Iterator

from hubbub.console.explanations import EXPLANATIONS, reconnecting
from hubbub.errors import Reason, name_of

_INTRODUCTION = """\
Every way in which Hubbub says no: what is said, what it means, and what to do. Search this page for the words that you
got, or ask the server: `hubbub errors 4009`, `hubbub errors 'Invalid signature'`. The error log of [the
pages](pages.md) has each single case, with its time, its client and its facts.

The name of each is what `/metrics` and logs call it. *HTTP* is the status where the same refusal meets a request. What
stands in braces, such as `{limit}`, is told in each case. The page is written by `hubbub errors --markdown`.\
"""

_CLOSING = """\
The client's connection ends with this code, and this text as its reason. A client that asks over HTTP gets the status.\
"""

_STAYING = """\
To a socket they come as `pusher:error` with the code, or null where it says none, as an error reply to a Phoenix
client, or within the answer to a subscription; the connection stays. To a request they are the answer's text.\
"""


def find(what: str) -> list[Reason]:
    """Give the refusals that somebody means by a name, a code, a status, or words of the text; none if none fits."""
    wanted = what.strip().casefold()
    exact = [reason for reason in EXPLANATIONS if wanted in (name_of(reason), str(reason.code), str(reason.status))]
    return exact or [reason for reason in EXPLANATIONS if wanted and wanted in reason.text.casefold()]


def facts(reason: Reason) -> dict[str, str]:
    """Give all that is known of a refusal, by what it is called."""
    name = name_of(reason)
    known = {
        "Name": name,
        "Text": reason.text,
        "Code": "null" if reason.code is None else str(reason.code),
        "HTTP": str(reason.status),
        "Meaning": EXPLANATIONS[reason].meaning,
        "What to do": EXPLANATIONS[reason].remedy,
        "Clients": reconnecting(name),
    }
    return {fact: value for fact, value in known.items() if value}


def markdown() -> str:
    """Give the body of `docs/errors.md`."""
    closing = [reason for reason in EXPLANATIONS if reason.code is not None and reason.code < 4300]
    staying = [reason for reason in EXPLANATIONS if reason not in closing]
    closing.sort(key=lambda reason: reason.code or 0)
    return "\n\n".join(
        (
            "# Errors",
            _INTRODUCTION,
            "## Those that end a connection",
            _CLOSING,
            *(text for reason in closing for text in _section(reason)),
            "## Those that leave it open, and answers to requests",
            _STAYING,
            *(text for reason in staying for text in _section(reason)),
        )
    )


def _section(reason: Reason) -> Iterator[str]:
    known = facts(reason)
    yield f"### {known['Name']}"
    yield f"> `{_escaped(reason.text)}`"
    yield f"Code {known['Code']}, HTTP {known['HTTP']}. {known['Meaning']} {known.get('Clients', '')}".rstrip()
    yield f"**What to do:** {known['What to do']}"


def _escaped(text: str) -> str:
    """Give a text that may stand between backticks."""
    return text.replace("`", "'")
