"""Applications that can be changed: those of the database.

Knows: that the one which settings declare may have the id of one in the database, which it hides. Does not know who may
change what: the use-cases do, but they would change the hidden one.
"""

from hubbub.errors import FORBIDDEN
from hubbub.web.subject import Subject
from hubbub.web.visit import Visit


async def stored(visit: Visit) -> Subject:
    """Give the application that the path names. Raises UNKNOWN, and FORBIDDEN for the one of the settings."""
    subject = await visit.subject()
    if subject.is_declared:
        raise FORBIDDEN(problem="this application is declared by the settings of the server, and changed there")
    return subject
