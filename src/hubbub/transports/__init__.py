"""Bytes in and out: whose connection it is, HTTP and WebSocket framing, limits of time and size."""
