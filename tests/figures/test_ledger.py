"""Figures in the database: added up by several, at falling resolution, and forgotten in time."""

import asyncio

import pytest

from hubbub.statistics.figures import ADDED, LATENCIES, SIZES, Figures
from hubbub.statistics.seam import DAY, HOUR, INTERVAL, KEPT, MINUTE, Noted, Refused
from hubbub.store import Store

AT = 1_800_000_000 // DAY * DAY
"""The beginning of a day, and of all that is shorter."""

EVERYTHING = (0, 4_000_000_000)


def numbered(first: int, **more: int) -> Figures:
    """Give figures of which each is another number."""
    return Figures(
        **{name: first + place for place, name in enumerate(ADDED)},
        sizes=tuple(range(first, first + len(SIZES))),
        latencies=tuple(range(first + 50, first + 50 + len(LATENCIES))),
        **more,
    )


async def test_what_was_added_is_given_back_in_every_resolution(store: Store) -> None:
    figures = numbered(100, largest=5000, peak=7)
    await store.statistics.add([Noted("1", AT + 3610, figures)], [])
    for resolution in KEPT:
        at = (AT + 3610) // resolution * resolution
        assert await store.statistics.figures("1", resolution, *EVERYTHING) == {at: figures}
        assert await store.statistics.figures("1", resolution, at, at + 1) == {at: figures}
        assert await store.statistics.figures("1", resolution, at + 1, at + DAY) == {}
    assert await store.statistics.figures("2", INTERVAL, *EVERYTHING) == {}


async def test_several_nodes_add_to_the_same(store: Store) -> None:
    one, other = numbered(100, largest=5000, peak=7), numbered(7, largest=60, peak=5)
    await store.statistics.add([Noted("1", AT, one), Noted("2", AT, other)], [])
    await store.statistics.add([Noted("1", AT, other)], [])
    [both] = (await store.statistics.figures("1", INTERVAL, *EVERYTHING)).values()
    assert [getattr(both, name) for name in ADDED] == [107 + 2 * place for place in range(len(ADDED))]
    assert both.sizes == tuple(107 + 2 * place for place in range(len(SIZES)))
    assert both.latencies == tuple(207 + 2 * place for place in range(len(LATENCIES)))
    assert (both.largest, both.peak) == (5000, 12)
    assert await store.statistics.figures("1", DAY, *EVERYTHING) == {AT: both}
    assert await store.statistics.figures("2", DAY, *EVERYTHING) == {AT: other}


async def test_the_peak_of_a_longer_time_is_that_of_its_highest_interval(store: Store) -> None:
    for peaks in ((3, 9, 4), (5, 1, 4)):
        noted = [Noted("1", AT + place * INTERVAL, Figures(peak=peak)) for place, peak in enumerate(peaks)]
        await store.statistics.add(noted, [])
    fine = await store.statistics.figures("1", INTERVAL, *EVERYTHING)
    assert [one.peak for _, one in sorted(fine.items())] == [8, 10, 8]
    for resolution in (MINUTE, HOUR, DAY):
        [longer] = (await store.statistics.figures("1", resolution, *EVERYTHING)).values()
        assert longer.peak == 10


async def test_intervals_noted_at_once_are_summed_up(store: Store) -> None:
    noted = [Noted("1", AT + place * INTERVAL, Figures(events=1 + place, peak=place % 5)) for place in range(400)]
    await store.statistics.add(noted, [])
    hours = await store.statistics.figures("1", HOUR, *EVERYTHING)
    assert {at - AT: (one.events, one.peak) for at, one in hours.items()} == {
        0: (sum(range(1, 361)), 4),
        HOUR: (sum(range(361, 401)), 4),
    }
    minutes = await store.statistics.figures("1", MINUTE, AT, AT + HOUR)
    assert [minutes[AT + 60 * place].events for place in range(60)] == [36 * place + 21 for place in range(60)]


async def test_refusals_are_added_by_their_reason(store: Store) -> None:
    await store.statistics.add([], [Refused("1", AT, "over_quota", 2), Refused("1", AT + 10, "event_rate", 1)])
    await store.statistics.add([], [Refused("1", AT, "over_quota", 3), Refused("2", AT, "over_quota", 50)])
    assert await store.statistics.refusals("1", INTERVAL, *EVERYTHING) == {
        AT: {"over_quota": 5},
        AT + 10: {"event_rate": 1},
    }
    assert await store.statistics.refusals("1", DAY, *EVERYTHING) == {AT: {"over_quota": 5, "event_rate": 1}}


async def test_totals_are_of_the_applications_that_have_any(store: Store) -> None:
    noted = [Noted(app_id, AT + day * DAY, Figures(events=1, peak=day)) for app_id in "12" for day in range(5)]
    await store.statistics.add(noted, [])
    totals = await store.statistics.totals(["1", "3"], DAY, AT + DAY, AT + 4 * DAY)
    assert totals == {"1": Figures(events=3, peak=3)}
    assert await store.statistics.totals([], DAY, AT, AT + DAY) == {}


async def test_a_lone_surrogate_or_a_nul_in_nothing_breaks_nothing(store: Store) -> None:
    await store.statistics.add([Noted("an-id_of;settings'", AT, Figures(events=1))], [])
    assert await store.statistics.totals(["an-id_of;settings'"], DAY, AT, AT + 1) == {
        "an-id_of;settings'": Figures(events=1)
    }


@pytest.mark.parametrize("resolution", KEPT)
async def test_what_is_too_old_is_forgotten_resolution_by_resolution(store: Store, resolution: int) -> None:
    ages = (0, KEPT[resolution] - resolution, KEPT[resolution], KEPT[resolution] + resolution)
    now = AT + 6 * 366 * DAY
    times = [(now - age) // INTERVAL * INTERVAL for age in ages]
    await store.statistics.add([Noted("1", at, Figures(events=1)) for at in times], [])
    await store.statistics.add([], [Refused("1", at, "over_quota", 1) for at in times])
    while await store.statistics.prune(now):
        pass
    kept = [at // resolution * resolution for at in times[:3]]
    assert sorted(await store.statistics.figures("1", resolution, *EVERYTHING)) == sorted(set(kept))
    assert sorted(await store.statistics.refusals("1", resolution, *EVERYTHING)) == sorted(set(kept))


async def test_a_long_absence_is_made_good_bit_by_bit(store: Store) -> None:
    await store.statistics.add([Noted("1", AT + place * INTERVAL, Figures(events=1)) for place in range(150)], [])
    left = []
    is_more = True
    while is_more:
        is_more = await store.statistics.prune(AT + 3 * HOUR + 1500)
        left.append(len(await store.statistics.figures("1", INTERVAL, *EVERYTHING)))
    assert left == [90, 30, 0, 0]
    assert not await store.statistics.prune(AT + 3 * HOUR + 1500)


async def test_ten_thousand_applications_are_one_statement(store: Store) -> None:
    noted = [Noted(str(number), AT, Figures(events=number)) for number in range(10_000)]
    await store.statistics.add(noted, [])
    assert (await store.statistics.figures("9999", DAY, *EVERYTHING))[AT].events == 9999


async def test_nodes_that_add_at_the_same_moment_do_not_hinder_each_other(store: Store, url: str) -> None:
    others = [store, *(Store.open(url) for _ in range(3))]
    noted = [Noted(str(number), AT + 10 * (number % 7), Figures(events=1, peak=1)) for number in range(200)]
    try:
        await asyncio.gather(
            *(one.statistics.add(noted if number % 2 else noted[::-1], []) for number, one in enumerate(others))
        )
    finally:
        for other in others[1:]:
            await other.close()
    totals = await store.statistics.totals([one.app_id for one in noted], DAY, AT, AT + 1)
    assert {(one.events, one.peak) for one in totals.values()} == {(4, 4)}
