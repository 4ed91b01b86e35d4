"""A back end that speaks Pusher's signed HTTP API, and tells why it was refused.

Knows how a request is signed, and how a server says what it saw instead. Does not know what is asked for.
"""

import json
import re
from typing import Final
from urllib.parse import quote

from hubbub.doctor.chart import Chart
from hubbub.doctor.faults import (
    API_REFUSED,
    APP_DISABLED,
    APP_WRONG,
    BODY_CHANGED,
    BODY_LIMIT,
    CLOCK_OFF,
    KEY_UNKNOWN,
    PATH_REWRITTEN,
    QUERY_REWRITTEN,
    SECRET_WRONG,
)
from hubbub.doctor.finding import Symptom
from hubbub.doctor.line import Answer, Headers, shortened
from hubbub.doctor.proxies import explained, is_own
from hubbub.signing import body_md5, request_text, sign

JSON: Final = ("Content-Type", "application/json")

_SAW: Final = re.compile(r'you should have sent HmacSHA256Hex\("(.*)", your_secret_key\)', re.DOTALL)
_LARGEST_SHOWN: Final = 300


class Api:
    """The API of the chart's application, each request on a connection of its own."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._way = chart.way(chart.target.api_place)

    async def get(self, route: str, *query: tuple[str, str], headers: Headers = ()) -> Answer:
        """Ask for something; `route` is escaped. Raises Broken."""
        return await self._ask("GET", route, query, b"", headers)

    async def post(self, route: str, body: bytes) -> Answer:
        """Post JSON. Raises Broken."""
        return await self._ask("POST", route, (), body, (JSON,))

    async def publish(self, channel: str, name: str, data: str, *, size: int = 0) -> Answer:
        """Publish an event; blanks make its body `size` bytes long. Raises Broken."""
        body = json.dumps({"name": name, "channels": [channel], "data": data}).encode()
        return await self.post("/events", body[:-1].ljust(size - 1) + b"}")

    async def expect(self, answer: Answer, asked: str) -> None:
        """Raise the Symptom of an answer that is no success."""
        self._chart.recognize(answer)
        if answer.status in (200, 202) and answer.body[:1] in (b"{", b"["):
            return
        raise self._explained(answer, asked)

    async def _ask(
        self, method: str, route: str, query: tuple[tuple[str, str], ...], body: bytes, headers: Headers
    ) -> Answer:
        app = self._chart.target.app
        path = f"{self._way.place.prefix}/apps/{quote(app.id, safe='')}{route}"
        pairs = [
            *query,
            ("auth_key", app.key),
            ("auth_timestamp", str(int(self._chart.clock()))),
            ("auth_version", "1.0"),
        ]
        if body:
            pairs.append(("body_md5", body_md5(body)))
        self.signed = request_text(method, path, pairs)
        pairs.append(("auth_signature", sign(app.secret, self.signed)))
        sent = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        answer = await self._way.ask(method, f"{path}?{sent}", headers, body)
        self._chart.recognize(answer)
        return answer

    def _explained(self, answer: Answer, asked: str) -> Symptom:
        text, seen = answer.text, f"{asked} was answered {answer.status}: {shortened(answer.text, _LARGEST_SHOWN)}"
        if not is_own(answer) or answer.status in (404, 405, 502, 504):
            return explained(answer, asked)
        if (saw := _SAW.search(text)) is not None:
            return self._compared(saw[1], asked)
        lower = text.lower()
        for words, fault in (
            (("timestamp",), CLOCK_OFF),
            (("app key", "not in this cluster"), KEY_UNKNOWN),
            (("not authorized for that app",), APP_WRONG),
            (("missing parameter: body_md5",), QUERY_REWRITTEN),
            (("body_md5",), BODY_CHANGED),
            (("invalid signature",), SECRET_WRONG),
            (("application disabled",), APP_DISABLED),
            (("missing parameter: auth_",), QUERY_REWRITTEN),
        ):
            if all(word in lower for word in words):
                return fault(seen if fault is not CLOCK_OFF else f"{seen}; this machine's clock says {self._now()}")
        if answer.status == 413:
            return BODY_LIMIT(seen)
        return API_REFUSED(seen)

    def _compared(self, told: str, asked: str) -> Symptom:
        """Compare what the server would have signed with what was: what differs was changed on the way."""
        try:
            saw = str(json.loads(f'"{told}"'))
        except ValueError:
            saw = told.replace("\\n", "\n")
        (_, path, query), (_, its_path, its_query) = (_parts(one) for one in (self.signed, saw))
        if path != its_path:
            return PATH_REWRITTEN(f"{asked}: sent and signed {path}, the server saw {its_path}")
        if query != its_query:
            ours, its = (_named(one) for one in (query, its_query))
            differing = sorted(name for name in {*ours, *its} if ours.get(name) != its.get(name))
            return QUERY_REWRITTEN(f"{asked}: the server saw other values, or none, of {', '.join(differing)}")
        return SECRET_WRONG(f"{asked} was answered 401, and the server saw exactly what was signed")

    def _now(self) -> str:
        return f"{self._chart.clock():.0f} s after 1970"


def _parts(text: str) -> tuple[str, str, str]:
    method, _, rest = text.partition("\n")
    path, _, query = rest.partition("\n")
    return method, path, query


def _named(query: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in query.split("&"))
