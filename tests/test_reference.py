import pytest
from pydantic import SecretStr

from hubbub import reference
from hubbub.settings import AppSettings, DeclaredApp, Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(
        port=0,
        ping_after=2.5,
        database_url=SecretStr("postgresql://admin:hunter2@h/n"),
        app=DeclaredApp(id="1", key="app-key", secret=SecretStr("hunter2")),
    )


def row(settings: Settings, variable: str) -> tuple[str, ...]:
    [found] = [line for line in reference.rows(settings) if line[0] == variable]
    return found[:3]


@pytest.mark.parametrize(
    "expected",
    [
        ("HUBBUB_PORT", "0", "4000"),
        ("HUBBUB_UDS", "-", "-"),
        ("HUBBUB_PING_AFTER", "2.5", "45"),
        ("HUBBUB_DATABASE_URL", "postgresql://admin:****@h/n", "sqlite:///var/hubbub.db"),
        ("HUBBUB_APP_KEY", "app-key", "-"),
        ("HUBBUB_APP_SECRET", "****", "-"),
        ("HUBBUB_APP_CLIENT_EVENTS", "true", "true"),
        ("HUBBUB_APP_ENABLED", "true", "true"),
    ],
)
def test_a_row_has_the_present_value_and_the_default(settings: Settings, expected: tuple[str, ...]) -> None:
    assert row(settings, expected[0]) == expected


def test_without_a_declared_application_its_settings_have_no_value(settings: Settings) -> None:
    assert row(settings.model_copy(update={"app": None}), "HUBBUB_APP_ENABLED") == ("HUBBUB_APP_ENABLED", "-", "true")


def test_no_secret_is_in_any_row(settings: Settings) -> None:
    assert "hunter2" not in str(reference.rows(settings))


def test_every_setting_has_a_row_and_a_help_in_both_forms(settings: Settings) -> None:
    server = {f"HUBBUB_{name.upper()}" for name in Settings.model_fields if name != "app"}
    app = {f"HUBBUB_APP_{name.upper()}" for name in DeclaredApp.model_fields}
    lines = {line[0]: line[3] for line in reference.rows(settings)}
    assert lines.keys() == server | app
    assert all(lines.values())
    page = reference.markdown()
    assert [name for name in server | app if f"| `{name}` |" not in page] == []
    assert [name for name in AppSettings.model_fields if f"| `{name}` |" not in page] == []


def test_a_page_has_as_many_cells_in_each_line_of_a_table() -> None:
    for table in reference.markdown().split("\n\n"):
        widths = {line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")}
        assert len(widths) <= 1


def test_the_page_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = reference.markdown()
    monkeypatch.setenv("HUBBUB_PORT", "1")
    assert reference.markdown() == before
