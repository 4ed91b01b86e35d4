"""What has been done is forgotten at once: nothing is left that only the collector of garbage would find."""

from collections.abc import Iterator

import pytest

from speed.cases import CASES, Case, Scene
from speed.counting import Counting

TIMES = 20


@pytest.fixture(scope="module", params=["native", "pure"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Give a server that has done everything some times."""
    with Counting(pure=request.param == "pure", counted=False) as server:
        scene = Scene(server)
        scene.prepare()
        for case in CASES:
            for _ in range(case.warm):
                case.run(scene)
        server.garbage()
        yield scene
        scene.close()


@pytest.mark.parametrize("case", [case for case in CASES if case.name != "leave"], ids=lambda case: case.name)
def test_a_case_leaves_no_garbage(scene: Scene, case: Case) -> None:
    for _ in range(TIMES):
        case.run(scene)
    while scene.opened:
        scene.opened.pop().leave()
    assert scene.server.garbage() == 0
