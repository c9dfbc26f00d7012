"""What LiteLLM's success event says of a prompt: its tokens as the provider counted them, and what they are to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from token_guard.limits import Deployment
from token_guard.proxy.attempt import RETRIEVED, note_of, open_attempt

__all__ = ["Sent", "Usage", "usage_of"]

PARAMETERS = ("tools", "functions", "tool_choice", "function_call", "response_format")
"""The parts of a request beside its messages that count as prompt."""

UNSAFE_NAMES = ("llama-2", "llama-3", "replicate")
"""litellm fetches a tokenizer from the network to count for these names; its count of them is never asked for."""

WAITING = 64
"""Requests that wait for their answers to be learned from; one more, and the first that began is given up."""

PROMPT = (
    *("model", "messages", "system", "input", "instructions", "tools", "tool_choice", "output_format", "output_config", "text"),
    *("contents", "systemInstruction", "system_instruction", "config"),
)
"""The parts of a request to Messages, Responses or Gemini that count as prompt."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One answered request. `estimate` is what was forwarded, None when that was `request` itself;
    `guessed` holds messages that litellm may have counted itself, as it fills in a number for streams without usage."""

    request: Mapping[str, Any]
    deployment: Deployment
    prompt_tokens: int
    estimate: int | None
    guessed: tuple[Any, ...] = ()
    api: str = "openai.chat"


def _all(_deployment: str) -> bool:
    return True


def usage_of(event: Mapping[str, Any], wants: Callable[[str], bool] = _all) -> Usage | None:
    """The usage in the success event of a chat completion; None when it teaches nothing: another call type, a cached answer, no number,
    or nobody `wants` one more of its deployment, which is asked before anything is made of it."""
    tokens = _prompt_tokens(event) if event.get("call_type") == "acompletion" else None
    if tokens is None or not wants(_deployment_id(event)):
        return None
    model = str(event.get("model") or "")
    parameters = event.get("optional_params") or {}
    request = {"model": model, "messages": event.get("messages"), **{name: parameters.get(name) for name in PARAMETERS}}
    attempt = open_attempt(event.get("litellm_params") or {})
    guessed = (event.get("messages"),) if event.get("stream") else ()
    return Usage(request, attempt.deployment, tokens, attempt.note.get("estimate"), guessed)


class Sent:
    """What was forwarded to Messages, Responses and Gemini, until the answers say what it counted; thread-safe.

    The success event of a bridged call holds the translated request, so that it is compared with what the guard forwarded. There is
    one such event for a call, bridged or not, and it finds its request once.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._lock = Lock()

    def keep(self, api: str, kwargs: Mapping[str, Any]) -> None:
        """Remember what an attempt forwards; a later attempt of the same call takes its place."""
        call, request = str(kwargs.get("litellm_call_id")), {name: kwargs[name] for name in PROMPT if name in kwargs}
        with self._lock:
            self._waiting.pop(call, None)
            self._waiting[call] = (api, request)
            if len(self._waiting) > WAITING:
                del self._waiting[next(iter(self._waiting))]

    def usage_of(self, event: Mapping[str, Any], wants: Callable[[str], bool] = _all) -> Usage | None:
        """The usage in the success event of a request that was kept; None as in `usage_of`."""
        with self._lock:
            kept = self._waiting.pop(str(event.get("litellm_call_id")), None)
        tokens = _prompt_tokens(event) if kept else None
        if kept is None or tokens is None or not wants(_deployment_id(event)):
            return None
        guessed = (event.get("messages"), event.get("input")) if event.get("stream") else ()
        return Usage(kept[1], open_attempt(event.get("litellm_params") or {}).deployment, tokens, None, guessed, kept[0])


def _deployment_id(event: Mapping[str, Any]) -> str:
    info = (event.get("litellm_params") or {}).get("model_info")
    return str(info.get("id") or "") if isinstance(info, Mapping) else ""


def _prompt_tokens(event: Mapping[str, Any]) -> int | None:
    """What was counted; None for a cached answer, for one of several that a request got on the way, and where litellm would have to load
    a tokenizer to tell whether it was its own guess."""
    tokens = (event.get("standard_logging_object") or {}).get("prompt_tokens")
    if event.get("cache_hit") or not isinstance(tokens, int) or tokens <= 0 or note_of(event.get("litellm_params") or {}).get(RETRIEVED):
        return None
    unsafe = event.get("stream") and any(name in str(event.get("model") or "").lower() for name in UNSAFE_NAMES)
    return None if unsafe else tokens
