"""A browser without a script: it keeps cookies, fills in the forms of pages, and follows where it is sent.

Knows how a form is found in a page, and that every page must have the heads of `hubbub.web.page`. Does not know any
page.
"""

from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests

from running import Running
from seeded import Seeded

LIMIT = 15.0  # seconds


class Form:
    """A form of a page: where it goes, and what its fields hold."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: dict[str, str] = {}


class _Forms(HTMLParser):
    """Reads the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
        if self._open is None:
            return
        name = given.get("name", "")
        match tag, given.get("type", "text"):
            case "input", "checkbox" | "radio":
                if "checked" in given:
                    self._open.fields[name] = given.get("value", "on")
            case "input", "submit" | "button" | "image" | "reset":
                pass
            case "input", _ if name:
                self._open.fields[name] = given.get("value", "")
            case "select", _:
                self._select = name
            case "option", _ if self._select and ("selected" in given or self._select not in self._open.fields):
                self._open.fields[self._select] = given.get("value", "")
            case "textarea", _:
                self._area = name
                self._open.fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self._open = None
            case "select":
                self._select = ""
            case "textarea":
                self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._open is not None:
            self._open.fields[self._area] += data


class Visitor:
    """`Visitor(server).get("/sign-in")`, and then `submit("/sign-in", email=…, password=…)`.

    `answer` is the last answer, and `text` its page.
    """

    def __init__(self, server: Running) -> None:
        self.server = server
        self.http = requests.Session()
        self.http.headers["Accept"] = "text/html,application/xhtml+xml"
        self.answer = requests.Response()

    @property
    def text(self) -> str:
        """The page."""
        return self.answer.text

    @property
    def status(self) -> int:
        """Its status."""
        return self.answer.status_code

    @property
    def path(self) -> str:
        """Where the visitor has come to, without the server."""
        at = urlsplit(self.answer.url)
        return at.path + (f"?{at.query}" if at.query else "")

    def get(self, path: str, **parameters: str) -> Self:
        """Go to a page."""
        return self._arrive(self.http.get(self.server.url + path, params=parameters, timeout=LIMIT))

    def forms(self) -> list[Form]:
        """Give the forms of the page."""
        reader = _Forms()
        reader.feed(self.text)
        return reader.forms

    def form(self, action: str) -> Form:
        """Give the form of the page that goes to this path."""
        found = [one for one in self.forms() if urlsplit(one.action).path == action]
        assert found, f"{self.path} has no form that goes to {action}, but {[one.action for one in self.forms()]}"
        return found[0]

    def submit(self, action: str, **fields: str | None) -> Self:
        """Fill in the form of the page that goes to this path, and send it. None leaves a field out."""
        form = self.form(action)
        given = {**form.fields, **fields}
        filled = {name: value for name, value in given.items() if value is not None}
        url = urljoin(self.answer.url, form.action)
        if form.method == "get":
            return self._arrive(self.http.get(url, params=filled, timeout=LIMIT))
        return self._arrive(self.http.post(url, filled, timeout=LIMIT))

    def post(self, path: str, **fields: str) -> Self:
        """Send a form that no page gave."""
        return self._arrive(self.http.post(self.server.url + path, fields, timeout=LIMIT))

    def sign_in(self, email: str, password: str) -> Self:
        """Sign in, and come to where that leads."""
        self.get("/sign-in").submit("/sign-in", email=email, password=password)
        assert self.path != "/sign-in", self.text
        return self

    def _arrive(self, answer: requests.Response) -> Self:
        self.answer = answer
        if "text/html" in answer.headers.get("content-type", ""):
            assert "'unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert " style=" not in answer.text, "a style in line would not be obeyed"
            assert " onclick=" not in answer.text
        return self


def administrator(server: Seeded) -> Visitor:
    """Give who is signed in as the first user of a seeded server, having set another password if that is due."""
    visitor = Visitor(server).sign_in(server.email, server.password)
    if visitor.path == "/account/password":
        password = f"{server.password}-2"
        visitor.submit(
            "/account/password", old_password=server.password, new_password=password, new_password_again=password
        )
        assert visitor.status == 200, visitor.text
        server.password = password
    return visitor
