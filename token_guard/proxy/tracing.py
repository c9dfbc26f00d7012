"""A report as attributes of the span that LiteLLM keeps for a request, where tracing is on.

Nothing is configured here: spans, their exporter and their sampling are those of LiteLLM's own `otel` callback. Its first
implementation keeps the request's span in the metadata, its second (`LITELLM_OTEL_V2`) in the context of the task.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from token_guard.proxy.attempt import metadata_of
from token_guard.proxy.fields import Value

__all__ = ["trace"]

_SPAN: Final = "litellm_parent_otel_span"


def trace(request: Mapping[str, Any], attributes: Callable[[], Mapping[str, Value]]) -> None:
    """Put attributes on the span of a request; they are asked for only where one is being recorded."""
    span = next(filter(_is_recorded, _spans_of(request)), None)
    if span is not None:
        span.set_attributes(attributes())


def _spans_of(request: Mapping[str, Any]) -> Iterator[Any]:
    """The spans that may be the request's; without tracing none, which is nothing that a request should wait for."""
    api = sys.modules.get("opentelemetry.trace")
    if api is not None:
        yield (metadata_of(request, _SPAN) or {}).get(_SPAN)
        yield api.get_current_span()


def _is_recorded(span: Any) -> bool:
    return hasattr(span, "is_recording") and bool(span.is_recording())
