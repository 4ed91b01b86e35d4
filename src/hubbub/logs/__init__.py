"""What operators are told of what happens: one event per line, with fields, without secrets.

`named` gives a logger, `served` tells on whose behalf something is done. Does not know what is worth a line.
"""

from hubbub.logs.current import CURRENT, HERE, request_id, served
from hubbub.logs.named import named

__all__ = ["CURRENT", "HERE", "named", "request_id", "served"]
