"""Frames of RFC 6455 as a server sends them, and the wires of those who get them."""

from typing import Final

from hubbub.hub.connection import Wire
from hubbub.messages import Fact, Reply
from hubbub.protocols import pusher
from hubbub.protocols.phoenix import Encoding, Version


def frame(payload: bytes, opcode: bytes = b"\x81") -> bytes:
    """Put UTF-8 text, or bytes by the opcode of those, into one unmasked frame."""
    size = len(payload)
    if size < 126:
        return opcode + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return opcode + b"\x7e" + size.to_bytes(2, "big") + payload
    return opcode + b"\x7f" + size.to_bytes(8, "big") + payload


def binary_frame(payload: bytes) -> bytes:
    """Put bytes into one unmasked binary frame."""
    return frame(payload, b"\x82")


def _pusher(message: Fact | Reply) -> bytes:
    text = pusher.encode(message)
    return frame(text) if text else b""


PUSHER: Final = Wire("pusher over websocket", _pusher)

PHOENIX: Final = {
    Version.V1: Encoding(Version.V1, frame),
    Version.V2: Encoding(Version.V2, frame, binary_frame),
}
