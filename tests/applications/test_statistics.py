"""The overview of an application and its statistics, without a script."""

import asyncio
import csv
import io
import json
import time

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from applications.conftest import Key, Staff
from hubbub.statistics.figures import Figures
from hubbub.statistics.seam import INTERVAL, Noted, Refused
from hubbub.store import Store
from pages.offices import apart
from sockets.client import Dial
from tenants import Tenants, World

RANGES = ("hour", "day", "week", "month", "year")


@pytest.fixture(scope="module")
def counted(tenants: Tenants, world: World) -> str:
    """Give the id of an application of which something was counted two minutes ago."""
    app_id = world.slots["application"]
    at = int(time.time() - 120) // INTERVAL * INTERVAL
    latencies = (0, 0, 0, 100, *(0,) * 10)
    figures = Figures(
        events=1234, bytes_in=246_800, sizes=(0, 0, 1234, *(0,) * 8), deliveries=56_789, peak=77, ws=200_000,
        latencies=latencies, largest=250, refusals=9, webhooks=3, failed_webhooks=2,
    )  # fmt: skip

    async def add() -> None:
        store = Store.open(tenants.database_url)
        await store.statistics.add([Noted(app_id, at, figures)], [Refused(app_id, at, "event_rate", 9)])
        await store.close()

    apart(lambda: asyncio.run(add()))
    return app_id


def test_the_overview_tells_how_it_stands(staff: Staff, here: str, counted: str, keys: list[Key]) -> None:
    page = staff("ada").get(here)
    assert page.status == 200
    assert "<h1>Chat</h1>" in page.text
    assert f"<code>{counted}</code>" in page.text
    assert keys[-1].key in page.text
    assert all(key.secret not in page.text for key in keys)
    assert f'href="{here}/errors?reason=event_rate">Event rate</a> <span class="badge warn">9</span>' in page.text
    assert '<span class="badge bad">2</span>' in page.text, "webhooks that were given up"
    assert "58,026" in page.text, "messages of today, as Pusher counts them"


def test_who_borrows_it_sees_figures_and_no_secret(staff: Staff, here: str, counted: str, keys: list[Key]) -> None:
    for path in (here, f"{here}/statistics"):
        page = staff("bob").get(path)
        assert page.status == 200
        assert all(key.secret not in page.text for key in keys)


def test_who_has_nothing_to_do_with_it_finds_nothing(staff: Staff, here: str) -> None:
    for page in ("", "/live.json", "/statistics", "/statistics.json", "/statistics.csv"):
        assert staff("olga").get(here + page).status == 404


@pytest.mark.parametrize("chosen", RANGES)
def test_each_chart_is_a_table_too(staff: Staff, here: str, counted: str, chosen: str) -> None:
    page = staff("pete").get(f"{here}/statistics", range=chosen)
    assert page.status == 200
    assert page.text.count("<section") == page.text.count("<table>") == page.text.count("<caption>") == 8
    _, _, messages = page.text.partition("<caption>Messages per")
    assert '<td class="number">1,234</td>' in messages.partition("</table>")[0]
    _, _, refusals = page.text.partition("<caption>Refusals per")
    assert ">Event rate</th>" in refusals.partition("</table>")[0]


def test_a_range_that_is_none_is_a_day(staff: Staff, here: str) -> None:
    assert 'range=day" aria-current="page"' in staff("ada").get(f"{here}/statistics", range="<decade>").text


@pytest.mark.parametrize("chosen", RANGES)
def test_figures_are_given_as_files(staff: Staff, here: str, counted: str, chosen: str) -> None:
    page = staff("ada").get(f"{here}/statistics.json", range=chosen)
    assert page.answer.headers["content-type"] == "application/json"
    drawn = json.loads(page.text)
    assert drawn["times"] == sorted(drawn["times"])
    lines = {(chart["name"], line["label"]): line["values"] for chart in drawn["charts"] for line in chart["lines"]}
    assert {len(values) for values in lines.values()} == {len(drawn["times"])}
    assert sum(lines["messages", "From servers"]) == 1234
    assert max(lines["connections", "Peak"]) == 77
    assert [value for value in lines["size", "Average"] if value is not None] == [200]
    page = staff("ada").get(f"{here}/statistics.csv", range=chosen, download="")
    named = f'attachment; filename="statistics-{counted}-{chosen}.csv"'
    assert page.answer.headers["content-disposition"] == named
    head, *rows = csv.reader(io.StringIO(page.text))
    assert sum(int(row[head.index("Deliveries: Deliveries (count)")]) for row in rows) == 56_789
    assert all(row[0].endswith("Z") for row in rows)


async def test_what_goes_on_now_is_told_to_who_asks(
    tenants: Tenants, staff: Staff, here: str, connect: Dial, keys: list[Key]
) -> None:
    def now() -> dict[str, int]:
        return dict(json.loads(staff("pete").get(f"{here}/live.json").text))

    before = now()
    clients = [await connect(keys[0]) for _ in range(2)]
    for client in clients:
        await client.subscribe("statistics-room")
    key = keys[0]
    api = Pusher(
        app_id=here.rpartition("/")[2], key=key.key, secret=key.secret, host=key.host, port=key.port, ssl=False
    )
    await asyncio.to_thread(api.trigger, "statistics-room", "news", "x")
    for client in clients:
        await client.expect_frame({"event": "news", "channel": "statistics-room", "data": "x"})
    after = now()
    api._pusher_client.http.session.close()
    api._authentication_client.http.session.close()
    grown = {name: after[name] - before[name] for name in ("connections", "channels", "messages", "deliveries")}
    assert grown == {"connections": 2, "channels": 1, "messages": 1, "deliveries": 2}
    assert after["nodes"] == 1
