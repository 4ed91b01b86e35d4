"""Ids of sockets and marks of stays are like none before."""

import subprocess
import sys

from hubbub.session import chance


def test_ids_of_sockets_are_two_numbers_of_thirty_bits_and_never_the_same() -> None:
    ids = {chance.socket_id() for _ in range(3 * chance.AT_ONCE)}
    assert len(ids) == 3 * chance.AT_ONCE
    for one in ids:
        parts = one.split(".")
        assert len(parts) == 2
        assert all(part == str(int(part)) and int(part) < 2**30 for part in parts)


def test_marks_are_never_the_same() -> None:
    assert len({chance.ref() for _ in range(3 * chance.AT_ONCE)}) == 3 * chance.AT_ONCE


FORKED = """
import os
from hubbub.session import chance
chance.socket_id()  # some more are in stock
if child := os.fork():
    os.waitpid(child, 0)
print(chance.socket_id(), flush=True)
"""


def test_a_process_does_not_go_on_with_the_numbers_of_the_one_it_was_forked_from() -> None:
    said = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True).stdout.split()
    assert len(said) == len(set(said)) == 2
