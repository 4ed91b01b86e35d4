"""What is counted of messages, by both forms of the meter."""

from types import ModuleType

import pytest

from hubbub.native.pure import SIZES
from native.twins import twins

TEXTS = [
    *("", "x", "x" * 64, "x" * 65, "é" * 32, "é" * 33, "漢" * 22, "😀" * 17, "\ud800" * 22),
    *("x" * 32_768, "x" * 32_769),
]


@twins
@pytest.mark.parametrize("text", TEXTS)
def test_a_message_is_counted_by_its_bytes(native: ModuleType, text: str) -> None:
    size = len(text.encode(errors="surrogatepass"))
    meter = native.Meter()
    meter.published(text)
    place = sum(size > most for most in SIZES)
    sizes = [int(number == place) for number in range(len(SIZES) + 1)]
    assert meter.read() == (1, 0, size, 0, 0, *sizes)
    meter.said(text)
    assert meter.read() == (1, 1, 2 * size, 0, 0, *(2 * number for number in sizes))


@twins
def test_the_largest_is_told_once(native: ModuleType) -> None:
    meter = native.Meter()
    for length in (10, 300, 20):
        meter.said("x" * length)
    assert [meter.take_largest(), meter.take_largest()] == [300, 0]
    meter.published("x" * 7)
    assert meter.take_largest() == 7


@twins
def test_deliveries_are_messages_times_connections(native: ModuleType) -> None:
    meter = native.Meter()
    meter.wrote(250, 1, b"one")
    meter.wrote(4, 3, b"three together")
    meter.wrote(0, 1, b"nobody")
    assert meter.read()[3:5] == (250 + 12, 750 + 4 * 14)


@twins
def test_what_is_no_message_is_refused(native: ModuleType) -> None:
    meter = native.Meter()
    with pytest.raises(TypeError):
        meter.wrote(1, 1, None)
    assert sum(meter.read()) == 0
