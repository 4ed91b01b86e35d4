"""The question before what is not done lightly, for who has no script: with one a dialog of the page has asked it.

Knows: that a form with a dialog carries its question, and that the dialog's button says so in the form, as `ask` of
parts/list.html writes both. What a form carries came from a page of ours: its token says so. Does not know what it is
about, nor who may do it.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from hubbub.web.visit import Form, Visit

CONFIRMED: Final = "confirmed"
"""The field of a form whose sender has been asked."""


class Question(msgspec.Struct, frozen=True):
    """What is asked, what follows from a yes, and the word for it."""

    title: str
    text: str
    button: str


def question_of(form: Form) -> Question | None:
    """Give what is to be asked before a form is obeyed; None if nothing is, or it has been."""
    if not form["asked_title"] or form.has(CONFIRMED):
        return None
    return Question(form["asked_title"], form["asked_text"], form["asked_button"])


def ask(visit: Visit, form: Form, question: Question) -> Response:
    """Give the page that asks, whose button sends the form again, `CONFIRMED`."""
    fields = {name: value for name, value in form.items() if name != "csrf"}
    back = "/" + urlsplit(visit.request.headers.get("referer", "")).path.lstrip("/\\")
    return visit.render("sure.html", question=question, fields=fields, back=back)
