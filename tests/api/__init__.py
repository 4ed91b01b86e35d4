"""The JSON API, in pieces and against a live server."""
