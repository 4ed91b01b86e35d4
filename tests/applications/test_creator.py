import pytest

from applications.conftest import Audited, Key, Staff
from sockets.client import Dial
from tenants import Tenants


def send(staff: Staff, here: str, who: str = "ada", **fields: str) -> str:
    """Send by the page, and give what it answers."""
    return staff(who).get(f"{here}/creator").submit(f"{here}/creator", **fields).text


async def test_what_is_sent_arrives_as_it_was_typed(staff: Staff, here: str, keys: list[Key], connect: Dial) -> None:
    client = await connect(keys[0])
    await client.subscribe("room")
    page = send(staff, here, channel="room", event="typed", data='{\r\n  "text": "grüß <dich>"\r\n}')
    frame = await client.receive()
    assert frame == {"event": "typed", "channel": "room", "data": '{\n  "text": "grüß <dich>"\n}'}
    assert "Sent to 1 subscriber." in page
    assert "grüß <dich>" not in page, "what was typed is shown as text, and is no part of the page"


async def test_it_goes_to_several_channels_but_not_to_the_socket_left_out(
    staff: Staff, here: str, keys: list[Key], connect: Dial
) -> None:
    left_out, other = await connect(keys[0]), await connect(keys[0])
    for client in (left_out, other):
        await client.subscribe("one")
    await other.subscribe("two")
    page = send(
        staff, here, channel="one, two,,one", event="news", data="[]", socket_id=left_out.socket_id, kind="json"
    )
    assert [(await other.receive())["channel"] for _ in range(2)] == ["one", "two"]
    await other.expect_nothing()
    await left_out.expect_nothing()
    assert "Sent to 3 subscribers." in page
    assert "<code>two</code>: 1 subscriber" in page


def test_it_says_when_nobody_is_there(staff: Staff, here: str) -> None:
    assert "Sent, but nobody is subscribed." in send(staff, here, channel="empty", event="news", data="{}")


async def test_a_cache_channel_keeps_it(staff: Staff, here: str, keys: list[Key], connect: Dial) -> None:
    page = send(staff, here, channel="cache-x", event="news", data="plain", kind="text")
    assert "A cache channel keeps it for 1800 s" in page
    client = await connect(keys[0])
    await client.subscribe("cache-x")
    assert await client.receive() == {"event": "news", "channel": "cache-x", "data": "plain"}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"channel": " , "}, "channel", "be blank"),
        ({"channel": "with space"}, "channel", "Invalid channel name"),
        ({"channel": "c" * 201}, "channel", "exceeds the allowed maximum (200)"),
        ({"channel": ",".join(map(str, range(101)))}, "channel", "Too many channels (101 &gt; 100)"),
        ({"event": " "}, "event", "must not be empty"),
        ({"event": "pusher:ping"}, "event", "is reserved"),
        ({"event": "client-typing"}, "event", "is a client event"),
        ({"event": "e" * 201}, "event", "exceeds the allowed maximum (200)"),
        ({"data": '{"a": 1,\r\n "b" }'}, "data", "is no JSON: expected &#39;:&#39; in line 2, column 6"),
        ({"data": "[" * 5000}, "data", "is no JSON"),
        ({"data": ""}, "data", "is no JSON: there is nothing"),
        ({"data": "x" * 10241, "kind": "text"}, "data", "(10240 bytes)"),
        ({"data": "ü" * 5121, "kind": "text"}, "data", "(10240 bytes)"),
        ({"socket_id": "x"}, "socket_id", "Invalid socket id"),
    ],
)
def test_what_the_api_would_refuse_is_refused_by_its_field(
    staff: Staff, here: str, audited: Audited, fields: dict[str, str], field: str, message: str
) -> None:
    before = audited("event.send")
    page = send(staff, here, **{"channel": "room", "event": "news", "data": "{}", **fields})
    wrong = page.partition(f'id="{field}-error"')[2].partition("</p>")[0]
    assert message in wrong, wrong
    assert audited("event.send") == before


def test_data_that_is_no_json_can_go_as_text(staff: Staff, here: str) -> None:
    assert "Sent, but nobody" in send(staff, here, channel="room", event="news", data="not {json", kind="text")
    page = send(staff, here, channel="room", event="news", data='{"json": 1}', kind="text")
    assert "The text is JSON as well" in page


def test_json_is_made_pretty_without_being_sent(staff: Staff, here: str, audited: Audited) -> None:
    before = audited("event.send")
    page = send(staff, here, channel="room", event="news", data='{"b":[1,2.50]}', pretty="1")
    assert "{\n  &#34;b&#34;: [\n    1,\n    2.50\n  ]\n}" in page
    assert audited("event.send") == before


def test_parameters_fill_the_form(staff: Staff, here: str) -> None:
    visitor = staff("ada").get(f"{here}/creator", channel='"><b>', event="<script>", data="no json", socket_id="1.2")
    assert "<script>alert" not in visitor.text
    assert '"><b>' not in visitor.text
    fields = visitor.form(f"{here}/creator").fields
    assert (fields["channel"], fields["event"], fields["socket_id"]) == ('"><b>', "<script>", "1.2")
    assert fields["data"] == "no json"
    assert fields["kind"] == "text"


def test_what_was_sent_before_can_be_filled_in_again(staff: Staff, here: str) -> None:
    ada = staff("ada").get(f"{here}/creator")
    for event in ("first", "second"):
        ada.submit(f"{here}/creator", channel="room", event=event, data=f'"{event}"')
    ada.submit(f"{here}/creator", event="", data="", again="1")
    fields = ada.form(f"{here}/creator").fields
    assert (fields["channel"], fields["event"], fields["data"]) == ("room", "first", '"first"')
    for recent in ("[{]", '[{"draft":{},"at":1e300,"reached":1}]', '[{"draft":{},"at":-1e18,"reached":1}]'):
        ada.submit(f"{here}/creator", recent=recent, again="7")
        assert ada.status == 200
        assert "Sent by this page" not in ada.text


def test_who_sent_is_kept_and_what_is_not(staff: Staff, here: str, audited: Audited) -> None:
    assert "Sent" in send(staff, here, "pete", channel="a,b", event="told", data='"secret words"')
    assert audited("event.send")[0] == ({"event": "told", "channels": ["a", "b"]}, "127.0.0.1")


def test_who_borrows_may_send_and_who_may_not_publish_is_told_so(staff: Staff, here: str) -> None:
    assert "Sent, but nobody" in send(staff, here, "bob", channel="room", event="news", data="{}")
    rita = staff("rita").get(f"{here}/creator")
    assert "but not publish to it" in rita.text
    assert f"{here}/creator" not in [form.action for form in rita.forms()]
    csrf = rita.form("/sign-out").fields["csrf"]
    assert rita.post(f"{here}/creator", csrf=csrf, channel="room", event="news", data="{}").status == 403


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"enabled": False}, "Application disabled"), ({"events_per_second": 1}, "Over the limit of 1 events per second")],
)
def test_the_settings_of_the_application_count_here_too(
    staff: Staff, tenants: Tenants, settings: dict[str, object], said: str
) -> None:
    slots = tenants.world().slots
    there = f"/organizations/{slots['organization']}/applications/{slots['application']}"
    tenants.data("PATCH", there, "ada", json={"settings": settings})
    here = f"/applications/{slots['application']}"
    pages = [send(staff, here, channel="room", event="news", data="{}") for _ in range(8)]
    assert any(said in page for page in pages)
