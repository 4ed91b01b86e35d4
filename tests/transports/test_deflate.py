"""permessage-deflate without a socket. What is right is asked of the `websockets` library, and of zlib."""

import json
import random
import tracemalloc
import zlib
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidHeaderFormat, NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension
from websockets.streams import StreamReader

from hubbub.errors import BAD_REQUEST, DEFLATE_INVALID, MESSAGE_TOO_LARGE, Refusal
from hubbub.messages import CacheMissed, Event, Fact, Refused, Reply
from hubbub.native.pure_frames import CLOSE, COMPRESSED_BINARY, COMPRESSED_TEXT, PING
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import Version
from hubbub.transports import sockjs
from hubbub.transports.deflate import (
    LARGEST,
    Agreement,
    Deflate,
    Inflating,
    inflate,
    inflate_text,
    negotiate,
    phoenix_encoding,
    pusher_wire,
    sockjs_wire,
)
from hubbub.transports.frames import PHOENIX, PUSHER, binary_frame, frame

NAME = "permessage-deflate"
BOTH = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
EVENT = Event("orders", "updated", json.dumps({"orders": [{"id": number, "state": "sent"} for number in range(100)]}))


def agree(header: str) -> Agreement | None:
    return negotiate(header, 6, 256)


def theirs(remote_bits: int = 15, local_bits: int = 15) -> PerMessageDeflate:
    """Give the library's extension, as it is after what we agree to."""
    return PerMessageDeflate(True, True, remote_bits, local_bits)


def read(data: bytes, bits: int) -> list[Frame]:
    """Read frames as a client would that has a window of so many bits, and no larger one."""
    stream = StreamReader()
    stream.feed_data(data)
    frames = []
    while not _finished(stream.at_eof):
        frames.append(_finished(lambda: Frame.parse(stream.read_exact, mask=False, extensions=[theirs(bits)])))
        if not stream.buffer:
            stream.feed_eof()
    return frames


def _finished(step: Any) -> Any:
    generator: Generator[None, None, Any] = step()
    try:
        next(generator)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a frame is cut short")


def deflated(data: bytes, bits: int = 15, *, is_last: bool = False) -> bytes:
    """Compress as a client may."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -bits)
    if is_last:
        return compressor.compress(data) + compressor.flush()
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


# What is agreed on


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (NAME, BOTH),
        # Chromium and Firefox; `ws`; the library; Safari's of old, which we do not know
        (f"{NAME}; client_max_window_bits", BOTH),
        (f"{NAME}; client_max_window_bits=15", BOTH),
        (f"{NAME}; client_max_window_bits=8", BOTH),
        ("x-webkit-deflate-frame", None),
        (f"x-webkit-deflate-frame, {NAME}", BOTH),
        (f"{NAME}; server_no_context_takeover", BOTH),
        (f"{NAME}; client_no_context_takeover; server_no_context_takeover", BOTH),
        (f"{NAME}; server_max_window_bits=15", f"{BOTH}; server_max_window_bits=15"),
        (f"{NAME}; server_max_window_bits=9", f"{BOTH}; server_max_window_bits=9"),
        (f'{NAME}; server_max_window_bits="10"', f"{BOTH}; server_max_window_bits=10"),
        (f'{NAME}; server_max_window_bits="1\\0"', f"{BOTH}; server_max_window_bits=10"),
        (f"{NAME} ;\tserver_max_window_bits = 12 ,", f"{BOTH}; server_max_window_bits=12"),
        (f" , ,{NAME}", BOTH),
        # zlib knows no window of 8 bits: only an offer with a larger one can be kept
        (f"{NAME}; server_max_window_bits=8", None),
        (f"{NAME}; server_max_window_bits=8, {NAME}; server_max_window_bits=9", f"{BOTH}; server_max_window_bits=9"),
        (f"{NAME}; server_max_window_bits=8, {NAME}", BOTH),
        # what is declined, and the next offer taken
        (f"{NAME}; server_max_window_bits", None),
        (f"{NAME}; server_max_window_bits=7", None),
        (f"{NAME}; server_max_window_bits=16", None),
        (f"{NAME}; server_max_window_bits=010", None),
        (f"{NAME}; server_max_window_bits=+9", None),
        (f"{NAME}; client_max_window_bits=7", None),
        (f"{NAME}; client_max_window_bits=08", None),
        (f"{NAME}; server_no_context_takeover=true", None),
        (f'{NAME}; client_no_context_takeover="1"', None),
        (f"{NAME}; server_no_context_takeover; server_no_context_takeover", None),
        (f"{NAME}; client_max_window_bits; client_max_window_bits=10", None),
        (f"{NAME}; server_max_window_bits=10; server_max_window_bits=10", None),
        (f"{NAME}; speed=9", None),
        (f"{NAME}; speed=9, {NAME}; client_max_window_bits", BOTH),
        ("permessage-bzip2", None),
        ("Permessage-Deflate", None),
    ],
)
def test_an_offer_is_answered(offer: str, answer: str | None) -> None:
    agreed = agree(offer)
    assert (None if agreed is None else agreed.header) == answer


@pytest.mark.parametrize(
    ("offer", "bits"),
    [(NAME, 15), (f"{NAME}; server_max_window_bits=15", 15), (f"{NAME}; server_max_window_bits=9", 9)],
)
def test_the_window_is_as_was_agreed(offer: str, bits: int) -> None:
    agreed = agree(offer)
    assert agreed is not None
    assert agreed.deflate == Deflate(bits, 6, 256)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " , ",
        ";",
        f"{NAME};",
        f"{NAME};;",
        f"{NAME}; ,",
        f"{NAME}=1",
        f"{NAME}; =1",
        f"{NAME}; server_max_window_bits=",
        f'{NAME}; server_max_window_bits=""',
        f'{NAME}; server_max_window_bits="10',
        f'{NAME}; server_max_window_bits="1 0"',
        f'{NAME}; server_max_window_bits="10"x',
        f"{NAME}; server_max_window_bits=1 0",
        f'"{NAME}"',
        f"{NAME} {NAME}",
        f"{NAME}/1",
        f"{NAME}; client_max_window_bits\r\n",
        "ä",
    ],
)
def test_what_is_no_list_of_extensions_is_a_bad_request(header: str) -> None:
    with pytest.raises(Refusal) as refused:
        agree(header)
    assert refused.value.reason is BAD_REQUEST


PIECES = [NAME, "x-other", "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits"]
PIECES += ["client_max_window_bits", "7", "8", "9", "10", "15", "16", "08", *'=;, "\t\\=;,ä']

VALUES = st.sampled_from([None, "7", "8", "9", "15", "16"])
PARAMETERS = st.lists(st.tuples(st.sampled_from(PIECES[2:6]), VALUES), max_size=4)
OFFERS = st.lists(PARAMETERS, min_size=1, max_size=3).map(
    lambda offers: ", ".join(
        "; ".join([NAME, *(name if value is None else f"{name}={value}" for name, value in parameters)])
        for parameters in offers
    )
)


@given(OFFERS | st.lists(st.sampled_from(PIECES)).map(lambda pieces: "".join(pieces).strip(" \t")))
def test_the_library_would_decide_the_same(header: str) -> None:
    try:
        agreed = agree(header)
    except Refusal:
        with pytest.raises(InvalidHeaderFormat):
            parse_extension(header)
    else:
        ours = None if agreed is None else set(parse_extension(agreed.header)[0][1])
        assert ours == library_would_accept(header)


def library_would_accept(header: str) -> set[tuple[str, str | None]] | None:
    for name, parameters in parse_extension(header):
        if name == NAME:
            try:
                answer, _ = ServerPerMessageDeflateFactory(True, True).process_request_params(parameters, [])
            except NegotiationError:
                continue
            # To repeat what the client said of its own window is left to the server.
            return {one for one in answer if one[0] != "client_max_window_bits"}
    return None


@given(
    st.booleans(), st.booleans(), st.sampled_from([None, *range(9, 16)]), st.sampled_from([None, True, *range(9, 16)])
)
def test_the_library_as_a_client_understands_the_answer(
    server: bool, client: bool, server_bits: int | None, client_bits: int | bool | None
) -> None:
    factory = ClientPerMessageDeflateFactory(server, client, server_bits, client_bits)
    offer = "; ".join([NAME, *(n if v is None else f"{n}={v}" for n, v in factory.get_request_params())])
    agreed = agree(offer)
    assert agreed is not None
    extension = factory.process_response_params(parse_extension(agreed.header)[0][1], [])
    assert extension.remote_max_window_bits == agreed.deflate.bits
    assert extension.remote_no_context_takeover
    assert extension.local_no_context_takeover


# Out


@given(st.binary(max_size=3000) | st.text(max_size=400).map(lambda text: text.encode() * 9), st.integers(9, 15))
def test_what_is_sent_can_be_read(payload: bytes, bits: int) -> None:
    how = Deflate(bits, 6, 1)
    text, data = read(how.text(payload) + how.binary(payload), bits)
    assert (text.opcode, bytes(text.data), text.fin) == (Opcode.TEXT, payload, True)
    assert (data.opcode, bytes(data.data), data.fin) == (Opcode.BINARY, payload, True)
    assert len(how.text(payload)) <= len(frame(payload))


@pytest.mark.parametrize("bits", range(9, 16))
@pytest.mark.parametrize("size", [100, 249, 250, 251, 512, 1000, 4096, 40_000])
def test_no_client_is_asked_to_look_back_further_than_it_said(bits: int, size: int) -> None:
    noise = random.Random(size).randbytes(size)
    (one,) = read(Deflate(bits, 9, 1).binary(noise * 3), bits)
    assert one.data == noise * 3


def test_a_short_message_is_compressed_as_well_as_by_the_whole_window() -> None:
    for size in (50, 700, 2000, 9000, 60_000):
        text = json.dumps([{"id": number, "state": "sent"} for number in range(size // 30)]).encode()
        assert len(Deflate(15, 6, 1).text(text)) <= len(frame(deflated(text))) + 8


def test_what_is_below_the_threshold_goes_as_it_is() -> None:
    how = Deflate(15, 6, 300)
    assert how.text(b"x" * 299) == frame(b"x" * 299)
    assert how.binary(b"x" * 299) == binary_frame(b"x" * 299)
    assert len(how.text(b"x" * 300)) < 20
    assert len(how.binary(b"x" * 300)) < 20


def test_what_does_not_get_smaller_goes_as_it_is() -> None:
    noise = random.Random(1).randbytes(5000)
    assert Deflate(15, 6, 1).binary(noise) == binary_frame(noise)
    assert Deflate(15, 6, 1).text(b"short") == frame(b"short")
    assert Deflate(15, 6, 1).text(b"") == frame(b"")


def test_what_would_hold_up_others_goes_as_it_is() -> None:
    how = Deflate(15, 6, 1)
    assert len(how.text(b"x" * LARGEST)) < 1000
    assert how.text(b"x" * (LARGEST + 1)) == frame(b"x" * (LARGEST + 1))


def test_a_higher_level_is_smaller() -> None:
    words = [
        "order",
        "item",
        "sent",
        "pending",
        "shipped",
        "to",
        "by",
        "at",
        "from",
        "euro",
        "dollar",
        "street",
        "city",
    ]
    text = " ".join(random.Random(1).choices(words, k=5000)).encode()
    assert len(Deflate(15, 9, 1).text(text)) < len(Deflate(15, 1, 1).text(text))


def test_who_agreed_on_the_same_shares_a_wire() -> None:
    assert pusher_wire(Deflate(15, 6, 256)) is pusher_wire(Deflate(15, 6, 256))
    assert pusher_wire(Deflate(15, 6, 256)) is not pusher_wire(Deflate(12, 6, 256))
    for version in Version:
        assert phoenix_encoding(Deflate(15, 6, 256), version) is phoenix_encoding(Deflate(15, 6, 256), version)
        assert phoenix_encoding(Deflate(15, 6, 256), version) is not phoenix_encoding(Deflate(9, 6, 256), version)


@pytest.mark.parametrize("message", [EVENT, Event("c", "small", "{}"), CacheMissed("c"), Refused(None, "x" * 500)])
def test_a_pusher_client_reads_the_same_text_either_way(message: Fact | Reply) -> None:
    wire = pusher_wire(Deflate(15, 6, 256))
    assert read(wire.pack(message), 15) == read(PUSHER.pack(message), 15)
    # Frames one after the other are a stream, as the hub has it.
    assert read(wire.pack(message) * 2, 15) == read(PUSHER.pack(message) * 2, 15)


def test_sockjs_reads_the_same_text_either_way() -> None:
    wire = sockjs_wire(Deflate(15, 6, 256))
    assert read(wire.pack(EVENT), 15) == read(sockjs.WEBSOCKET.pack(EVENT), 15)
    assert len(wire.pack(EVENT)) < len(sockjs.WEBSOCKET.pack(EVENT)) / 2
    assert wire is sockjs_wire(Deflate(15, 6, 256))


def test_what_a_wire_does_not_tell_is_nothing_when_compressed() -> None:
    silent = phoenix_encoding(Deflate(15, 6, 256), Version.V2)
    assert phoenix.pack(silent, "key", CacheMissed("c")) == b""


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("event", [EVENT, Event("c", "bytes", "eHh4" * 200, is_binary=True), Event("c", "e", "{}")])
def test_a_phoenix_client_reads_the_same_either_way(version: Version, event: Event) -> None:
    compressed = phoenix.pack(phoenix_encoding(Deflate(15, 6, 256), version), "key", event)
    plain = phoenix.pack(PHOENIX[version], "key", event)
    assert read(compressed, 15) == read(plain, 15)
    assert (len(compressed) < len(plain) / 2) == (event.name != "e")


# In


@given(st.binary(max_size=3000) | st.text(max_size=400).map(lambda text: text.encode() * 9), st.integers(9, 15))
def test_what_a_client_compressed_is_read(payload: bytes, bits: int) -> None:
    assert inflate(deflated(payload, bits), len(payload)) == payload
    assert inflate(bytes(theirs(local_bits=bits).encode(Frame(Opcode.TEXT, payload)).data), len(payload)) == payload


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # RFC 7692, 7.2.3: one block, no compression, several blocks, two DEFLATE blocks, a last block, nothing
        ("f2 48 cd c9 c9 07 00", b"Hello"),
        ("00 05 00 fa ff 48 65 6c 6c 6f 00", b"Hello"),
        ("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", b"Hello"),
        ("f3 48 cd c9 c9 07 00 00", b"Hello"),
        ("f3 48 cd c9 c9 07 00", b"Hello"),
        ("00", b""),
    ],
)
def test_the_examples_of_the_rfc_are_read(data: str, message: bytes) -> None:
    assert inflate(bytes.fromhex(data), 100) == message


def test_a_message_may_be_as_long_as_the_limit() -> None:
    for size in (1, 100, 16_384, 65_536, 100_000):
        data = deflated(b"x" * size)
        assert inflate(data, size) == b"x" * size
        with pytest.raises(Refusal) as refused:
            inflate(data, size - 1)
        assert refused.value.reason is MESSAGE_TOO_LARGE


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = deflated(bytes(64_000_000))
    assert len(bomb) < 65_536
    tracemalloc.start()
    try:
        with pytest.raises(Refusal) as refused:
            inflate(bomb, 65_536)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
    assert refused.value.reason is MESSAGE_TOO_LARGE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\x06\x00",  # a block of a kind that there is not
        b"hello, this was never compressed",
        b"\x00\x05\x00\x00\x00Hello\x00",  # a stored block whose size is told two ways
        b"\x00\xff\x00\x00\xffHello",  # one that is longer than what there is
        b"\x4b\x04\xc1\x00\x00",  # a look back to before the beginning
        deflated(b"one", is_last=True) + deflated(b"two"),
        deflated(b"one", is_last=True) + b"\x00\x00",
        zlib.compress(b"with zlib's own head"),
    ],
)
def test_what_is_not_compressed_so_is_invalid(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        inflate(data, 100_000)
    assert refused.value.reason is DEFLATE_INVALID


@pytest.mark.parametrize("data", [b"\xff", "🎉".encode()[:2], b"\xed\xa0\x80", b"\xc0\xaf"])
def test_text_that_is_not_utf8_is_invalid(data: bytes) -> None:
    assert inflate_text(deflated("🎉 ".encode()), 10) == "🎉 "
    assert inflate(deflated(data), 10) == data
    with pytest.raises(Refusal) as refused:
        inflate_text(deflated(data), 10)
    assert refused.value.reason is DEFLATE_INVALID


def test_what_is_cut_short_is_invalid() -> None:
    data = deflated(EVENT.data.encode())
    for size in range(len(data)):
        with pytest.raises(Refusal) as refused:
            inflate(data[:size], 100_000)
        assert refused.value.reason is DEFLATE_INVALID


def test_what_a_client_sends_comes_plain_and_in_order() -> None:
    inflating = Inflating(100)
    inflating.put(["one", (COMPRESSED_TEXT, deflated("zwei 🎉".encode())), (PING, b"x")])
    inflating.put([b"drei", (COMPRESSED_BINARY, deflated(b"vier")), (CLOSE, b"")])
    assert list(inflating.turn()) == ["one", "zwei 🎉", (PING, b"x"), b"drei", b"vier", (CLOSE, b"")]
    assert not inflating.has_more
    assert list(inflating.turn()) == []


def test_only_some_of_what_a_client_sends_is_inflated_in_one_turn() -> None:
    inflating = Inflating(65_536)
    inflating.put([(COMPRESSED_TEXT, deflated(b"x" * 65_536))] * 10)
    turns = []
    while inflating.has_more:
        turns.append(len(list(inflating.turn())))
    assert turns == [4, 4, 2]


def test_who_stops_amid_a_turn_finds_the_rest_in_the_next() -> None:
    inflating = Inflating(100)
    inflating.put(["one", "two", (COMPRESSED_TEXT, b"\xff")])
    for item in inflating.turn():
        assert item == "one"
        break
    assert inflating.has_more
    turn = inflating.turn()
    assert next(turn) == "two"
    with pytest.raises(Refusal) as refused:
        next(turn)
    assert refused.value.reason is DEFLATE_INVALID
    assert not inflating.has_more


@given(st.binary(max_size=300))
def test_noise_is_read_or_refused(data: bytes) -> None:
    with suppress(Refusal):
        assert len(inflate(data, 1000)) <= 1000
