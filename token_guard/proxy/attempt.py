"""One attempt of a request at one deployment, as a value, and the note that all attempts of a request share.

The note is a dict of plain values in the request's metadata (some loggers write metadata as JSON). It is nested, because the router
copies the metadata for each fallback, but not deeply: so all attempts and the hook for the answer's headers share it.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from token_guard.budget import ContextLimit
from token_guard.limits import Deployment, LimitChain

__all__ = ["BROUGHT", "KEY", "PLACES", "RETRIEVED", "TRUE_MAX", "Attempt", "Note", "metadata_of", "note_of", "open_attempt", "open_note"]

Note: TypeAlias = MutableMapping[str, Any]

KEY = "token_guard"
PLACES = ("litellm_metadata", "metadata")
"""Where the proxy and the router keep their own fields; where both exist, the second is the client's."""

BROUGHT = "original_model_id"
"""What the router adds to the model_info when a client brought a server or a key of its own, where the operator allows that."""

TRUE_MAX = "token_guard_true_max"
"""Beside a `max_input_tokens` that was lifted for the router's own check: what it is."""

RETRIEVED: Final = "retrieved"
"""In the note of a request whose model was asked again with an original: how often."""

_ROUTED: Final = "model_group"
"""What the router writes into the metadata that it has made its own."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What LiteLLM hands to a hook about one attempt: opened once, at the hook's door, and handed on."""

    request: Mapping[str, Any] = field(repr=False)
    """The call's arguments, the request's own fields among them."""
    api: str
    """The wire format; empty where it is none that the guard knows."""
    model: str
    provider: str
    deployment: Deployment
    mode: str
    """enforce, observe or off."""
    note: Note = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that hold for this attempt above the settings."""

    @property
    def place(self) -> str:
        """What is remembered about this attempt's receiver is kept under this: the deployment, or the model's name without one."""
        return self.deployment.id or self.model

    def limit(self, limits: LimitChain) -> ContextLimit:
        """The limit that holds for it: its deployment's, or the window that the request names."""
        return limits.resolve(self.model, self.deployment, self.request)

    def begin(self) -> bool:
        """Whether this attempt has not been here: LiteLLM calls again, inside an attempt, when it translates between formats."""
        metadata = metadata_of(self.request, _ROUTED) or {}
        attempt = [
            self.request.get("litellm_call_id"),
            self.deployment.id or None,
            metadata.get("attempted_retries"),
            metadata.get("attempted_fallbacks"),
            self.request.get("_agentic_loop_depth"),
        ]
        if self.note.get("attempt") == attempt:
            return False
        self.note["attempt"] = attempt
        return True


def open_attempt(request: Mapping[str, Any], *, api: str = "", mode: str = "enforce", note: Note | None = None) -> Attempt:
    """The attempt that the arguments of a call describe, with the mode of the settings.

    `note` is that of a call whose own metadata are not there yet.
    """
    note = note_of(request) if note is None else note
    return Attempt(
        request=request,
        api=api,
        model=str(request.get("model") or ""),
        provider=str(request.get("custom_llm_provider") or ""),
        deployment=_deployment(request),
        mode=mode,
        note=note,
    )


def open_note(data: Mapping[str, Any]) -> tuple[Note, Mapping[str, Any]]:
    """A new note in the metadata of a client's request, and what the client put there under its name: that is ours, and goes no further."""
    note: Note = {}
    places = [data[place] for place in PLACES if isinstance(data.get(place), dict)]
    found = [metadata.pop(KEY) for metadata in places if KEY in metadata]
    if places:
        places[0][KEY] = note
    return note, {name: value for asked in found if isinstance(asked, Mapping) for name, value in asked.items()}


def note_of(data: Mapping[str, Any]) -> Note:
    """The note of this request; outside the proxy a new one, kept only in metadata that the router has made its own."""
    metadata = metadata_of(data, KEY) or {}
    if _ROUTED in metadata:
        metadata.setdefault(KEY, {})
    note = metadata.get(KEY)
    return note if isinstance(note, dict) else {}


def metadata_of(data: Mapping[str, Any], wanted: str = "") -> MutableMapping[str, Any] | None:
    """The metadata that hold a key, else the first that there are.

    For generateContent the proxy writes into one place and the router makes the other for itself, so that no single place holds all.
    A client's own place is never asked before the proxy's, whose note was put into the first that there was.
    """
    first = None
    for place in PLACES:
        metadata = data.get(place)
        if type(metadata) is dict or isinstance(metadata, dict):
            if wanted in metadata:
                return metadata
            first = metadata if first is None else first
    return first


def _deployment(request: Mapping[str, Any]) -> Deployment:
    """The deployment that receives the attempt; without a router its name parts are empty."""
    info = _true_info(request.get("model_info"))
    group = (metadata_of(request, _ROUTED) or {}).get(_ROUTED)
    api_base, api_key = ("", "") if BROUGHT in info else (request.get("api_base"), request.get("api_key"))
    return Deployment(
        id=str(info.get("id") or ""), group=str(group or ""), api_base=str(api_base or ""), api_key=str(api_key or ""), model_info=info
    )


def _true_info(info: Any) -> Mapping[str, Any]:
    if not isinstance(info, Mapping):
        return {}
    if TRUE_MAX not in info:
        return info
    rest = {key: value for key, value in info.items() if key not in (TRUE_MAX, "max_input_tokens")}
    return rest if info[TRUE_MAX] is None else {**rest, "max_input_tokens": info[TRUE_MAX]}
