"""Webhooks, from a fact to what a receiver on the network gets."""

import pytest

pytest.register_assert_rewrite("webhooks.receiver")
