"""Every limit of the table is one: up to it all is accepted, one more is refused as it says, and counted."""

import ast
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub import limits
from hubbub.limits import Limit
from hubbub.settings import AppSettings, Settings
from limits.edges import EDGES, SETTINGS, Scene
from running import Running
from sockets.client import eventually

TESTS = Path(__file__).parent.parent
TOKEN = "a-token-for-metrics"

DRIVEN = [limit for limit in limits.limits() if not limit.test]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(migrate=False, metrics_token=TOKEN, **SETTINGS) as running:
        yield running


def counted(server: Running, limit: Limit) -> float:
    """Give the sum of the series that a limit names, whatever else they are told apart by."""
    asked = urllib.request.Request(f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked) as answer:
        text = answer.read().decode()
    name, labels = re.fullmatch(r"(\w+)\{(.*)\}", limits.metric_of(limit)).groups()  # type: ignore[union-attr]
    found = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
    wanted = set(labels.split(","))
    return sum(float(value) for given, value in found if wanted <= set(given.split(",")))


def pattern(text: str) -> str:
    """Give what matches a text with facts in the place of their names."""
    return re.sub(r"\\\{\w+\\\}", ".+", re.escape(text))


@pytest.mark.parametrize("limit", DRIVEN, ids=lambda limit: limit.what)
async def test_as_much_is_accepted_and_one_more_is_refused_and_counted(server: Running, limit: Limit) -> None:
    before = counted(server, limit) if limit.is_counted else 0
    async with Scene(server) as scene:
        message = await EDGES[limit.what](scene)
        reason = limits.reason_of(limit)
        assert reason is not None
        if message:
            assert re.fullmatch(pattern(reason.text), message), message

        async def is_counted() -> bool:
            return counted(server, limit) > before

        if limit.is_counted:
            await eventually(is_counted, f"{limits.metric_of(limit)} does not count it")


def test_no_limit_is_without_a_test_nor_a_test_without_a_limit() -> None:
    assert EDGES.keys() == {limit.what for limit in DRIVEN}
    for limit in limits.limits():
        if limit.test:
            path, name = limit.test.split("::")
            tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
            kinds = ast.FunctionDef | ast.AsyncFunctionDef
            functions = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
            assert name in functions, limit.test


def test_every_setting_that_is_a_limit_is_in_the_table() -> None:
    named = {limit.setting for limit in limits.limits() if limit.setting}
    known = {*Settings.model_fields, *(f"app.{name}" for name in AppSettings.model_fields)}
    assert named <= known
    is_limit = re.compile(
        r"(app\.)?(max_.*|.*_per_second.*|.*_limit|.*_backlog|head_timeout|body_timeout|keep_alive.*)"
    )
    assert {name for name in known if is_limit.fullmatch(name)} - named == set()


def test_the_page_of_limits_is_the_table() -> None:
    page = (TESTS.parent / "docs/limits.md").read_text(encoding="utf-8")
    assert page == limits.markdown() + "\n", "run `make docs`"


def test_each_limit_says_how_it_is_told() -> None:
    for limit in limits.limits():
        assert bool(limit.told) is not bool(limit.silent), limit.what
        assert not limit.told or limits.reason_of(limit) is not None, limit.what
        assert limit.setting or limit.value, limit.what
