"""Print the tests of the catalogue, as pytest takes them."""

# ruff: noqa: T201 - a program for a terminal

from attacks.catalogue import CATALOGUE

print(*sorted({f"tests/{name}" for names in CATALOGUE.values() for name in names}))
