"""Names of channels: which may be subscribed to."""

from functools import partial

from hubbub.conformance.case import Topic, check
from hubbub.conformance.client import SUCCEEDED
from hubbub.conformance.scene import Scene

topic = Topic()


def _exactly(length: int, scene: Scene) -> str:
    return scene.channel("a").ljust(length, "x")


async def _is_valid(scene: Scene, suffix: str) -> None:
    client = await scene.connect()
    await client.subscribe(scene.channel() + suffix)


async def _is_invalid(scene: Scene, name: str) -> None:
    client = await scene.connect()
    await client.ask(name.format(fresh=scene.channel()))
    frames = await client.settled()
    check(all(frame.event != SUCCEEDED for frame in frames), "no subscription", ", ".join(map(str, frames)))


async def _length_is_valid(scene: Scene, length: int) -> None:
    client = await scene.connect()
    await client.subscribe(_exactly(length, scene))


async def _what_length_becomes(scene: Scene, length: int) -> str:
    client = await scene.connect()
    await client.ask(_exactly(length, scene))
    return ", ".join(frame.event for frame in await client.settled())


for suffix in ("-_=@,.;", "ABCxyz0189"):
    topic.add("Channel name rules", f"{suffix} may be in a name", partial(_is_valid, suffix=suffix))
topic.add("Channel name rules", "A name may have 164 characters", partial(_length_is_valid, length=164))
for length in (165, 200, 201):
    topic.add_observation(
        "Channel name rules",
        f"What becomes of a name of {length} characters",
        partial(_what_length_becomes, length=length),
    )
for name, what in {
    "": "An empty name",
    "{fresh} x": "A name with a space",
    "{fresh}/x": "A name with a slash",
    "{fresh}:x": "A name with a colon",
    "{fresh}!": "A name with an exclamation mark",
    "{fresh}é": "A name with a letter that is not ASCII",
    "{fresh}\n": "A name that ends with a line break",
    "{fresh}#x": "A name with # in it",
    "#{fresh}": "A name that begins with #",
}.items():
    topic.add("Channel name rules", f"{what} is no subscription", partial(_is_invalid, name=name))


@topic.case("Channel name rules")
async def much_too_long(scene: Scene) -> None:
    """A name of 1,000 characters is no subscription."""
    client = await scene.connect()
    await client.ask(_exactly(1000, scene))
    frames = await client.settled()
    check(all(frame.event != SUCCEEDED for frame in frames), "no subscription", ", ".join(map(str, frames)))
