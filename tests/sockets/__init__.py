"""The Pusher protocol on the wire, against a live server."""

import pytest

pytest.register_assert_rewrite("sockets.client")
