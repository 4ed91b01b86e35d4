"""Where pusher-js tells how its connections fare."""

import aiohttp
import pytest

from running import Running


async def test_a_script_calls_the_receiver_whose_number_is_in_the_path(
    server: Running, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{server.url}/timeline/v2/jsonp/3?session=abc&bundle=MQ==") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/javascript")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "ScriptReceivers || {})[3]?.(null, {})" in await answer.text()


async def test_elsewhere_the_answer_is_json(server: Running, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{server.url}/timeline/v2/xhr/2?session=abc") as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert await answer.json() == {}


@pytest.mark.parametrize("path", ["jsonp/alert(1)", "jsonp/1.5", "jsonp/", "other/1"])
async def test_a_receiver_is_a_number(server: Running, http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(f"{server.url}/timeline/v2/{path}") as answer:
        assert answer.status == 404
