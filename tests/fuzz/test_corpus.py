"""What fuzzers have found, tried again: each seed and each kept input of each target. Needs no fuzzer."""

import pytest

from fuzz import corpus, targets


@pytest.mark.parametrize("name", targets.NAMES)
def test_every_input_that_is_kept_is_read_as_it_should_be(name: str) -> None:
    target = targets.target(name)
    assert target.SEEDS
    for data in (*target.SEEDS, *corpus.inputs(name)):
        try:
            target.check(data)
        except Exception as error:
            raise AssertionError(f"{name} and {data!r}") from error


def test_what_is_kept_is_small_and_nothing_is_kept_twice() -> None:
    assert corpus.size() <= corpus.MOST_BYTES
    assert {path.name for path in corpus.FOLDER.iterdir()} <= set(targets.NAMES)
    for name in targets.NAMES:
        kept = corpus.inputs(name)
        assert len(set(kept)) == len(kept), name
        assert not set(kept).intersection(targets.target(name).SEEDS), name
