"""The event creator: an event sent by hand, under the rules of the application's own API.

Knows what its form holds, and how what came of it is told. Does not know what may be sent: `triggers` does; nor who
may: the use-case does.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from starlette.responses import Response

from hubbub.channels import Kind, is_cache, kind_of
from hubbub.errors import (
    APP_DISABLED,
    CHANNEL_INVALID,
    CHANNEL_TOO_LONG,
    DATA_TOO_LARGE,
    EVENT_NAME_EMPTY,
    EVENT_NAME_RESERVED,
    EVENT_NAME_TOO_LONG,
    EVENT_RATE,
    SOCKET_ID_INVALID,
    TOO_MANY_CHANNELS,
    Reason,
    Refusal,
)
from hubbub.triggers import Trigger, checked
from hubbub.web.faults import Faults
from hubbub.web.page import get, post
from hubbub.web.subject import Subject
from hubbub.web.visit import Form, Visit

_PATH: Final = "/applications/{application}/creator"
MOST_RECENT: Final = 5
LATEST: Final = 2**32
"""A time in Unix seconds that can be shown: what the form carries went through the visitor's hands."""
MOST_RECENT_BYTES: Final = 16_000
"""Of what the form carries of what was sent before; the oldest goes first."""

FIELDS: Final[dict[Reason, str]] = {
    CHANNEL_INVALID: "channel",
    CHANNEL_TOO_LONG: "channel",
    TOO_MANY_CHANNELS: "channel",
    EVENT_NAME_EMPTY: "event",
    EVENT_NAME_TOO_LONG: "event",
    EVENT_NAME_RESERVED: "event",
    DATA_TOO_LARGE: "data",
    SOCKET_ID_INVALID: "socket_id",
    EVENT_RATE: "form",
    APP_DISABLED: "form",
}
"""The field that each refusal is about; `form` is none of them."""

CLIENTS_ALONE: Final = (
    "is a client event: those are what clients say to each other, and only a connection that is subscribed to the"
    " channel can send one. Choose a name without client-, as your server would"
)
NO_JSON: Final = "is no JSON: {problem}. To send it as it is, choose text"


class Draft(msgspec.Struct, frozen=True):
    """What the form holds. `channel` is one name, or several with commas between; `kind` is `json` or `text`."""

    channel: str = ""
    event: str = ""
    data: str = ""
    socket_id: str = ""
    kind: str = "json"

    @classmethod
    def of(cls, form: Form) -> "Draft":
        """Read it. Browsers send each end of a line as two characters; what is sent has one, as it was typed."""
        kind = "text" if form["kind"] == "text" else "json"
        data = form["data"].replace("\r\n", "\n")
        return cls(form["channel"].strip(), form["event"].strip(), data, form["socket_id"].strip(), kind)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels."""
        return tuple(filter(None, (name.strip() for name in self.channel.split(","))))


class Recent(msgspec.Struct, frozen=True):
    """Something that was sent by this page before, at a time in Unix seconds, and to how many."""

    draft: Draft
    at: Annotated[float, msgspec.Meta(ge=0, le=LATEST)]
    reached: int


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of sending: how many are subscribed to each channel; `notes` are what may be a surprise."""

    event: str
    reached: tuple[tuple[str, int], ...]
    size: int
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many subscriptions in all."""
        return sum(count for _, count in self.reached)


class _Asked(msgspec.Struct, frozen=True):
    """What is asked for, as `triggers` reads it."""

    name: str
    channels: list[str]
    socket_id: str | None
    channel: str | None = None
    info: str | None = None


_recent_decoder: Final = msgspec.json.Decoder(list[Recent])


async def _creator(visit: Visit) -> Response:
    """Show the form, filled with what the parameters say."""
    draft = Draft.of(visit.query)
    if draft.data and not visit.query.has("kind") and problem_of(draft.data):
        draft = msgspec.structs.replace(draft, kind="text")
    return _page(visit, await visit.subject(), draft)


async def _post(visit: Visit) -> Response:
    errors: Faults
    subject, form = await visit.subject(), await visit.form()
    draft, recent = Draft.of(form), _recent(form["recent"])
    if form.has("again"):
        return _page(visit, subject, _again(form["again"], recent) or draft, recent=recent)
    if form.has("pretty"):
        problem = problem_of(draft.data)
        if problem:
            errors = {"data": [f"is no JSON: {problem}"]}
            return _page(visit, subject, draft, 422, recent=recent, errors=errors)
        tidy = msgspec.structs.replace(draft, data=_pretty(draft.data))
        return _page(visit, subject, tidy, recent=recent)
    if errors := _errors(draft):
        return _page(visit, subject, draft, 422, recent=recent, errors=errors)
    try:
        asked = checked(
            _Asked(draft.event, list(draft.channels), draft.socket_id or None), draft.data, subject.settings
        )
        await _send(visit, subject, asked)
    except Refusal as refusal:
        field = FIELDS.get(refusal.reason)
        if field is None:
            raise
        errors = {field: [refusal.message]}
        return _page(visit, subject, draft, refusal.status, recent=recent, errors=errors)
    sent = await _sent(visit, subject, draft, asked)
    now = Recent(draft, datetime.now(UTC).timestamp(), sent.total)
    return _page(visit, subject, draft, recent=[now, *(one for one in recent if one.draft != draft)], sent=sent)


async def _send(visit: Visit, subject: Subject, asked: Trigger) -> None:
    """Send, having kept who does. Raises what is said against it."""
    if not subject.settings.enabled:
        raise APP_DISABLED()
    sending = visit.services.accounts.sending
    if subject.is_declared:
        await sending.note_declared(visit.who, subject.id, event=asked.name, channels=asked.channels)
    else:
        await sending.note(visit.who, subject.reference, subject.id, event=asked.name, channels=asked.channels)
    await visit.services.trigger(subject.application, asked)


async def _sent(visit: Visit, subject: Subject, draft: Draft, asked: Trigger) -> Sent:
    channels = list(asked.channels)
    counts = await visit.services.node.subscription_counts(subject.id, channels)
    notes = []
    if any(kind_of(channel) is Kind.ENCRYPTED for channel in channels):
        notes.append(
            "Events of encrypted channels are encrypted by your server, with a key that Hubbub does not know. This one"
            " went out as it was typed: clients will not be able to decrypt it."
        )
    if any(is_cache(channel) for channel in channels):
        seconds = subject.settings.cache_ttl
        notes.append(f"A cache channel keeps it for {seconds} s, and shows it to whoever subscribes meanwhile.")
    if asked.exclude is not None:
        notes.append(f"Socket {asked.exclude} was left out, and is counted all the same if it is subscribed.")
    if draft.kind == "text" and not problem_of(draft.data):
        notes.append("The text is JSON as well: client libraries will hand it to your code parsed.")
    return Sent(
        event=asked.name,
        reached=tuple(zip(channels, counts, strict=True)),
        size=len(asked.data.encode()),
        notes=tuple(notes),
    )


def _errors(draft: Draft) -> Faults:
    """Say what is wrong with a form that is no wrong event, but none, or one that is not ours to send."""
    errors: dict[str, list[str]] = {}
    if not draft.channels:
        errors["channel"] = ["can't be blank"]
    if draft.event.startswith("client-"):
        errors["event"] = [CLIENTS_ALONE]
    if draft.kind == "json" and (problem := problem_of(draft.data)):
        errors["data"] = [NO_JSON.format(problem=problem)]
    return errors


def problem_of(data: str) -> str:
    """Say why a text is no JSON, and where; nothing if it is."""
    if not data.strip():
        return "there is nothing"
    try:
        msgspec.json.decode(data)
    except RecursionError:
        return "it is nested too deeply"
    except (msgspec.DecodeError, UnicodeError) as error:
        return re.sub(r"\(byte (\d+)\)", lambda found: _place(data, int(found[1])), str(error)).removeprefix(
            "JSON is malformed: "
        )
    return ""


def _place(data: str, byte: int) -> str:
    before = data.encode()[:byte].decode(errors="ignore")
    return f"in line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _pretty(data: str) -> str:
    return msgspec.json.format(data.encode(), indent=2).decode()


def _recent(text: str) -> list[Recent]:
    """Read what the form carries; who meddles with it has sent nothing before."""
    try:
        return _recent_decoder.decode(text or "[]")[:MOST_RECENT]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []


def _again(number: str, recent: list[Recent]) -> Draft | None:
    is_one = number.isascii() and number.isdigit() and len(number) < 3 and int(number) < len(recent)
    return recent[int(number)].draft if is_one else None


def _page(
    visit: Visit,
    subject: Subject,
    draft: Draft,
    status: int = 200,
    *,
    recent: list[Recent] | None = None,
    errors: Faults | None = None,
    sent: Sent | None = None,
) -> Response:
    kept = (recent or [])[:MOST_RECENT]
    while kept and len(carried := msgspec.json.encode(kept)) > MOST_RECENT_BYTES:
        kept = kept[:-1]
    return visit.render(
        "applications/creator.html",
        status,
        subject=subject,
        here="creator",
        draft=draft,
        recent=kept,
        carried=carried.decode() if kept else "",
        errors=errors or {},
        sent=sent,
    )


PAGES: Final = (get(_PATH, _creator), post(_PATH, _post))
