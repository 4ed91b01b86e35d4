"""Every way to say no is explained, and the explanations speak of what there is."""

import re

import pytest

from hubbub import errors
from hubbub.console.explanations import EXPLANATIONS, explain, reconnecting
from hubbub.errors import Reason, name_of
from hubbub.settings import AppSettings, Settings

REASONS = {name: value for name, value in vars(errors).items() if isinstance(value, Reason)}


@pytest.mark.parametrize("name", REASONS)
def test_every_reason_is_explained(name: str) -> None:
    explanation = explain(name_of(REASONS[name]))
    assert explanation is EXPLANATIONS[REASONS[name]]
    for text in (explanation.meaning, explanation.remedy):
        assert len(text) > 8
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith((".", ")."))


def test_settings_that_are_named_are_settings() -> None:
    known = {*AppSettings.model_fields, *Settings.model_fields}
    for reason, explanation in EXPLANATIONS.items():
        for setting in re.findall(r"`((?:max_|events_|client_events|subscription_c)\w+)`", explanation.remedy):
            assert setting in known, f"{name_of(reason)} names {setting}"


def test_what_clients_do_after_a_close_is_told_of_pushers_codes_alone() -> None:
    assert "at once" in reconnecting("pong_not_received")
    assert "do not come back" in reconnecting("unknown_key")
    assert reconnecting("connection_lost") == ""
    assert reconnecting("auth_signature") == ""
    assert reconnecting("never heard of") == ""


def test_a_reason_of_another_version_is_no_failure() -> None:
    assert "another version" in explain("of_tomorrow").meaning
