"""The attacks that a realtime server must expect, each by name, and the tests that show what becomes of it.

`catalogue` names them all: those here, and those beside what they are about. `make attacks` runs them.
"""
