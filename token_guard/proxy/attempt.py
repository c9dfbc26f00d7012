"""What LiteLLM hands to a hook about one attempt of a request, and the note that we keep in the request's metadata.

The note is a dict of plain values (some loggers write metadata as JSON). It is nested, because the router copies the
metadata for each fallback, but not deeply: so all attempts and the hook for the answer's headers share it.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, TypeAlias

from token_guard.limits import Deployment
from token_guard.report import Report

__all__ = [
    "PLACES",
    "TRUE_MAX",
    "Note",
    "deployment_of",
    "forget_savings",
    "is_new_attempt",
    "note_of",
    "open_note",
    "record_savings",
    "requested_mode",
]

Note: TypeAlias = MutableMapping[str, Any]

KEY = "token_guard"
PLACES = ("litellm_metadata", "metadata")
"""Where the proxy and the router keep their own fields; where both exist, the second is the client's."""

BROUGHT = "original_model_id"
"""What the router adds to the model_info when a client brought a server or a key of its own, where the operator allows that."""

TRUE_MAX = "token_guard_true_max"
"""Beside a `max_input_tokens` that was lifted for the router's own check: what it is."""

MODES = ("enforce", "observe", "off")


def open_note(data: Mapping[str, Any]) -> Note:
    """A new note in the metadata of a client's request; whatever the client put there under its name is gone."""
    note: Note = {}
    metadata = _metadata(data)
    if metadata is not None:
        metadata[KEY] = note
    return note


def note_of(data: Mapping[str, Any]) -> Note:
    """The note of this request; outside the proxy a new one, kept only in metadata that the router has made its own."""
    metadata = _metadata(data, KEY) or {}
    if "model_group" in metadata:
        metadata.setdefault(KEY, {})
    note = metadata.get(KEY)
    return note if isinstance(note, dict) else {}


def is_new_attempt(note: Note, kwargs: Mapping[str, Any]) -> bool:
    """Whether this attempt has not been here: LiteLLM calls again, inside an attempt, when it translates between formats."""
    metadata = _metadata(kwargs, "model_group") or {}
    attempt = [
        kwargs.get("litellm_call_id"),
        _model_info(kwargs).get("id"),
        metadata.get("attempted_retries"),
        metadata.get("attempted_fallbacks"),
        kwargs.get("_agentic_loop_depth"),
    ]
    if note.get("attempt") == attempt:
        return False
    note["attempt"] = attempt
    return True


def requested_mode(data: Mapping[str, Any]) -> str | None:
    """The mode that the client asks for with x-token-guard-mode; None when there is none of that name."""
    headers = (data.get("proxy_server_request") or {}).get("headers") or {}
    mode = str(headers.get("x-token-guard-mode", "")).lower()
    return mode if mode in MODES else None


def deployment_of(kwargs: Mapping[str, Any]) -> Deployment:
    """The deployment that receives this attempt; without a router its name parts are empty."""
    info = _true_info(_model_info(kwargs))
    group = (_metadata(kwargs, "model_group") or {}).get("model_group")
    api_base, api_key = ("", "") if BROUGHT in info else (kwargs.get("api_base"), kwargs.get("api_key"))
    return Deployment(
        id=str(info.get("id") or ""), group=str(group or ""), api_base=str(api_base or ""), api_key=str(api_key or ""), model_info=info
    )


def _true_info(info: Mapping[str, Any]) -> Mapping[str, Any]:
    if TRUE_MAX not in info:
        return info
    rest = {key: value for key, value in info.items() if key not in (TRUE_MAX, "max_input_tokens")}
    return rest if info[TRUE_MAX] is None else {**rest, "max_input_tokens": info[TRUE_MAX]}


def record_savings(kwargs: Mapping[str, Any], report: Report) -> None:
    """Tell LiteLLM's spend log what was removed in this attempt: in its own field for that, and in ours beside the operator's."""
    metadata = _metadata(kwargs, KEY)
    if metadata is None or KEY not in metadata:
        return
    counts = {"tokens_before": report.tokens_before, "tokens_after": report.tokens_after}
    saved = report.tokens_before - report.tokens_after
    metadata["compression_savings"] = {**counts, "tokens_saved": saved, "source": KEY}
    metadata["spend_logs_metadata"] = {**_spend_log(metadata), KEY: {"action": report.action, **counts, **_quality(report)}}


def _quality(report: Report) -> Mapping[str, float]:
    shares = {"compression_ratio": report.compression_ratio, "utilisation": report.utilisation}
    return {**shares, "retention": report.retention, "relevance": report.quality.relevance}


def forget_savings(kwargs: Mapping[str, Any]) -> None:
    """Take out what was recorded for the attempt before this one, whose metadata a fallback inherits."""
    metadata = _metadata(kwargs, KEY)
    if metadata is None or KEY not in _spend_log(metadata):
        return
    metadata.pop("compression_savings", None)
    metadata["spend_logs_metadata"] = {name: value for name, value in _spend_log(metadata).items() if name != KEY}


def _spend_log(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = metadata.get("spend_logs_metadata")
    return fields if isinstance(fields, Mapping) else {}


def _metadata(data: Mapping[str, Any], wanted: str = "") -> MutableMapping[str, Any] | None:
    """The metadata that hold a key, else the first that there are.

    For generateContent the proxy writes into one place and the router makes the other for itself, so that no single place holds all.
    A client's own place is never asked before the proxy's, whose note was put into the first that there was.
    """
    places = [data[place] for place in PLACES if isinstance(data.get(place), dict)]
    return next((place for place in places if wanted in place), next(iter(places), None))


def _model_info(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    info = kwargs.get("model_info")
    return info if isinstance(info, Mapping) else {}
