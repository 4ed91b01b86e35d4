"""Every attack of the catalogue is tried by a test that exists; a file alone stands for all in it."""

import ast
from pathlib import Path

import pytest

from attacks.catalogue import CATALOGUE

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("attack", CATALOGUE)
def test_an_attack_is_tried(attack: str) -> None:
    for name in CATALOGUE[attack]:
        file, _, function = name.partition("::")
        found = [
            node.name
            for node in ast.walk(ast.parse((TESTS / file).read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        ]
        assert found, file
        assert not function or function in found, name


def test_every_test_here_is_in_the_catalogue() -> None:
    named = {name for names in CATALOGUE.values() for name in names}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        if file.name == Path(__file__).name:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                assert f"attacks/{file.name}::{node.name}" in named
