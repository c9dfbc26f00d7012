"""What LiteLLM's spend log is told of a request: the tokens that were removed, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_guard.proxy.attempt import KEY, Attempt, metadata_of
from token_guard.report import Report

__all__ = ["forget_savings", "record_savings"]


def record_savings(attempt: Attempt, report: Report) -> None:
    """Tell LiteLLM's spend log what was removed in this attempt: in its own field for that, and in ours beside the operator's."""
    metadata = metadata_of(attempt.request, KEY)
    if metadata is None or KEY not in metadata:
        return
    counts = {"tokens_before": report.tokens_before, "tokens_after": report.tokens_after}
    saved = report.tokens_before - report.tokens_after
    metadata["compression_savings"] = {**counts, "tokens_saved": saved, "source": KEY}
    metadata["spend_logs_metadata"] = {**_spend_log(metadata), KEY: {"action": report.action, **counts, **_quality(report)}}


def forget_savings(attempt: Attempt) -> None:
    """Take out what was recorded for the attempt before this one, whose metadata a fallback inherits."""
    metadata = metadata_of(attempt.request, KEY)
    if metadata is None or KEY not in _spend_log(metadata):
        return
    metadata.pop("compression_savings", None)
    metadata["spend_logs_metadata"] = {name: value for name, value in _spend_log(metadata).items() if name != KEY}


def _quality(report: Report) -> Mapping[str, float]:
    shares = {"compression_ratio": report.compression_ratio, "utilisation": report.utilisation}
    told = {"retention": report.retention, "changes_told": report.quality.changes, "relevance": report.quality.relevance}
    return {**shares, **told}


def _spend_log(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = metadata.get("spend_logs_metadata")
    return fields if isinstance(fields, Mapping) else {}
