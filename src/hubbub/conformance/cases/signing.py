"""How a request to the HTTP API proves who sent it: its signature, its time and the digest of its body."""

import time
from functools import partial

from hubbub.conformance.answers import told
from hubbub.conformance.api import Answer, Signing
from hubbub.conformance.case import Topic, check, equal
from hubbub.conformance.line import Line
from hubbub.conformance.scene import Scene
from hubbub.signing import body_md5

topic = Topic()

EMPTY_MD5 = body_md5(b"")
NO_SIGNATURE = "0" * 64
AWKWARD = "=@,.;-_"
"""What a channel's name may have besides letters and digits."""


def event(channel: str, data: str = "{}") -> bytes:
    """Give a body of `POST /events`."""
    return f'{{"name":"signed","channel":"{channel}","data":"{data}"}}'.encode()


def listed(answer: Answer) -> None:
    """Raise Failed unless the answer to `GET /channels` lists channels: some servers refuse with 200."""
    check(isinstance(told(answer).get("channels"), dict), "200 and a list of channels", answer)


# What is signed rightly


@topic.case("REST signing")
async def signed_get(scene: Scene) -> None:
    """A signed GET is answered."""
    listed(await scene.api.get("/channels"))


@topic.case("REST signing")
async def signed_post(scene: Scene) -> None:
    """A signed POST is done."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    (await scene.api.request("POST", "/events", event(channel))).expect(200)
    await client.expect_event("signed", channel, "{}")


async def _in_order(step: int, scene: Scene) -> None:
    query = [("filter_by_prefix", scene.channel()), ("zone", "1"), ("area", "2")]
    path, _, sent = scene.api.signed("GET", "/channels", query=query).partition("?")
    parts = sorted(sent.split("&"))[::step]
    line = await Line.open(scene)
    listed(await line.ask(line.request("GET", f"{path}?{'&'.join(parts)}")))


topic.add("REST signing", "Parameters may be sent in alphabetical order", partial(_in_order, 1))
topic.add("REST signing", "Parameters may be sent in any other order", partial(_in_order, -1))


@topic.case("REST signing")
async def escaped_values(scene: Scene) -> None:
    """A value that is sent percent-encoded is signed as it was before."""
    query = [("filter_by_prefix", scene.channel(AWKWARD)), ("note", "Something else & more")]
    listed(await scene.api.get("/channels", query))


@topic.case("REST signing")
async def raw_values(scene: Scene) -> None:
    """A value is signed as it is sent when that is unescaped, as Python's library does."""
    query = [("filter_by_prefix", scene.channel(AWKWARD))]
    listed(await scene.api.request("GET", "/channels", query=query, signing=Signing(is_escaped=False)))


@topic.case("REST signing")
async def keys_in_lower_case(scene: Scene) -> None:
    """A parameter whose name has capitals is signed in lower case."""
    listed(await scene.api.get("/channels", [("Name", "Something else")]))


@topic.case("REST signing")
async def unknown_parameters(scene: Scene) -> None:
    """A parameter that nobody knows is signed like others, and does no harm."""
    listed(await scene.api.get("/channels", [("unheard_of", "1"), ("also", "")]))


@topic.observe("REST signing")
async def php_lists(scene: Scene) -> str:
    """A list in the query that is signed as PHP's library does, values joined with commas."""
    channel = scene.channel()
    listed = {"channels[0]": channel, "channels[1]": scene.channel()}
    signing = Signing(claims={"channels": ",".join(listed.values())}, forged={"channels": None, **listed})
    answer = await scene.api.request("POST", "/events", query=[("name", "php"), ("data", "{}")], signing=signing)
    return str(answer)


@topic.observe("REST signing")
async def capital_digits(scene: Scene) -> str:
    """A signature whose hex digits are capitals."""
    target = scene.api.signed("GET", "/channels")
    start, _, signature = target.rpartition("=")
    line = await Line.open(scene)
    return str(await line.ask(line.request("GET", f"{start}={signature.upper()}")))


@topic.observe("Proxy prefix")
async def prefixed_request(scene: Scene) -> str:
    """A request to /prefix/apps/ID that was signed without the prefix."""
    signing = Signing(wire_path=f"/prefix/apps/{scene.api.app.id}/channels")
    return str(await scene.api.request("GET", "/channels", signing=signing))


# What is altered


async def _refused(signing: Signing, scene: Scene) -> None:
    query = [("filter_by_prefix", scene.channel())]
    (await scene.api.request("GET", "/channels", query=query, signing=signing)).expect(401)


ALTERED = {
    "Another signature is refused with 401": Signing(forged={"auth_signature": NO_SIGNATURE}),
    "Half a signature is refused with 401": Signing(forged={"auth_signature": NO_SIGNATURE[:32]}),
    "An empty signature is refused with 401": Signing(forged={"auth_signature": ""}),
    "A request without a signature is refused with 401": Signing(forged={"auth_signature": None}),
    "A signature made with another secret is refused with 401": Signing(secret="not-the-secret"),  # noqa: S106
    "A parameter that was changed after signing is refused with 401": Signing(forged={"filter_by_prefix": "x"}),
    "A parameter that was added after signing is refused with 401": Signing(forged={"info": "user_count"}),
    "A parameter that was left out after signing is refused with 401": Signing(forged={"filter_by_prefix": None}),
    "A timestamp that was changed after signing is refused with 401": Signing(
        claims={"auth_timestamp": str(int(time.time()) - 30)}, forged={"auth_timestamp": str(int(time.time()))}
    ),
    "A request without a key is refused with 401": Signing(claims={"auth_key": None}),
    "An unknown key is refused with 401": Signing(claims={"auth_key": "nobodys-key"}),
    "A request without a version is refused with 401": Signing(claims={"auth_version": None}),
    "Another version than 1.0 is refused with 401": Signing(claims={"auth_version": "2.0"}),
    "A request without a timestamp is refused with 401": Signing(claims={"auth_timestamp": None}),
}

for name, altered in ALTERED.items():
    topic.add("REST signing", name, partial(_refused, altered))


@topic.case("REST signing")
async def unsigned(scene: Scene) -> None:
    """A request that has no parameters at all is refused with 401."""
    line = await Line.open(scene)
    (await line.ask(line.request("GET", f"/apps/{scene.api.app.id}/channels"))).expect(401)


@topic.case("REST signing")
async def another_method(scene: Scene) -> None:
    """A signature made for another method is refused with 401, and nothing is published."""
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    query = [("name", "wrong"), ("channel", channel), ("data", "{}")]
    line = await Line.open(scene)
    (await line.ask(line.request("POST", scene.api.signed("GET", "/events", query=query), b""))).expect(401)
    await scene.reaches(witness, channel)


@topic.case("REST signing")
async def another_path(scene: Scene) -> None:
    """A signature made for another path is refused with 401."""
    at = f"/apps/{scene.api.app.id}/channels"
    signing = Signing(path=f"{at}/{scene.channel()}", wire_path=at)
    (await scene.api.request("GET", "/channels", signing=signing)).expect(401)


@topic.case("REST signing")
async def no_secret_is_told(scene: Scene) -> None:
    """No refusal tells the secret."""
    asked = [Signing(forged={"auth_signature": NO_SIGNATURE}), *ALTERED.values(), Signing(at=1), Signing(path="/apps")]
    for signing in asked:
        answer = await scene.api.request("GET", "/channels", signing=signing)
        said = f"{answer.headers} {answer.text}"
        check(scene.api.app.secret not in said, "a refusal that keeps the secret", "one that tells it")


# Time


async def _signed_at(off: float, scene: Scene) -> Answer:
    return await scene.api.request("GET", "/channels", signing=Signing(at=time.time() + off))


async def _is_taken(off: float, scene: Scene) -> None:
    listed(await _signed_at(off, scene))


async def _is_late(off: float, scene: Scene) -> None:
    (await _signed_at(off, scene)).expect(401)


# A few seconds are left for clocks that do not agree, and for the request's way.
topic.add("REST clock", "A request signed almost 600 seconds ago is taken", partial(_is_taken, -596))
topic.add("REST clock", "A request signed almost 600 seconds ahead is taken", partial(_is_taken, 596))
topic.add("REST clock", "A request signed over 600 seconds ago is refused with 401", partial(_is_late, -604))
topic.add("REST clock", "A request signed over 600 seconds ahead is refused with 401", partial(_is_late, 604))
topic.add("REST clock", "A request signed a year ago is refused with 401", partial(_is_late, -366 * 86400))


@topic.observe("REST clock")
async def no_number(scene: Scene) -> str:
    """A timestamp that is no number."""
    signing = Signing(claims={"auth_timestamp": "yesterday"})
    return str(await scene.api.request("GET", "/channels", signing=signing))


# The body


async def _body_refused(signing: Signing, scene: Scene) -> None:
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    (await scene.api.request("POST", "/events", event(channel), signing=signing)).expect(401)
    await scene.reaches(witness, channel)


@topic.case("body_md5")
async def altered_body(scene: Scene) -> None:
    """A body that was changed after signing is refused with 401, and not published."""
    await _body_refused(Signing(claims={"body_md5": body_md5(b"another")}), scene)


@topic.case("body_md5")
async def longer_body(scene: Scene) -> None:
    """A body with one more blank than was signed is refused with 401."""
    channel = scene.channel()
    body = event(channel)
    signing = Signing(claims={"body_md5": body_md5(body)})
    (await scene.api.request("POST", "/events", body + b" ", signing=signing)).expect(401)


@topic.case("body_md5")
async def exchanged_md5(scene: Scene) -> None:
    """A body that was changed together with its body_md5 is refused with 401, and not published."""
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    body = event(channel)
    signing = Signing(claims={"body_md5": body_md5(event(channel, "first"))}, forged={"body_md5": body_md5(body)})
    (await scene.api.request("POST", "/events", body, signing=signing)).expect(401)
    await scene.reaches(witness, channel)


@topic.case("body_md5")
async def unsigned_body(scene: Scene) -> None:
    """A body without body_md5 is refused with 401, and not published."""
    await _body_refused(Signing(claims={"body_md5": None}), scene)


@topic.case("body_md5")
async def removed_md5(scene: Scene) -> None:
    """A body whose body_md5 was left out after signing is refused with 401, and not published."""
    await _body_refused(Signing(forged={"body_md5": None}), scene)


@topic.case("body_md5")
async def md5_of_nothing(scene: Scene) -> None:
    """A GET may have the body_md5 of nothing, as Python's library sends it."""
    signing = Signing(claims={"body_md5": EMPTY_MD5})
    listed(await scene.api.request("GET", "/channels", signing=signing))


@topic.observe("body_md5")
async def md5_of_something(scene: Scene) -> str:
    """A GET with a body_md5 that is not that of nothing."""
    signing = Signing(claims={"body_md5": body_md5(b"something")})
    return str(await scene.api.request("GET", "/channels", signing=signing))


# Other applications


@topic.case("Cross-app key")
async def unknown_application(scene: Scene) -> None:
    """A request to an application that does not exist is refused."""
    signing = Signing(path="/apps/990099009900/channels")
    answer = await scene.api.request("GET", "/channels", signing=signing)
    check(400 <= answer.status < 500, "a refusal, 400 to 499", answer)


@topic.case("Cross-app key")
async def key_of_another_application(scene: Scene) -> None:
    """A key of another application is refused with 401 or 400, and nothing is published."""
    other = scene.api_of(scene.other)
    listed(await other.get("/channels"))
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    signing = Signing(path=f"/apps/{scene.api.app.id}/events")
    answer = await other.request("POST", "/events", event(channel), signing=signing)
    check(answer.status in (400, 401), "401 or 400", answer)
    await scene.reaches(witness, channel)


@topic.case("Cross-app key")
async def secret_of_another_application(scene: Scene) -> None:
    """A key with the secret of another application is refused with 401."""
    signing = Signing(secret=scene.other.secret)
    (await scene.api.request("GET", "/channels", signing=signing)).expect(401)


@topic.case("Cross-app key")
async def channels_of_two_applications(scene: Scene) -> None:
    """Channels of one name in two applications are two."""
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    stranger = await scene.connect(scene.other)
    await stranger.subscribe(channel)
    await scene.reaches(witness, channel)
    await stranger.quiet("no event of another application")
    other = scene.api_of(scene.other)
    await other.trigger(channel, "elsewhere", "{}")
    await stranger.expect_event("elsewhere", channel, "{}")
    await witness.quiet("no event of another application")
    equal(told(await other.get(f"/channels/{scene.channel()}")).get("occupied"), False, "occupied:")
