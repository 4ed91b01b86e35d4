from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.api.forms import tree


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], {}),
        ([("name", "x")], {"name": "x"}),
        ([("name", "x"), ("name", "y")], {"name": "y"}),
        ([("application[name]", "x")], {"application": {"name": "x"}}),
        ([("a[b]", "1"), ("a[c]", "2")], {"a": {"b": "1", "c": "2"}}),
        ([("a[b][c]", "1")], {"a": {"b": {"c": "1"}}}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[b][]", "1"), ("a[b][]", "2")], {"a": {"b": ["1", "2"]}}),
        # Of two that exclude each other, the last one counts.
        ([("a", "1"), ("a[b]", "2")], {"a": {"b": "2"}}),
        ([("a[b]", "1"), ("a", "2")], {"a": "2"}),
        ([("a[]", "1"), ("a[b]", "2")], {"a": {"b": "2"}}),
        ([("a[b]", "1"), ("a[]", "2")], {"a": ["2"]}),
        # What is no such name is a name all the same.
        ([("", "x")], {"": "x"}),
        ([("a[", "x"), ("a]", "y"), ("[b]", "z")], {"a[": "x", "a]": "y", "[b]": "z"}),
        ([("a[b]c", "x")], {"a[b]c": "x"}),
        ([("a[][b]", "x")], {"a[][b]": "x"}),
        ([("a" + "[b]" * 17, "x")], {"a" + "[b]" * 17: "x"}),
    ],
)
def test_names_with_brackets_are_paths(pairs: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    assert tree(pairs) == expected


@given(st.lists(st.tuples(st.text("ab[]", max_size=12), st.text(max_size=3))))
def test_any_fields_make_a_tree_that_has_the_last_value_of_all(pairs: list[tuple[str, str]]) -> None:
    made = tree(pairs)
    assert not pairs or pairs[-1][1] in leaves(made)


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for below in value.values() for leaf in leaves(below)]
    if isinstance(value, list):
        return [leaf for below in value for leaf in leaves(below)]
    return [value]
