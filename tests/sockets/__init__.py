"""The Pusher protocol on the wire, against a live server."""
