import pytest

from hubbub.settings import ConfigurationError, load


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("METRICS_TOKEN", "hunter2", "HUBBUB_METRICS_TOKEN: Value should have at least 8 characters, not 7"),
        ("PORT", "70000", "HUBBUB_PORT: Input should be less than or equal to 65535"),
        ("DRAIN_WAVE", "many", "HUBBUB_DRAIN_WAVE: Input should be a valid integer"),
        ("APP_KEY", "a-key", "HUBBUB_APP_ID"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong_but_not_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"HUBBUB_{name}", value)
    with pytest.raises(ConfigurationError) as raised:
        load()
    assert told in str(raised.value)
    assert value not in str(raised.value)
