"""Frames of RFC 6455 as a server sends them, and the wires of those who get them."""

from typing import Final

from hubbub.hub.connection import Wire
from hubbub.messages import Event, Fact, Reply
from hubbub.native import Packer
from hubbub.native.pure_frames import CLOSE
from hubbub.protocols import pusher
from hubbub.protocols.phoenix import Encoding, Version

_LONGEST_REASON: Final = 123
"""RFC 6455, 5.5: "All control frames MUST have a payload length of 125 bytes or less", two of which are the code."""


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


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """Put at most 125 bytes into a ping, a pong or a close, by its opcode."""
    return bytes((0x80 | opcode, len(payload))) + payload


def close_frame(code: int, reason: str) -> bytes:
    """Give the frame that closes. The reason is cut to what a control frame holds, between characters."""
    cut = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
    return control_frame(CLOSE, code.to_bytes(2, "big") + cut.encode())


def _pusher(message: Fact | Reply) -> bytes:
    text = pusher.encode(message)
    size = len(text)
    if 125 < size < 65_536:  # what most are, without a call for it
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return frame(text) if text else b""


PUSHER: Final = Wire("pusher over websocket", Packer(Event, _pusher))

PHOENIX: Final = {
    Version.V1: Encoding(Version.V1, frame),
    Version.V2: Encoding(Version.V2, frame, binary_frame),
}


def goodbye(payload: bytes) -> str:
    """Say in words how a client ended its connection, by the payload of its close frame."""
    if len(payload) < 2:
        return "Closed by the client"
    text = payload[2:].decode(errors="replace")
    return f"Closed by the client ({int.from_bytes(payload[:2], 'big')}{f': {text}' if text else ''})"
