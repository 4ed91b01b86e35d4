"""The Phoenix Channels protocol on the wire, against a live server."""

import pytest

pytest.register_assert_rewrite("sockets.phoenix.client")
