"""Nothing is lost, and nothing changes its order, on whatever ground an endpoint or the server fails."""

from webhooks.torture import Plan, torture


async def test_a_failing_endpoint_and_a_server_that_is_killed_lose_nothing(url: str) -> None:
    is_batched = url.startswith("sqlite")  # each way on one of the databases: this takes half a minute
    plan = Plan(events=200, kills=2, pairs=2, channels=8, failing=0.2, is_batched=is_batched, database_url=url)
    report = await torture(plan)
    assert report.is_good, report
    assert report.kills == 2
