"""A wire's `pack`: events by `event_frame`, all else by another."""

from types import ModuleType

import pytest

from hubbub.messages import Event, Pong
from native.twins import COMPILED, needs_compiled, twins


@twins
@pytest.mark.parametrize("user_id", [None, "somebody"])
def test_an_event_is_packed_as_its_frame(native: ModuleType, user_id: str | None) -> None:
    pack = native.Packer(Event, repr)
    assert pack(Event("c", "e", "d", user_id)) == native.event_frame("e", "c", "d", user_id)


@twins
def test_all_else_is_packed_by_the_other(native: ModuleType) -> None:
    assert native.Packer(Event, repr)(Pong()) == repr(Pong())
    with pytest.raises(ZeroDivisionError):
        native.Packer(Event, lambda _: 1 // 0)(Pong())


@twins
def test_what_cannot_be_written_is_raised(native: ModuleType) -> None:
    with pytest.raises(UnicodeEncodeError):
        native.Packer(Event, repr)(Event("c", "e", "\ud800"))


@needs_compiled
def test_what_is_not_for_it_is_a_type_error() -> None:
    assert COMPILED is not None
    pack = COMPILED.Packer(Event, repr)
    for given in ((), (Pong(), Pong())):
        with pytest.raises(TypeError):
            pack(*given)
    with pytest.raises(TypeError):
        pack(message=Pong())
    with pytest.raises(TypeError):
        COMPILED.Packer(1, repr)
