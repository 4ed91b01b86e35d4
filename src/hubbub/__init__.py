"""Hubbub: the self-hosted realtime server that web applications in any language plug in."""
