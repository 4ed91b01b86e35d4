"""Whether there are traces, and what is said where they cannot be made."""

import subprocess
import sys

import pytest

from hubbub.settings import ConfigurationError, Settings
from hubbub.tracing.choice import ENDPOINTS, tracing_of

MISSING = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENDPOINTS, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("hubbub.tracing.parts", "hubbub.tracing.spans"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, MISSING, None)


def test_without_a_collector_nothing_is_traced() -> None:
    assert tracing_of(Settings(), "here") is None


def test_a_disabled_library_traces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing_of(Settings(otlp_endpoint="http://127.0.0.1:4318"), "here") is None


@pytest.mark.usefixtures("not_installed")
def test_the_setting_without_the_extra_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"HUBBUB_OTLP_ENDPOINT needs OpenTelemetry.*hubbub\[otel\]"):
        tracing_of(Settings(otlp_endpoint="http://127.0.0.1:4318"), "here")


@pytest.mark.usefixtures("not_installed")
def test_the_variables_without_the_extra_are_only_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert tracing_of(Settings(), "here") is None
    assert "OpenTelemetry is not installed" in caplog.text


def test_a_server_that_does_not_trace_does_not_load_the_library() -> None:
    program = "import sys, hubbub.server; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"
