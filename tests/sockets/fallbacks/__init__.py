"""The HTTP fallbacks of Pusher's clients, against a live server."""

import pytest

pytest.register_assert_rewrite("sockets.fallbacks.client")
