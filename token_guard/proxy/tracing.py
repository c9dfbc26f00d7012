"""A report as attributes of the span that LiteLLM keeps for a request, where tracing is on.

Nothing is configured here: spans, their exporter and their sampling are those of LiteLLM's own `otel` callback. Its first
implementation keeps the request's span in the metadata, its second (`LITELLM_OTEL_V2`) in the context of the task.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from token_guard.proxy.attempt import metadata_of
from token_guard.proxy.fields import Value

__all__ = ["trace"]

_SPAN: Final = "litellm_parent_otel_span"


def trace(request: Mapping[str, Any], attributes: Callable[[], Mapping[str, Value]]) -> None:
    """Put attributes on the span of a request; they are asked for only where one is being recorded."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return
    spans = (metadata_of(request, _SPAN) or {}).get(_SPAN), api.get_current_span()
    span = next(filter(_is_recorded, spans), None)
    if span is not None:
        span.set_attributes(attributes())


def _is_recorded(span: Any) -> bool:
    return hasattr(span, "is_recording") and bool(span.is_recording())
