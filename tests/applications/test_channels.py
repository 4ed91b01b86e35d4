import json
from collections.abc import Awaitable, Callable
from html import unescape
from typing import Any

import pytest

from applications.conftest import Key, Staff
from sockets.client import Dial, PusherSocket

Occupy = Callable[..., Awaitable[PusherSocket]]


@pytest.fixture
def occupy(connect: Dial, keys: list[Key]) -> Occupy:
    """Give a way to subscribe a socket to channels, and to presence channels as a user."""

    async def occupied(*channels: str, user_id: str = "", info: Any = None) -> PusherSocket:
        client = await connect(keys[0])
        for channel in channels:
            about = {"user_id": user_id, "user_info": info} if channel.startswith("presence-") else None
            await client.subscribe(channel, json.dumps(about) if about else None)
        return client

    return occupied


def row_of(page: str, channel: str) -> str:
    """Give what the list says of a channel."""
    _, found, after = page.partition(f">{channel}</a>")
    assert found, page
    return after.partition("</tr>")[0]


def names_of(page: str) -> list[str]:
    """Give the names in the list, in their order."""
    table = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [unescape(part.rpartition(">")[2]) for part in table.split("</a></th>")[:-1]]


async def test_occupied_channels_are_listed_with_their_counts(staff: Staff, here: str, occupy: Occupy) -> None:
    await occupy("room", "presence-room", "private-cache-room", user_id="u1")
    await occupy("room", "presence-room", user_id="u1")
    await occupy("presence-room", user_id="u2")
    page = staff("rita").get(f"{here}/channels", search="room").text
    counts = [part.partition("<")[0] for part in row_of(page, "presence-room").split('class="number">')[1:]]
    assert counts == ["3", "2"]
    assert 'class="number">2<' in row_of(page, "room")
    assert "Only presence channels have users" in row_of(page, "room")
    row = row_of(page, "private-cache-room")
    assert ">private<" in row
    assert ">cache<" in row
    assert names_of(page) == ["presence-room", "private-cache-room", "room"]


async def test_channels_are_found_by_kind_and_part_of_the_name(staff: Staff, here: str, occupy: Occupy) -> None:
    await occupy("lobby-One", "private-lobby-one", "private-encrypted-lobby-one", "cache-lobby-two")
    ada = staff("ada")
    assert names_of(ada.get(f"{here}/channels", search="BBY-o").text) == [
        "lobby-One", "private-encrypted-lobby-one", "private-lobby-one",
    ]  # fmt: skip
    assert names_of(ada.get(f"{here}/channels", search="lobby", kind="private").text) == ["private-lobby-one"]
    assert names_of(ada.get(f"{here}/channels", search="lobby", kind="cache").text) == ["cache-lobby-two"]
    assert "No such channel is occupied" in ada.get(f"{here}/channels", search='"><script>').text
    assert '"><script>' not in ada.text
    assert ada.get(f"{here}/channels", kind="nonsense").status == 200


async def test_many_channels_come_in_parts(staff: Staff, here: str, occupy: Occupy) -> None:
    names = [f"part-{number:03}" for number in range(120)]
    await occupy(*names)
    ada = staff("ada")
    assert names_of(ada.get(f"{here}/channels", search="part-").text) == names[:50]
    assert names_of(ada.get(f"{here}/channels", search="part-", offset="100").text) == names[100:]
    for offset, start in (("99999", 100), ("-1", 0), ("x", 0), ("9" * 40, 0), ("²", 0)):
        shown = names_of(ada.get(f"{here}/channels", search="part-", offset=offset).text)
        assert shown == names[start : start + 50], offset


async def test_a_channel_shows_who_is_there(staff: Staff, here: str, occupy: Occupy) -> None:
    await occupy("presence-who", user_id="<u&1>", info={"name": "Ann </pre><b>", "age": 3})
    await occupy("presence-who", user_id="u2", info=None)
    page = staff("pete").get(f"{here}/channels", name="presence-who").text
    assert "2 members" in page
    assert "&lt;u&amp;1&gt;" in page
    assert "{\n  &#34;name&#34;: &#34;Ann &lt;/pre&gt;&lt;b&gt;&#34;,\n  &#34;age&#34;: 3\n}" in page
    assert f"{here}/creator?channel=presence-who" in page
    assert f"{here}/console?search=presence-who" in page
    assert f"{here}/connections?search=presence-who" in page
    assert "/creator?channel" not in staff("rita").get(f"{here}/channels", name="presence-who").text


async def test_a_cache_channel_shows_what_it_keeps(staff: Staff, here: str, occupy: Occupy) -> None:
    ada = staff("ada")
    assert "Nothing is kept" in ada.get(f"{here}/channels", name="cache-kept").text
    ada.get(f"{here}/creator").submit(f"{here}/creator", channel="cache-kept", event="news", data='{"a":1}')
    ada.get(f"{here}/channels", name="cache-kept")
    assert "<code>news</code>" in ada.text
    assert "{\n  &#34;a&#34;: 1\n}" in ada.text
    assert " seconds more" in ada.text
    assert "nobody is subscribed" in ada.text
    ada.get(f"{here}/creator").submit(
        f"{here}/creator", channel="cache-kept", event="news", data="no <json", kind="text"
    )
    assert "no &lt;json" in ada.get(f"{here}/channels", name="cache-kept").text


@pytest.mark.parametrize("name", ["<script>", "a b", "é", "a/b", "\x00", "#x", "x" * 5000, "\u202e", " "])
def test_what_can_be_no_channel_is_said_to_be_none(staff: Staff, here: str, name: str) -> None:
    ada = staff("ada").get(f"{here}/channels", name=name)
    assert ada.status == 200
    assert "There can be no such channel" in ada.text
    assert "<script>" not in ada.text.partition("</head>")[2]


@pytest.mark.parametrize("name", [".", "..", "#server-to-user-7", "a;b,c=d@e"])
def test_odd_names_are_names_too(staff: Staff, here: str, name: str) -> None:
    page = staff("ada").get(f"{here}/channels", name=name).text
    assert "There can be no such channel" not in page
    assert "nobody is subscribed" in page
