"""Reading a client's frames (RFC 6455, 5 and 7) by the compiled reader and by Python's; `websockets` is the judge."""

import itertools
import sys
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from hubbub import native
from hubbub.native import pure_frames
from hubbub.native.pure_frames import COMPRESSED_BINARY, COMPRESSED_TEXT, FAILED, Item
from sockets.client import BINARY, CLOSE, PING, PONG, TEXT

Reader = type[pure_frames.Frames]

LIMIT = 1000
CONTINUATION, FIN, RSV1 = 0, 0x80, 0x40
MASK = b"\x9a\x07\xff\x31"

READERS: list[Reader] = [pure_frames.Frames]
if native.IS_COMPILED:
    READERS.append(native.Frames)

readers = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__module__.rpartition(".")[2])
many = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def masked(payload: bytes, first: int = FIN | TEXT, mask: bytes = MASK) -> bytes:
    """Write a frame as clients do."""
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65_536:
        head = bytes([first, 0x80 | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, 0x80 | 127]) + size.to_bytes(8)
    return head + mask + bytes(byte ^ mask[position % 4] for position, byte in enumerate(payload))


def code(item: Item) -> int:
    """Give the code of a failure."""
    assert isinstance(item, tuple)
    assert item[0] == FAILED
    item[1][2:].decode()
    assert len(item[1]) <= 125
    return int.from_bytes(item[1][:2])


# Messages


@readers
@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 9, 125, 126, 127, 1000, 65_535, 65_536, 1_000_000])
@pytest.mark.parametrize("letter", ["x", "é", "🎉"])
def test_text_of_any_size_is_read(reader: Reader, size: int, letter: str) -> None:
    frames = reader(5_000_000)
    assert frames.feed(masked((letter * size).encode())) == [letter * size]
    assert frames.held == 0


WHOLE = {
    "nothing": masked(b""),
    "one letter": masked(b"x"),
    "beyond ASCII": masked("é🎉".encode()),
    "all of a short length": masked(b"x" * 125),
    "a length of two bytes": masked(b"x" * 126),
    "the longest": masked(b"x" * LIMIT),
    "a longer length than needed": bytes([FIN | TEXT, 0xFE, 0, 2]) + bytes(4) + b"ab",
}

NOT_WHOLE = {
    "no bytes": b"",
    "one more byte": masked(b"x") + b"\x81",
    "two": masked(b"x") * 2,
    "bytes": masked(b"x", FIN | BINARY),
    "a fragment": masked(b"x", TEXT),
    "a ping": masked(b"x", FIN | PING),
    "a close": masked(b"", FIN | CLOSE),
    "compressed": masked(b"x", FIN | RSV1 | TEXT),
    "no mask": bytes([FIN | TEXT, 1]) + b"abcdx",
    "a length of eight bytes": masked(b"x" * 65_536),
    "too long": masked(b"x" * (LIMIT + 1)),
    "not UTF-8": masked(b"\xff"),
}


@pytest.mark.skipif(not native.IS_COMPILED, reason="Python leaves all to `feed`")
@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_one_whole_text_is_given_as_it_is(data: bytes) -> None:
    frames = native.Frames(LIMIT)
    assert [frames.text(data)] == native.Frames(LIMIT).feed(data)
    assert all(frames.text(data[:size]) is None for size in range(len(data)))
    assert frames.held == 0


@readers
@pytest.mark.parametrize("data", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_all_else_is_left_as_it_was(reader: Reader, data: bytes) -> None:
    frames, other = reader(LIMIT), reader(LIMIT)
    assert frames.text(data) is None
    assert (frames.feed(data), frames.held) == (other.feed(data), other.held)


@readers
@pytest.mark.parametrize(
    "before", [masked(b"x")[:-1], masked(b"x", TEXT), masked(b"", TEXT), masked(b"", FIN | CLOSE), masked(b"\xff")]
)
def test_no_text_is_whole_after_what_is_unfinished_or_the_end(reader: Reader, before: bytes) -> None:
    frames = reader(LIMIT)
    frames.feed(before)
    assert frames.text(masked(b"text")) is None


@readers
def test_binary_is_given_as_bytes(reader: Reader) -> None:
    payload = bytes(range(256)) * 3
    assert reader(LIMIT).feed(masked(payload, FIN | BINARY)) == [payload]
    assert reader(LIMIT).feed(masked(b"", FIN | BINARY)) == [b""]


@readers
def test_a_longer_length_than_needed_is_no_harm(reader: Reader) -> None:
    """RFC 6455, 5.2 asks for the shortest, and nobody is hurt by another."""
    assert reader(LIMIT).feed(bytes([FIN | TEXT, 0xFE, 0, 2]) + bytes(4) + b"ab") == ["ab"]
    assert reader(LIMIT).feed(bytes([FIN | TEXT, 0xFF]) + (2).to_bytes(8) + bytes(4) + b"ab") == ["ab"]


@readers
def test_fragments_are_one_message_with_control_frames_between(reader: Reader) -> None:
    text = "héllo 🎉 wörld".encode()
    data = (
        masked(text[:2], TEXT)  # amid a character
        + masked(b"1", FIN | PING)
        + masked(b"", CONTINUATION)
        + masked(text[2:9], CONTINUATION)
        + masked(b"2", FIN | PONG)
        + masked(text[9:], FIN | CONTINUATION)
        + masked(b"next")
    )
    assert reader(LIMIT).feed(data) == [(PING, b"1"), (PONG, b"2"), text.decode(), "next"]


@readers
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_fragments_may_all_be_empty(reader: Reader, opcode: int) -> None:
    frames = reader(LIMIT)
    assert frames.feed(masked(b"", opcode) + masked(b"", CONTINUATION) * 1000) == []
    assert frames.held == 0
    assert frames.feed(masked(b"", FIN | CONTINUATION)) == ["" if opcode == TEXT else b""]


@readers
@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_bytes_may_come_in_any_pieces(reader: Reader, step: int) -> None:
    data = masked(b"one") + masked("zwei 🎉".encode()) + masked(b"x" * 300) + masked(b"p", FIN | PING) + masked(b"end")
    frames = reader(LIMIT)
    items = [item for start in range(0, len(data), step) for item in frames.feed(data[start : start + step])]
    assert items == ["one", "zwei 🎉", "x" * 300, (PING, b"p"), "end"]
    assert frames.held == 0


@readers
def test_nothing_is_kept_of_what_is_finished(reader: Reader) -> None:
    frames = reader(LIMIT)
    whole = masked(b"x" * 500)
    assert frames.feed(whole * 100 + whole[:3]) == ["x" * 500] * 100
    assert frames.held == 3
    assert frames.feed(whole[3:]) == ["x" * 500]
    assert frames.held == 0
    if reader is native.Frames:
        assert sys.getsizeof(frames) <= 48


@readers
def test_a_long_message_may_come_byte_by_byte(reader: Reader) -> None:
    frames = reader(200_000)
    data = masked(b"x" * 200_000)
    for start in range(len(data) - 1):
        frames.feed(data[start : start + 1])
    assert frames.feed(data[-1:]) == ["x" * 200_000]


# Compression


@readers
def test_a_compressed_message_is_given_as_it_came(reader: Reader) -> None:
    frames = reader(LIMIT, True)
    assert frames.feed(masked(b"\xff\x00", FIN | RSV1 | TEXT)) == [(COMPRESSED_TEXT, b"\xff\x00")]
    assert frames.feed(masked(b"", FIN | RSV1 | BINARY)) == [(COMPRESSED_BINARY, b"")]
    assert frames.feed(masked(b"plain")) == ["plain"]
    data = masked(b"\xff", RSV1 | TEXT) + masked(b"", FIN | PING) + masked(b"\xfe", FIN | CONTINUATION) + masked(b"a")
    assert frames.feed(data) == [(PING, b""), (COMPRESSED_TEXT, b"\xff\xfe"), "a"]


@readers
@pytest.mark.parametrize(
    "data",
    [
        masked(b"", FIN | RSV1 | PING),
        masked(b"\x03\xe8", FIN | RSV1 | CLOSE),
        masked(b"", RSV1 | TEXT) + masked(b"", FIN | RSV1 | CONTINUATION),
        masked(b"", FIN | 0x20 | TEXT),
        masked(b"", FIN | RSV1 | 0x10 | TEXT),
    ],
)
def test_the_bit_of_compression_is_for_the_first_frame_of_a_message_alone(reader: Reader, data: bytes) -> None:
    assert list(map(code, reader(LIMIT, True).feed(data))) == [1002]


# What is against the rules

BROKEN: dict[str, tuple[int, bytes]] = {
    "no mask": (1002, bytes([FIN | TEXT, 2]) + b"ab"),
    "no mask, long": (1002, bytes([FIN | TEXT, 126])),
    "reserved bit 1": (1002, masked(b"", FIN | RSV1 | TEXT)),
    "reserved bit 2": (1002, masked(b"", FIN | 0x20 | TEXT)),
    "reserved bit 3": (1002, masked(b"", FIN | 0x10 | TEXT)),
    **{f"opcode {opcode}": (1002, masked(b"", FIN | opcode)) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a long ping": (1002, bytes([FIN | PING, 0xFE])),
    "a very long ping": (1002, bytes([FIN | PING, 0xFF])),
    "a fragmented ping": (1002, masked(b"", PING)),
    "a fragmented pong": (1002, masked(b"", PONG)),
    "a fragmented close": (1002, masked(b"", CLOSE)),
    "a continuation of nothing": (1002, masked(b"", FIN | CONTINUATION)),
    "a fragment of nothing": (1002, masked(b"", CONTINUATION)),
    "a continuation of what is over": (
        1002,
        masked(b"", BINARY) + masked(b"", FIN | CONTINUATION) + masked(b"", FIN | CONTINUATION),
    ),
    "text within a message": (1002, masked(b"", TEXT) + masked(b"")),
    "binary within a message": (1002, masked(b"", TEXT) + masked(b"", BINARY)),
    "a close within a message": (1002, masked(b"", TEXT) + masked(b"", FIN | CLOSE)),
    "a close of one byte": (1002, masked(b"\x03", FIN | CLOSE)),
    **{
        f"close code {number}": (1002, masked(number.to_bytes(2), FIN | CLOSE))
        for number in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535)
    },
    "a close reason that is no UTF-8": (1007, masked(b"\x03\xe8\xff", FIN | CLOSE)),
    "half a character": (1007, masked("é".encode()[:1])),
    "a surrogate": (1007, masked(b"\xed\xa0\x80")),
    "an overlong slash": (1007, masked(b"\xc0\xaf")),
    "beyond Unicode": (1007, masked(b"\xf4\x90\x80\x80")),
    "no UTF-8 after much ASCII": (1007, masked(b"x" * 600 + b"\xff")),
    "no UTF-8 in fragments": (1007, masked(b"\xf0", TEXT) + masked(b"\x9f", FIN | CONTINUATION)),
    "too long": (1009, masked(b"x" * (LIMIT + 1))),
    "too long, by its head": (1009, bytes([FIN | TEXT, 0xFE]) + (LIMIT + 1).to_bytes(2)),
    "far too long, by its head": (1009, bytes([FIN | BINARY, 0xFF]) + (2**63 - 1).to_bytes(8)),
    "longer than any length": (1009, bytes([FIN | BINARY, 0xFF]) + (2**64 - 1).to_bytes(8)),
    "too long in fragments": (1009, masked(b"x" * LIMIT, TEXT) + bytes([FIN | CONTINUATION, 0x81])),
    "far too long in fragments": (1009, masked(b"x", TEXT) + bytes([FIN, 0xFF]) + (2**64 - 1).to_bytes(8)),
}


@readers
@pytest.mark.parametrize(("expected", "data"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("is_whole", [True, False])
def test_what_breaks_the_rules_fails_after_what_came_before(
    reader: Reader, expected: int, data: bytes, is_whole: bool
) -> None:
    frames = reader(LIMIT)
    data = masked(b"before") + masked(b"", FIN | PONG) + data
    parts = [data] if is_whole else [data[start : start + 1] for start in range(len(data))]
    *items, failure = [item for part in parts for item in frames.feed(part)]
    assert items[:2] == ["before", (PONG, b"")]
    assert code(failure) == expected
    assert frames.held == 0
    assert frames.feed(masked(b"after")) == []
    assert frames.held == 0


@readers
def test_a_message_may_be_as_long_as_the_limit(reader: Reader) -> None:
    frames = reader(LIMIT)
    assert frames.feed(masked(b"x" * LIMIT)) == ["x" * LIMIT]
    assert frames.feed(masked(b"x" * (LIMIT - 1), TEXT) + masked(b"x", FIN | CONTINUATION)) == ["x" * LIMIT]
    assert frames.feed(masked(b"x" * 125, FIN | PING)) == [(PING, b"x" * 125)]


@readers
def test_what_is_too_long_is_refused_before_any_of_it_is_kept(reader: Reader) -> None:
    frames = reader(LIMIT)
    assert code(frames.feed(masked(b"x" * (LIMIT + 1))[:4])[0]) == 1009
    assert frames.held == 0


@readers
@pytest.mark.parametrize(
    "payload", [b"", b"\x03\xe8", b"\x03\xe8bye", (1014).to_bytes(2), (3000).to_bytes(2) + b"x" * 123]
)
def test_after_a_close_everything_is_ignored(reader: Reader, payload: bytes) -> None:
    frames = reader(LIMIT)
    assert frames.feed(masked(b"last") + masked(payload, FIN | CLOSE) + masked(b"more")) == ["last", (CLOSE, payload)]
    assert frames.feed(b"\xff" * 100) == []
    assert frames.held == 0


def test_the_compiled_reader_takes_nothing_but_bytes() -> None:
    if native.IS_COMPILED:
        with pytest.raises(TypeError):
            native.Frames(LIMIT).feed(bytearray(b"x"))  # type: ignore[arg-type]


# Against the library


def parsed(stream: StreamReader, size: int) -> Frame | int:
    """Read one frame of at most so many bytes with the library; give it, the code of a failure, or 0 at the end."""
    steps = Frame.parse(stream.read_exact, mask=True, max_size=size)
    try:
        next(steps)
    except StopIteration as end:
        frame: Frame = end.value
        return frame
    except ProtocolError:
        return 1002
    except PayloadTooBig:
        return 1009
    return 0  # it would read on


def close_code(payload: bytes) -> int:
    """Give how a close frame fails by the library, or 0."""
    try:
        Close.parse(payload)
    except ProtocolError:
        return 1002
    except UnicodeDecodeError:
        return close_code(payload[:2]) or 1007
    return 0


def judge(data: bytes) -> tuple[list[Item], int]:
    """Read with the library's parser; give what is complete, and the code of the failure or 0."""
    stream, items = StreamReader(), list[Item]()
    stream.feed_data(data)
    parts: list[bytes] | None = None
    kind = Opcode.TEXT
    while isinstance(frame := parsed(stream, LIMIT - sum(map(len, parts or ()))), Frame):
        payload = bytes(frame.data)
        if frame.opcode is Opcode.CLOSE:
            failure = close_code(payload) or (1002 if parts is not None else 0)
            return items if failure else [*items, (CLOSE, payload)], failure
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            items.append((int(frame.opcode), payload))
            continue
        if (frame.opcode is Opcode.CONT) == (parts is None):
            return items, 1002
        if frame.opcode is not Opcode.CONT:
            kind, parts = frame.opcode, []
        parts = [*(parts or ()), payload]
        if frame.fin:
            message, parts = b"".join(parts), None
            try:
                items.append(message.decode() if kind is Opcode.TEXT else message)
            except UnicodeDecodeError:
                return items, 1007
    return items, frame


payloads = st.one_of(st.binary(max_size=130), st.text(max_size=60).map(str.encode), st.just(b"x" * 400))
masks = st.binary(min_size=4, max_size=4)
good_firsts = st.sampled_from([FIN | TEXT, FIN | BINARY, TEXT, BINARY, CONTINUATION, FIN, FIN | PING, FIN | PONG])
any_firsts = st.sampled_from([FIN | CLOSE, PING, FIN | RSV1 | TEXT, FIN | 3]) | st.integers(0, 255)
closes = st.builds(lambda number, why: number.to_bytes(2) + why, st.integers(0, 5100), st.binary(max_size=20))
frame_bytes = st.one_of(
    st.builds(masked, payloads, good_firsts, masks),
    st.builds(masked, payloads, good_firsts, masks),
    st.builds(masked, payloads, st.just(FIN | TEXT), masks),
    st.builds(masked, closes, st.just(FIN | CLOSE), masks),
    st.builds(masked, payloads.filter(lambda payload: len(payload) < 126), any_firsts, masks),
)
streams = st.lists(frame_bytes, max_size=8).map(b"".join)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut at these places."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


cuts = st.lists(st.integers(0, 4000), max_size=6)


@readers
@many
@given(streams, cuts)
@example(masked(b"x" * 500, TEXT) * 2, [])
@example(masked(b"x", FIN | PING)[:3] + masked(b"x"), [1])
def test_it_reads_what_the_library_reads(reader: Reader, data: bytes, cuts: list[int]) -> None:
    frames = reader(LIMIT)
    items = [item for part in pieces(data, cuts) for item in frames.feed(part)]
    failure = 0
    if items and isinstance(items[-1], tuple) and items[-1][0] == FAILED:
        failure = code(items.pop())
    expected, expected_failure = judge(data)
    assert items == expected
    # A message within a message may also be too long for both: we look at the one first, the library at the other.
    assert failure == expected_failure or (failure, expected_failure) == (1002, 1009)


@many
@given(st.binary(max_size=200) | streams, cuts, st.booleans(), st.integers(0, 300), st.data())
def test_both_readers_say_the_same(
    data: bytes, cuts: list[int], compressed: bool, limit: int, draw: st.DataObject
) -> None:
    """Of anything at all, the texts of failures and what is kept included."""
    if data and draw.draw(st.booleans()):
        position = draw.draw(st.integers(0, len(data) - 1))
        data = data[:position] + draw.draw(st.binary(max_size=3)) + data[position + 1 :]
    results: list[object] = []
    for reader in READERS:
        frames = reader(limit, compressed)
        results.append([(frames.feed(part), frames.held) for part in pieces(data, cuts)])
    assert all(result == results[0] for result in results)
