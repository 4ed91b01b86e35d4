"""The files that pages load."""

import http.client

import pytest

from running import Running


def get(server: Running, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/js/pusher.js", "javascript"), ("/js/pusher.mjs", "javascript"), ("/css/home.css", "text/css")],
)
def test_a_file_may_be_kept_for_a_while_and_is_then_asked_about(server: Running, path: str, kind: str) -> None:
    response, content = get(server, path)
    assert response.status == 200
    assert kind in response.headers["Content-Type"]
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert content
    again, nothing = get(server, path, If_None_Match=response.headers["ETag"])
    assert (again.status, nothing) == (304, b"")
    assert again.headers["Cache-Control"] == response.headers["Cache-Control"]


def test_pages_of_other_origins_may_import_the_client(server: Running) -> None:
    response, _ = get(server, "/js/pusher.mjs", Origin="https://example.com")
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "path", ["/js/", "/js/nothing.js", "/js/../home.html", "/js/%2e%2e/home.html", "/css/../../site.py"]
)
def test_nothing_else_is_given(server: Running, path: str) -> None:
    assert get(server, path)[0].status in (400, 404)
