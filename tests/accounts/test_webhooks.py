from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from databases import Execute
from hubbub.accounts import webhooks
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.domain_webhooks import HeldEndpoint, Sender
from hubbub.accounts.policy import Policy
from hubbub.errors import FORBIDDEN, INVALID, UNKNOWN, Refusal
from hubbub.store import Store
from hubbub.webhooks.seam import DECLARED, KINDS, Attempt, NewDelivery, State

from .conftest import BORROWER, OWNER, Bell, World, answer_to

URL = "https://example.com/webhooks"
SECRET = "Bearer 4036de82-c6ab-11e6-9a53-28cfe91ef193"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIME = 1_772_366_400_123

Deliver = Callable[..., Awaitable[int]]


@pytest.fixture
async def endpoint(world: World) -> HeldEndpoint:
    return await world.accounts.webhooks.create(
        world.admin, OWNER, world.app_id, url=URL, headers={"Authorization": SECRET}
    )


@pytest.fixture
def deliver(world: World, store: Store, endpoint: HeldEndpoint) -> Deliver:
    """Give a way to keep a delivery that was tried: its id is given."""

    async def deliver(
        state: State = State.FAILED,
        *events: dict[str, Any],
        app_id: str = world.app_id,
        endpoint_id: int = endpoint.id,
    ) -> int:
        told = events or ({"name": "channel_occupied", "channel": "chat"},)
        body = msgspec.json.encode({"time_ms": TIME, "events": told}).decode()
        channels = tuple(str(event["channel"]) for event in told)
        new = NewDelivery(app_id, endpoint_id, TIME, channels, body, "a key", "5" * 64, ())
        [made] = await store.outbox.make([new])
        assert made is not None
        await store.outbox.attempted([Attempt(made, NOW, 12, state, 500, "", "Oh no")])
        return made

    return deliver


async def faults(question: Awaitable[Any]) -> dict[str, list[str]]:
    """Give what is wrong with the fields of a question, which must be refused for it."""
    with pytest.raises(Refusal) as caught:
        await question
    assert caught.value.reason is INVALID, caught.value
    errors = caught.value.facts["errors"]
    assert isinstance(errors, dict)
    return errors


async def outbox_of(store: Store) -> list[tuple[str, int, str, str]]:
    return [(one.app_id, one.endpoint_id, one.channel, one.event) for one in await store.outbox.waiting(0, 1000)]


# Endpoints


async def test_an_endpoint_hears_of_everything_unless_told(world: World, store: Store, bell: Bell) -> None:
    before, rings = await store.last_change(), bell.rings
    made = await world.accounts.webhooks.create(world.admin, OWNER, world.app.app_key or "", url=f" {URL} ")
    assert (made.url, made.kinds, made.channel_prefix, made.headers) == (URL, KINDS, "", {})
    assert (await world.accounts.webhooks.list(world.admin, OWNER, world.app_id)).items == (made,)
    assert await world.accounts.webhooks.get(world.admin, OWNER, world.app_id, str(made.id)) == made
    [change] = await store.changes_since(before, 10)
    assert (change.kind, change.subject_id, bell.rings - rings) == ("application", world.app.id, 1)


async def test_an_endpoint_may_be_told(world: World) -> None:
    made = await world.accounts.webhooks.create(
        world.admin,
        OWNER,
        world.app_id,
        url=URL,
        kinds=["member_removed", "member_added", "member_added"],
        channel_prefix="presence-",
        headers={"Authorization": f" {SECRET} ", "X-Tenant": "7"},
    )
    assert made.kinds == ("member_added", "member_removed")
    assert made.channel_prefix == "presence-"
    assert made.headers == {"Authorization": SECRET, "X-Tenant": "7"}


async def test_an_update_changes_what_is_told(world: World, store: Store, bell: Bell, endpoint: HeldEndpoint) -> None:
    update, number = world.accounts.webhooks.update, str(endpoint.id)
    before, rings = await store.last_change(), bell.rings
    one = await update(world.admin, OWNER, world.app_id, number, kinds="client_event, cache_miss")
    assert (one.url, one.kinds, one.headers) == (URL, ("client_event", "cache_miss"), {"Authorization": SECRET})
    one = await update(world.admin, OWNER, world.app_id, number, url=f"{URL}/2", channel_prefix="private-")
    assert (one.url, one.kinds, one.channel_prefix) == (f"{URL}/2", ("client_event", "cache_miss"), "private-")
    one = await update(world.admin, OWNER, world.app_id, number, channel_prefix="", headers={"X-Tenant": "7"})
    assert (one.channel_prefix, one.headers) == ("", {"X-Tenant": "7"})
    one = await update(world.admin, OWNER, world.app_id, number, headers={})
    assert one.headers == {}
    assert one.updated_at > one.created_at
    assert await update(world.admin, OWNER, world.app_id, number) == one
    assert await update(world.admin, OWNER, world.app_id, number, url=one.url, kinds=list(one.kinds)) == one
    assert await world.accounts.webhooks.get(world.admin, OWNER, world.app_id, number) == one
    assert (len(await store.changes_since(before, 10)), bell.rings - rings) == (4, 4)


async def test_what_is_removed_is_gone(world: World, store: Store, bell: Bell, endpoint: HeldEndpoint) -> None:
    webhooks, rings = world.accounts.webhooks, bell.rings
    await webhooks.remove(world.admin, OWNER, world.app_id, str(endpoint.id))
    assert bell.rings - rings == 1
    assert await store.outbox.hooked() == []
    for question in (webhooks.get, webhooks.update, webhooks.remove):
        assert await answer_to(question(world.admin, OWNER, world.app_id, str(endpoint.id))) is UNKNOWN


async def test_what_does_not_fit_is_refused_with_nothing_done(world: World, endpoint: HeldEndpoint) -> None:
    webhooks = world.accounts.webhooks
    wrong: tuple[dict[str, Any], ...] = (
        {"url": "ftp://example.com"},
        {"kinds": ["party"]},
        {"channel_prefix": "a" * 201},
        {"headers": {"X-Pusher-Key": SECRET}},
    )
    for given in wrong:
        errors = await faults(webhooks.create(world.admin, OWNER, world.app_id, **{"url": URL, **given}))
        assert errors.keys() == given.keys()
        assert await faults(webhooks.update(world.admin, OWNER, world.app_id, str(endpoint.id), **given)) == errors
    assert (await webhooks.list(world.admin, OWNER, world.app_id)).items == (endpoint,)


async def test_the_servers_own_networks_are_for_who_may(world: World, store: Store) -> None:
    create, update = world.accounts.webhooks.create, world.accounts.webhooks.update
    errors = await faults(create(world.admin, OWNER, world.app_id, url="http://127.0.0.1/"))
    assert "HUBBUB_WEBHOOK_PRIVATE" in str(errors["url"])
    webhooks = Accounts(store, policy=Policy(webhook_private=True)).webhooks
    made = await webhooks.create(world.admin, OWNER, world.app_id, url="http://127.0.0.1/")
    moved = update(world.admin, OWNER, world.app_id, str(made.id), url="http://127.0.0.1/2")
    assert (await faults(moved)).keys() == {"url"}
    # What is there already may be changed otherwise.
    assert (await update(world.admin, OWNER, world.app_id, str(made.id), channel_prefix="a")).channel_prefix == "a"


async def test_all_that_is_wrong_is_told_at_once(world: World) -> None:
    errors = await faults(
        world.accounts.webhooks.create(world.admin, OWNER, world.app_id, url="", kinds=[], headers=1, channel_prefix=1)
    )
    assert errors.keys() == {"url", "kinds", "headers", "channel_prefix"}


async def test_there_is_a_limit_of_endpoints(world: World, endpoint: HeldEndpoint) -> None:
    for _ in range(webhooks.MOST_ENDPOINTS - 1):
        await world.accounts.webhooks.create(world.admin, OWNER, world.app_id, url=URL)
    errors = await faults(world.accounts.webhooks.create(world.admin, OWNER, world.app_id, url=URL))
    assert "10 webhooks already" in str(errors["url"])
    await world.accounts.webhooks.remove(world.admin, OWNER, world.app_id, str(endpoint.id))
    await world.accounts.webhooks.create(world.admin, OWNER, world.app_id, url=URL)


async def test_no_secret_is_printed_or_audited(world: World, endpoint: HeldEndpoint, execute: Execute) -> None:
    await world.accounts.webhooks.update(
        world.admin, OWNER, world.app_id, str(endpoint.id), headers={"Authorization": f"{SECRET}2"}
    )
    assert SECRET not in repr(endpoint)
    entries = await execute(
        "SELECT action, subject, application_id, details FROM audit_entries WHERE action LIKE 'web%'"
    )
    assert [tuple(entry[:3]) for entry in entries] == [
        (f"webhook.{verb}", f"webhook:{endpoint.id}", world.app.id) for verb in ("create", "update")
    ]
    assert "4036de82" not in str(entries)
    assert URL not in str(entries)


# Who may


async def test_webhooks_are_for_admins_of_the_owner(world: World, endpoint: HeldEndpoint, deliver: Deliver) -> None:
    webhooks, number, sent = world.accounts.webhooks, str(endpoint.id), str(await deliver())
    for role, organization, reason in (
        ("member", OWNER, FORBIDDEN),
        ("reader", OWNER, FORBIDDEN),
        ("borrower", BORROWER, FORBIDDEN),
        ("borrower", OWNER, UNKNOWN),
        ("outsider", OWNER, UNKNOWN),
        ("admin", None, FORBIDDEN),
        ("admin", "nowhere", UNKNOWN),
    ):
        who = world.of(role)
        for question in (
            webhooks.list(who, organization, world.app_id),
            webhooks.get(who, organization, world.app_id, number),
            webhooks.create(who, organization, world.app_id, url=URL),
            webhooks.update(who, organization, world.app_id, number, url=URL),
            webhooks.remove(who, organization, world.app_id, number),
            webhooks.deliveries(who, organization, world.app_id),
            webhooks.delivery(who, organization, world.app_id, sent),
            webhooks.resend(who, organization, world.app_id, sent),
            webhooks.resend_failed(who, organization, world.app_id),
        ):
            assert await answer_to(question) is reason, (role, organization)
    for who, organization in ((world.admin, OWNER), (world.root, OWNER), (world.root, None), (OPERATOR, None)):
        assert (await webhooks.list(who, organization, world.app_id)).items == (endpoint,)
        assert (await webhooks.deliveries(who, organization, world.app_id)).total == 1


async def test_only_root_may_leave_the_application_out(world: World, endpoint: HeldEndpoint, deliver: Deliver) -> None:
    webhooks, number, sent = world.accounts.webhooks, str(endpoint.id), str(await deliver())
    for question in (
        webhooks.get(world.admin, OWNER, None, number),
        webhooks.update(world.admin, OWNER, None, number, url=URL),
        webhooks.remove(world.admin, None, None, number),
        webhooks.delivery(world.admin, OWNER, None, sent),
        webhooks.resend(world.admin, None, None, sent),
        webhooks.deliveries(world.admin, OWNER, Sender(world.app_id, is_declared=True)),
        webhooks.resend_failed(world.admin, None, Sender(world.app_id)),
    ):
        assert await answer_to(question) is FORBIDDEN
    assert await webhooks.get(OPERATOR, None, None, number) == endpoint
    assert (await webhooks.update(OPERATOR, None, None, number, channel_prefix="a")).channel_prefix == "a"
    assert (await webhooks.delivery(OPERATOR, None, None, sent)).delivery.id == int(sent)
    assert (await webhooks.resend(OPERATOR, None, None, sent)).resent_at is not None
    await webhooks.remove(OPERATOR, None, None, number)


@pytest.mark.parametrize("reference", ["", "0", "-1", "01", "99", "9" * 30, str(2**63), "\0", "one", "1 "])
async def test_what_is_no_id_finds_nothing(
    world: World, endpoint: HeldEndpoint, deliver: Deliver, reference: str
) -> None:
    await deliver()
    webhooks = world.accounts.webhooks
    for application in (world.app_id, None):
        who, organization = (world.admin, OWNER) if application else (OPERATOR, None)
        for question in (webhooks.get, webhooks.remove, webhooks.delivery, webhooks.resend):
            assert await answer_to(question(who, organization, application, reference)) is UNKNOWN


async def test_what_another_application_has_is_not_there(
    world: World, endpoint: HeldEndpoint, deliver: Deliver
) -> None:
    webhooks, sent = world.accounts.webhooks, str(await deliver())
    other = str((await world.accounts.applications.create(world.admin, OWNER, name="Other")).id)
    for question in (
        webhooks.get(world.admin, OWNER, other, str(endpoint.id)),
        webhooks.update(world.admin, OWNER, other, str(endpoint.id), url=URL),
        webhooks.remove(world.admin, OWNER, other, str(endpoint.id)),
        webhooks.delivery(world.admin, OWNER, other, sent),
        webhooks.resend(world.admin, OWNER, other, sent),
    ):
        assert await answer_to(question) is UNKNOWN
    assert (await webhooks.list(world.admin, OWNER, other)).items == ()
    assert (await webhooks.deliveries(world.admin, OWNER, other, endpoint=endpoint.id)).items == ()
    assert await webhooks.resend_failed(world.admin, OWNER, other) == 0


# Deliveries


async def test_deliveries_are_listed_newest_first_by_state_and_endpoint(world: World, deliver: Deliver) -> None:
    webhooks = world.accounts.webhooks
    other = await webhooks.create(world.admin, OWNER, world.app_id, url=URL)
    failed, pending = await deliver(), await deliver(State.PENDING)
    done = await deliver(State.DELIVERED, endpoint_id=other.id)

    async def listed(**how: object) -> tuple[list[int], int]:
        page = await webhooks.deliveries(world.admin, OWNER, world.app_id, **how)
        return [one.id for one in page.items], page.total

    assert await listed() == ([done, pending, failed], 3)
    assert await listed(limit=1, offset="1") == ([pending], 3)
    assert await listed(state="failed") == ([failed], 1)
    assert await listed(state="pending", endpoint=str(other.id)) == ([], 0)
    assert await listed(endpoint=other.id) == ([done], 1)
    assert await listed(endpoint="99") == ([], 0)
    [one] = (await webhooks.deliveries(world.admin, OWNER, world.app_id, state="failed")).items
    assert (one.state, one.time_ms, one.channels, one.attempts) == (State.FAILED, TIME, ("chat",), 1)
    assert one.finished_at is not None
    assert one.resent_at is None


async def test_the_kinds_of_its_events_are_told_and_nothing_that_looks_so(world: World, deliver: Deliver) -> None:
    told = '{"name":"member_added"} {"name":"cache_miss"'
    await deliver(
        State.FAILED, {"name": "channel_vacated", "channel": "b"}, {"name": "channel_vacated", "channel": "c"}
    )
    await deliver(
        State.FAILED,
        {"name": "subscription_count", "channel": "b", "subscription_count": 2},
        {"name": "client_event", "channel": "private-a", "event": told, "data": told},
    )
    found = (await world.accounts.webhooks.deliveries(world.admin, OWNER, world.app_id)).items
    assert [one.kinds for one in found] == [("client_event", "subscription_count"), ("channel_vacated",)]


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"state": "lost"}, "state"),
        ({"state": []}, "state"),
        ({"endpoint": "one"}, "webhook"),
        ({"limit": 0}, "limit"),
    ],
)
async def test_a_list_is_narrowed_by_what_there_is(world: World, how: dict[str, object], field: str) -> None:
    assert (await faults(world.accounts.webhooks.deliveries(world.admin, OWNER, world.app_id, **how))).keys() == {field}


async def test_a_delivery_is_shown_with_all_that_is_known_of_it(world: World, deliver: Deliver, store: Store) -> None:
    event = {"name": "client_event", "channel": "private-a", "data": "☃ \0"}
    sent = await deliver(State.PENDING, event)
    await store.outbox.attempted([Attempt(sent, NOW, 10_000, State.FAILED, None, "no answer in 10 seconds")])
    found = await world.accounts.webhooks.delivery(world.admin, OWNER, world.app_id, str(sent))
    assert (found.delivery.state, found.delivery.attempts, found.has_endpoint) == (State.FAILED, 2, True)
    assert found.delivery.kinds == ("client_event",)
    assert (found.key, found.signature) == ("a key", "5" * 64)
    assert msgspec.json.decode(found.body) == {"time_ms": TIME, "events": [event]}
    assert [(one.at, one.duration_ms, one.status, one.problem, one.answer) for one in found.ledger] == [
        (NOW, 12, 500, "", "Oh no"),
        (NOW, 10_000, None, "no answer in 10 seconds", ""),
    ]
    assert "private-a" not in repr(found).replace("('private-a',)", "")


async def test_a_delivery_is_sent_again_as_new_events(world: World, deliver: Deliver, store: Store, bell: Bell) -> None:
    first = {"name": "client_event", "channel": "private-a", "event": "client-x", "data": "☃ \0 \u2028"}
    second = {"name": "channel_vacated", "channel": "b"}
    sent, before, rings = await deliver(State.FAILED, first, second), await store.last_change(), bell.rings
    [endpoint] = (await world.accounts.webhooks.list(world.admin, OWNER, world.app_id)).items
    again = await world.accounts.webhooks.resend(world.admin, OWNER, world.app_id, str(sent))
    assert (again.id, again.state, again.attempts) == (sent, State.FAILED, 1)
    assert again.resent_at is not None
    assert await outbox_of(store) == [
        (world.app_id, endpoint.id, event["channel"], msgspec.json.encode(event).decode()) for event in (first, second)
    ]
    assert [change.subject_id for change in await store.changes_since(before, 10)] == [world.app.id]
    assert bell.rings - rings == 1


async def test_what_was_delivered_may_be_sent_again_and_again(world: World, deliver: Deliver, store: Store) -> None:
    sent = str(await deliver(State.DELIVERED))
    for count in (1, 2):
        await world.accounts.webhooks.resend(world.admin, OWNER, world.app_id, sent)
        assert len(await outbox_of(store)) == count


async def test_what_is_under_way_or_has_no_endpoint_is_not_sent_again(
    world: World, endpoint: HeldEndpoint, deliver: Deliver, store: Store
) -> None:
    webhooks, pending, failed = world.accounts.webhooks, str(await deliver(State.PENDING)), str(await deliver())
    errors = await faults(webhooks.resend(world.admin, OWNER, world.app_id, pending))
    assert errors == {"delivery": ["is still on its way: it is tried again by itself"]}
    await webhooks.remove(world.admin, OWNER, world.app_id, str(endpoint.id))
    errors = await faults(webhooks.resend(world.admin, OWNER, world.app_id, failed))
    assert errors == {"delivery": ["cannot be sent again: its webhook is removed"]}
    assert not (await webhooks.delivery(world.admin, OWNER, world.app_id, failed)).has_endpoint
    assert await webhooks.resend_failed(world.admin, OWNER, world.app_id) == 0
    assert await outbox_of(store) == []


async def test_all_that_failed_is_sent_again_once(
    world: World, deliver: Deliver, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "RESENT_AT_ONCE", 2)
    for state in (State.DELIVERED, State.PENDING):
        await deliver(state)
    for number in range(5):
        await deliver(State.FAILED, {"name": "channel_occupied", "channel": f"c{number}"})
    resend_failed = world.accounts.webhooks.resend_failed
    assert await resend_failed(world.admin, OWNER, world.app_id) == 5
    assert [channel for _, _, channel, _ in await outbox_of(store)] == [f"c{number}" for number in range(5)]
    assert await resend_failed(world.admin, OWNER, world.app_id) == 0
    await deliver()
    assert await resend_failed(world.root, None, world.app_id) == 1
    failed = await world.accounts.webhooks.deliveries(world.admin, OWNER, world.app_id, state="failed")
    assert failed.total == 6
    assert all(one.resent_at is not None for one in failed.items)


async def test_deliveries_of_a_declared_application_are_the_operators(
    world: World, deliver: Deliver, store: Store
) -> None:
    # It may have the id of somebody's row.
    webhooks, declared = world.accounts.webhooks, Sender(world.app_id, is_declared=True)
    theirs, own = await deliver(endpoint_id=DECLARED), await deliver()
    assert [one.id for one in (await webhooks.deliveries(world.admin, OWNER, world.app_id)).items] == [own]
    assert (await webhooks.deliveries(world.admin, OWNER, world.app_id, endpoint=DECLARED)).total == 0
    for question in (webhooks.delivery, webhooks.resend):
        assert await answer_to(question(world.admin, OWNER, world.app_id, str(theirs))) is UNKNOWN
    assert await webhooks.resend_failed(world.admin, OWNER, world.app_id) == 1
    assert [one.id for one in (await webhooks.deliveries(OPERATOR, None, declared)).items] == [theirs]
    for application in (declared, None):
        found = await webhooks.delivery(OPERATOR, None, application, str(theirs))
        assert (found.delivery.endpoint_id, found.has_endpoint) == (DECLARED, True)
    assert await webhooks.resend_failed(OPERATOR, None, declared) == 1
    await webhooks.resend(OPERATOR, None, None, str(theirs))
    assert [endpoint_id for _, endpoint_id, _, _ in await outbox_of(store)][1:] == [DECLARED, DECLARED]
