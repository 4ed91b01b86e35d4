"""HTTP itself, under the API: connections that are kept, requests of unusual shapes, and the texts of refusals."""

import re
from functools import partial

import msgspec

from hubbub.conformance.answers import told
from hubbub.conformance.api import RIGHT, Answer, Signing
from hubbub.conformance.case import Failed, Skipped, Topic, check, equal
from hubbub.conformance.line import Line
from hubbub.conformance.scene import Scene

topic = Topic()

MEGABYTE = 2**20


def event(channel: str) -> bytes:
    """Give a body of `POST /events`."""
    return f'{{"name":"greeting","channel":"{channel}","data":"{{}}"}}'.encode()


# One connection


@topic.case("Keep-alive")
async def kept(scene: Scene) -> None:
    """Two requests in a row are answered on one connection."""
    line = await Line.open(scene)
    for _ in range(2):
        (await line.ask(line.request("GET", scene.api.signed("GET", "/channels")))).expect(200)


@topic.case("Keep-alive")
async def kept_for_events(scene: Scene) -> None:
    """Two events and a question in a row are answered on one connection, and the events arrive."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    line = await Line.open(scene)
    for _ in range(2):
        body = event(channel)
        (await line.ask(line.request("POST", scene.api.signed("POST", "/events", body), body))).expect(200)
        await client.expect_event("greeting", channel, "{}")
    question = line.request("GET", scene.api.signed("GET", f"/channels/{channel}"))
    equal(told(await line.ask(question)).get("occupied"), True, "occupied:")


@topic.observe("Keep-alive")
async def kept_after_a_refusal(scene: Scene) -> str:
    """A request after one that was refused, on one connection."""
    line = await Line.open(scene)
    wrong = Signing(forged={"auth_signature": ""})
    refused = await line.ask(line.request("GET", scene.api.signed("GET", "/channels", signing=wrong)))
    try:
        return f"{refused.status}, then {(await line.ask(_question(scene, line))).status}"
    except Failed as failed:
        return f"{refused.status}, then {failed.came}"


@topic.observe("Keep-alive")
async def pipelined(scene: Scene) -> str:
    """Two requests that are sent before the first is answered."""
    line = await Line.open(scene)
    await line.send(_question(scene, line) + _question(scene, line))
    return f"{(await line.answer()).status}, then {(await line.answer()).status}"


def _question(scene: Scene, line: Line) -> bytes:
    return line.request("GET", scene.api.signed("GET", f"/channels/{scene.channel()}"))


# Unusual shapes


@topic.observe("HTTP errors")
async def chunked(scene: Scene) -> str:
    """An event whose body comes in chunks."""
    channel = scene.channel()
    body = event(channel)
    line = await Line.open(scene)
    head = line.request("POST", scene.api.signed("POST", "/events", body), b"", "Transfer-Encoding: chunked")
    chunks = b"".join(b"%X\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    return str(await line.ask(head + chunks + b"0\r\n\r\n"))


@topic.observe("HTTP errors")
async def head(scene: Scene) -> str:
    """HEAD in place of GET."""
    line = await Line.open(scene)
    await line.send(line.request("HEAD", scene.api.signed("HEAD", "/channels")))
    return str((await line.answer(to="HEAD")).status)


@topic.observe("HTTP errors")
async def method_in_lower_case(scene: Scene) -> str:
    """A method in lower case."""
    line = await Line.open(scene)
    return str(await line.ask(line.request("get", scene.api.signed("GET", "/channels"))))


@topic.observe("HTTP errors")
async def http_1_0(scene: Scene) -> str:
    """A request of HTTP/1.0."""
    line = await Line.open(scene)
    target = scene.api.signed("GET", f"/channels/{scene.channel()}")
    return str(await line.ask(line.request("GET", target, version="1.0")))


@topic.observe("HTTP errors")
async def expect_continue(scene: Scene) -> str:
    """An event whose sender waits for 100 Continue before its body."""
    body = event(scene.channel())
    line = await Line.open(scene)
    whole = line.request("POST", scene.api.signed("POST", "/events", body), body, "Expect: 100-continue")
    try:
        interim = (await line.ask(whole.removesuffix(body))).status
    except Failed:
        return f"no 100, then {await line.ask(body)}"
    return f"{interim}, then {await line.ask(body)}" if interim == 100 else str(interim)


@topic.observe("HTTP errors")
async def large_body(scene: Scene) -> str:
    """A body of four megabytes."""
    body = event(scene.channel()) + b" " * (4 * MEGABYTE)
    line = await Line.open(scene)
    return str(await line.ask(line.request("POST", scene.api.signed("POST", "/events", body), body)))


@topic.observe("HTTP errors")
async def other_content_type(scene: Scene) -> str:
    """An event that is sent as text/plain."""
    headers = {"Content-Type": "text/plain"}
    return str(await scene.api.request("POST", "/events", event(scene.channel()), headers=headers))


@topic.observe("HTTP errors")
async def wrong_method(scene: Scene) -> str:
    """GET of a route that takes POST."""
    return str(await scene.api.get("/events"))


@topic.case("HTTP errors")
async def unknown_route(scene: Scene) -> None:
    """A route that does not exist is answered with 404."""
    (await scene.api.get("/nothing-of-this-name")).expect(404)


# The texts of refusals


class Refused(msgspec.Struct, frozen=True):
    """A request that is to be refused: what is wrong with it, and the text that Pusher answers.

    `pattern` is for a text that is not always the same, of which `text` is an example.
    """

    wrong: str
    text: str
    method: str = "GET"
    route: str = "/channels"
    body: object = None
    query: tuple[tuple[str, str], ...] = ()
    signing: Signing = RIGHT
    pattern: str | None = None

    async def ask(self, scene: Scene) -> Answer:
        """Send it."""
        return await scene.api.request(self.method, self.route, self.body, self.query, signing=self.signing)

    def has_text(self, answer: Answer) -> bool:
        """Tell whether an answer has this text; its last newline is not looked at."""
        return re.fullmatch(self.pattern or re.escape(self.text), answer.text.removesuffix("\n")) is not None


EVENT = {"name": "greeting", "channel": "conformance", "data": "{}"}

REFUSED = (
    Refused("no auth_key", "Missing parameter: auth_key", signing=Signing(claims={"auth_key": None})),
    Refused(
        "an unknown key",
        "App key nobodys-key not in this cluster. Did you forget to specify the cluster?",
        signing=Signing(claims={"auth_key": "nobodys-key"}),
        pattern=r"Unknown auth_key|App key nobodys-key not in this cluster\. Did you forget to specify the cluster\?",
    ),
    Refused("no auth_version", "Version required", signing=Signing(claims={"auth_version": None})),
    Refused("another auth_version", "Version not supported", signing=Signing(claims={"auth_version": "2.0"})),
    Refused("no auth_timestamp", "Timestamp required", signing=Signing(claims={"auth_timestamp": None})),
    Refused(
        "an old auth_timestamp",
        "Timestamp expired: Given timestamp (2012-11-16T17:49:39Z) not within 600s of server time (…)",
        signing=Signing(at=1353088179),
        pattern=r"Timestamp expired: Given timestamp \(2012-11-16T.+\) not within 600s of server time \(.+T.+\)",
    ),
    Refused(
        "a wrong signature",
        r'Invalid signature: you should have sent HmacSHA256Hex("GET\n/apps/…", your_secret_key), but you sent "0…0"',
        signing=Signing(forged={"auth_signature": "0" * 64}),
        pattern=(
            r'Invalid signature: you should have sent HmacSHA256Hex\("GET\\n/apps/.+", your_secret_key\),'
            r' but you sent "0{64}"'
        ),
    ),
    Refused("an unknown route", "404 NOT FOUND", route="/nothing-of-this-name"),
    Refused("no channel", "Missing required parameter: channel", "POST", "/events", {"name": "greeting", "data": "{}"}),
    Refused(
        "a name that is a number", "Expected name parameter to be a string", "POST", "/events", {**EVENT, "name": 5}
    ),
    Refused(
        "data of 10241 bytes",
        "The data content of this event exceeds the allowed maximum (10240 bytes)."
        " See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info",
        "POST",
        "/events",
        {**EVENT, "data": "x" * 10241},
    ),
    Refused("a batch of 11", "Batch too large (11 > 10)", "POST", "/batch_events", {"batch": [EVENT] * 11}),
    Refused(
        "user_count without a prefix",
        # sic: the service's own spelling
        "user_count may only be requested for presence channels"
        " - please supply filter_by_prefix begining with presence-",
        query=(("info", "user_count"),),
    ),
    Refused(
        "user_count of a public channel",
        "Cannot retrieve the user count unless the channel is a presence channel",
        route="/channels/conformance",
        query=(("info", "user_count"),),
    ),
    Refused(
        "users of a public channel",
        "Users can only be retrieved for presence channels",
        route="/channels/conformance/users",
    ),
)


async def _has_text(refused: Refused, scene: Scene) -> None:
    answer = await refused.ask(scene)
    check(answer.status >= 400 and refused.has_text(answer), f"a refusal with {refused.text!r}", answer)


for refused in REFUSED:
    topic.add("HTTP errors", f"Refused for {refused.wrong} with Pusher's text", partial(_has_text, refused))


@topic.case("HTTP errors")
async def count_that_is_off(scene: Scene) -> None:
    """Refused for a subscription_count that is switched off with Pusher's text."""
    if "subscription-counts" not in scene.target.without:
        raise Skipped("subscription-counts is on")
    text = "Cannot retrieve the subscription count because subscription counting is not enabled"
    route = f"/channels/{scene.channel()}"
    (await scene.api.get(route, [("info", "subscription_count")])).expect(400, text)


@topic.case("HTTP errors")
async def texts_end_a_line(scene: Scene) -> None:
    """The text of a refusal ends in a newline, whatever was wrong."""
    for refused in REFUSED:
        answer = await refused.ask(scene)
        is_text = answer.status >= 400 and answer.text.endswith("\n") and not answer.text.startswith(("{", "<"))
        check(is_text, "plain text that ends in a newline", answer)


@topic.observe("HTTP errors")
async def content_type_of_texts(scene: Scene) -> str:
    """The content type of refusals."""
    answers = [await refused.ask(scene) for refused in REFUSED]
    return " and ".join(sorted({answer.headers.get("content-type", "none") for answer in answers}))
