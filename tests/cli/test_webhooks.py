import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubbub.store import Store
from hubbub.webhooks.seam import KINDS, Attempt, NewDelivery, State

from .conftest import Run, answer, fields, program, says, table

URL = "https://example.com/hooks"
HEADER = ("--header", "Authorization: Bearer hunter2")
EVENT = '{"name":"client_event","channel":"chat","data":"\u009b1m ☃"}'

LONG_AGO = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
ALL_AGAIN = "The events of 1 delivery are sent again: see `hubbub webhook deliveries {}`.\n"


async def keep(url: str, app_id: str, endpoint_id: int, state: State, made_at: datetime) -> int:
    store = Store.open(url)
    time_ms = int(made_at.timestamp() * 1000)
    body = f'{{"time_ms":{time_ms},"events":[{EVENT}]}}'
    new = NewDelivery(app_id, endpoint_id, time_ms, ("chat",), body, "a-key", "5" * 64, ())
    [made] = await store.outbox.make([new])
    assert made is not None
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    await store.outbox.attempted([Attempt(made, now, 12, state, None, "no answer \x1b[1m\nin 10 s", "")])
    await store.close()
    return made


async def outbox(url: str) -> list[tuple[str, int, str]]:
    store = Store.open(url)
    found = [(one.app_id, one.endpoint_id, one.event) for one in await store.outbox.waiting(0, 100)]
    await store.close()
    return found


@pytest.fixture
def hooked(anywhere: Run) -> Run:
    """Give a way to run commands where application 1 has webhook 1, with a header."""
    anywhere("app", "create", "Chat")
    assert says(anywhere, "webhook", "add", "1", URL, *HEADER) == "Webhook 1 is added.\n"
    return anywhere


def deliver(
    url: str, app_id: str = "1", endpoint_id: int = 1, state: State = State.FAILED, made_at: datetime = LONG_AGO
) -> str:
    return str(asyncio.run(keep(url, app_id, endpoint_id, state, made_at)))


def again(delivery: str) -> str:
    """Give what is said of a delivery that is sent again."""
    return f"The events of delivery {delivery} are sent again: `hubbub webhook deliveries` lists the new delivery.\n"


def deliveries(run: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(run, "webhook", "deliveries", *arguments)
    return found


# From the first command to the last


def test_a_webhook_is_added_changed_and_removed(migrated: Run) -> None:
    migrated("app", "create", "Chat")
    made = program(
        "webhook", "add", "1", URL, "--kind", "member_added", "--kind", "cache_miss", "--prefix", "presence-"
    )
    assert (made.stdout, made.stderr) == ("Webhook 1 is added.\n", "")
    line = ["1", URL, "member_added, cache_miss", "presence-", "-"]
    assert table(says(migrated, "webhook", "list", "1")) == [["ID", "URL", "KINDS", "PREFIX", "HEADERS"], line]
    changed = says(
        migrated, "webhook", "set", "1", "--url", f"{URL}/2", "--prefix", "", "--kind", "client_event", *HEADER
    )
    assert changed == "Webhook 1 is changed.\n"
    line = ["1", f"{URL}/2", "client_event", "-", "Authorization"]
    assert table(says(migrated, "webhook", "list", "1"))[1] == line
    assert says(migrated, "webhook", "set", "1", "--no-headers") == "Webhook 1 is changed.\n"
    assert table(says(migrated, "webhook", "list", "1"))[1] == [*line[:4], "-"]
    assert says(migrated, "webhook", "remove", "1") == "Webhook 1 is removed.\n"
    assert says(migrated, "webhook", "list", "1") == "Application 1 has no webhook: run `hubbub webhook add`.\n"


def test_what_was_narrowed_can_be_widened_again(hooked: Run) -> None:
    hooked("webhook", "set", "1", "--kind", "client_event", "--prefix", "private-")
    [one] = answer(hooked, "webhook", "list", "1")
    assert (one["kinds"], one["channel_prefix"]) == (["client_event"], "private-")
    hooked("webhook", "set", "1", "--all-kinds", "--prefix", "")
    [one] = answer(hooked, "webhook", "list", "1")
    assert (one["kinds"], one["channel_prefix"]) == (list(KINDS), "")
    assert "without --kind" in hooked("webhook", "set", "1", "--all-kinds", "--kind", "cache_miss", status=2).stderr


def test_to_change_nothing_is_a_mistake(hooked: Run) -> None:
    refused = hooked("webhook", "set", "1", status=2)
    assert "Nothing to change: give --url" in refused.stderr
    assert refused.stdout == ""


def test_help_names_all_kinds(hooked: Run) -> None:
    for verb in ("add", "set"):
        said = says(hooked, "webhook", verb, "--help")
        assert all(kind in said for kind in KINDS), said


# Endpoints


def test_a_header_is_shown_when_it_is_asked_for(hooked: Run) -> None:
    assert "hunter2" not in says(hooked, "webhook", "list", "1")
    [listed] = answer(hooked, "webhook", "list", "1")
    assert (listed["url"], listed["headers"], len(listed["kinds"])) == (URL, {"Authorization": None}, 7)
    assert "Authorization: Bearer hunter2" in says(hooked, "webhook", "list", "1", "--secret")
    [listed] = answer(hooked, "webhook", "list", "1", "--secret")
    assert listed["headers"] == {"Authorization": "Bearer hunter2"}
    made = answer(hooked, "webhook", "add", "1", URL, "--header", "X-A: b:c")
    assert (made["id"], made["headers"]) == (2, {"X-A": "b:c"})


def test_what_does_not_fit_is_refused_without_its_value(hooked: Run) -> None:
    for arguments, word in (
        (("add", "1", "ftp://example.com"), "url"),
        (
            ("add", "1", "http://localhost:1/"),
            "HUBBUB_WEBHOOK_PRIVATE allows it: set it for the server and for commands",
        ),
        (("add", "1", URL, "--kind", "party"), "kinds must be some of"),
        (("add", "1", URL, "--header", "Host: hunter2"), "Host, which Hubbub sets"),
        (("set", "1", "--prefix", "a" * 201), "channel_prefix"),
        (("deliveries", "1", "--webhook", "one"), "webhook must be a whole number"),
    ):
        refused = hooked("webhook", *arguments, status=1).stderr
        assert word in refused
        assert "hunter2" not in refused
    refused = hooked("webhook", "add", "1", URL, "--header", "hunter2", status=2).stderr
    assert "NAME: VALUE" in refused
    assert "hunter2" not in refused
    assert "without --header" in hooked("webhook", "set", "1", "--no-headers", *HEADER, status=2).stderr


def test_private_addresses_are_allowed_by_the_setting(hooked: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_WEBHOOK_PRIVATE", "true")
    assert says(hooked, "webhook", "add", "1", "http://localhost:1/") == "Webhook 2 is added.\n"


def test_what_is_not_there_is_said_so(hooked: Run) -> None:
    for verb in ("list", "deliveries", "resend-failed"):
        refused = hooked("webhook", verb, "9", status=1).stderr
        assert refused == "There is no application with the id or key '9', or it is archived.\n"
    assert "There is no application" in hooked("webhook", "add", "nobody", URL, status=1).stderr
    for arguments in (("set", "9", "--prefix", "a"), ("remove", "9")):
        assert "There is no webhook '9'" in hooked("webhook", *arguments, status=1).stderr
    for verb in ("show", "resend"):
        assert "There is no delivery '9'" in hooked("webhook", verb, "9", status=1).stderr


# Deliveries


def test_deliveries_are_listed_and_shown(hooked: Run, url: str) -> None:
    assert says(hooked, "webhook", "deliveries", "1") == "Nothing was sent yet.\n"
    done, failed = deliver(url, state=State.DELIVERED), deliver(url)
    head, newest, oldest = table(says(hooked, "webhook", "deliveries", "1"))
    assert head == ["ID", "WEBHOOK", "STATE", "TRIES", "TIME", "EVENTS", "CHANNELS", "SENT AGAIN"]
    assert newest == [failed, "1", "failed", "1", "2026-03-01 12:00:00Z", "client_event", "chat", "-"]
    assert oldest[:3] == [done, "1", "delivered"]
    assert [str(one["id"]) for one in deliveries(hooked, "1", "--failed", "--webhook", "1")] == [failed]
    limited = hooked("webhook", "deliveries", "1", "--limit", "1")
    assert (len(limited.stdout.splitlines()), limited.stderr) == (2, "1 more: see --limit.\n")

    shown = says(hooked, "webhook", "show", failed)
    about, _, ledger = shown.partition("\n\n")
    assert fields(about)["X-Pusher-Signature"] == "5" * 64
    assert "☃" in about
    assert table(ledger)[1] == ["2026-03-01 12:00:00Z", "12", "-", "no answer [1m in 10 s"]
    # What came from others does not speak to the terminal.
    assert not {"\x1b", "\u009b"} & set(shown)
    report = answer(hooked, "webhook", "show", failed)
    assert (report["key"], report["delivery"]["state"], report["has_webhook"]) == ("a-key", "failed", True)
    assert (report["delivery"]["webhook_id"], report["delivery"]["kinds"]) == (1, ["client_event"])
    assert report["ledger"][0]["problem"] == "no answer \x1b[1m\nin 10 s"
    assert "There is no webhook '77'." in hooked("webhook", "deliveries", "1", "--webhook", "77", status=1).stderr
    hooked("webhook", "remove", "1")
    assert "1, which is removed" in says(hooked, "webhook", "show", failed)
    assert len(deliveries(hooked, "1", "--webhook", "1")) == 2
    refused = hooked("webhook", "resend", failed, status=1).stderr
    assert refused == f"Delivery {failed} cannot be sent again: its webhook is removed.\n"


def test_what_failed_is_sent_again(hooked: Run, url: str) -> None:
    one, other = deliver(url), deliver(url)
    assert says(hooked, "webhook", "resend", one) == again(one)
    assert asyncio.run(outbox(url)) == [("1", 1, EVENT)]
    assert deliveries(hooked, "1", "--failed")[1]["resent_at"] is not None
    assert says(hooked, "webhook", "resend-failed", "1") == ALL_AGAIN.format("1")
    assert says(hooked, "webhook", "resend-failed", "1") == "Nothing is to be sent again.\n"
    assert len(asyncio.run(outbox(url))) == 2
    assert says(hooked, "webhook", "deliveries", "1", "--failed", "--webhook", "1") != "Nothing failed.\n"
    assert other != one


def test_what_is_on_its_way_is_not_sent_again(hooked: Run, url: str) -> None:
    old = deliver(url, state=State.PENDING)
    about = f"Delivery {old} is still on its way: it is tried again by itself"
    assert hooked("webhook", "resend", old, status=1).stderr == f"{about} when a server starts.\n"
    now = datetime.now(UTC)
    new = deliver(url, state=State.PENDING, made_at=now)
    end = now + timedelta(seconds=300)
    refused = hooked("webhook", "resend", new, status=1).stderr
    assert refused == f"Delivery {new} is still on its way: it is tried again by itself until {end:%H:%M:%S}Z.\n"
    assert says(hooked, "webhook", "deliveries", "1", "--failed") == "Nothing failed.\n"


# The application that settings declare


@pytest.fixture
def declared(hooked: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a way to run commands where it has the same id as one of the database."""
    for name, value in (
        ("ID", "1"),
        ("KEY", "declared-key"),
        ("SECRET", "hunter3"),
        ("WEBHOOK_URL", f"{URL}/declared"),
    ):
        monkeypatch.setenv(f"HUBBUB_APP_{name}", value)
    return hooked


@pytest.mark.parametrize("name", ["1", "declared-key"])
def test_the_declared_application_has_the_webhook_of_the_settings(declared: Run, name: str) -> None:
    assert table(says(declared, "webhook", "list", name))[1] == ["0", "**********", "all", "-", "-"]
    assert table(says(declared, "webhook", "list", name, "--secret"))[1] == ["0", f"{URL}/declared", "all", "-", "-"]
    refused = declared("webhook", "add", name, URL, status=1).stderr
    assert refused == "Application 1 is declared by settings: set HUBBUB_APP_WEBHOOK_URL instead.\n"
    for arguments in (("set", "0", "--prefix", "a"), ("remove", "0")):
        refused = declared("webhook", *arguments, status=1).stderr
        assert refused == "Webhook 0 is declared by HUBBUB_APP_WEBHOOK_URL: change it there.\n"


def test_without_one_it_has_none(declared: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUBBUB_APP_WEBHOOK_URL")
    assert answer(declared, "webhook", "list", "1") == []


def test_what_was_sent_for_it_is_seen_and_sent_again(declared: Run, url: str) -> None:
    theirs, own = deliver(url), deliver(url, endpoint_id=0)
    assert [str(one["id"]) for one in deliveries(declared, "1")] == [own]
    assert says(declared, "webhook", "resend-failed", "declared-key") == ALL_AGAIN.format("declared-key")
    assert says(declared, "webhook", "resend", own) == again(own)
    assert asyncio.run(outbox(url)) == [("1", 0, EVENT)] * 2
    assert "State:" in says(declared, "webhook", "show", theirs)
