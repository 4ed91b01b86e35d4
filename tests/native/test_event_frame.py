"""The frame of an event: to the byte what the encoder of all messages writes."""

from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hubbub.messages import Event
from hubbub.protocols import pusher
from hubbub.transports.frames import frame
from native.twins import COMPILED, TWINS, needs_compiled, twins

many = settings(max_examples=1000, deadline=None)
texts = st.text() | st.text('"\\/\b\f\n\r\t\0\x1f\x7f aé€😀', max_size=40)


@many
@given(name=texts, channel=texts, data=texts, user_id=st.none() | texts)
@example(name="", channel="", data="", user_id="")
def test_an_event_is_written_as_the_encoder_does(name: str, channel: str, data: str, user_id: str | None) -> None:
    expected = frame(pusher.encode(Event(channel, name, data, user_id)))
    assert [native.event_frame(name, channel, data, user_id) for native in TWINS] == [expected] * len(TWINS)


@twins
def test_every_letter_is_written_as_the_encoder_does(native: ModuleType) -> None:
    for letter in map(chr, [*range(0x180), 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF]):
        for before in range(9):
            data = "x" * before + letter + "y" * 9
            assert native.event_frame("e", "c", data, None) == frame(pusher.encode(Event("c", "e", data)))


@twins
@pytest.mark.parametrize("size", [124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 200_000])
def test_every_form_of_length_is_written(native: ModuleType, size: int) -> None:
    data = "x" * (size - len(pusher.encode(Event("c", "e", ""))))
    written = native.event_frame("e", "c", data, None)
    assert written == frame(pusher.encode(Event("c", "e", data)))
    assert len(written) - size in (2, 4, 10)


@twins
@pytest.mark.parametrize("place", range(4))
def test_half_of_a_pair_cannot_be_written(native: ModuleType, place: int) -> None:
    parts = ["e", "c", "d", "u"]
    parts[place] = "\ud800"
    with pytest.raises(UnicodeEncodeError):
        native.event_frame(*parts)


@needs_compiled
@pytest.mark.parametrize(
    "parts", [(), ("e", "c", "d"), (b"e", "c", "d", None), ("e", None, "d", None), ("e", "c", "d", 1)]
)
def test_what_is_no_event_is_a_type_error(parts: tuple[object, ...]) -> None:
    assert COMPILED is not None
    with pytest.raises(TypeError):
        COMPILED.event_frame(*parts)
