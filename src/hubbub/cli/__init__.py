"""The command line.

Knows: names, flags and what is printed. Does not know how anything is done: that is imported by the command that needs
it, so that `hubbub --help` stays light.
"""

from hubbub.cli.root import commands, main

__all__ = ["commands", "main"]
