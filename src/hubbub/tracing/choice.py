"""Whether there are traces, by the settings and OpenTelemetry's own variables. Imports OpenTelemetry only if so."""

import os
from typing import TYPE_CHECKING, Final

from hubbub.logs import named
from hubbub.settings import ConfigurationError, Settings

if TYPE_CHECKING:
    from hubbub.tracing.parts import Tracing

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
DISABLED: Final = "OTEL_SDK_DISABLED"

_logger = named("hubbub.tracing")


def tracing_of(settings: Settings, label: str) -> "Tracing | None":
    """Give what traces this node, which `label` names; None where nothing is to be traced.

    Raises ConfigurationError where it is and OpenTelemetry is not installed, unless only the variables say so, which
    platforms set for all that they run.
    """
    if os.environ.get(DISABLED, "").lower() == "true":
        return None
    if settings.otlp_endpoint is None and not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    try:
        from hubbub.tracing.parts import Tracing  # noqa: PLC0415 - it may not be installed
        from hubbub.tracing.spans import Spans  # noqa: PLC0415
    except ImportError as error:
        if settings.otlp_endpoint is not None:
            raise ConfigurationError(
                f"HUBBUB_OTLP_ENDPOINT needs OpenTelemetry, and {error.name} is not installed:"
                " pip install 'hubbub[otel]'"
            ) from None
        _logger.warning("OpenTelemetry is not installed: nothing is traced, though its variables ask for it")
        return None
    return Tracing(Spans(settings, label))
